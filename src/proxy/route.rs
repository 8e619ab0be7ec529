//! Where a key goes: pools, and what maps keys to their backends.

use super::frontend::client::Limits;
use super::ids::{BackendId, PoolId};
use super::upstream::backend::Backend;
use crate::memcache::KEY_BYTES_MAX;
use crate::memcache::base64;
use crate::memcache::op::Op;
use crate::placement::{BuildError, Node, Placement, Scheme};
use crate::slab::SlotMap;

/// What becomes of the keys of a backend that is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDown {
    /// Their requests fail.
    Fail,
    /// The other backends take them.
    Rehash,
    /// The backends of another pool take them, for so many seconds at most.
    Gutter {
        /// The pool.
        pool: PoolId,
        /// The longest expiry there, seconds.
        ttl: u32,
    },
}

/// A pool: the backends behind one listener.
pub(super) struct Pool {
    /// As the operator named it.
    pub(super) name: String,
    placement: Placement,
    scheme: Scheme,
    nodes: Vec<Node>,
    pub(super) on_down: OnDown,
    /// Its backends, in the order that the placement counts them in.
    pub(super) members: Vec<BackendId>,
    /// What each of its clients may cost.
    pub(super) client_limits: Limits,
    /// Clients at the same time; 0 for any number.
    pub(super) clients_max: usize,
    /// How many there are.
    pub(super) clients: usize,
    /// Microseconds until a client that says nothing is closed; 0 for never.
    pub(super) idle_timeout: u64,
    /// What `stats settings` tells.
    pub(super) settings: Vec<(String, String)>,
}

/// Where a key belongs at the moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    /// The backend.
    pub(super) backend: BackendId,
    /// Seconds that it may be kept there at most, when that is not its usual place.
    pub(super) ttl: Option<u32>,
}

impl Pool {
    /// A pool whose backends are added next, in the order of `nodes`.
    pub(super) fn new(
        name: String,
        scheme: Scheme,
        nodes: Vec<Node>,
        client_limits: Limits,
    ) -> Result<Self, BuildError> {
        Ok(Self {
            name,
            placement: Placement::build(&scheme, &nodes)?,
            scheme,
            nodes,
            on_down: OnDown::Fail,
            members: Vec::new(),
            client_limits,
            clients_max: 0,
            clients: 0,
            idle_timeout: 0,
            settings: Vec::new(),
        })
    }

    /// The backend of a key.
    #[inline]
    fn backend(&self, key: &[u8]) -> BackendId {
        self.members[self.placement.place(key)]
    }

    /// What decides where a key belongs.
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        self.placement.hash(key)
    }

    /// Places the keys on the backends that are up; when there is none, where they were.
    pub(super) fn place_again(&mut self, backends: &SlotMap<BackendId, Backend>) {
        let up: Vec<bool> = self.members.iter().map(|id| is_up(backends, *id)).collect();
        if let Ok(placement) = Placement::build_live(&self.scheme, &self.nodes, &up) {
            self.placement = placement;
        }
    }
}

/// Whether a backend is asked.
pub(super) fn is_up(backends: &SlotMap<BackendId, Backend>, id: BackendId) -> bool {
    backends.get(id).is_some_and(Backend::is_up)
}

/// Where a key of this pool belongs at the moment.
#[inline]
pub(super) fn route(
    pools: &SlotMap<PoolId, Pool>,
    pool: PoolId,
    backends: &SlotMap<BackendId, Backend>,
    key: &[u8],
) -> Route {
    let pool = &pools[pool];
    let backend = pool.backend(key);
    match pool.on_down {
        OnDown::Gutter { pool: gutter, ttl } if !is_up(backends, backend) => {
            reroute(&pools[gutter], ttl, key)
        }
        OnDown::Fail | OnDown::Rehash | OnDown::Gutter { .. } => Route { backend, ttl: None },
    }
}

/// Sends a key to the gutter, whether its backend there is up or not: a gutter has no gutter of its
/// own, the configuration refuses chains.
#[cold]
fn reroute(gutter: &Pool, ttl: u32, key: &[u8]) -> Route {
    Route { backend: gutter.backend(key), ttl: Some(ttl) }
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
