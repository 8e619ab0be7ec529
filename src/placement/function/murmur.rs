//! Austin Appleby's hashes (<https://github.com/aappleby/smhasher>): `MurmurHash2`, `MurmurHash64A`
//! and `MurmurHash3_x86_32`.

/// `MurmurHash2` with the seed of libmemcached and twemproxy, which depends on the length.
pub(crate) fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let len = key.len() as u32;
    let blocks = key.chunks_exact(4);
    let tail = blocks.remainder();
    let mut hash = blocks.fold(length_seed(key) ^ len, |hash, block| {
        let k = word(block).wrapping_mul(M);
        hash.wrapping_mul(M) ^ (k ^ (k >> 24)).wrapping_mul(M)
    });
    if !tail.is_empty() {
        hash = (hash ^ word(tail)).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// `MurmurHash64A`, the 64-bit relative of `MurmurHash2`.
pub(crate) fn murmur64(key: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let blocks = key.chunks_exact(8);
    let tail = blocks.remainder();
    let mut hash = blocks.fold(seed ^ (key.len() as u64).wrapping_mul(M), |hash, block| {
        let k = wide_word(block).wrapping_mul(M);
        (hash ^ (k ^ (k >> 47)).wrapping_mul(M)).wrapping_mul(M)
    });
    if !tail.is_empty() {
        hash = (hash ^ wide_word(tail)).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 47)).wrapping_mul(M);
    hash ^ (hash >> 47)
}

/// `MurmurHash3_x86_32` with libmemcached's seed, which depends on the length.
pub(crate) fn murmur3(key: &[u8]) -> u32 {
    let mut hash = Murmur3::new(length_seed(key));
    hash.extend(key);
    hash.finish()
}

/// `MurmurHash3_x86_32` over bytes that come piece by piece, so that a common beginning is hashed
/// once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Murmur3 {
    hash: u32,
    /// The bytes of the block that is not full yet, the first one lowest.
    block: u32,
    len: u32,
}

impl Murmur3 {
    pub(crate) fn new(seed: u32) -> Self {
        Self { hash: seed, block: 0, len: 0 }
    }

    pub(crate) fn push(&mut self, byte: u8) {
        self.block |= u32::from(byte) << (self.len % 4 * 8);
        self.len = self.len.wrapping_add(1);
        if self.len.is_multiple_of(4) {
            self.mix(self.block);
            self.block = 0;
        }
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let missing = (4 - self.len as usize % 4) % 4;
        let (start, rest) = bytes.split_at(missing.min(bytes.len()));
        start.iter().for_each(|byte| self.push(*byte));
        let blocks = rest.chunks_exact(4);
        let tail = blocks.remainder();
        for block in blocks {
            self.mix(word(block));
            self.len = self.len.wrapping_add(4);
        }
        tail.iter().for_each(|byte| self.push(*byte));
    }

    fn mix(&mut self, block: u32) {
        self.hash = (self.hash ^ Self::scrambled(block)).rotate_left(13);
        self.hash = self.hash.wrapping_mul(5).wrapping_add(0xe654_6b64);
    }

    pub(crate) fn finish(self) -> u32 {
        let mut hash = self.hash ^ Self::scrambled(self.block) ^ self.len;
        hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
        hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
        hash ^ (hash >> 16)
    }

    fn scrambled(block: u32) -> u32 {
        block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
    }
}

fn length_seed(key: &[u8]) -> u32 {
    0xdead_beef_u32.wrapping_mul(key.len() as u32)
}

/// Up to four bytes as a little-endian number.
#[inline]
fn word(bytes: &[u8]) -> u32 {
    let mut word = [0; 4];
    word[..bytes.len()].copy_from_slice(bytes);
    u32::from_le_bytes(word)
}

/// Up to eight bytes as a little-endian number.
#[inline]
fn wide_word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}
