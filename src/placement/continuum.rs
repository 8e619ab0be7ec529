//! The continuum: a ring of 32 bits with points on it, each owned by a backend. A key belongs to
//! the owner of the first point at or after its hash, and past the last point to the owner of the
//! first.

use super::BuildError;
use super::function::md5_words;
use super::node::{Live, Node, total_weight};
use std::fmt::Write;

/// More names than this, of one to four points each, are refused: tables of megabytes that no cache
/// holds.
pub(super) const NAMES_MAX: u64 = 1 << 20;

/// So many points from the start of a slot are compared at once, without a branch between them.
/// They mostly suffice, as there are no more points than slots.
const NEAR_POINTS: usize = 4;

/// A place on the ring and the index of the node that owns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) value: u32,
    pub(super) owner: u32,
}

/// The points, and an index by the upper bits of a hash that leads to within a point or two of the
/// owner.
#[derive(Debug)]
pub(super) struct Continuum {
    /// A point's value in the upper half and its owner in the lower, ascending by value: a lookup
    /// touches one array, and mostly one line of it. Points for the first owner fill up the end, so
    /// that from any slot there are enough to compare, the last of them after any hash.
    points: Box<[u64]>,
    /// For each slot, an equal stretch of the ring, the first point at or after its start.
    slots: Box<[u32]>,
    /// What is left of a hash when this is shifted out is its slot.
    shift: u32,
}

impl Continuum {
    /// Of points of one value the first given owns it.
    pub(super) fn new(mut points: Vec<Point>) -> Result<Self, BuildError> {
        points.sort_by_key(|point| point.value);
        let first = points.first().ok_or(BuildError::NoPoints)?.owner;
        let slots = points.len().next_power_of_two().max(2);
        let shift = u32::BITS - slots.trailing_zeros();
        points.extend([Point { value: u32::MAX, owner: first }; NEAR_POINTS]);
        let mut next = 0;
        let start = |slot| {
            next += points[next..].iter().take_while(|point| point.value >> shift < slot).count();
            next as u32
        };
        let slots = (0..slots as u32).map(start).collect();
        Ok(Self { points: points.iter().map(Point::packed).collect(), slots, shift })
    }

    /// The owner of this place.
    #[inline(always)]
    pub(super) fn owner(&self, hash: u32) -> usize {
        let place = u64::from(hash) << 32;
        let from = &self.points[self.slots[(hash >> self.shift) as usize] as usize..];
        if let Some(near) = from.first_chunk::<NEAR_POINTS>() {
            let before: usize = near.iter().map(|point| usize::from(*point < place)).sum();
            if let Some(point) = near.get(before) {
                return *point as u32 as usize;
            }
        }
        // A weak hash (crc with its 15 bits) crowds thousands of points into one slot.
        from[from.partition_point(|point| *point < place)] as u32 as usize
    }

    /// All points, ascending.
    pub(super) fn points(&self) -> impl Iterator<Item = (u32, usize)> {
        let real = self.points.len() - NEAR_POINTS;
        self.points[..real].iter().map(|point| ((point >> 32) as u32, *point as u32 as usize))
    }
}

impl Point {
    fn packed(&self) -> u64 {
        u64::from(self.value) << 32 | u64::from(self.owner)
    }
}

/// Points from names: every node gets as many as `names` says, each its `stem` followed by a number
/// from 0 on, and `values` turns a name into places.
pub(super) fn points<V: IntoIterator<Item = u32>>(
    nodes: &[Live<'_>],
    names: impl Fn(&Live<'_>) -> u64,
    stem: impl Fn(&Node) -> String,
    values: impl Fn(&[u8]) -> V,
) -> Result<Vec<Point>, BuildError> {
    let total: u64 = nodes.iter().map(&names).fold(0, u64::saturating_add);
    if total > NAMES_MAX {
        return Err(BuildError::TooManyPoints);
    }
    let mut points = Vec::new();
    for live in nodes {
        let mut text = stem(live.node);
        let stem_len = text.len();
        for number in 0..names(live) {
            text.truncate(stem_len);
            let _ = write!(text, "{number}");
            let owner = live.index;
            points.extend(values(text.as_bytes()).into_iter().map(|value| Point { value, owner }));
        }
    }
    Ok(points)
}

/// The points of a ring whose names are hashed by MD5, four points to a name.
pub(super) fn md5_points(
    nodes: &[Live<'_>],
    names: impl Fn(&Live<'_>) -> u64,
    stem: impl Fn(&Node) -> String,
) -> Result<Vec<Point>, BuildError> {
    points(nodes, names, stem, md5_words)
}

/// How many names libketama gives a node: its share of 40 for each node, in floats of 32 bits that
/// round after every step. For equal nodes these come to 39 when there are 25, 47, 50, 55, ... of
/// them, and whoever counts more exactly moves 3 % of the keys.
pub(super) fn libketama_names(nodes: &[Live<'_>]) -> impl Fn(&Live<'_>) -> u64 {
    let (total, count) = (total_weight(nodes) as f32, nodes.len() as f32);
    move |node| (node.weight() as f32 / total * 160.0 / 4.0 * count) as u64
}

#[cfg(test)]
mod tests {
    use super::super::function::avalanche;
    use super::*;

    /// What a lookup means, by looking at every point; of equal ones `min_by_key` takes the first.
    fn naive(points: &[Point], hash: u32) -> usize {
        let after = points.iter().filter(|point| point.value >= hash);
        let next = after.min_by_key(|point| point.value);
        let point = next.or(points.iter().min_by_key(|point| point.value));
        point.expect("a point").owner as usize
    }

    #[test]
    fn a_lookup_finds_what_a_look_at_every_point_finds() {
        // Shifted to the right, points crowd into few slots and many are equal.
        for (count, crowding) in (1..20).zip([0, 8, 17, 31].into_iter().cycle()).chain([
            (500, 0),
            (500, 17),
            (3000, 0),
            (3000, 20),
        ]) {
            let random = |seed: u64| (avalanche(seed) >> 32) as u32;
            let mut points: Vec<_> = (0..count)
                .map(|at| Point { value: random(at) >> crowding, owner: at as u32 })
                .collect();
            if count % 3 == 0 {
                points[0].value = 0;
                points[1].value = u32::MAX;
            }
            let continuum = Continuum::new(points.clone()).expect("points");
            let values = points.iter().map(|point| point.value);
            let beside =
                values.flat_map(|value| [value.wrapping_sub(1), value, value.wrapping_add(1)]);
            let hashes = (0..1000).map(|at| random(at + 1_000_000) >> (at % 2 * crowding));
            for hash in beside.take(1000).chain(hashes).chain([0, 1, u32::MAX - 1, u32::MAX]) {
                assert_eq!(continuum.owner(hash), naive(&points, hash), "{hash} among {count}");
            }
            assert_eq!(continuum.points().count(), points.len());
        }
    }

    #[test]
    fn a_continuum_without_points_is_refused() {
        assert_eq!(Continuum::new(Vec::new()).err(), Some(BuildError::NoPoints));
    }
}
