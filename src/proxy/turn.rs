//! What a tick does besides the data path: deadlines, flushing, and keeping memory within bounds.

use super::Proxy;
use super::client::ClientId;
use super::close::Close;
use super::limits::{ALLOWANCE_WHEN_SHORT, IDLE_RECHECK, SILENT_TIMEOUTS, WARNING_PAUSE};
use super::link::{LinkId, Role, Stage};
use super::pool::OnDown;
use super::timers::Wake;
use crate::buffer::RingBuf;
use crate::time::Time;
use log::warn;

impl<S> Proxy<S> {
    /// Does what is due.
    pub fn expire(&mut self, now: Time) {
        while let Some(whom) = self.links.timers.take_due(now) {
            match whom {
                Wake::Link(id) => self.expire_link(id, now),
                Wake::Backend(backend) => self.links.wake_backend(backend, now, &mut self.buffers),
                Wake::Client(id) => self.expire_client(id, now),
            }
        }
    }

    /// Writes what there is, once for each connection: requests to links, then replies to clients.
    /// `write` says whether all of the ring was written.
    pub fn flush(
        &mut self,
        now: Time,
        write: impl FnMut(&mut S, &mut RingBuf) -> Result<bool, Close>,
    ) {
        let mut write = write;
        self.relieve(now);
        let mut links = std::mem::take(&mut self.dirty_links);
        self.links.take_dirty(&mut links);
        for id in &links {
            self.flush_link(*id, now, &mut write);
        }
        self.dirty_links = links;
        self.place_again();
        self.flush_clients(now, write);
    }

    /// Writes replies to their clients. The shell does so within a tick too when there are many of
    /// them: their buffers are then used again while they are warm, by those that come later.
    pub fn flush_clients(
        &mut self,
        now: Time,
        write: impl FnMut(&mut S, &mut RingBuf) -> Result<bool, Close>,
    ) {
        let mut write = write;
        let mut clients = std::mem::take(&mut self.dirty_clients);
        self.clients.take_dirty(&mut clients);
        for id in &clients {
            self.flush_client(*id, now, &mut write);
        }
        self.dirty_clients = clients;
    }

    fn flush_link(
        &mut self,
        id: LinkId,
        now: Time,
        write: &mut impl FnMut(&mut S, &mut RingBuf) -> Result<bool, Close>,
    ) {
        let Some(link) = self.links.get_mut(id) else {
            return;
        };
        if link.stage != Stage::Open || !link.readiness.writable || link.output.is_empty() {
            return;
        }
        let Some(socket) = &mut link.socket else {
            return;
        };
        match write(socket, &mut link.output) {
            Ok(all) => {
                link.readiness.writable = all;
                link.output.release_if_empty(&mut self.buffers);
                if link.has_room() {
                    for client in link.waiting.drain(..) {
                        self.clients.unblock(client);
                    }
                }
            }
            Err(why) => self.close_link(id, why, now),
        }
    }

    fn flush_client(
        &mut self,
        id: ClientId,
        now: Time,
        write: &mut impl FnMut(&mut S, &mut RingBuf) -> Result<bool, Close>,
    ) {
        let Self { clients, buffers, spare_queues, .. } = self;
        let Some((client, bytes)) = clients.leaving(id) else {
            return;
        };
        if client.readiness.writable && !client.output.is_empty() {
            let before = client.output.len();
            match write(&mut client.socket, &mut client.output) {
                Ok(all) => client.readiness.writable = all,
                Err(why) => return self.close_client(id, why),
            }
            *bytes += (before - client.output.len()) as u64;
        }
        let written = client.output.is_empty();
        if written {
            client.output.release_if_empty(buffers);
        }
        if client.replies.is_empty() {
            client.replies.rest(spare_queues);
            client.forget_places();
            if client.is_done() {
                return self.close_client(id, Close::Done);
            }
        }
        let (behind, dropped) = (client.is_behind(), written && client.replies.has_dropped());
        if behind {
            self.clients.queue(id);
        }
        if dropped {
            self.ask_again(id, now);
        }
    }

