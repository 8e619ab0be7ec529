//! Rendezvous hashing, or highest random weight (Thaler and Ravishankar 1998): every backend bids
//! for a key, and the highest bid takes it. Ours bids by name; those of pymemcache and of mcrouter
//! are here too.

use super::function::{Murmur3, avalanche, code_points, murmur64, spread};
use super::node::{Live, Node};

/// `rendezvous`, ours. A bid is the avalanche of the key's hash and the name's, so that the key is
/// looked at once; a weight bends the bids such that each backend wins its share (Schindelhauer and
/// Schomaker 2005, "Weighted Distributed Hash Tables").
#[derive(Debug)]
pub(super) struct ByName {
    /// By name, so that a tie does not depend on the order of the list.
    bidders: Box<[(u64, f64, u32)]>,
    equal: bool,
}

impl ByName {
    pub(super) fn new(nodes: &[Live<'_>]) -> Self {
        let mut sorted = nodes.to_vec();
        sorted.sort_by_cached_key(|live| live.node.label());
        let bidder = |live: &Live<'_>| {
            (spread(live.node.label().as_bytes()), live.weight() as f64, live.index)
        };
        Self {
            bidders: sorted.iter().map(bidder).collect(),
            equal: nodes.windows(2).all(|pair| pair[0].weight() == pair[1].weight()),
        }
    }

    /// Who bids most for the key of this hash.
    #[inline]
    pub(super) fn owner(&self, hash: u64) -> usize {
        let bid = |name: u64| avalanche(hash ^ name);
        if self.equal {
            return highest(self.bidders.iter().map(|(name, _, owner)| (bid(*name), *owner))).1;
        }
        // The logarithm of a number between 0 and 1, divided by the weight: the nearest to zero
        // wins.
        let bent = |name: u64, weight: f64| {
            (((bid(name) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64).ln() / weight
        };
        highest(self.bidders.iter().map(|(name, weight, owner)| (bent(*name, *weight), *owner))).1
    }
}

/// pymemcache's `RendezvousHash` (1.3 to 4.0): `MurmurHash3_x86_32` with the seed 0 of the text
/// `node-key`, over code points of which eight bits count.
#[derive(Debug)]
pub(super) struct Pymemcache {
    /// The hash as it stands after `node-`. The greatest text first: it wins a tie.
    bidders: Box<[(Murmur3, u32)]>,
}

impl Pymemcache {
    pub(super) fn new(nodes: &[Live<'_>]) -> Self {
        let mut sorted = nodes.to_vec();
        sorted.sort_by_cached_key(|live| std::cmp::Reverse(live.node.label()));
        let bidder = |live: &Live<'_>| {
            let mut hash = Murmur3::new(0);
            let text = live.node.label() + "-";
            code_points(text.as_bytes()).for_each(|point| hash.push(point as u8));
            (hash, live.index)
        };
        Self { bidders: sorted.iter().map(bidder).collect() }
    }

    /// The highest bid for this key, and whose it is.
    pub(super) fn best(&self, key: &[u8]) -> (u32, usize) {
        let ascii = key.is_ascii();
        let bid = |mut hash: Murmur3| {
            if ascii {
                hash.extend(key);
            } else {
                code_points(key).for_each(|point| hash.push(point as u8));
            }
            hash.finish()
        };
        highest(self.bidders.iter().map(|(hash, owner)| (bid(*hash), *owner)))
    }
}

/// mcrouter's `Rendezvous`, its `tags` being the backends' names.
#[derive(Debug)]
pub(super) struct Mcrouter {
    /// The last first: it wins a tie.
    bidders: Box<[(u64, u32)]>,
}

impl Mcrouter {
    pub(super) fn new(nodes: &[Live<'_>]) -> Self {
        let tag = |node: &Node| murmur64(node.label().as_bytes(), 4_193_360_111);
        Self { bidders: nodes.iter().rev().map(|live| (tag(live.node), live.index)).collect() }
    }

    /// Who bids most for the key of this hash, which is `MurmurHash64A` with the seed 2718281828.
    #[inline]
    pub(super) fn owner(&self, hash: u64) -> usize {
        const K: u64 = 0x9ddf_ea08_eb38_2d69;
        let bid = |tag: u64| {
            let mut low = (hash ^ tag).wrapping_mul(K);
            low ^= low >> 47;
            let mut high = (tag ^ low).wrapping_mul(K);
            high ^= high >> 47;
            // As a double, in which near bids are equal.
            high.wrapping_mul(K) as f64
        };
        highest(self.bidders.iter().map(|(tag, owner)| (bid(*tag), *owner))).1
    }
}

/// The first of the highest bids, and whose it is.
#[inline]
fn highest<Bid: PartialOrd + Default>(bids: impl Iterator<Item = (Bid, u32)>) -> (Bid, usize) {
    let best = bids.reduce(|best, bid| if bid.0 > best.0 { bid } else { best });
    best.map_or_else(Default::default, |(bid, owner)| (bid, owner as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bid_of_pymemcache_is_murmur3_of_node_and_key() {
        let node = Node { host: "127.0.0.1".to_owned(), port: 11211, weight: 1, name: None };
        let bidders = Pymemcache::new(&[Live { index: 7, node: &node }]);
        assert_eq!(bidders.best(b"foo"), (553_244_281, 7));
    }

    #[test]
    fn the_first_of_the_highest_bids_wins() {
        assert_eq!(highest([(1, 10), (3, 11), (2, 12), (3, 13)].into_iter()), (3, 11));
    }
}
