//! What kind of world a run is: how large it is, how it is configured, and what goes wrong in it.

use crate::harness::random::Random;
use nodeproxy::placement::{self, Node, Scheme};
use nodeproxy::proxy::{DownSetup, Limits, Policy, PoolSetup};

/// Microseconds until a request is late.
pub(super) const TIMEOUT: u64 = 100_000;
/// Microseconds until a link that does not open is given up.
pub(super) const CONNECT_TIMEOUT: u64 = 60_000;
/// The longest pause between two probes, microseconds.
pub(super) const PROBE_PAUSE_MAX: u64 = 2_000_000;
/// Failures in a row that make a backend down.
pub(super) const FAILURES_MAX: u32 = 2;
/// Seconds that a gutter keeps anything.
pub(super) const GUTTER_TTL: u32 = 60;
/// The longest value that the proxy takes.
pub(super) const VALUE_BYTES_MAX: usize = 30_000;
/// Bytes of a large value: longer than any ring's first buffer.
pub(super) const LARGE: usize = 20_000;
/// Bytes that a client may cost: enough, some values, less than one of them.
const CLIENT_MEMORY: [usize; 4] = [AMPLE, 300_000, 10_000, AMPLE];
const AMPLE: usize = 1 << 20;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// Nothing; then nothing may fail.
    Calm,
    /// A link is lost now and then, and its backend is well at once: no backend may be down.
    Blips,
    /// Anything, all the time.
    Rough,
}

/// The plan of a run.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) mood: Mood,
    pub(super) backends: usize,
    pub(super) links: usize,
    pub(super) on_down: DownSetup,
    down_is_miss: bool,
    pub(super) failed_get_is_miss: bool,
    /// Many values are large, and backends read little at once.
    pub(super) heavy: bool,
    /// Bytes that each client may cost.
    pub(super) client_memory: usize,
    /// Bytes that all may cost.
    pub(super) memory: usize,
    pub(super) clients_max: usize,
    /// Microseconds; 0 for never.
    pub(super) idle_timeout: u64,
}

impl Plan {
    pub(super) fn new(rng: &mut Random) -> Self {
        let on_down = match rng.below(6) {
            0 => DownSetup::Rehash,
            1 => DownSetup::Gutter { pool: 1, ttl: GUTTER_TTL },
            _ => DownSetup::Fail,
        };
        let heavy = rng.one_in(4);
        Self {
            mood: [Mood::Calm, Mood::Blips, Mood::Rough, Mood::Rough][rng.below(4)],
            backends: 1 + rng.below(6),
            links: 1 + rng.below(3),
            on_down,
            down_is_miss: rng.one_in(8),
            failed_get_is_miss: rng.one_in(8),
            heavy,
            client_memory: CLIENT_MEMORY[rng.below(CLIENT_MEMORY.len())],
            memory: if rng.one_in(4) { 400_000 + rng.below(2_000_000) } else { usize::MAX },
            clients_max: if rng.one_in(4) { 3 } else { 0 },
            idle_timeout: if rng.one_in(4) { 2_000_000 } else { 0 },
        }
    }

    /// Keys move when a backend is down, so that old values come back.
    pub(super) fn moves_keys(&self) -> bool {
        self.on_down != DownSetup::Fail
    }

    /// A miss may be a failure.
    pub(super) fn tells_misses(&self) -> bool {
        self.down_is_miss || self.failed_get_is_miss
    }

    /// Values may be dropped to be asked for again, and links may have no room for requests: a
    /// question can take several timeouts.
    pub(super) fn is_tight(&self) -> bool {
        self.heavy || self.client_memory != AMPLE || self.memory != usize::MAX
    }

    /// The index of the gutter among all backends.
    pub(super) fn gutter(&self) -> usize {
        self.backends
    }

    pub(super) fn setups(&self) -> Vec<PoolSetup> {
        let gutter = self.setup("gutter", 1, DownSetup::Fail);
        let gutter = PoolSetup { clients_max: 0, idle_timeout: 0, ..gutter };
        vec![self.setup("simulated", self.backends, self.on_down), gutter]
    }

    fn setup(&self, name: &str, backends: usize, on_down: DownSetup) -> PoolSetup {
        let node = |at| Node { host: "10.0.0.1".into(), port: 11211 + at, weight: 1, name: None };
        PoolSetup {
            name: name.into(),
            backends: (0..backends).map(|at| format!("{name}{at}")).collect(),
            links: self.links,
            policy: Policy {
                timeout: TIMEOUT,
                connect_timeout: CONNECT_TIMEOUT,
                probe_pause_max: PROBE_PAUSE_MAX,
                failures_max: FAILURES_MAX,
                failed_get_is_miss: self.failed_get_is_miss,
                down_is_miss: self.down_is_miss,
            },
            scheme: Scheme::new(placement::DEFAULT, &placement::Options::default()).expect("known"),
            nodes: (0..backends as u16).map(node).collect(),
            on_down,
            client_limits: Limits {
                value_bytes_max: VALUE_BYTES_MAX,
                memory_max: self.client_memory,
            },
            clients_max: self.clients_max,
            idle_timeout: self.idle_timeout,
            settings: Vec::new(),
        }
    }
}
