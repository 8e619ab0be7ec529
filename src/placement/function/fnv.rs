//! The hashes of Fowler, Noll and Vo (<http://www.isthe.com/chongo/tech/comp/fnv/>): ours, and
//! those of the C and Java clients.

use ::fnv::FnvHasher;
use std::hash::Hasher;

/// Our own key hash: FNV-1a of 64 bits, finished so that keys which differ only at their end spread
/// over the whole range (FNV alone leaves them beside each other: the last byte meets one
/// multiplication).
pub(crate) fn spread(key: &[u8]) -> u64 {
    let mut hasher = FnvHasher::default();
    let (words, rest) = key.as_chunks::<8>();
    for word in words {
        // Of known length, so that the compiler unrolls the loop within.
        hasher.write(word);
    }
    hasher.write(rest);
    avalanche(hasher.finish())
}

/// Every bit of the input changes every bit of the output half of the time: the finalizer of
/// `SplitMix64` (Steele, Lea and Flood 2014), which is David Stafford's variant 13 of
/// `MurmurHash3`'s.
pub(crate) fn avalanche(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Where an FNV hash starts and what it multiplies by.
#[derive(Clone, Copy)]
pub(crate) struct Fnv {
    offset: u32,
    prime: u32,
}

/// FNV of 32 bits.
pub(crate) const FNV_32: Fnv = Fnv { offset: 0x811c_9dc5, prime: 0x0100_0193 };

/// FNV of 64 bits, of which the clients keep the low 32: these depend on nothing above them.
pub(crate) const FNV_64: Fnv = Fnv { offset: 0x8422_2325, prime: 0x0000_01b3 };

impl Fnv {
    /// FNV-1: multiply, then mix in. A unit is what the client takes for a character.
    pub(crate) fn one(self, units: impl Iterator<Item = u32>) -> u32 {
        units.fold(self.offset, |hash, unit| hash.wrapping_mul(self.prime) ^ unit)
    }

    /// FNV-1a: mix in, then multiply.
    pub(crate) fn one_a(self, units: impl Iterator<Item = u32>) -> u32 {
        units.fold(self.offset, |hash, unit| (hash ^ unit).wrapping_mul(self.prime))
    }
}
