//! Ruby's dalli, 1.0 to 5.0. Read from its source and compared with 3.0.6 and 5.0.6.

use super::BuildError;
use super::continuum::{Point, points};
use super::node::{Live, Node, total_weight};

/// Points of a server of average weight.
const POINTS: u64 = 160;

/// The ring of dalli, turned into one of ours. dalli looks down the ring where everybody else looks
/// up: a key belongs to the owner of the last point at or before its hash, and before the first
/// point to the owner of the last. So each owner gets a point where its stretch ends.
pub(super) fn ring(nodes: &[Live<'_>]) -> Result<Vec<Point>, BuildError> {
    let (total, count) = (total_weight(nodes), nodes.len() as u64);
    let names = |live: &Live<'_>| ((count * POINTS * live.weight()) as f64 / total as f64) as u64;
    let mut starts = points(nodes, names, stem, |text| [sha1_word(text)])?;
    starts.sort_by_key(|point| point.value);
    let Some(last) = starts.last() else {
        return Err(BuildError::NoPoints);
    };
    let mut ends = vec![Point { value: u32::MAX, owner: last.owner }];
    let before = [*last].into_iter().chain(starts.iter().copied());
    for (before, next) in before.zip(&starts) {
        // Points of one value: the last of them has the stretch.
        let end = next.value.checked_sub(1).filter(|_| before.value != next.value);
        ends.extend(end.map(|value| Point { value, owner: before.owner }));
    }
    Ok(ends)
}

/// `host:port:`, memcached's own port included; of a unix socket `path:`.
fn stem(node: &Node) -> String {
    node.label() + ":"
}

/// The first four bytes of the SHA-1 digest, big endian.
fn sha1_word(text: &[u8]) -> u32 {
    let digest = sha1_smol::Sha1::from(text).digest().bytes();
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

#[cfg(test)]
mod tests {
    use super::super::continuum::Continuum;
    use super::*;

    #[test]
    fn a_point_is_of_sha1_and_big_endian() {
        assert_eq!(sha1_word(b"127.0.0.1:11211:0"), 1_615_109_846);
    }

    #[test]
    fn the_last_point_at_or_before_a_hash_owns_it() {
        let nodes = ["a", "bb", "ccc"].map(|host| Node {
            host: host.to_owned(),
            port: 11211,
            weight: host.len() as u32,
            name: None,
        });
        let live: Vec<_> =
            nodes.iter().zip(0..).map(|(node, index)| Live { index, node }).collect();
        let points = points(&live, |live| live.weight() * 80, stem, |text| [sha1_word(text)]);
        let mut points = points.expect("points");
        points.sort_by_key(|point| point.value);
        let lookup = Continuum::new(ring(&live).expect("a ring")).expect("points");
        let beside =
            points.iter().flat_map(|point| [point.value - 1, point.value, point.value + 1]);
        for hash in beside.chain([0, u32::MAX]) {
            let before = points.iter().rev().find(|point| point.value <= hash);
            let expected = before.or(points.last()).expect("a point").owner;
            assert_eq!(lookup.owner(hash), expected as usize, "{hash}");
        }
    }
}
