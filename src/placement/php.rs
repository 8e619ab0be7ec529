//! pecl-memcache (php-memcache) 3.0 to 8.x with `hash_strategy=consistent`. Read from its source
//! and compared with 4.0.5.2.

use super::BuildError;
use super::continuum::{Continuum, points};
use super::function::Function;
use super::list::List;
use super::node::{Live, Node};

/// Points of a server, for each unit of its weight.
const POINTS: u64 = 160;

/// The ring is sampled into so many buckets, and only these are looked up.
const BUCKETS: u32 = 1024;

/// The owners of the buckets.
pub(super) fn buckets(nodes: &[Live<'_>], hash: Function) -> Result<List, BuildError> {
    let values = |text: &[u8]| [hash.hash32(text)];
    let continuum = Continuum::new(points(nodes, |live| live.weight() * POINTS, stem, values)?)?;
    let owner = |bucket: u32| continuum.owner(bucket * (u32::MAX / BUCKETS)) as u32;
    Ok(List::once((0..BUCKETS).map(owner).collect()))
}

/// `host:port-`, memcached's own port included.
fn stem(node: &Node) -> String {
    node.named(|| if node.is_socket() { format!("unix://{}:0", node.host) } else { node.label() })
        + "-"
}
