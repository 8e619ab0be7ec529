//! A pool: the backends behind one listener, and what maps a key to one of them.

use super::PoolSetup;
use super::backend::Backend;
use super::client::Limits;
use crate::memcache::KEY_BYTES_MAX;
use crate::memcache::base64;
use crate::memcache::op::Op;
use crate::placement::{BuildError, Node, Placement, Scheme};
use std::ops::Range;

/// What becomes of the keys of a backend that is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDown {
    /// Their requests fail.
    Fail,
    /// The other backends take them.
    Rehash,
    /// The backends of another pool take them, for so many seconds at most.
    Gutter {
        /// The index of the pool.
        pool: usize,
        /// The longest expiry there, seconds.
        ttl: u32,
    },
}

/// A pool.
pub(super) struct Pool {
    /// As the operator named it.
    pub(super) name: String,
    placement: Placement,
    scheme: Scheme,
    nodes: Vec<Node>,
    pub(super) on_down: OnDown,
    /// The first of its backends among all; the others follow it.
    first_backend: usize,
    /// What each of its clients may cost.
    pub(super) client_limits: Limits,
    /// Clients at the same time; 0 for any number.
    pub(super) clients_max: usize,
    /// How many there are.
    pub(super) clients: usize,
    /// Microseconds until a client that says nothing is closed; 0 for never.
    pub(super) idle_timeout: u64,
}

/// Where a key belongs at the moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    /// The backend, among all.
    pub(super) backend: usize,
    /// Seconds that it may be kept there at most, when that is not its usual place.
    pub(super) ttl: Option<u32>,
}

impl Pool {
    pub(super) fn new(setup: PoolSetup, first_backend: usize) -> Result<Self, BuildError> {
        let PoolSetup {
            name,
            scheme,
            nodes,
            on_down,
            client_limits,
            clients_max,
            idle_timeout,
            ..
        } = setup;
        let placement = Placement::build(&scheme, &nodes)?;
        Ok(Self {
            name,
            placement,
            scheme,
            nodes,
            on_down,
            first_backend,
            client_limits,
            clients_max,
            clients: 0,
            idle_timeout,
        })
    }

    /// The backend of a key, among all backends.
    #[inline]
    fn backend(&self, key: &[u8]) -> usize {
        self.first_backend + self.placement.place(key)
    }

    /// What decides where a key belongs.
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        self.placement.hash(key)
    }

    /// Its backends, among all.
    pub(super) fn backends(&self) -> Range<usize> {
        self.first_backend..self.first_backend + self.nodes.len()
    }

    /// Places the keys on the backends that are up; when there is none, where they were.
    pub(super) fn place_again(&mut self, backends: &[Backend]) {
        let up: Vec<bool> = backends[self.backends()].iter().map(Backend::is_up).collect();
        if let Ok(placement) = Placement::build_live(&self.scheme, &self.nodes, &up) {
            self.placement = placement;
        }
    }
}

/// Where a key of this pool belongs at the moment.
#[inline]
pub(super) fn route(pools: &[Pool], pool: usize, backends: &[Backend], key: &[u8]) -> Route {
    let backend = pools[pool].backend(key);
    if matches!(pools[pool].on_down, OnDown::Gutter { .. }) && !backends[backend].is_up() {
        return reroute(pools, pool, backends, key);
    }
    Route { backend, ttl: None }
}

/// Follows the gutters until one is up, or there is no further one.
#[cold]
fn reroute(pools: &[Pool], mut pool: usize, backends: &[Backend], key: &[u8]) -> Route {
    let mut route = Route { backend: pools[pool].backend(key), ttl: None };
    for _ in 0..pools.len() {
        let OnDown::Gutter { pool: gutter, ttl } = pools[pool].on_down else {
            break;
        };
        if backends[route.backend].is_up() {
            break;
        }
        pool = gutter;
        let ttl = route.ttl.map_or(ttl, |so_far| ttl.min(so_far));
        route = Route { backend: pools[pool].backend(key), ttl: Some(ttl) };
    }
    route
}

/// Calls `with` with what a key is placed by. A key in base64 is placed by what it stands for, so
/// that `ms Zm9v b` and `get foo` meet; one that stands for nothing is refused by any backend.
#[inline]
pub(super) fn placed_by<T>(op: &Op, key: &[u8], with: impl FnOnce(&[u8]) -> T) -> T {
    if !op.key_is_base64 {
        return with(key);
    }
    let mut decoded = [0; KEY_BYTES_MAX];
    match base64::decode(key, &mut decoded) {
        [] => with(key),
        decoded => with(decoded),
    }
}
