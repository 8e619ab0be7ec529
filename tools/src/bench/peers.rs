//! Who is measured.

use super::children::Running;
use super::workloads::Workload;
use crate::load::request::Protocol;
use std::net::SocketAddr;

/// A way from the load generator to a memcached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// None: the first memcached is asked directly, and it is the process that is measured.
    Direct,
    /// The proxy that all this is about.
    Nodeproxy,
    /// Its best known rival.
    Twemproxy,
    /// The floor of a proxy that gathers nothing, in front of the first memcached.
    Relay,
}

/// One that runs.
#[derive(Debug)]
pub struct Peer {
    /// Which.
    pub kind: Kind,
    /// Where it listens.
    pub address: SocketAddr,
    /// The process that is measured.
    pub pid: u32,
    /// That process, unless it is a backend.
    pub running: Option<Running>,
}

impl Kind {
    /// All, in the order in which they are measured.
    pub const ALL: [Self; 4] = [Self::Direct, Self::Nodeproxy, Self::Twemproxy, Self::Relay];

    /// The name in options and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nodeproxy => "nodeproxy",
            Self::Twemproxy => "twemproxy",
            Self::Relay => "relay",
        }
    }

    /// Whether it can do that work at all.
    pub fn can(self, workload: &Workload) -> bool {
        self != Self::Twemproxy || workload.protocol == Protocol::Text
    }
}
