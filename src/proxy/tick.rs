//! What a tick does besides the data path: deadlines, flushing, and keeping memory within bounds.

use super::Proxy;
use super::close::Close;
use super::complete;
use super::failure::Failure;
use super::ids::{ClientId, LinkId};
use super::limits::{
    IDLE_RECHECK, MEMORY_RELIEF_SIXTEENTHS, OWN_WORK_PER_TICK, SILENT_TIMEOUTS, TRIM_PAUSE,
    WARNING_PAUSE,
};
use super::pending::Pending;
use super::refetch;
use super::route::OnDown;
use super::timers::Wake;
use super::upstream::link::{Link, Role, Stage};
use crate::buffer::{BUFFER_BYTES_MIN, RingBuf};
use crate::time::Time;
use log::warn;

impl<S> Proxy<S> {
    /// Does what is due.
    pub fn expire(&mut self, now: Time) {
        while let Some(whom) = self.links.timers.take_due(now) {
            match whom {
                Wake::Link(id) => self.expire_link(id, now),
                Wake::Backend(backend) => self.links.wake_backend(backend, now, &mut self.pool),
                Wake::Client(id) => self.expire_client(id, now),
                Wake::Memory => self.trim(now),
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
        self.own_work_left = OWN_WORK_PER_TICK;
        self.enforce_memory_limit(now);
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
        link.end_line(&mut self.pool);
        if link.stage != Stage::Open || !link.readiness.writable || link.output.is_empty() {
            return;
        }
        let Some(socket) = &mut link.socket else {
            return;
        };
        match write(socket, &mut link.output) {
            Ok(all) => {
                link.readiness.writable = all;
                link.output.release_if_empty(&mut self.pool);
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
        let Self { clients, pool, .. } = self;
        let Some((client, bytes)) = clients.leaving(id) else {
            return;
        };
        if client.readiness.writable && client.has_to_be_written() {
            let before = client.output.len();
            match write(&mut client.socket, &mut client.output) {
                Ok(all) => client.readiness.writable = all,
                Err(why) => return self.close_client(id, why),
            }
            let written = before - client.output.len();
            *bytes += written as u64;
            if written > 0 {
                client.progress_at = now;
            }
        }
        let written = client.output.is_empty();
        if written {
            client.output.release_if_empty(pool);
        }
        let is_settled = client.replies.is_empty();
        let is_evicted = written && client.replies.has_evicted_first();
        if is_settled && client.is_done() {
            return self.close_client(id, Close::Done);
        }
        if is_settled {
            self.clients.settle(id);
        }
        self.clients.queue_if_behind(id);
        if is_evicted {
            self.refetch(id, now);
        }
    }

    /// A client that owes its next request for too long is closed; not one that waits for replies.
    fn expire_client(&mut self, id: ClientId, now: Time) {
        let allowance = self.clients.allowance;
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        let idle_timeout = self.pools.get(client.pool).map_or(0, |pool| pool.idle_timeout);
        let quiet_for = now.since(client.heard_at);
        if quiet_for >= idle_timeout && client.is_idle(&allowance) {
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
        for pool in self.pools.values_mut().filter(|pool| pool.on_down == OnDown::Rehash) {
            if changed.iter().any(|backend| pool.members.contains(backend)) {
                pool.place_again(&self.links.backends);
            }
        }
    }

    /// Gives back memory that nobody needed lately, and counts what is hard to count all the time.
    fn trim(&mut self, now: Time) {
        self.pool.trim();
        self.clients.trim();
        self.links.trim();
        let clients: usize = self.clients.iter().map(|(_, client)| client.overhead()).sum();
        let links: usize = self.links.iter().map(|link| link.overhead()).sum();
        self.overhead = clients + links;
        let is_idle = self.clients.len() == 0 && self.pool.is_empty();
        self.trims = !is_idle;
        if self.trims {
            self.links.timers.set(now.after(TRIM_PAUSE), Wake::Memory);
        }
    }

    /// Has memory that is not needed given back after a while.
    pub(super) fn trim_later(&mut self, now: Time) {
        if !self.trims {
            self.trims = true;
            self.links.timers.set(now.after(TRIM_PAUSE), Wake::Memory);
        }
    }

    /// When memory is used up, clients are closed: those first that have made no progress for the
    /// longest time.
    fn enforce_memory_limit(&mut self, now: Time) {
        let memory_max = self.about.memory_max;
        let used = self.holdings().bytes();
        self.clients.share(used, memory_max);
        if used <= memory_max {
            return;
        }
        let stalled = |(id, client): (ClientId, &super::Client<S>)| {
            let memory = client.memory();
            let since = client.stalled_since().unwrap_or(now);
            (memory >= BUFFER_BYTES_MIN).then_some((since, std::cmp::Reverse(memory), id))
        };
        let mut victims: Vec<_> = self.clients.iter().filter_map(stalled).collect();
        victims.sort_unstable();
        for (since, std::cmp::Reverse(memory), id) in victims {
            if self.holdings().bytes() <= memory_max / 16 * MEMORY_RELIEF_SIXTEENTHS {
                break;
            }
            self.warn_of_shortage(memory, now.since(since), now);
            self.close_client(id, Close::Memory);
            self.clients.counters.closed_for_memory += 1;
        }
    }

    /// Tells the log, and not again for a while; `stats` counts them all.
    fn warn_of_shortage(&mut self, memory: usize, stalled_for: u64, now: Time) {
        if now >= self.warns_at {
            self.warns_at = now.after(WARNING_PAUSE);
            let (bytes, seconds) = (self.holdings().bytes(), stalled_for / 1_000_000);
            warn!(
                "max_memory is used up ({bytes} bytes): closing a client that holds {memory} bytes \
                 and has made no progress for {seconds} s"
            );
        }
    }

    /// Answers the requests that are late, and gives the link up when it is hopeless.
    fn expire_link(&mut self, id: LinkId, now: Time) {
        let late = self.answer_late(id, now);
        self.answer_overdue(id, now);
        let Some((link, backend)) = self.links.with_backend(id) else {
            return;
        };
        link.timer = None;
        let (backend, policy) = (link.backend, backend.policy);
        let silent_for = link.silent_for(now);
        let why = match link.role {
            Role::Probe | Role::Standby(_) if silent_for >= policy.timeout => {
                Some(Close::ProbeTimeout)
            }
            _ if link.stage != Stage::Open && link.opening_for(now) >= policy.connect_timeout => {
                Some(Close::ConnectTimeout)
            }
            _ if silent_for >= policy.timeout * SILENT_TIMEOUTS => Some(Close::Silent),
            Role::Retired if link.in_flight.is_empty() => Some(Close::Retired),
            Role::Lane(_) | Role::Probe | Role::Standby(_) | Role::Retired => None,
        };
        let (role, is_open) = (link.role, link.stage == Stage::Open);
        if let Some(why) = why {
            return self.close_link(id, why, now);
        }
        if matches!(role, Role::Lane(_)) && is_open {
            // What is late on a link that brings other answers says that it is busy, not dead.
            if late > 0 && silent_for >= policy.timeout {
                self.links.record_failure(backend, Close::Late, now);
                self.release_waiting();
            } else if silent_for >= policy.timeout / 2 {
                self.links.open_standby(id, now, &mut self.pool);
            }
        }
        self.links.set_timer(id, now);
    }

    /// Answers what has been in flight for too long; the late answers will be skipped. Returns how
    /// many there were.
    fn answer_late(&mut self, id: LinkId, now: Time) -> usize {
        let Self { clients, links, pool, .. } = self;
        let Some((link, backend)) = links.with_backend(id) else {
            return 0;
        };
        let policy = backend.policy;
        let is_due = |pending: &Pending| now.since(pending.since) >= policy.timeout;
        let late = link.in_flight.expire(is_due, |pending| {
            complete::fail(pending, Failure::Late, &policy, clients, pool);
        });
        backend.counters.timeouts += late as u64;
        backend.counters.errors += late as u64;
        late
    }

    /// Has those served who have waited for their turn on a link for too long: they are told so.
    fn answer_overdue(&mut self, id: LinkId, now: Time) {
        let Self { clients, links, .. } = self;
        let Some((link, backend)) = links.with_backend(id) else {
            return;
        };
        let timeout = backend.policy.timeout;
        for client in link.turns.iter() {
            let is_overdue = clients.get_mut(client).is_some_and(|it| {
                let since = it.waits_since.unwrap_or(now);
                it.waits_on == Some(id) && now.since(since) >= timeout
            });
            if is_overdue {
                clients.unblock(client);
            }
        }
    }

    /// A link is gone: whoever waits for it gets an error, in order, like any other reply. What was
    /// never written to it is written to the link that comes in its place, and so are reads when it
    /// turned out to be dead; no write is ever sent twice.
    pub fn close_link(&mut self, id: LinkId, why: Close, now: Time) {
        let Some(mut link) = self.links.close(id, why, now) else {
            return;
        };
        let was_open = link.stage == Stage::Open;
        if was_open {
            self.move_requests(&mut link, why, now);
        }
        let failure = if !was_open {
            Failure::Down
        } else if matches!(why, Close::Malformed | Close::Unsolicited) {
            Failure::Broken
        } else {
            Failure::Lost
        };
        if let Some(backend) = self.links.backends.get_mut(link.backend) {
            for pending in link.in_flight.iter().filter(|it| it.client.is_some()) {
                backend.counters.errors += 1;
                complete::fail(
                    pending,
                    failure,
                    &backend.policy,
                    &mut self.clients,
                    &mut self.pool,
                );
            }
        }
        link.in_flight.clear(&mut self.pool);
        for ring in [&mut link.input, &mut link.output] {
            ring.clear();
            ring.release_if_empty(&mut self.pool);
        }
        if let Some(standby) = link.standby.filter(|_| why != Close::Stale) {
            self.close_link(standby, Close::Retired, now);
        }
        self.release_waiting();
    }

    fn move_requests(&mut self, link: &mut Link<S>, why: Close, now: Time) {
        let Self { clients, links, pool, .. } = self;
        if link.output.is_empty() && why != Close::Stale {
            return;
        }
        let Some(to) = links.replacement(link, now) else {
            return;
        };
        if why == Close::Stale {
            // After a change that may have been made, it would not be what was asked for.
            let is_current = |pending: &Pending| {
                let client = pending.client.and_then(|id| clients.get_mut(id));
                client.is_some_and(|client| !client.has_written_since(pending.seq))
            };
            for (pending, kept) in link.take_repeatable(is_current) {
                refetch::push_again(
                    to,
                    Pending { moved: true, sent_at: now, ..pending },
                    &kept,
                    pool,
                );
            }
        }
        link.leave_unsent(to, pool);
    }

    /// Those whose next request waited for a link that is gone.
    pub(super) fn release_waiting(&mut self) {
        for client in self.links.released.drain(..) {
            self.clients.unblock(client);
        }
    }
}
