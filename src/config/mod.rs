//! What the operator asks for, and how it is read: from flags.

pub mod endpoint;
pub mod flags;

use endpoint::Endpoint;

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The pools, each with a listener of its own.
    pub pools: Vec<PoolConfig>,
    /// How much is logged: 0 is what an operator needs, 1 is more, 2 is everything.
    pub verbosity: usize,
}

/// One pool: backends behind a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolConfig {
    /// Where clients connect.
    pub listen: Endpoint,
    /// The memcacheds.
    pub servers: Vec<Endpoint>,
    /// Links for each of them.
    pub links: usize,
    /// Milliseconds until a request is given up.
    pub timeout: u64,
    /// Milliseconds until an attempt to connect is given up.
    pub connect_timeout: u64,
    /// Failures in a row that make a backend down.
    pub server_failure_limit: u32,
    /// Bytes of the longest value.
    pub value_bytes_max: usize,
    /// What a retrieval that fails is answered.
    pub on_error: OnError,
}

/// What a retrieval that fails is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// An error.
    Error,
    /// A miss.
    Miss,
}

impl OnError {
    /// As the operator writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Miss => "miss",
        }
    }
}

/// Links for each backend, unless said otherwise.
pub const LINKS: usize = 1;
/// Links for each backend, at most.
pub const LINKS_MAX: usize = 1000;
/// Milliseconds until a request is given up, unless said otherwise.
pub const TIMEOUT_MS: u64 = 1000;
/// Milliseconds until a request is given up, at most: a day.
pub const TIMEOUT_MS_MAX: u64 = 86_400_000;
/// Failures in a row that make a backend down, unless said otherwise.
pub const SERVER_FAILURE_LIMIT: u32 = 2;
/// Bytes of the longest value, unless said otherwise: memcached's own default for an item.
pub const VALUE_BYTES_MAX: usize = 1 << 20;
/// Bytes of the longest value, at most: memcached's own limit.
pub const VALUE_BYTES_LIMIT: usize = 1 << 30;
