//! The core: everything that is not a socket. It owns all connections and does no I/O; the shell
//! fills its rings, calls it, and spills its rings.

pub mod close;
pub mod ids;
pub mod io;
pub mod limits;

mod request_kind;

mod pending;

mod upstream;

mod timers;

mod failure;

mod frontend;

mod complete;

mod route;

mod admin_commands;

mod setup;

mod refetch;

mod dispatch;
mod tick;

pub use frontend::client::{Client, Limits};
pub use setup::{About, DownSetup, PoolSetup};
pub use upstream::backend::Policy;
pub use upstream::link::Link;

use crate::buffer::BufferPool;
use crate::memcache::text::encode;
use crate::placement::BuildError;
use crate::slab::SlotMap;
use crate::time::Time;
use close::Close;
use frontend::client::Reading;
use frontend::clients::Clients;
use frontend::replies::Slot;
use ids::{BackendId, ClientId, LinkId, PoolId};
use io::Fillable;
use limits::{OWN_WORK_PER_TICK, SPARE_BYTES_MAX};
use log::debug;
use route::{OnDown, Pool};
use timers::Wake;
use upstream::backend::Backend;
use upstream::link::Stage;
use upstream::links::Links;

/// What the proxy holds at the moment. All of it but the links comes and goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holdings {
    /// Clients that are connected.
    pub clients: usize,
    /// Links, those that are being opened and those that are given up too.
    pub links: usize,
    /// Bytes of the buffers that connections hold.
    pub buffer_bytes: usize,
    /// Bytes of replies that came before their turn.
    pub held_bytes: usize,
    /// Bytes of queues and of what is kept of requests, as they were when they were counted last.
    pub overhead_bytes: usize,
    /// Timers that are set.
    pub timers: usize,
}

impl Holdings {
    /// The memory that `memory_max` is about, bytes.
    pub fn bytes(&self) -> usize {
        self.buffer_bytes + self.held_bytes + self.overhead_bytes
    }
}

/// The core. `S` is a socket; the core carries it and cannot touch it.
pub struct Proxy<S> {
    clients: Clients<S>,
    links: Links<S>,
    pools: SlotMap<PoolId, Pool>,
    pool: BufferPool,
    /// Where a line is put together that wraps around the end of its ring.
    scratch: Vec<u8>,
    about: About,
    next_lane: usize,
    /// How much of the proxy's own work may still be done in this tick.
    own_work_left: usize,
    /// Bytes of memory that are counted now and then.
    overhead: usize,
    /// Memory that is not needed is being looked for.
    trims: bool,
    /// When the log may tell again that memory is used up.
    warns_at: Time,
    dirty_clients: Vec<ClientId>,
    dirty_links: Vec<LinkId>,
    pumped_links: Vec<LinkId>,
}

impl<S> Proxy<S> {
    /// A proxy without clients, whose links wait to be opened, and the ids of its pools and of each
    /// one's backends, in the order of the setups. `seed` is a random number: chance for the pauses
    /// between probes. An error says which pool it is about.
    pub fn new(
        setups: Vec<PoolSetup>,
        about: About,
        seed: u64,
        now: Time,
    ) -> Result<Self, (usize, BuildError)> {
        let mut proxy = Self {
            clients: Clients::new(),
            links: Links::new(seed),
            pools: SlotMap::new(),
            pool: BufferPool::new(SPARE_BYTES_MAX),
            scratch: Vec::new(),
            about,
            next_lane: 0,
            own_work_left: OWN_WORK_PER_TICK,
            overhead: 0,
            trims: false,
            warns_at: Time::default(),
            dirty_clients: Vec::new(),
            dirty_links: Vec::new(),
            pumped_links: Vec::new(),
        };
        let on_down: Vec<_> = setups.iter().map(|setup| setup.on_down).collect();
        for (at, setup) in setups.into_iter().enumerate() {
            proxy.add_pool(setup, now).map_err(|error| (at, error))?;
        }
        let ids = proxy.pool_ids();
        for (id, on_down) in ids.iter().zip(on_down) {
            proxy.pools[*id].on_down = match on_down {
                DownSetup::Fail => OnDown::Fail,
                DownSetup::Rehash => OnDown::Rehash,
                DownSetup::Gutter { pool, ttl } => OnDown::Gutter { pool: ids[pool], ttl },
            };
        }
        Ok(proxy)
    }

