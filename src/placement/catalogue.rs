//! The schemes: their names, and which options each takes. A further one is a row here and, if it
//! places like no other, a layout. Rows whose layout is a list are all there is of their program,
//! and say whose they are; all were read from the sources and compared with the versions named.

use super::function::Function::{self, *};
use super::mcrouter;
use super::memcached_proxy::Omode;
use super::table::Layout;

/// A row of the table of schemes.
pub(super) struct Entry {
    pub(super) name: &'static str,
    /// The key hash, by default if there are several.
    pub(super) function: Function,
    /// The values of the option `hash`; none where it is not an option.
    pub(super) hashes: &'static [(&'static str, Function)],
    /// The layout, by default if there are several.
    pub(super) layout: Layout,
    /// The option that chooses the layout, and its values; none where there is no choice.
    pub(super) layouts: (&'static str, &'static [(&'static str, Layout)]),
    /// The default of the option `points`; 0 where it is not an option.
    pub(super) points: u32,
    /// Which program's further options the scheme takes.
    pub(super) extras: Extras,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extras {
    None,
    /// `salt`, and the hash stop.
    Mcrouter,
    /// `seed`, `filter` and `filter_conf`.
    MemcachedProxy,
}

/// What `hash` may be for the clients built on libhashkit.
const LIBHASHKIT: &[(&str, Function)] = &[
    ("default", OneAtATime),
    ("md5", Md5),
    ("crc", Crc15),
    ("fnv1_64", Fnv1Of64),
    ("fnv1a_64", Fnv1aOf64),
    ("fnv1_32", Fnv1Of32),
    ("fnv1a_32", Fnv1aOf32),
    ("murmur", Murmur2),
    ("jenkins", Lookup3),
    ("murmur3", Murmur3),
    ("hsieh", Hsieh),
];

const TWEMPROXY: &[(&str, Function)] = &[
    ("one_at_a_time", OneAtATime),
    ("md5", Md5),
    ("crc16", Crc16),
    ("crc32", Crc15),
    ("crc32a", Crc32),
    ("fnv1_64", Fnv1Of64),
    ("fnv1a_64", Fnv1aOf64),
    ("fnv1_32", Fnv1Of32),
    ("fnv1a_32", Fnv1aOf32),
    ("hsieh", Hsieh),
    ("murmur", Murmur2),
    ("jenkins", Lookup3),
];

/// `HashAlgorithm` of xmemcached; spymemcached's `DefaultHashAlgorithm` lacks the last.
const XMEMCACHED: &[(&str, Function)] = &[
    ("native", JavaString),
    ("crc", Crc15),
    ("fnv1_64", UnitsFnv1Of64),
    ("fnv1a_64", UnitsFnv1aOf64),
    ("fnv1_32", UnitsFnv1Of32),
    ("fnv1a_32", UnitsFnv1aOf32),
    ("ketama", Md5),
    ("one_at_a_time", OneAtATimeUnsigned),
];

const SPYMEMCACHED: &[(&str, Function)] = XMEMCACHED.split_at(XMEMCACHED.len() - 1).0;

/// python-memcached since 1.60, until 1.59, and after `useOldServerHashFunction()`.
const PYTHON: &[(&str, Function)] = &[("crc", Crc15), ("crc-1.59", Crc15OrOne), ("crc32", Crc32)];

const MCROUTER: &[(&str, Function)] = &[
    ("ch3", Murmur64 { seed: mcrouter::SEED }),
    ("weightedch3", Murmur64 { seed: mcrouter::SEED }),
    ("crc32", Crc31),
    ("rendezvous", Murmur64 { seed: 2_718_281_828 }),
];

const MCROUTER_LAYOUTS: &[(&str, Layout)] = &[
    ("ch3", Layout::McrouterCh3),
    ("weightedch3", Layout::McrouterWeightedCh3),
    ("crc32", Layout::List),
    ("rendezvous", Layout::McrouterRendezvous),
];

const XXHASH: Function = Xxh3 { seed: 0 };

/// `mcp.hash_xxhash` and `mcp.dist_ring_hash.hash`.
const MEMCACHED_PROXY: &[(&str, Function)] = &[("xxhash", XXHASH), ("md5", Md5)];

const DISTRIBUTIONS: &[(&str, Layout)] = &[
    ("ketama", Layout::TwemproxyKetama),
    ("modula", Layout::TwemproxyModula),
    ("random", Layout::TwemproxyRandom),
];

const OMODES: &[(&str, Layout)] = &[
    ("default", Layout::MemcachedProxyRing(Omode::Default)),
    ("ketama", Layout::MemcachedProxyRing(Omode::Ketama)),
    ("twemproxy", Layout::MemcachedProxyRing(Omode::Twemproxy)),
    ("evcache", Layout::MemcachedProxyRing(Omode::Evcache)),
];

/// The schemes, ours first.
pub(super) const ENTRIES: &[Entry] = &[
    entry("ketama", Spread, Layout::Ketama),
    entry("jump", Spread, Layout::Jump),
    entry("rendezvous", Spread, Layout::Rendezvous),
    entry("nodeproxy", Original, Layout::Original),
    Entry {
        layouts: ("distribution", DISTRIBUTIONS),
        ..entry("twemproxy", Fnv1aOf64, Layout::TwemproxyKetama).of(TWEMPROXY)
    },
    // libmemcached 1.1.4, its default; so of pylibmc 1.6.3 and pecl-memcached 3.2.0.
    entry("libmemcached-modula", OneAtATime, Layout::List).of(LIBHASHKIT),
    entry("libmemcached-consistent", OneAtATime, Layout::LibmemcachedConsistent).of(LIBHASHKIT),
    entry("libmemcached-ketama", Md5, Layout::LibmemcachedKetama).of(LIBHASHKIT),
    // pecl-memcache 4.0.5.2 with hash_strategy=standard, python-memcached until 1.59, and
    // unweighted apr-util 1.6 share the hash that is never 0.
    entry("php-memcache", Crc15OrOne, Layout::WeightedList)
        .of(&[("crc32", Crc15OrOne), ("fnv", Fnv1a15OrOne)]),
    entry("php-memcache-consistent", Crc32, Layout::PhpMemcacheConsistent)
        .of(&[("crc32", Crc32), ("fnv", Fnv1aOf32)]),
    // spymemcached 2.12.3, ArrayModNodeLocator: no weights. The hash is never negative.
    entry("spymemcached", JavaString, Layout::List).of(SPYMEMCACHED),
    entry("spymemcached-ketama", Md5, Layout::Spymemcached).of(SPYMEMCACHED),
    // xmemcached 2.4.10, ArrayMemcachedSessionLocator.
    entry("xmemcached", JavaString, Layout::WeightedList).of(XMEMCACHED),
    entry("xmemcached-ketama", Md5, Layout::Xmemcached).of(XMEMCACHED),
    // python-memcached 1.59 and 1.62.
    entry("python-memcached", Crc15, Layout::WeightedList).of(PYTHON),
    entry("pymemcache", Murmur3, Layout::Pymemcache),
    entry("npm-memcached", Md5, Layout::Hashring),
    // memjs 1.3.2: the sign of the hash is dropped.
    entry("memjs", JavaStringDistance, Layout::List),
    // gomemcache of 2014 and 2025: the whole CRC.
    entry("gomemcache", Crc32, Layout::List),
    entry("dalli", Crc32, Layout::Dalli),
    // Cache::Memcached 1.30, and Cache::Memcached::Fast 0.28 without ketama_points.
    entry("cache-memcached", Crc15, Layout::WeightedList),
    Entry {
        points: 150,
        ..entry("cache-memcached-fast-ketama", Crc32, Layout::CacheMemcachedFast)
    },
    // apr_memcache of apr-util 1.6.
    entry("apr-memcache", Crc15OrOne, Layout::List),
    Entry {
        layouts: ("hash", MCROUTER_LAYOUTS),
        extras: Extras::Mcrouter,
        ..entry("mcrouter", MCROUTER[0].1, Layout::McrouterCh3).of(MCROUTER)
    },
    Entry {
        extras: Extras::MemcachedProxy,
        ..entry("memcached-proxy-jump", XXHASH, Layout::Jump).of(MEMCACHED_PROXY)
    },
    Entry {
        layouts: ("omode", OMODES),
        points: 160,
        extras: Extras::MemcachedProxy,
        ..entry("memcached-proxy-ring", XXHASH, OMODES[0].1).of(MEMCACHED_PROXY)
    },
];

/// A scheme without a choice of anything.
const fn entry(name: &'static str, function: Function, layout: Layout) -> Entry {
    Entry {
        name,
        function,
        hashes: &[],
        layout,
        layouts: ("", &[]),
        points: 0,
        extras: Extras::None,
    }
}

impl Entry {
    /// The entry with a choice of these hashes.
    const fn of(self, hashes: &'static [(&'static str, Function)]) -> Self {
        Self { hashes, ..self }
    }
}