    /// A client that owes its next request for too long is closed; not one that waits for replies.
    fn expire_client(&mut self, id: ClientId, now: Time) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        let idle_timeout = self.pools[client.pool].idle_timeout;
        let quiet_for = now.since(client.heard_at);
        if quiet_for >= idle_timeout && client.is_idle() {
            return self.close_client(id, Close::Idle);
        }
        let wait = idle_timeout.saturating_sub(quiet_for).max(IDLE_RECHECK);
        self.links.timers.set(now.after(wait), Wake::Client(id));
    }

    /// Backends have gone down or come up: in pools where the others take their keys, they do now.
    /// A ring takes milliseconds to build, so it is built once for all that change together.
    fn place_again(&mut self) {
        if self.links.changed.is_empty() {
            return;
        }
        let changed = std::mem::take(&mut self.links.changed);
        for pool in self.pools.iter_mut().filter(|pool| pool.on_down == OnDown::Rehash) {
            if changed.iter().any(|backend| pool.backends().contains(backend)) {
                pool.place_again(&self.links.backends);
            }
        }
    }

    /// When memory is short, less is kept for each client; when there is none left, the client or
    /// the link that costs the most is closed.
    fn relieve(&mut self, now: Time) {
        let used = |proxy: &Self| proxy.holdings().bytes();
        let short = used(self) > self.about.memory_max / 4 * 3;
        self.clients.allowance = if short { ALLOWANCE_WHEN_SHORT } else { usize::MAX };
        while used(self) > self.about.memory_max && self.close_worst(now) {
            self.clients.counters.closed_for_memory += 1;
        }
    }

    /// Closes whoever costs the most. Returns false when nobody costs anything.
    fn close_worst(&mut self, now: Time) -> bool {
        let (client, link) = (self.clients.worst(), self.links.worst());
        match (client, link) {
            (client, Some((most, id))) if most > client.map_or(0, |(memory, _)| memory) => {
                let whom = format!("a link to {}", self.links.backend_of(id));
                self.tell_of_shortage(&whom, most, now);
                self.close_link(id, Close::Memory, now);
                true
            }
            (Some((most @ 1.., id)), _) => {
                self.tell_of_shortage("a client", most, now);
                self.close_client(id, Close::Memory);
                true
            }
            (Some((0, _)) | None, _) => false,
        }
    }

    /// Tells the log, and not again for a while; `stats` counts them all.
    fn tell_of_shortage(&mut self, whom: &str, most: usize, now: Time) {
        if now >= self.warns_at {
            self.warns_at = now.after(WARNING_PAUSE);
            let bytes = self.holdings().bytes();
            warn!("memory is used up ({bytes} bytes): closing {whom}, with {most}");
        }
    }

    /// Answers the requests that are late, and gives the link up when it is hopeless.
    fn expire_link(&mut self, id: LinkId, now: Time) {
        let Some(link) = self.links.get_mut(id) else {
            return;
        };
        link.timer = None;
        let backend = link.backend;
        let (opening, role) = (link.stage != Stage::Open, link.role);
        let policy = self.links.backends[backend].policy;
        let late = self.answer_late(id, now);
        let Some(link) = self.links.get_mut(id) else {
            return;
        };
        let idle = link.in_flight.is_empty();
        let why = match role {
            Role::Probe if late => Some(Close::ProbeTimeout),
            _ if opening && link.opening_for(now) >= policy.connect_timeout => {
                Some(Close::ConnectTimeout)
            }
            _ if link.silent_for(now) >= policy.timeout * SILENT_TIMEOUTS => Some(Close::Silent),
            Role::Retired if idle => Some(Close::Retired),
            Role::Lane(_) | Role::Probe | Role::Retired => None,
        };
        match why {
            Some(why) => self.close_link(id, why, now),
            None => {
                if late && matches!(role, Role::Lane(_)) {
                    self.links.note_failure(backend, Close::Late, now);
                    self.release_waiting();
                }
                self.links.set_timer(id);
            }
        }
    }

    /// Those whose next request waited for a link that is gone.
    pub(super) fn release_waiting(&mut self) {
        for client in self.links.released.drain(..) {
            self.clients.unblock(client);
        }
    }
}
