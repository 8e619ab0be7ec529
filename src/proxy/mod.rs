//! The core: everything that is not a socket. It owns all connections and does no I/O; the shell
//! fills its rings, calls it, and spills its rings.

pub mod client;
pub mod close;
pub mod limits;
pub mod link;

mod answer;
mod backend;
mod kind;
mod links;
mod local;
mod path;
mod pool;
mod replies;
mod timers;

pub use backend::Policy;

use crate::hash::Placement;
use crate::ring::Ring;
use crate::stock::Stock;
use crate::time::Time;
use backend::Backend;
use client::{Client, ClientId, Clients, Fillable, Reading};
use close::Close;
use limits::{SILENT_TIMEOUTS, SPARE_BYTES_MAX};
use link::{Link, LinkId, Role, Stage};
use links::Links;
use log::debug;
use pool::Pool;
use timers::Wake;

/// What a pool is made of.
pub struct PoolSetup {
    /// The names of its backends, in the order that the placement counts them in.
    pub backends: Vec<String>,
    /// Links for each backend.
    pub links: usize,
    /// How each backend is treated.
    pub policy: Policy,
    /// What maps keys to backends.
    pub placement: Placement,
}

/// What the proxy tells of itself.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The process.
    pub pid: u32,
    /// Seconds since 1970 at the start.
    pub started_at: u64,
    /// How many clients there may be.
    pub clients_max: usize,
    /// What `stats settings` tells.
    pub settings: Vec<(String, String)>,
}

/// The core. `S` is a socket; the core carries it and cannot touch it.
pub struct Proxy<S> {
    clients: Clients<S>,
    links: Links<S>,
    pools: Vec<Pool>,
    stock: Stock,
    /// Where a line is put together that wraps around the end of its ring.
    scratch: Vec<u8>,
    value_bytes_max: usize,
    about: About,
    next_lane: usize,
    dirty_clients: Vec<ClientId>,
    dirty_links: Vec<LinkId>,
}

impl<S> Proxy<S> {
    /// A proxy without clients, whose links wait to be opened. `seed` is any number: chance for the
    /// pauses between probes. Values of more than `value_bytes_max` bytes are refused.
    pub fn new(
        setups: Vec<PoolSetup>,
        value_bytes_max: usize,
        about: About,
        seed: u64,
        now: Time,
    ) -> Self {
        let mut links = Links::new(seed);
        let mut pools = Vec::new();
        for setup in setups {
            let PoolSetup { backends, links: lanes, policy, placement } = setup;
            let (first_backend, backends_len) = (links.backends.len(), backends.len());
            pools.push(Pool { placement, first_backend, backends_len });
            let backend = |name| Backend::new(name, lanes, policy, now);
            links.backends.extend(backends.into_iter().map(backend));
        }
        links.open_all(now);
        Self {
            clients: Clients::new(),
            links,
            pools,
            stock: Stock::new(SPARE_BYTES_MAX),
            scratch: Vec::new(),
            value_bytes_max,
            about,
            next_lane: 0,
            dirty_clients: Vec::new(),
            dirty_links: Vec::new(),
        }
    }

    /// A client of the pool `pool` has connected.
    pub fn open_client(&mut self, pool: usize, socket: S) -> ClientId {
        let lane = self.next_lane;
        self.next_lane = lane.wrapping_add(1);
        self.clients.counters.total_connections += 1;
        self.clients.insert(Client::new(socket, pool, lane, self.value_bytes_max))
    }

    /// The client, unless it is gone.
    pub fn client(&mut self, id: ClientId) -> Option<&mut Client<S>> {
        self.clients.get_mut(id)
    }

    /// How many clients there are.
    pub fn clients_len(&self) -> usize {
        self.clients.len()
    }

    /// Bytes of the buffers that connections hold at the moment.
    pub fn lent_bytes(&self) -> usize {
        self.stock.lent()
    }

    /// The link, unless it is gone.
    pub fn link(&mut self, id: LinkId) -> Option<&mut Link<S>> {
        self.links.get_mut(id)
    }

