//! The core: everything that is not a socket. It owns all connections and does no I/O; the shell
//! fills its rings, calls it, and spills its rings.

pub mod close;
pub mod limits;

mod ids;
mod kind;

mod asked;

mod gather;

mod replies;

pub mod client;
pub mod link;

mod clients;

mod backend;
mod timers;

mod links;
mod pool;

mod answer;

mod local;

mod many;

mod path;
mod turn;

pub use backend::Policy;
pub use client::Limits;
pub use pool::OnDown;

use crate::buffer::{BufferPool, RingBuf};
use crate::fingerprint::Fingerprints;
use crate::memcache::op::{Command, Op};
use crate::memcache::text::encode;
use crate::memcache::text::expiry;
use crate::memcache::text::line::Request;
use crate::placement::{BuildError, Node, Scheme};
use crate::time::Time;
use backend::Backend;
use client::{Client, ClientId, Fillable, Reading};
use clients::Clients;
use close::Close;
use gather::NO_PART;
use limits::SPARE_BYTES_MAX;
use link::{Link, LinkId, Stage};
use links::Links;
use log::debug;
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

/// What the proxy holds at the moment. All of it but the links comes and goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holdings {
    /// Clients that are connected.
    pub clients: usize,
    /// Links, those that are being opened and those that are given up too.
    pub links: usize,
    /// Bytes of the buffers that connections hold.
    pub lent_bytes: usize,
    /// Bytes of replies that came before their turn.
    pub held_bytes: usize,
    /// Timers that are set.
    pub timers: usize,
}

impl Holdings {
    /// The memory that `memory_max` is about, bytes.
    pub fn bytes(&self) -> usize {
        self.lent_bytes + self.held_bytes
    }
}

/// The core. `S` is a socket; the core carries it and cannot touch it.
pub struct Proxy<S> {
    clients: Clients<S>,
    links: Links<S>,
    pools: Vec<Pool>,
    buffers: BufferPool,
    /// Where a line is put together that wraps around the end of its ring.
    scratch: Vec<u8>,
    about: About,
    next_lane: usize,
    /// When the log may tell again that memory is used up.
    warns_at: Time,
    /// What knows answers by the keys that were asked for.
    prints: Fingerprints,
    /// The part that a backend has in the gathering that is being put together, for all backends.
    part_of: Vec<u16>,
    /// Queues of clients that are owed nothing, to be used again.
    spare_queues: Vec<Queue>,
    dirty_clients: Vec<ClientId>,
    dirty_links: Vec<LinkId>,
}

impl<S> Proxy<S> {
    /// A proxy without clients, whose links wait to be opened. `seed` is a random number that
    /// nobody knows: chance for the pauses between probes, and the secret of the fingerprints. An
    /// error says which pool it is about.
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
        let part_of = vec![NO_PART; links.backends.len()];
        Ok(Self {
            clients: Clients::new(),
            links,
            pools,
            buffers: BufferPool::new(SPARE_BYTES_MAX),
            scratch: Vec::new(),
            about,
            next_lane: 0,
            warns_at: Time::default(),
            prints: Fingerprints::new(seed),
            part_of,
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
            self.answer_here(id, Slot::Text(encode::TOO_MANY_CONNECTIONS));
            self.end_reading(id);
        } else if of.idle_timeout > 0 {
            let timers = &mut self.links.timers;
            timers.set(now.after(of.idle_timeout), Wake::Client(id));
            timers.forget_clients(self.clients.len(), |id| self.clients.has(id));
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
        self.buffers.in_use()
    }

    /// What the proxy holds at the moment.
    pub fn holdings(&self) -> Holdings {
        Holdings {
            clients: self.clients.len(),
            links: self.links.len(),
            lent_bytes: self.buffers.in_use(),
            held_bytes: self.clients.held(),
            timers: self.links.timers.len(),
        }
    }

    /// The link, unless it is gone.
    pub fn link(&mut self, id: LinkId) -> Option<&mut Link<S>> {
        self.links.get_mut(id)
    }

    /// The client's socket and the ring to fill from it, when it may send more.
    pub fn client_to_fill(&mut self, id: ClientId) -> Option<Fillable<'_, S>> {
        self.clients.fillable(id, &mut self.buffers)
    }

    /// The link's socket and the ring to fill from it.
    pub fn link_to_fill(&mut self, id: LinkId) -> Option<Fillable<'_, S>> {
        self.links.get_mut(id)?.fillable(&mut self.buffers)
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
                ring.release_if_empty(&mut self.buffers);
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

    /// The backends, by index, that could not be connected to where the shell has tried last.
    pub fn take_unreached(&mut self) -> Vec<usize> {
        let mut unreached = std::mem::take(&mut self.links.unreached);
        unreached.sort_unstable();
        unreached.dedup();
        unreached
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

    /// How many clients wait to be written to.
    #[inline]
    pub fn clients_to_flush(&self) -> usize {
        self.clients.dirty_len()
    }

    /// Whether the next tick has something to do at once.
    pub fn is_busy(&self) -> bool {
        self.clients.has_work() || self.links.has_work()
    }

    /// When a deadline passes.
    pub fn next_deadline(&self) -> Option<Time> {
        self.links.timers.next()
    }

    /// No link is opened any more. The shell ends the clients.
    pub fn stop(&mut self) {
        self.links.stop();
    }

    /// All clients.
    pub fn client_ids(&self) -> Vec<ClientId> {
        self.clients.ids().collect()
    }

    /// The sockets of connections that ended. Dropping them only between ticks keeps their
    /// descriptors from being used again while events for them may wait in the same batch.
    pub fn take_closed(&mut self) -> Vec<S> {
        std::mem::take(&mut self.links.closed)
    }
}

impl About {
    /// Seconds since 1970.
    fn unix_time(&self, now: Time) -> i64 {
        (self.started_at + now.micros() / 1_000_000) as i64
    }

    /// What a request's line begins with, its expiry cut down to `ttl` seconds.
    fn capped(&self, input: &RingBuf, request: &Request, ttl: u32, now: Time) -> Vec<u8> {
        let Op { forward_end, suffix, quiet_flag, command, .. } = &request.op;
        let mut line = Vec::with_capacity(*forward_end);
        for range in [0..quiet_flag.start, quiet_flag.end..*forward_end] {
            let (first, second) = input.pieces(range);
            line.extend_from_slice(first);
            line.extend_from_slice(second);
        }
        line.extend_from_slice(suffix);
        expiry::capped(&line, *command, ttl, self.unix_time(now))
    }

    /// The same for what stands before the keys of a retrieval.
    fn capped_prefix(&self, prefix: &[u8], verb: Command, ttl: u32, now: Time) -> Vec<u8> {
        expiry::capped(prefix, verb, ttl, self.unix_time(now))
    }
}
