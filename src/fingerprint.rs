//! Fingerprints of keys: what is remembered of a key that was asked for, to know the answer by.
//!
//! They are 8 bytes where the key would be up to 250, so that nothing has to be kept beside a
//! request in flight. Two keys have the same one with a chance of 1 in 2^64; as they are made with
//! a secret of the process, nobody can choose keys that do.

/// The secret.
#[derive(Debug, Clone, Copy)]
pub struct Fingerprints(u64);

/// The odd number nearest to 2^64 divided by the golden ratio: half of its bits are set, in no
/// pattern.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl Fingerprints {
    /// Made with this secret: a random number.
    pub const fn new(secret: u64) -> Self {
        Self(secret)
    }

    /// The fingerprint of `key`.
    #[inline]
    pub fn of(self, key: &[u8]) -> u64 {
        let (words, rest) = key.as_chunks::<8>();
        let mut hash = folded(self.0 ^ key.len() as u64);
        for word in words {
            hash = folded(hash ^ u64::from_le_bytes(*word));
        }
        if rest.is_empty() {
            return hash;
        }
        // What is left over is read with bytes before it, if there are any: one load.
        let last = match key.last_chunk::<8>() {
            Some(last) => u64::from_le_bytes(*last),
            None => rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        folded(hash ^ last)
    }
}

/// The two halves of a product, folded: each bit of it depends on all bits of `word`. (The mixing
/// step of Wang Yi's wyhash.)
#[inline]
fn folded(word: u64) -> u64 {
    let product = u128::from(word) * u128::from(MULTIPLIER);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_that_are_alike_have_fingerprints_that_are_not() {
        let prints = Fingerprints::new(0x1234_5678_9abc_def0);
        let mut seen = HashSet::new();
        for len in 0..=250 {
            let key = vec![b'k'; len];
            assert!(seen.insert(prints.of(&key)), "{len} bytes");
            for at in 0..len {
                for bit in [0, 3, 7] {
                    let mut other = key.clone();
                    other[at] ^= 1 << bit;
                    assert!(seen.insert(prints.of(&other)), "{len} bytes, bit {bit} of {at}");
                }
            }
        }
    }

    #[test]
    fn each_process_has_its_own() {
        assert_ne!(Fingerprints::new(1).of(b"key"), Fingerprints::new(2).of(b"key"));
    }
}
