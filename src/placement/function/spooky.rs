//! Bob Jenkins' `SpookyHash` V2 (<https://burtleburtle.net/bob/hash/spooky.html>), of which
//! mcrouter keeps 32 bits.

const FILL: u64 = 0xdead_beef_dead_beef;
const LANES: usize = 12;
const BLOCK_BYTES: usize = LANES * 8;

/// The low 32 bits of the hash with this seed.
pub(crate) fn spooky32(key: &[u8], seed: u32) -> u32 {
    let seed = u64::from(seed);
    let hash = if key.len() < 2 * BLOCK_BYTES { short(key, seed) } else { long(key, seed) };
    hash as u32
}

/// Four lanes, for keys below 192 bytes.
fn short(key: &[u8], seed: u64) -> u64 {
    let mut lanes = [seed, seed, FILL, FILL];
    let blocks = key.chunks_exact(32);
    let mut rest = blocks.remainder();
    for block in blocks {
        lanes[2] = lanes[2].wrapping_add(word(&block[..8]));
        lanes[3] = lanes[3].wrapping_add(word(&block[8..16]));
        short_mix(&mut lanes);
        lanes[0] = lanes[0].wrapping_add(word(&block[16..24]));
        lanes[1] = lanes[1].wrapping_add(word(&block[24..]));
    }
    if let Some((half, tail)) = rest.split_at_checked(16) {
        lanes[2] = lanes[2].wrapping_add(word(&half[..8]));
        lanes[3] = lanes[3].wrapping_add(word(&half[8..]));
        short_mix(&mut lanes);
        rest = tail;
    }
    let (low, high) = match rest.split_at_checked(8) {
        _ if rest.is_empty() => (FILL, FILL),
        Some((low, high)) => (word(low), word(high)),
        None => (word(rest), 0),
    };
    lanes[2] = lanes[2].wrapping_add(low);
    lanes[3] = lanes[3].wrapping_add(high).wrapping_add((key.len() as u64) << 56);
    short_end(&mut lanes);
    lanes[0]
}

fn short_mix(lanes: &mut [u64; 4]) {
    const ROTATIONS: [u32; 12] = [50, 52, 30, 41, 54, 48, 38, 37, 62, 34, 5, 36];
    for (step, rotation) in ROTATIONS.into_iter().enumerate() {
        let [own, next, across] = [(step + 2) % 4, (step + 3) % 4, step % 4];
        lanes[own] = lanes[own].rotate_left(rotation).wrapping_add(lanes[next]);
        lanes[across] ^= lanes[own];
    }
}

fn short_end(lanes: &mut [u64; 4]) {
    const ROTATIONS: [u32; 11] = [15, 52, 26, 51, 28, 9, 47, 54, 32, 25, 63];
    for (step, rotation) in ROTATIONS.into_iter().enumerate() {
        let [own, before] = [(step + 3) % 4, (step + 2) % 4];
        lanes[own] ^= lanes[before];
        lanes[before] = lanes[before].rotate_left(rotation);
        lanes[own] = lanes[own].wrapping_add(lanes[before]);
    }
}

/// Twelve lanes, for keys from 192 bytes.
fn long(key: &[u8], seed: u64) -> u64 {
    let mut lanes = [seed, seed, FILL, seed, seed, FILL, seed, seed, FILL, seed, seed, FILL];
    let blocks = key.chunks_exact(BLOCK_BYTES);
    let tail = blocks.remainder();
    for block in blocks {
        long_mix(&mut lanes, block);
    }
    let mut last = [0; BLOCK_BYTES];
    last[..tail.len()].copy_from_slice(tail);
    last[BLOCK_BYTES - 1] = tail.len() as u8;
    for (lane, bytes) in lanes.iter_mut().zip(last.chunks_exact(8)) {
        *lane = lane.wrapping_add(word(bytes));
    }
    for _ in 0..3 {
        long_end(&mut lanes);
    }
    lanes[0]
}

fn long_mix(lanes: &mut [u64; LANES], block: &[u8]) {
    const ROTATIONS: [u32; LANES] = [11, 32, 43, 31, 17, 28, 39, 57, 55, 54, 22, 46];
    for (at, bytes) in block.chunks_exact(8).enumerate() {
        let lane = |further: usize| (at + further) % LANES;
        lanes[at] = lanes[at].wrapping_add(word(bytes));
        lanes[lane(2)] ^= lanes[lane(10)];
        lanes[lane(11)] ^= lanes[at];
        lanes[at] = lanes[at].rotate_left(ROTATIONS[at]);
        lanes[lane(11)] = lanes[lane(11)].wrapping_add(lanes[lane(1)]);
    }
}

fn long_end(lanes: &mut [u64; LANES]) {
    const ROTATIONS: [u32; LANES] = [44, 15, 34, 21, 38, 33, 10, 13, 38, 53, 42, 54];
    for (at, rotation) in ROTATIONS.into_iter().enumerate() {
        let lane = |further: usize| (at + further) % LANES;
        lanes[lane(11)] = lanes[lane(11)].wrapping_add(lanes[lane(1)]);
        lanes[lane(2)] ^= lanes[lane(11)];
        lanes[lane(1)] = lanes[lane(1)].rotate_left(rotation);
    }
}

/// Up to eight bytes as a little-endian number.
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}
