//! mcrouter's `Ch3`, which its source calls furc, and the weighted form. Read from its source; the
//! constants of its unit tests are in the tests.
//!
//! The backends stand at the leaves of a binary tree, in the order of the list. Bits of an endless
//! stream that the key's hash begins choose a path, and a path that ends beyond the list is tried
//! again.

use super::function::{murmur64, spooky32};
use super::node::{Live, indexes};

/// The seed of the key's hash and of all that follow it in the stream.
pub(super) const SEED: u64 = 4_193_360_111;

/// Bits of the stream are taken so far apart.
const BIT_STEP: u32 = 23;

const ATTEMPTS: u32 = 32;

/// The longest that is hashed: a key of memcached, with room for what is added to it.
pub(super) const TEXT_BYTES_MAX: usize = 512;

/// The leaf, below `count`, of a key of this hash.
#[inline]
pub(super) fn furc(hash: u64, count: usize) -> usize {
    if count <= 1 {
        return 0;
    }
    let mut stream = Stream { first: hash, word: hash, at: 0 };
    let mut depth = (count - 1).ilog2() + 1;
    let mut at = depth;
    for _ in 0..ATTEMPTS {
        while !stream.bit(at) {
            depth -= 1;
            if depth == 0 {
                return 0;
            }
            at = depth;
        }
        at += BIT_STEP;
        let mut leaf = 1;
        for _ in 1..depth {
            leaf = 2 * leaf + usize::from(stream.bit(at));
            at += BIT_STEP;
        }
        if leaf < count {
            return leaf;
        }
    }
    0
}

/// The endless bits of a hash: each word of 64 is the hash of the word before.
struct Stream {
    first: u64,
    word: u64,
    /// Which word that is.
    at: u32,
}

impl Stream {
    fn bit(&mut self, at: u32) -> bool {
        if at / 64 < self.at {
            (self.word, self.at) = (self.first, 0);
        }
        while self.at < at / 64 {
            self.word = murmur64(&self.word.to_le_bytes(), SEED);
            self.at += 1;
        }
        self.word >> (at % 64) & 1 == 1
    }
}

/// `WeightedCh3`: a leaf accepts a key with the probability of its weight, or else the key is tried
/// again with a number behind it. mcrouter's weights are fractions of 1; ours are integers, and the
/// heaviest backend is the 1, so that 10, 10 and 7 are what mcrouter has as 1.0, 1.0 and 0.7.
#[derive(Debug)]
pub(super) struct Weighted {
    owners: Box<[u32]>,
    /// What the other hash of a key must stay below.
    limits: Box<[u32]>,
}

