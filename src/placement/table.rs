//! What is built of the backends, once, and looked up for every key.

use super::BuildError;
use super::continuum::{Continuum, Point};
use super::function::{Function, avalanche, spread};
use super::jump::jump;
use super::list::List;
use super::memcached_proxy::Omode;
use super::node::{Live, Node, indexes};
use super::rendezvous::{ByName, Mcrouter, Pymemcache};
use super::twemproxy;
use super::{java, javascript, ketama, libmemcached, mcrouter, memcached_proxy, perl, php, ruby};
use std::cell::Cell;

/// How a table is built. Schemes that place alike share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Ours.
    Ketama,
    Jump,
    Rendezvous,
    /// The remainder by the number of backends.
    List,
    /// The remainder by the sum of weights.
    WeightedList,
    TwemproxyKetama,
    TwemproxyModula,
    TwemproxyRandom,
    LibmemcachedConsistent,
    LibmemcachedKetama,
    PhpMemcacheConsistent,
    Spymemcached,
    Xmemcached,
    Hashring,
    Pymemcache,
    Dalli,
    CacheMemcachedFast,
    McrouterCh3,
    McrouterWeightedCh3,
    McrouterRendezvous,
    MemcachedProxyRing(Omode),
    /// The original nodeproxy's remainder of doubles.
    Original,
}

/// The tables.
#[derive(Debug)]
pub(super) enum Table {
    List(List),
    /// Looked up by the lower half of the hash.
    Continuum(Continuum),
    /// Looked up by the upper half of our own hash.
    Ketama(Continuum),
    Jump(Box<[u32]>),
    ByName(ByName),
    Pymemcache(Pymemcache),
    Ch3(Box<[u32]>),
    WeightedCh3(mcrouter::Weighted),
    McrouterRendezvous(Mcrouter),
    Doubles(Box<[u32]>),
    /// The state of the generator beside the owners.
    Random(Box<[u32]>, Cell<u64>),
}

impl Layout {
    pub(super) fn build(self, plan: &Plan<'_>) -> Result<Table, BuildError> {
        let Plan { all, live, function, points } = *plan;
        let ring =
            |points: Result<Vec<Point>, BuildError>| Continuum::new(points?).map(Table::Continuum);
        Ok(match self {
            Self::Ketama => Table::Ketama(Continuum::new(ketama::points(all, live)?)?),
            Self::Jump => Table::Jump(indexes(live)),
            Self::Rendezvous => Table::ByName(ByName::new(live)),
            Self::List => Table::List(List::once(indexes(live))),
            Self::WeightedList => Table::List(List::weighted(live)),
            Self::TwemproxyKetama => ring(twemproxy::ketama(live))?,
            Self::TwemproxyModula => Table::List(List::weighted(&twemproxy::sorted(live))),
            Self::TwemproxyRandom => Table::Random(indexes(live), Cell::new(0)),
            Self::LibmemcachedConsistent => ring(libmemcached::consistent(live, function))?,
            Self::LibmemcachedKetama => ring(libmemcached::ketama(live))?,
            Self::PhpMemcacheConsistent => Table::List(php::buckets(live, function)?),
            Self::Spymemcached => ring(java::spymemcached(live, function))?,
            Self::Xmemcached => ring(java::xmemcached(live, function))?,
            Self::Hashring => ring(javascript::hashring(live))?,
            Self::Pymemcache => Table::Pymemcache(Pymemcache::new(live)),
            Self::Dalli => ring(ruby::ring(live))?,
            Self::CacheMemcachedFast => ring(perl::ketama(live, points))?,
            Self::McrouterCh3 => Table::Ch3(indexes(live)),
            Self::McrouterWeightedCh3 => Table::WeightedCh3(mcrouter::Weighted::new(live)),
            Self::McrouterRendezvous => Table::McrouterRendezvous(Mcrouter::new(live)),
            Self::MemcachedProxyRing(omode) => ring(memcached_proxy::ring(live, omode, points))?,
            Self::Original => Table::Doubles(indexes(live)),
        })
    }

