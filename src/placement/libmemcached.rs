//! libmemcached 1.0 to 1.1 and what is built on it: pylibmc, pecl-memcached, Perl's
//! `Memcached::libmemcached`. Read from its source and compared with 1.1.4.
//!
//! Its default is a plain list. `CONSISTENT` (pecl's `DISTRIBUTION_CONSISTENT`, pylibmc's `ketama:
//! True`, the sessions of PHP) is a ring of points that the *key's* hash makes. `KETAMA_WEIGHTED`
//! (pecl's `LIBKETAMA_COMPATIBLE`) is the ring of MD5 that others call ketama. Options set in
//! another order make hybrids of these, which are named here by what they end up as:
//! `libmemcached-consistent` with `hash: md5` (compatible first, then consistent),
//! `libmemcached-ketama` with `hash: default` (consistent first, then servers with weights).

use super::BuildError;
use super::continuum::{Point, libketama_names, md5_points, points};
use super::function::Function;
use super::node::{Live, Node};

/// Points of a server in the ring without weights.
const CONSISTENT_POINTS: u64 = 100;

/// `MEMCACHED_DISTRIBUTION_CONSISTENT` and `.._KETAMA`, which are one: weights are ignored.
pub(super) fn consistent(nodes: &[Live<'_>], hash: Function) -> Result<Vec<Point>, BuildError> {
    points(nodes, |_| CONSISTENT_POINTS, stem, |text| [hash.hash32(text)])
}

/// `MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED`.
pub(super) fn ketama(nodes: &[Live<'_>]) -> Result<Vec<Point>, BuildError> {
    md5_points(nodes, libketama_names(nodes), stem)
}

/// `host-` for memcached's own port, `host:port-` for others. A unix socket given to `addServers`
/// has the port 0 in its name; given to pecl's `addServer` it has none, and is listed here with its
/// path as name.
fn stem(node: &Node) -> String {
    let name =
        if node.is_socket() { node.named(|| node.host.clone() + ":0") } else { node.short_label() };
    name + "-"
}
