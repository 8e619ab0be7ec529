//! spymemcached 2.5 to 2.12 and xmemcached 2.x: their rings. Read from their sources and compared
//! with 2.12.3 and 2.4.10.
//!
//! Both put the *resolved* address into the names of points, so that a ring depends on the DNS of
//! the moment when the client started. Placement does no look-ups: what the client saw is given as
//! the backend's name, and where it is not given and cannot be known, building fails and says so.

use super::BuildError;
use super::continuum::{Point, libketama_names, md5_points, points};
use super::function::Function;
use super::node::{Live, Node};
use std::net::IpAddr;

/// Points of a node of weight 1, four to a name where MD5 makes them.
const POINTS: u64 = 160;

/// The points of spymemcached's `KetamaNodeLocator`. With weights (2.12) they are libketama's
/// whatever the hash. Of two points of one value the node later in the list has it.
pub(super) fn spymemcached(nodes: &[Live<'_>], hash: Function) -> Result<Vec<Point>, BuildError> {
    check_names(nodes, |node| address(node).is_none())?;
    let stem = |node: &Node| node.named(|| address(node).unwrap_or_default()) + "-";
    let mut points = if nodes.iter().any(|live| live.weight() != 1) {
        md5_points(nodes, libketama_names(nodes), stem)
    } else {
        points_of(nodes, |_| POINTS, stem, hash)
    }?;
    points.reverse();
    Ok(points)
}

/// The points of xmemcached's `KetamaMemcachedSessionLocator`. Among the nodes at one point, in the
/// order of their names, the point's remainder chooses.
pub(super) fn xmemcached(nodes: &[Live<'_>], hash: Function) -> Result<Vec<Point>, BuildError> {
    check_names(nodes, |_| true)?;
    let mut nodes = nodes.to_vec();
    nodes.sort_by_cached_key(|live| live.node.label());
    let stem = |node: &Node| node.label() + "-";
    let mut points = points_of(&nodes, |live| live.weight() * POINTS, stem, hash)?;
    points.sort_by_key(|point| point.value);
    let same = points.chunk_by(|one, other| one.value == other.value);
    Ok(same.map(|same| same[same[0].value as usize % same.len()]).collect())
}

/// Whether every node has a name, of those that need one.
fn check_names(nodes: &[Live<'_>], needed: impl Fn(&Node) -> bool) -> Result<(), BuildError> {
    let unnamed = nodes.iter().filter(|live| live.node.name.is_none() && needed(live.node));
    let nodes: Vec<_> = unnamed.map(|live| live.index as usize).collect();
    if nodes.is_empty() {
        return Ok(());
    }
    Err(BuildError::NamesNeeded { nodes, pattern: "host/resolved-ip:port" })
}

/// So many points: four to a name by MD5, one to a name by any other hash.
fn points_of(
    nodes: &[Live<'_>],
    count: impl Fn(&Live<'_>) -> u64,
    stem: impl Fn(&Node) -> String,
    hash: Function,
) -> Result<Vec<Point>, BuildError> {
    if hash == Function::Md5 {
        md5_points(nodes, |live| count(live) / 4, stem)
    } else {
        points(nodes, count, stem, |text| [hash.hash32(text)])
    }
}

/// What `InetSocketAddress` prints for an IP literal, without the slash that spymemcached removes:
/// an IPv6 address in brackets (Java 14 and later) and written out.
fn address(node: &Node) -> Option<String> {
    Some(match node.host.parse().ok()? {
        IpAddr::V4(host) => format!("{host}:{}", node.port),
        IpAddr::V6(host) => {
            format!("[{}]:{}", host.segments().map(|part| format!("{part:x}")).join(":"), node.port)
        }
    })
}
