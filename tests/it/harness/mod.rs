//! What the tests stand on: processes, ports, clients that compare bytes, backends that misbehave.
//!
//! Three rules keep the tests quick and steady: nothing waits by sleeping for "long enough", every
//! wait has a limit and says what it waited for, and no port is fixed.

pub(crate) mod bytes;
pub(crate) mod client;
pub(crate) mod core;
pub(crate) mod fake;
pub(crate) mod file;
pub(crate) mod frame;
pub(crate) mod latency;
pub(crate) mod memcached;
pub(crate) mod nodeproxy;
pub(crate) mod pair;
pub(crate) mod parallel;
pub(crate) mod placement;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod random;
pub(crate) mod sockets;
pub(crate) mod stats;
pub(crate) mod wait;
