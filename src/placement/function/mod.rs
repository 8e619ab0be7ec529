//! The hash functions, each as the program that used it computes it: over its idea of a character,
//! cut to its idea of a width.

mod crc;
mod fnv;
mod hsieh;
mod jenkins;
mod murmur;
mod spooky;
mod text;

pub(super) use crc::{crc32, crc32_continued};
pub(super) use fnv::{avalanche, spread};
pub(super) use murmur::{Murmur3, murmur64};
pub(super) use spooky::spooky32;
pub(super) use text::code_points;

use crc::fifteen_bits;
use fnv::{FNV_32, FNV_64};
use text::{signed, units, unsigned};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A hash function, named for what it computes and not for who uses it. All but the last five give
/// 32 bits or fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// The first four bytes of the MD5 digest, little endian.
    Md5,
    Crc32,
    /// CRC-32 without its highest bit.
    Crc31,
    /// Bits 16 to 30 of the CRC-32.
    Crc15,
    /// Bits 16 to 30 of the CRC-32, and 1 for 0.
    Crc15OrOne,
    /// twemproxy's unmasked CRC-16.
    Crc16,
    /// FNV over signed bytes. The 64-bit ones are cut to their low half.
    Fnv1Of32,
    Fnv1aOf32,
    Fnv1Of64,
    Fnv1aOf64,
    /// Bits 16 to 30 of FNV-1a of 32 bits, and 1 for 0.
    Fnv1a15OrOne,
    /// FNV over UTF-16 units.
    UnitsFnv1Of32,
    UnitsFnv1aOf32,
    UnitsFnv1Of64,
    UnitsFnv1aOf64,
    /// Jenkins' one-at-a-time over signed bytes.
    OneAtATime,
    /// Jenkins' one-at-a-time over unsigned bytes.
    OneAtATimeUnsigned,
    Lookup3,
    Hsieh,
    Murmur2,
    Murmur3,
    /// Java's `String.hashCode`, taken as unsigned.
    JavaString,
    /// The distance of `String.hashCode` from zero.
    JavaStringDistance,
    /// Our own: FNV-1a of 64 bits, then an avalanche.
    Spread,
    /// `MurmurHash64A`.
    Murmur64 {
        seed: u64,
    },
    /// XXH3 of 64 bits.
    Xxh3 {
        seed: u64,
    },
    /// The original nodeproxy's double, as its bits.
    Original,
}

impl Function {
    /// The hash of these bytes. It looks at every byte, allocates nothing, and takes any bytes.
    #[inline]
    pub(super) fn hash(self, key: &[u8]) -> u64 {
        u64::from(match self {
            Self::Spread => return spread(key),
            Self::Murmur64 { seed } => return murmur64(key, seed),
            Self::Xxh3 { seed } => return xxh3_64_with_seed(key, seed),
            Self::Original => return text::original(key).to_bits(),
            Self::Md5 => md5_words(key)[0],
            Self::Crc32 => crc32(key),
            Self::Crc31 => crc32(key) & 0x7fff_ffff,
            Self::Crc15 => fifteen_bits(crc32(key)),
            Self::Crc15OrOne => fifteen_bits(crc32(key)).max(1),
            Self::Crc16 => crc::crc16(key),
            Self::Fnv1Of32 => FNV_32.one(signed(key)),
            Self::Fnv1aOf32 => FNV_32.one_a(signed(key)),
            Self::Fnv1Of64 => FNV_64.one(signed(key)),
            Self::Fnv1aOf64 => FNV_64.one_a(signed(key)),
            Self::Fnv1a15OrOne => fifteen_bits(FNV_32.one_a(signed(key))).max(1),
            Self::UnitsFnv1Of32 => FNV_32.one(units(key)),
            Self::UnitsFnv1aOf32 => FNV_32.one_a(units(key)),
            Self::UnitsFnv1Of64 => FNV_64.one(units(key)),
            Self::UnitsFnv1aOf64 => FNV_64.one_a(units(key)),
            Self::OneAtATime => jenkins::one_at_a_time(signed(key)),
            Self::OneAtATimeUnsigned => jenkins::one_at_a_time(unsigned(key)),
            Self::Lookup3 => jenkins::lookup3(key),
            Self::Hsieh => hsieh::hsieh(key),
            Self::Murmur2 => murmur::murmur2(key),
            Self::Murmur3 => murmur::murmur3(key),
            Self::JavaString => text::java_string(key),
            Self::JavaStringDistance => text::java_string(key).cast_signed().unsigned_abs(),
        })
    }

    /// The hash as a place on a ring of 32 bits.
    #[inline]
    pub(super) fn hash32(self, key: &[u8]) -> u32 {
        self.hash(key) as u32
    }
}

/// The MD5 digest as four little-endian words: the points of every ketama ring.
pub(super) fn md5_words(text: &[u8]) -> [u32; 4] {
    let digest = u128::from_le_bytes(md5::compute(text).0);
    [0, 32, 64, 96].map(|at| (digest >> at) as u32)
}

#[cfg(test)]
mod tests;
