//! npm's memcached 2, over hashring 2 and 3. Read from its source and compared with 2.2.2. Its 1.0
//! has the port 11211 in its names too, and else the same ring: there the backends are given names.

use super::BuildError;
use super::continuum::{Point, md5_points};
use super::node::{Live, Node, total_weight};

/// Names, of four points each, of a server of average weight.
const NAMES: f64 = 40.0;

/// libketama's ring again, but with its shares in doubles: 7, 14, 28, 49, 56, ... equal servers get
/// 39 names.
pub(super) fn hashring(nodes: &[Live<'_>]) -> Result<Vec<Point>, BuildError> {
    let (total, count) = (total_weight(nodes) as f64, nodes.len() as f64);
    let names = |live: &Live<'_>| (live.weight() as f64 / total * NAMES * count) as u64;
    md5_points(nodes, names, |node: &Node| node.short_label() + "-")
}
