//! Backends in a row, of which the remainder of a division picks one: what most clients do by
//! default.

use super::node::{Live, indexes, total_weight};

/// A list in which each owner stands as often as its weight says, without being written out.
#[derive(Debug)]
pub(super) struct List {
    owners: Box<[u32]>,
    /// Where each owner's stretch of the list ends; empty when each owner stands once.
    ends: Box<[u64]>,
    len: u64,
}

impl List {
    /// Each node once, whatever its weight.
    pub(super) fn once(owners: Box<[u32]>) -> Self {
        Self { len: owners.len() as u64, owners, ends: Box::default() }
    }

    /// Each node as often as it weighs.
    pub(super) fn weighted(nodes: &[Live<'_>]) -> Self {
        let mut list = Self::once(indexes(nodes));
        if nodes.iter().any(|node| node.weight() != 1) {
            list.len = total_weight(nodes);
            let ends = nodes.iter().scan(0, |end, node| {
                *end += node.weight();
                Some(*end)
            });
            list.ends = ends.collect();
        }
        list
    }

    /// The owner at the remainder of this hash.
    #[inline]
    pub(super) fn owner(&self, hash: u64) -> usize {
        let at = hash % self.len;
        let owner = match self.ends.len() {
            0 => at as usize,
            _ => self.ends.partition_point(|end| *end <= at),
        };
        self.owners[owner] as usize
    }
}

#[cfg(test)]
mod tests {
    use super::super::Node;
    use super::*;

    #[test]
    fn weights_are_as_if_owners_were_written_out() {
        for weights in [&[1, 1, 1][..], &[1, 3, 2, 5, 1], &[7], &[0, 4], &[100_000, 1]] {
            let node =
                |weight: &u32| Node { host: String::new(), port: 1, weight: *weight, name: None };
            let nodes: Vec<_> = weights.iter().map(node).collect();
            let live: Vec<_> =
                nodes.iter().zip(5..).map(|(node, index)| Live { index, node }).collect();
            let list = List::weighted(&live);
            let written_out: Vec<_> = live
                .iter()
                .flat_map(|live| vec![live.index as usize; live.weight() as usize])
                .collect();
            let len = written_out.len();
            for hash in (0..2 * len.min(1_000)).chain([len - 1, len, usize::MAX]) {
                assert_eq!(list.owner(hash as u64), written_out[hash % len], "{weights:?} {hash}");
            }
        }
    }
}
