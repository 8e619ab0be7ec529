//! What the core is told at the start: its pools, and what it has to know of the process.

use super::frontend::client::Limits;
use super::upstream::backend::Policy;
use crate::memcache::op::Op;
use crate::memcache::text::expiry;
use crate::placement::{Node, Scheme};
use crate::time::Time;

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
    pub on_down: DownSetup,
    /// What each client may cost.
    pub client_limits: Limits,
    /// Clients at the same time; 0 for any number.
    pub clients_max: usize,
    /// Microseconds until a client that says nothing is closed; 0 for never.
    pub idle_timeout: u64,
    /// What `stats settings` tells.
    pub settings: Vec<(String, String)>,
}

/// What becomes of the keys of a backend that is down, as the setup of a pool says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownSetup {
    /// Their requests fail.
    Fail,
    /// The other backends take them.
    Rehash,
    /// The backends of another pool take them.
    Gutter {
        /// Which of the setups it is.
        pool: usize,
        /// The longest expiry there, seconds.
        ttl: u32,
    },
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
    /// Bytes of buffers that the proxy may use.
    pub memory_max: usize,
}

impl About {
    /// Seconds since 1970.
    pub(super) fn unix_time(&self, now: Time) -> i64 {
        (self.started_at + now.micros() / 1_000_000) as i64
    }

    /// What the line of a request begins with, its expiry cut down to `ttl` seconds.
    pub(super) fn capped(&self, line: &[u8], op: &Op, ttl: u32, now: Time) -> Vec<u8> {
        let mut text = Vec::with_capacity(line.len());
        text.extend_from_slice(&line[..op.quiet_flag.start]);
        text.extend_from_slice(&line[op.quiet_flag.end..]);
        text.extend_from_slice(op.suffix);
        expiry::capped(&text, op.command, ttl, self.unix_time(now))
    }

    /// The expiry that a frame asks for, cut down to `ttl` seconds if there is a limit.
    pub(super) fn exptime_of_frame(&self, op: &Op, ttl: Option<u32>, now: Time) -> i64 {
        ttl.map_or(op.exptime, |ttl| expiry::cut(op.exptime, i64::from(ttl), self.unix_time(now)))
    }

    /// The expiry that a retrieval asks for, cut down to `ttl` seconds if there is a limit.
    #[inline]
    pub(super) fn exptime_within(&self, op: &Op, ttl: Option<u32>, now: Time) -> i64 {
        match ttl {
            Some(ttl) if op.command.touches() => {
                expiry::cut(op.exptime, i64::from(ttl), self.unix_time(now))
            }
            _ => op.exptime,
        }
    }
}
