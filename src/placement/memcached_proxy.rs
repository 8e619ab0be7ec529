//! memcached's built-in proxy (1.6.45): the rings of `mcp.dist_ring_hash`. Read from its source and
//! compared with the running program. Its other distribution is `jump`.

use super::BuildError;
use super::continuum::{Point, points};
use super::function::{Function, md5_words};
use super::node::{Live, Node};

/// How the names of points are made and hashed: the option `omode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Omode {
    /// `host:port-n`, by XXH3.
    Default,
    /// `host:port-n`, by MD5.
    Ketama,
    /// `host:port-n`, or `host-n` where the port is memcached's own, by MD5.
    Twemproxy,
    /// `host/host:port-n`, by MD5.
    Evcache,
}

/// The points, `count` to a backend (the option `obuckets`). Weights are not known to it.
pub(super) fn ring(nodes: &[Live<'_>], omode: Omode, count: u32) -> Result<Vec<Point>, BuildError> {
    let stem = |node: &Node| match omode {
        Omode::Default | Omode::Ketama => node.label() + "-",
        Omode::Twemproxy => node.short_label() + "-",
        Omode::Evcache => node.named(|| format!("{}/{}", node.host, node.label())) + "-",
    };
    let count = u64::from(count);
    match omode {
        Omode::Default => {
            let hash = Function::Xxh3 { seed: 0 };
            points(nodes, |_| count, stem, |text| [hash.hash32(text)])
        }
        Omode::Ketama | Omode::Twemproxy | Omode::Evcache => {
            points(nodes, |_| count / 4, stem, md5_words)
        }
    }
}