    /// The client's socket and the ring to fill from it, when it may send more.
    pub fn client_to_fill(&mut self, id: ClientId) -> Option<Fillable<'_, S>> {
        self.clients.fillable(id, &mut self.stock)
    }

    /// The link's socket and the ring to fill from it.
    pub fn link_to_fill(&mut self, id: LinkId) -> Option<Fillable<'_, S>> {
        self.links.get_mut(id)?.fillable(&mut self.stock)
    }

    /// The client will send no more; what it sent is still answered.
    pub fn client_ended(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id)
            && client.reading == Reading::Open
        {
            client.reading = Reading::Ended;
            self.clients.mark_dirty(id);
        }
    }

    /// The client is gone. What it asked for stays in flight: the answers have to be skipped.
    pub fn close_client(&mut self, id: ClientId, why: Close) {
        if let Some(mut client) = self.clients.remove(id) {
            debug!("client closed: {why}");
            for ring in [&mut client.input, &mut client.output] {
                ring.clear();
                ring.release(&mut self.stock);
            }
            self.links.closed.push(client.socket);
        }
    }

    /// The clients for which something was put off, and which have to be served again.
    pub fn take_queued(&mut self, into: &mut Vec<ClientId>) {
        self.clients.take_queued(into);
    }

    /// Has the client served again in the next tick.
    pub fn queue_client(&mut self, id: ClientId) {
        self.clients.queue(id);
    }

    /// The client's socket takes bytes again.
    pub fn client_writable(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id) {
            client.readiness.writable = true;
            if !client.output.is_empty() {
                self.clients.mark_dirty(id);
            }
        }
    }

    /// The link's socket takes bytes again.
    pub fn link_writable(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(id) {
            link.readiness.writable = true;
            if !link.output.is_empty() {
                self.links.mark_dirty(id);
            }
        }
    }

    /// The links that the shell has to open, each with the index of its backend.
    pub fn take_wanted(&mut self) -> Vec<(LinkId, usize)> {
        self.links.take_wanted()
    }

    /// The shell is opening a link, with this socket.
    pub fn link_connecting(&mut self, id: LinkId, socket: S) {
        if let Some(link) = self.links.get_mut(id) {
            link.socket = Some(socket);
            link.stage = Stage::Connecting;
        }
    }

    /// The link is open.
    pub fn link_connected(&mut self, id: LinkId) {
        self.links.connected(id);
    }

    /// Whether the next tick has something to do at once.
    pub fn is_busy(&self) -> bool {
        self.clients.has_queued() || self.links.has_wanted()
    }

    /// When a deadline passes.
    pub fn next_deadline(&self) -> Option<Time> {
        self.links.timers.next()
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Time) {
        while let Some(whom) = self.links.timers.take_due(now) {
            match whom {
                Wake::Link(id) => self.expire_link(id, now),
                Wake::Backend(backend) => self.links.wake_backend(backend, now, &mut self.stock),
            }
        }
    }

    /// No link is opened any more. The shell ends the clients.
    pub fn stop(&mut self) {
        self.links.stop();
    }

    /// All clients.
    pub fn client_ids(&self) -> Vec<ClientId> {
        self.clients.ids().collect()
    }

    /// Writes what there is, once for each connection: requests to links, then replies to clients.
    /// `write` says whether all of the ring was written.
    pub fn flush(
        &mut self,
        now: Time,
        write: impl FnMut(&mut S, &mut Ring) -> Result<bool, Close>,
    ) {
        let mut write = write;
        let mut links = std::mem::take(&mut self.dirty_links);
        self.links.take_dirty(&mut links);
        for id in &links {
            self.flush_link(*id, now, &mut write);
        }
        self.dirty_links = links;
        let mut clients = std::mem::take(&mut self.dirty_clients);
        self.clients.take_dirty(&mut clients);
        for id in &clients {
            self.flush_client(*id, &mut write);
        }
        self.dirty_clients = clients;
    }

    /// The sockets of connections that ended. Dropping them only between ticks keeps their
    /// descriptors from being used again while events for them may wait in the same batch.
    pub fn take_closed(&mut self) -> Vec<S> {
        std::mem::take(&mut self.links.closed)
    }

    fn flush_link(
        &mut self,
        id: LinkId,
        now: Time,
        write: &mut impl FnMut(&mut S, &mut Ring) -> Result<bool, Close>,
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
                link.output.release(&mut self.stock);
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
        write: &mut impl FnMut(&mut S, &mut Ring) -> Result<bool, Close>,
    ) {
        let Self { clients, stock, .. } = self;
        let Some((client, written)) = clients.leaving(id) else {
            return;
        };
        if client.readiness.writable && !client.output.is_empty() {
            let before = client.output.len();
            match write(&mut client.socket, &mut client.output) {
                Ok(all) => client.readiness.writable = all,
                Err(why) => return self.close_client(id, why),
            }
            *written += (before - client.output.len()) as u64;
            client.output.release(stock);
        }
        if client.is_done() {
            self.close_client(id, Close::Done);
        } else if client.is_behind() {
            self.clients.queue(id);
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
    fn release_waiting(&mut self) {
        for client in self.links.released.drain(..) {
            self.clients.unblock(client);
        }
    }
}