    /// Whether a backend of more weight gets more keys.
    pub(super) fn honours_weights(self) -> bool {
        match self {
            Self::Ketama
            | Self::Rendezvous
            | Self::WeightedList
            | Self::TwemproxyKetama
            | Self::TwemproxyModula
            | Self::LibmemcachedKetama
            | Self::PhpMemcacheConsistent
            | Self::Spymemcached
            | Self::Xmemcached
            | Self::Hashring
            | Self::Dalli
            | Self::CacheMemcachedFast
            | Self::McrouterWeightedCh3 => true,
            Self::Jump
            | Self::List
            | Self::TwemproxyRandom
            | Self::LibmemcachedConsistent
            | Self::Pymemcache
            | Self::McrouterCh3
            | Self::McrouterRendezvous
            | Self::MemcachedProxyRing(_)
            | Self::Original => false,
        }
    }

    /// Whether two backends of one name are a mistake: the second would get no keys.
    pub(super) fn needs_distinct_names(self) -> bool {
        matches!(self, Self::Ketama | Self::Rendezvous)
    }
}

/// What a table is built from.
#[derive(Clone, Copy)]
pub(super) struct Plan<'a> {
    pub(super) all: &'a [Node],
    pub(super) live: &'a [Live<'a>],
    pub(super) function: Function,
    /// The points of a backend where an option sets them.
    pub(super) points: u32,
}

impl Table {
    /// The index of the owner of these bytes of a key. The default scheme's way is short enough to
    /// be part of the caller; the others together are not.
    #[inline]
    pub(super) fn owner(&self, function: Function, key: &[u8]) -> usize {
        if let Self::Ketama(ring) = self {
            ring.owner((spread(key) >> 32) as u32)
        } else {
            self.owner_of_others(function, key)
        }
    }

    #[inline(never)]
    fn owner_of_others(&self, function: Function, key: &[u8]) -> usize {
        match self {
            Self::Ketama(ring) => ring.owner((spread(key) >> 32) as u32),
            Self::Continuum(ring) => ring.owner(function.hash32(key)),
            Self::List(list) => list.owner(function.hash(key)),
            Self::Jump(owners) => owners[jump(function.hash(key), owners.len())] as usize,
            Self::ByName(bidders) => bidders.owner(function.hash(key)),
            Self::Pymemcache(bidders) => bidders.best(key).1,
            Self::Ch3(owners) => owners[mcrouter::furc(function.hash(key), owners.len())] as usize,
            Self::WeightedCh3(weighted) => weighted.owner(key),
            Self::McrouterRendezvous(bidders) => bidders.owner(function.hash(key)),
            Self::Doubles(owners) => owners[remainder(function.hash(key), owners.len())] as usize,
            Self::Random(owners, state) => {
                state.set(state.get().wrapping_add(GOLDEN_GAMMA));
                let random = avalanche(state.get());
                owners[(random % owners.len() as u64) as usize] as usize
            }
        }
    }

    /// The hash that decides the owner.
    pub(super) fn hash(&self, function: Function, key: &[u8]) -> u64 {
        match self {
            Self::Pymemcache(bidders) => bidders.best(key).0.into(),
            Self::Continuum(_)
            | Self::Ketama(_)
            | Self::List(_)
            | Self::Jump(_)
            | Self::ByName(_)
            | Self::Ch3(_)
            | Self::WeightedCh3(_)
            | Self::McrouterRendezvous(_)
            | Self::Doubles(_)
            | Self::Random(..) => function.hash(key),
        }
    }

    /// The ring, if this is one.
    pub(super) fn continuum(&self) -> Option<&Continuum> {
        match self {
            Self::Continuum(ring) | Self::Ketama(ring) => Some(ring),
            Self::List(_)
            | Self::Jump(_)
            | Self::ByName(_)
            | Self::Pymemcache(_)
            | Self::Ch3(_)
            | Self::WeightedCh3(_)
            | Self::McrouterRendezvous(_)
            | Self::Doubles(_)
            | Self::Random(..) => None,
        }
    }
}

/// The step of `SplitMix64` (Steele, Lea and Flood 2014), whose finalizer our hash ends with.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The original's `h mod n`, which has the sign of h, so that n is added below zero. Where its h
/// had become infinite it failed, and any backend will do.
fn remainder(bits: u64, count: usize) -> usize {
    let remainder = f64::from_bits(bits) % count as f64;
    if remainder < 0.0 { (remainder + count as f64) as usize } else { remainder as usize }
}
