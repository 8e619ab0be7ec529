//! What the operator asks for, and how it is read: from a file or from flags, through the same
//! code.
//!
//! ```text
//!   file --yaml--> tree of texts with their places --+
//!                                                    +--draft--> --pool--> --file--> Config
//!   flags, environment --> the same tree ------------+   keys    together  pools
//! ```
//!
//! Each key is a row in a table (`draft.rs`, `global.rs`): its name, its default, what it expects
//! and how it is read. All errors are collected, each with its place, before any is told.

mod problems;
mod units;
mod yaml;

pub mod endpoint;

pub mod address;
mod keys;

mod global;

mod draft;

mod pool;

mod listens;

pub mod descriptors;

pub mod file;

mod lookup;
mod summary;

mod options;

pub mod environment;

pub mod flags;

use crate::logger::Format;
use crate::placement::{BuildError, Node, Placement, Scheme};
use address::{Listen, Server};
use std::collections::BTreeMap;

/// Everything that the operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Whether it was given by flags or by a file.
    pub source: Source,
    /// The pools, each with a listener of its own; at least one.
    pub pools: Vec<PoolConfig>,
    /// How much is logged: 0 is what an operator needs, 1 is more, 2 is everything.
    pub verbosity: usize,
    /// `log_format`: what a line of the log looks like.
    pub log_format: Format,
    /// `max_memory`: bytes that all buffers may hold together. No less than one client's.
    pub memory_max: usize,
    /// The keys of the whole process that are not defaults, each with where it was written.
    pub origins: Origins,
    /// What is valid but probably not what was meant: a line each, for the log.
    pub warnings: Vec<String>,
    /// What is worth knowing, and right: a line each, for the log.
    pub notes: Vec<String>,
}

/// Keys, each with where it was written: a flag, a variable, or a line of the file.
pub type Origins = BTreeMap<String, String>;

/// Where the servers of a configuration are from. A host name in a flag that does not resolve is an
/// error at start, since it is probably mistyped; elsewhere it is a warning, and is looked up again
/// later: what starts containers may start a memcached's after ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Flags,
    /// Environment variables.
    Environment,
    /// The file of this name.
    File(String),
}

/// One pool: backends behind a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolConfig {
    /// What it is called in the log and in statistics.
    pub name: String,
    /// `listen`: where clients connect.
    pub listen: Listen,
    /// `servers`: the memcacheds, at least one. Their order matters to some placements.
    pub servers: Vec<Server>,
    /// `placement` and its options: what maps keys to servers. [`Self::placement`] does not fail.
    pub scheme: Scheme,
    /// No `placement` was given, so that keys are placed as twemproxy does.
    pub scheme_implied: bool,
    /// `server_connections`: links for each of the servers.
    pub links: usize,
    /// `timeout`: milliseconds until a request is given up. There always is a limit.
    pub timeout: u64,
    /// `connect_timeout`: milliseconds until an attempt to connect is given up.
    pub connect_timeout: u64,
    /// `backlog`: connections that may wait to be accepted.
    pub backlog: i32,
    /// `reuseport`: whether other processes may listen on the same port, and share its clients.
    pub reuseport: bool,
    /// `tcpkeepalive`: whether clients that vanished without a word are noticed. Links are watched
    /// in any case.
    pub tcpkeepalive: bool,
    /// `preconnect`: accepted for twemproxy's files. Links are opened at the start in any case.
    pub preconnect: bool,
    /// `client_connections`: clients at the same time; 0 for as many as there are descriptors.
    pub client_connections: usize,
    /// `client_idle_timeout`: milliseconds until a client that asks nothing is closed; 0 for never.
    pub client_idle_timeout: u64,
    /// `server_failure_limit`: failures in a row that make a backend down; at least 1.
    pub server_failure_limit: u32,
    /// `server_retry_timeout`: the longest pause between two probes of a backend that is down, at
    /// least 100 milliseconds. The backend comes back when it answers a probe.
    pub server_retry_timeout: u64,
    /// `on_down`, or `auto_eject_hosts`: what becomes of the keys of a backend that is down.
    pub on_down: OnDown,
    /// `gutter_ttl`: seconds that a value may live in the gutter pool, at most.
    pub gutter_ttl: u32,
    /// `on_error`: the reply to a retrieval that fails.
    pub on_error: OnError,
    /// `max_value_size`: bytes of the longest value.
    pub value_bytes_max: usize,
    /// `max_client_memory`: bytes that the buffers of one client may hold. No less than a value.
    pub client_memory_max: usize,
    /// The keys that are not defaults, each with where it was written.
    pub origins: Origins,
    /// Remarks that `-t` and the log print about this pool.
    pub notes: Vec<String>,
}

/// What becomes of the keys of a backend that is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDown {
    /// Their requests are errors.
    Error,
    /// Retrievals are misses, all else is an error.
    Miss,
    /// The other backends take them, as if the one that is down were not in the list.
    Rehash,
    /// The pool of this index takes them. That pool has no gutter itself: chains are refused.
    Gutter(usize),
}

/// The reply to a retrieval that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// An error.
    Error,
    /// A miss.
    Miss,
}

impl OnError {
    /// As it is written in a file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Miss => "miss",
        }
    }
}

impl OnDown {
    /// As it is written in a file. `pools` are those of the configuration.
    pub fn name(self, pools: &[PoolConfig]) -> String {
        match self {
            Self::Error => "error".into(),
            Self::Miss => "miss".into(),
            Self::Rehash => "rehash".into(),
            Self::Gutter(pool) => format!("gutter: {}", pools[pool].name),
        }
    }
}

impl PoolConfig {
    /// Its servers, as placement sees them.
    pub fn nodes(&self) -> Vec<Node> {
        self.servers.iter().map(Server::node).collect()
    }

    /// What maps its keys to its servers.
    pub fn placement(&self) -> Result<Placement, BuildError> {
        Placement::build(&self.scheme, &self.nodes())
    }
}

/// Links for each backend, at most.
pub const LINKS_MAX: usize = 1000;
/// Milliseconds of any timeout, at most: a day.
pub const TIMEOUT_MS_MAX: u64 = 86_400_000;
/// Bytes of the longest value, at most: memcached's own limit.
pub const VALUE_BYTES_LIMIT: usize = 1 << 30;
/// Seconds of `gutter_ttl`, at most: memcached takes more than 30 days for a date.
pub const GUTTER_TTL_MAX: u32 = 30 * 86_400;

#[cfg(test)]
mod tests;
