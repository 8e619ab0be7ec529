//! The core: everything that is not a socket. It owns all connections and does no I/O; the shell
//! fills its rings, calls it, and spills its rings.

pub mod close;
pub mod limits;

mod kind;

mod replies;

pub mod client;
pub mod link;

mod backend;
mod timers;

mod links;
mod pool;

mod answer;
mod local;

mod path;

pub use backend::Policy;
pub use client::Limits;
pub use pool::OnDown;

use crate::hash::{BuildError, Node, Scheme};
use crate::memcache::expiry;
use crate::memcache::line::{Line, Request};
use crate::ring::Ring;
use crate::stock::Stock;
use crate::time::Time;
use backend::Backend;
use client::{Client, ClientId, Clients, Fillable, Reading};
use close::Close;
use kind::Kind;
use limits::{ALLOWANCE_WHEN_SHORT, IDLE_RECHECK, SILENT_TIMEOUTS, SPARE_BYTES_MAX};
use link::{Link, LinkId, Role, Stage};
use links::Links;
use log::{debug, warn};
use pool::Pool;
use replies::{Queue, Slot};
use timers::Wake;

/// What a pool is made of.
pub struct PoolSetup {
    /// Its name.
    pub name: String,
    /// The names of its backends, in the order that the placement counts them in.
    pub backends: Vec<String>,
    /// Links for each backend.
    pub links: usize,
    /// How each backend is treated.
    pub policy: Policy,
    /// What maps keys to backends.
    pub scheme: Scheme,
    /// The backends as the scheme sees them.
    pub nodes: Vec<Node>,
    /// What becomes of the keys of a backend that is down.
    pub on_down: OnDown,
    /// What each client may cost.
    pub client_limits: Limits,
    /// Clients at the same time; 0 for any number.
    pub clients_max: usize,
    /// Microseconds until a client that says nothing is closed; 0 for never.
    pub idle_timeout: u64,
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
    /// What `stats settings` tells, for each pool.
    pub settings: Vec<Vec<(String, String)>>,
    /// Bytes of buffers that the proxy may use.
    pub memory_max: usize,
}

const TOO_MANY: &[u8] = b"SERVER_ERROR too many connections\r\n";

/// The core. `S` is a socket; the core carries it and cannot touch it.
pub struct Proxy<S> {
    clients: Clients<S>,
    links: Links<S>,
    pools: Vec<Pool>,
    stock: Stock,
    /// Where a line is put together that wraps around the end of its ring.
    scratch: Vec<u8>,
    about: About,
    next_lane: usize,
    /// Queues of clients that are owed nothing, to be used again.
    spare_queues: Vec<Queue>,
    dirty_clients: Vec<ClientId>,
    dirty_links: Vec<LinkId>,
}

impl<S> Proxy<S> {
    /// A proxy without clients, whose links wait to be opened. `seed` is any number: chance for the
    /// pauses between probes. An error says which pool it is about.
    pub fn new(
        setups: Vec<PoolSetup>,
        about: About,
        seed: u64,
        now: Time,
    ) -> Result<Self, (usize, BuildError)> {
        let mut links = Links::new(seed);
        let mut pools = Vec::new();
        for setup in setups {
            let PoolSetup { links: lanes, policy, .. } = setup;
            let names = setup.backends.clone();
            let pool = Pool::new(setup, links.backends.len());
            pools.push(pool.map_err(|error| (pools.len(), error))?);
            let backend = |name| Backend::new(name, lanes, policy, now);
            links.backends.extend(names.into_iter().map(backend));
        }
        links.open_all(now);
        Ok(Self {
            clients: Clients::new(),
            links,
            pools,
            stock: Stock::new(SPARE_BYTES_MAX),
            scratch: Vec::new(),
            about,
            next_lane: 0,
            spare_queues: Vec::new(),
            dirty_clients: Vec::new(),
            dirty_links: Vec::new(),
        })
    }

