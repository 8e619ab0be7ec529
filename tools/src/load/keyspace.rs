//! The keys, and the value that belongs to each: a function of the key, so that any reply can be
//! checked without remembering what was stored, and so that concurrent sets never disagree.

use crate::failure::{Failure, Result};
use std::ops::RangeInclusive;

/// The longest key memcached takes.
pub const KEY_BYTES_MAX: usize = 250;
/// Values of different keys start at different places of one pattern: this many of them.
const PATTERN_SHIFTS: usize = 251;
/// Every so many bytes the pattern holds what a careless parser would take for the end of a reply.
const TRAP_EVERY_BYTES: usize = 97;
/// What stands behind the number of a key.
const FILLING: u8 = b'.';
const TRAP: &[u8] = b"\r\nEND\r\nVALUE ";

/// How keys look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyShape {
    /// What every key starts with.
    pub prefix: String,
    /// How many keys there are.
    pub count: u32,
    /// Their length: one and the same, or anything in the range, fixed for each key.
    pub bytes: RangeInclusive<usize>,
}

/// All keys and their values. Nothing here allocates once it is built.
#[derive(Debug)]
pub struct Keyspace {
    keys: Vec<u8>,
    /// Where each key ends in `keys`; it starts where the one before it ends.
    ends: Vec<u32>,
    value_bytes: usize,
    pattern: Vec<u8>,
}

impl Keyspace {
    /// Builds all keys: the prefix, the number of the key, dots up to the length. What stands
    /// behind the number lets weak hashes too (twemproxy's default) spread the keys over all
    /// backends.
    pub fn new(shape: &KeyShape, value_bytes: usize) -> Result<Self> {
        let KeyShape { prefix, count, bytes } = shape;
        let digits = count.saturating_sub(1).to_string().len();
        let needed = prefix.len() + digits;
        if *count == 0 {
            return Err(Failure::new("0 keys; expected at least 1"));
        }
        if bytes.is_empty() || *bytes.start() < needed || *bytes.end() > KEY_BYTES_MAX {
            return Err(Failure::new(format!(
                "key size {}-{}; expected from {needed} (the prefix and {digits} digits) \
                 to {KEY_BYTES_MAX}",
                bytes.start(),
                bytes.end()
            )));
        }
        if prefix.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(Failure::new("key prefix: expected no blanks and no control bytes"));
        }
        let (mut keys, mut ends) = (Vec::new(), Vec::with_capacity(*count as usize));
        for number in 0..*count {
            let length = bytes.start() + scatter(number) % (bytes.end() - bytes.start() + 1);
            let text = format!("{prefix}{number:0digits$}");
            keys.extend_from_slice(text.as_bytes());
            keys.resize(keys.len() + length - text.len(), FILLING);
            ends.push(keys.len() as u32);
        }
        Ok(Self { keys, ends, value_bytes, pattern: pattern(value_bytes + PATTERN_SHIFTS) })
    }

    /// How many keys there are.
    pub fn count(&self) -> u32 {
        self.ends.len() as u32
    }

    /// The length of every value.
    pub fn value_bytes(&self) -> usize {
        self.value_bytes
    }

    /// The key of that number.
    pub fn key(&self, number: u32) -> &[u8] {
        let at = number as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.keys[start as usize..self.ends[at] as usize]
    }

    /// The value of the key of that number, in two pieces: the end of the key itself, so that a
    /// value says whose it is, and then the pattern.
    pub fn value(&self, number: u32) -> (&[u8], &[u8]) {
        let key = self.key(number);
        let named = key.iter().rposition(|byte| *byte != FILLING).map_or(0, |at| at + 1);
        let own = &key[named.saturating_sub(self.value_bytes)..named];
        let shift = scatter(number) % PATTERN_SHIFTS;
        (own, &self.pattern[shift..shift + self.value_bytes - own.len()])
    }

    /// Whether `piece` is what that key's value holds from `at` on. The piece lies within the
    /// value.
    pub fn matches(&self, number: u32, at: usize, piece: &[u8]) -> bool {
        let (own, rest) = self.value(number);
        if at >= own.len() {
            return piece == &rest[at - own.len()..][..piece.len()];
        }
        let (first, second) = piece.split_at(piece.len().min(own.len() - at));
        first == &own[at..at + first.len()] && second == &rest[..second.len()]
    }
}

/// Any fixed function that spreads neighbours.
fn scatter(number: u32) -> usize {
    (number.wrapping_mul(0x9e37_79b1) >> 16) as usize
}

/// Bytes of every kind, with a trap now and then.
fn pattern(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let mut bytes: Vec<u8> = (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 24) as u8
        })
        .collect();
    for chunk in bytes.chunks_exact_mut(TRAP_EVERY_BYTES) {
        chunk[..TRAP.len()].copy_from_slice(TRAP);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn shape(count: u32, bytes: RangeInclusive<usize>) -> KeyShape {
        KeyShape { prefix: "k:".into(), count, bytes }
    }

    fn whole(keyspace: &Keyspace, number: u32) -> Vec<u8> {
        let (own, rest) = keyspace.value(number);
        [own, rest].concat()
    }

    #[test]
    fn keys_are_distinct_and_have_the_asked_length() {
        let keyspace = Keyspace::new(&shape(1000, 5..=40), 32).expect("valid");
        let all: HashSet<&[u8]> = (0..1000).map(|number| keyspace.key(number)).collect();
        assert_eq!(all.len(), 1000);
        assert!(all.iter().all(|key| (5..=40).contains(&key.len()) && key.starts_with(b"k:")));
        let lengths: HashSet<usize> = all.iter().map(|key| key.len()).collect();
        assert!(lengths.len() > 30, "lengths spread over the range: {}", lengths.len());
        assert_eq!(Keyspace::new(&shape(11, 6..=6), 1).expect("valid").key(10), b"k:10..");
    }

    #[test]
    fn a_value_says_whose_it_is() {
        for size in [4, 32, 1000] {
            let keyspace = Keyspace::new(&shape(2000, 8..=8), size).expect("valid");
            let values: HashSet<Vec<u8>> = (0..2000).map(|n| whole(&keyspace, n)).collect();
            assert_eq!(values.len(), 2000, "of {size} bytes");
            assert!(values.iter().all(|value| value.len() == size));
        }
        assert!(Keyspace::new(&shape(1, 3..=3), 0).expect("valid").value(0).0.is_empty());
    }

    #[test]
    fn any_piece_of_a_value_matches_and_no_other() {
        let keyspace = Keyspace::new(&shape(10, 6..=6), 40).expect("valid");
        let value = whole(&keyspace, 7);
        for start in 0..=40 {
            for end in start..=40 {
                assert!(keyspace.matches(7, start, &value[start..end]), "{start}..{end}");
                for at in start..end {
                    let mut broken = value[start..end].to_vec();
                    broken[at - start] ^= 1;
                    assert!(!keyspace.matches(7, start, &broken), "{start}..{end} at {at}");
                }
            }
        }
    }

    #[test]
    fn impossible_shapes_are_refused_with_a_reason() {
        let refused =
            |count, bytes| Keyspace::new(&shape(count, bytes), 1).map(|_| ()).expect_err("refused");
        assert!(refused(0, 3..=3).to_string().contains("at least 1"));
        assert!(refused(1000, 4..=9).to_string().contains("from 5"));
        assert!(refused(10, 9..=251).to_string().contains("to 250"));
        let blank = KeyShape { prefix: "a b".into(), ..shape(1, 9..=9) };
        assert!(Keyspace::new(&blank, 1).is_err());
    }
}