impl Weighted {
    pub(super) fn new(nodes: &[Live<'_>]) -> Self {
        let heaviest = nodes.iter().map(Live::weight).max().unwrap_or(1);
        let shares = nodes.iter().map(|live| live.weight() as f64 / heaviest as f64);
        Self::of_shares(indexes(nodes), shares)
    }

    fn of_shares(owners: Box<[u32]>, shares: impl Iterator<Item = f64>) -> Self {
        Self { owners, limits: shares.map(|share| (share * f64::from(u32::MAX)) as u32).collect() }
    }

    /// The owner of this key.
    pub(super) fn owner(&self, key: &[u8]) -> usize {
        const SEED_OF_WEIGHTS: u32 = 0xface_2014;
        let mut text = [0; TEXT_BYTES_MAX];
        let len = key.len().min(TEXT_BYTES_MAX - 2);
        text[..len].copy_from_slice(&key[..len]);
        let mut end = len;
        for attempt in 0..ATTEMPTS as u8 {
            let tried = &text[..end];
            let leaf = furc(murmur64(tried, SEED), self.owners.len());
            let accepted = spooky32(tried, SEED_OF_WEIGHTS) < self.limits[leaf];
            if accepted || attempt == ATTEMPTS as u8 - 1 {
                return self.owners[leaf] as usize;
            }
            // The number of the attempt, its digits in reverse: 0 to 9, then 01, 11, 21.
            text[len] = b'0' + attempt % 10;
            text[len + 1] = b'0' + attempt / 10;
            end = len + 1 + usize::from(attempt >= 10);
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Node, Options, Placement, Scheme};
    use super::*;

    /// The vectors of the reference: a key, then its leaf among 2, 3, 5, 8, 10, 16, 100 and 1,000,
    /// then `crc32` among 3, 5, 10 and 100.
    const VECTORS: &str = "
 1 1 1 6 8 12 72 72 0 0 0 0
a 1 1 4 4 4 13 34 900 1 4 9 59
foo 1 1 1 1 1 1 1 478 0 1 1 21
key1 0 2 2 2 2 2 2 808 1 1 6 96
key2 0 0 4 4 4 14 40 794 2 0 0 10
key3 1 1 1 5 5 5 73 214 1 2 2 12
sample 1 1 4 7 7 14 97 502 2 2 7 7
user:1234 0 0 0 0 0 0 51 762 2 0 5 95
user:1234SALT 1 1 1 7 8 8 54 615 0 4 4 44
abcdefgh 0 2 2 2 8 8 28 257 2 2 2 72
abcdefghi 0 2 2 2 2 2 26 983 1 3 3 83
XXX 1 1 4 4 4 14 16 489 0 1 6 46
";

    #[test]
    fn the_vectors_of_the_reference() {
        let ch3 =
            [2, 3, 5, 8, 10, 16, 100, 1000].map(|count| placement("ch3", "", &vec![1; count]));
        let crc = [3, 5, 10, 100].map(|count| placement("crc32", "", &vec![1; count]));
        for line in VECTORS.replace("XXX", &"x".repeat(250)).lines().skip(1) {
            let (key, expected) = line.split_once(' ').expect(line);
            let places = ch3.iter().chain(&crc).map(|it| it.place(key.as_bytes()).to_string());
            assert_eq!(places.collect::<Vec<_>>().join(" "), expected, "{key}");
        }
    }

    #[test]
    fn the_constants_of_its_unit_tests() {
        let leaf = |key: &[u8], count| furc(murmur64(key, SEED), count);
        assert_eq!(leaf(b"", 1 << 23), 6_173_600);
        assert_eq!(leaf(b"sample", 1 << 23), 5_167_780);
        let bytes: Vec<u8> = (0x80..=0xff).chain(0..0x80).collect();
        assert_eq!(leaf(&bytes, 99_999), 31_015);
        let reversed: Vec<u8> = bytes.into_iter().rev().collect();
        assert_eq!(leaf(&reversed, 99_999), 67_101);
        let equal = placement("ch3", "", &[1, 1, 1]);
        assert_eq!(counts(&equal, ""), [307, 342, 351]);
        assert_eq!(counts(&placement("weightedch3", "", &[10, 10, 7]), ""), [341, 371, 288]);
        assert_eq!(counts(&placement("weightedch3", "", &[9, 9, 9]), ""), [307, 342, 351]);
    }

    #[test]
    fn keys_that_nobody_accepts_stay_at_the_last_try() {
        let owners: Box<[u32]> = (0..100).collect();
        let nobody = Weighted::of_shares(owners, [0.0; 100].into_iter());
        assert_eq!(nobody.owner(b"sample"), 59);
        assert_eq!(nobody.owner(b""), 45);
    }

    #[test]
    fn rendezvous_goes_by_tags() {
        let tag = |at| Some(format!("xxx.{at}.yy"));
        let node = |name| Node { host: String::new(), port: 1, weight: 1, name };
        let nodes: Vec<_> = (0..343).map(|at| node(tag(at))).collect();
        let placement = Placement::build(&scheme("rendezvous", ""), &nodes).expect("placement");
        let places = ["sample", "mykey", ""].map(|key| placement.place(key.as_bytes()));
        assert_eq!(places, [45, 132, 291]);
    }

    #[test]
    fn the_salt_follows_what_the_stop_leaves() {
        let plain = placement("ch3", "", &[1; 1000]);
        let salted = placement("ch3", "SALT", &[1; 1000]);
        assert_eq!(salted.place(b"user:1234"), 615);
        assert_eq!(salted.place(b"user:1234|#|more"), 615);
        assert_eq!(plain.place(b"user:1234|#|more"), 762);
        assert_eq!(plain.place(b"|#|more"), 72);
        assert_eq!(plain.hash(b"user:1234|#|"), 0x79a2_eafd_e554_de60);
        assert_eq!(salted.hash(b"user:1234|#|"), 0x2a23_92e4_274b_165b);
    }

    /// How many of the keys 0 to 999 each backend has.
    fn counts(placement: &Placement, prefix: &str) -> [u32; 3] {
        let mut counts = [0; 3];
        for key in 0..1000 {
            counts[placement.place(format!("{prefix}{key}").as_bytes())] += 1;
        }
        counts
    }

    fn placement(hash: &str, salt: &str, weights: &[u32]) -> Placement {
        let node = |weight: &u32| Node {
            host: "127.0.0.1".to_owned(),
            port: 11211,
            weight: *weight,
            name: None,
        };
        let nodes: Vec<_> = weights.iter().map(node).collect();
        Placement::build(&scheme(hash, salt), &nodes).expect("placement")
    }

    fn scheme(hash: &str, salt: &str) -> Scheme {
        let salt = (!salt.is_empty()).then(|| salt.to_owned());
        let options = Options { hash: Some(hash.to_owned()), salt, ..Options::default() };
        Scheme::new("mcrouter", &options).expect("scheme")
    }
}