    /// A client of the pool `pool` has connected. When there are too many already, it is told so
    /// and closed.
    pub fn open_client(&mut self, pool: usize, socket: S, now: Time) -> ClientId {
        let lane = self.next_lane;
        self.next_lane = lane.wrapping_add(1);
        self.clients.counters.total_connections += 1;
        let of = &mut self.pools[pool];
        of.clients += 1;
        let refused = of.clients_max > 0 && of.clients > of.clients_max;
        let id = self.clients.insert(Client::new(socket, pool, lane, of.client_limits, now));
        if refused {
            self.clients.counters.rejected_connections += 1;
            self.answer_here(id, Slot::Text(TOO_MANY));
            self.end_reading(id);
        } else if of.idle_timeout > 0 {
            self.links.timers.set(now.after(of.idle_timeout), Wake::Client(id));
        }
        id
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
            self.pools[client.pool].clients -= 1;
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
        self.clients.has_queued() || self.links.has_work()
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
                Wake::Client(id) => self.expire_client(id, now),
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
        self.place_again();
        self.relieve();
        let mut links = std::mem::take(&mut self.dirty_links);
        self.links.take_dirty(&mut links);
        for id in &links {
            self.flush_link(*id, now, &mut write);
        }
        self.dirty_links = links;
        let mut clients = std::mem::take(&mut self.dirty_clients);
        self.clients.take_dirty(&mut clients);
        for id in &clients {
            self.flush_client(*id, now, &mut write);
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
        now: Time,
        write: &mut impl FnMut(&mut S, &mut Ring) -> Result<bool, Close>,
    ) {
        let Self { clients, stock, spare_queues, .. } = self;
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
            client.output.release(stock);
        }
        if client.replies.is_empty() {
            client.replies.rest(spare_queues);
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
        if quiet_for >= idle_timeout && client.replies.is_empty() && client.output.is_empty() {
            return self.close_client(id, Close::Idle);
        }
        let wait = idle_timeout.saturating_sub(quiet_for).max(IDLE_RECHECK);
        self.links.timers.set(now.after(wait), Wake::Client(id));
    }

    /// Backends have gone down or come up: in pools where the others take their keys, they do now.
    fn place_again(&mut self) {
        for backend in std::mem::take(&mut self.links.changed) {
            let pool = self.pools.iter_mut().find(|pool| pool.backends().contains(&backend));
            if let Some(pool) = pool
                && pool.on_down == OnDown::Rehash
            {
                pool.place_again(&self.links.backends);
            }
        }
    }

    /// When memory is short, less is kept for each client; when there is none left, the client that
    /// costs the most is closed.
    fn relieve(&mut self) {
        let used = |proxy: &Self| proxy.stock.lent() + proxy.clients.held();
        let short = used(self) > self.about.memory_max / 4 * 3;
        self.clients.allowance = if short { ALLOWANCE_WHEN_SHORT } else { usize::MAX };
        while used(self) > self.about.memory_max
            && let Some(id) = self.clients.worst()
        {
            self.clients.counters.closed_for_memory += 1;
            warn!("memory is used up ({} bytes): closing the client that costs most", used(self));
            self.close_client(id, Close::Memory);
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

impl About {
    /// Seconds since 1970.
    fn unix_time(&self, now: Time) -> i64 {
        (self.started_at + now.micros() / 1_000_000) as i64
    }

    /// What a request's line begins with, its expiry cut down to `ttl` seconds.
    fn capped(&self, input: &Ring, request: &Request, ttl: u32, now: Time) -> Vec<u8> {
        let Line { head, cut, verb, .. } = &request.line;
        let mut line = Vec::with_capacity(*head);
        for range in [0..cut.start, cut.end..*head] {
            let (first, second) = input.pieces(range);
            line.extend_from_slice(first);
            line.extend_from_slice(second);
        }
        expiry::capped(&line, *verb, ttl, self.unix_time(now))
    }

    /// The same for what stands before the keys of a retrieval.
    fn capped_prefix(&self, prefix: &[u8], kind: Kind, ttl: u32, now: Time) -> Vec<u8> {
        let Kind::Part(verb) = kind else {
            return prefix.to_vec();
        };
        expiry::capped(prefix, verb, ttl, self.unix_time(now))
    }
}