    fn add_pool(&mut self, setup: PoolSetup, now: Time) -> Result<(), BuildError> {
        let PoolSetup { name, scheme, nodes, client_limits, policy, links, .. } = setup;
        let mut pool = Pool::new(name, scheme, nodes, client_limits)?;
        pool.clients_max = setup.clients_max;
        pool.idle_timeout = setup.idle_timeout;
        pool.settings = setup.settings;
        for name in setup.backends {
            let backend = Backend::new(name, links, policy, now);
            pool.members.push(self.links.add_backend(backend, now));
        }
        self.pools.insert(pool);
        Ok(())
    }

    /// The pools, in the order of their setups.
    pub fn pool_ids(&self) -> Vec<PoolId> {
        self.pools.ids().collect()
    }

    /// The backends of a pool, in the order of its setup.
    pub fn members(&self, pool: PoolId) -> &[BackendId] {
        self.pools.get(pool).map_or(&[], |pool| &pool.members)
    }

    /// A client of a pool has connected. When there are too many already, it is told so and closed.
    pub fn open_client(&mut self, pool: PoolId, socket: S, now: Time) -> ClientId {
        let lane = self.next_lane;
        self.next_lane = lane.wrapping_add(1);
        self.trim_later(now);
        self.clients.counters.total_connections += 1;
        let of = &mut self.pools[pool];
        of.clients += 1;
        let refused = of.clients_max > 0 && of.clients > of.clients_max;
        let id = self.clients.insert(Client::new(socket, pool, lane, of.client_limits, now));
        if refused {
            self.clients.counters.rejected_connections += 1;
            self.answer_own(id, Slot::Text(encode::TOO_MANY_CONNECTIONS));
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

    /// What the proxy holds at the moment.
    pub fn holdings(&self) -> Holdings {
        Holdings {
            clients: self.clients.len(),
            links: self.links.len(),
            buffer_bytes: self.pool.in_use(),
            held_bytes: self.clients.held_outside(),
            overhead_bytes: self.overhead,
            timers: self.links.timers.len(),
        }
    }

    /// The link, unless it is gone.
    pub fn link(&mut self, id: LinkId) -> Option<&mut Link<S>> {
        self.links.get_mut(id)
    }

    /// The client's socket and the ring to fill from it, when it may send more.
    pub fn client_to_fill(&mut self, id: ClientId) -> Option<Fillable<'_, S>> {
        self.clients.fillable(id, &mut self.pool)
    }

    /// The link's socket and the ring to fill from it.
    pub fn link_to_fill(&mut self, id: LinkId) -> Option<Fillable<'_, S>> {
        self.links.get_mut(id)?.fillable(&mut self.pool)
    }

    /// Bytes that were read from clients so far.
    pub fn bytes_read(&self) -> u64 {
        self.clients.counters.bytes_read
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
            client.replies.clear(&mut self.pool);
            for ring in [&mut client.input, &mut client.output] {
                ring.clear();
                ring.release_if_empty(&mut self.pool);
            }
            self.links.closed.push(client.socket);
        }
    }

    /// The clients for which something was put off, and which have to be served again.
    pub fn take_queued(&mut self, into: &mut Vec<ClientId>) {
        self.clients.take_queued(into);
    }

    /// Has a client served in the next tick, before those that were served in this one.
    pub fn put_off(&mut self, id: ClientId) {
        self.clients.pass_over(id);
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

    /// The links that the shell has to open, each with its backend.
    pub fn take_to_connect(&mut self) -> Vec<(LinkId, BackendId)> {
        self.links.take_to_connect()
    }

    /// The backends that could not be connected to where the shell has tried last.
    pub fn take_unreached(&mut self) -> Vec<BackendId> {
        self.links.take_unreached()
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
        self.clients.iter().map(|(id, _)| id).collect()
    }

    /// The sockets of connections that ended. Dropping them only between ticks keeps their
    /// descriptors from being used again while events for them may wait in the same batch.
    pub fn take_closed(&mut self) -> Vec<S> {
        std::mem::take(&mut self.links.closed)
    }

    /// Asserts that the core's own books are right: for tests, between two ticks.
    ///
    /// # Panics
    ///
    /// When they are not.
    pub fn check(&self) {
        self.clients.check();
        self.links.check();
        for (id, pool) in self.pools.iter() {
            let clients = self.clients.iter().filter(|(_, client)| client.pool == id).count();
            assert_eq!(pool.clients, clients, "clients of a pool");
        }
    }
}
