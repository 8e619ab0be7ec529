//! Paul Hsieh's `SuperFastHash` (<http://www.azillionmonkeys.com/qed/hash.html>), with the start
//! value that libmemcached and twemproxy gave it.

/// Starts at 0, where the original starts at the length.
pub(crate) fn hsieh(key: &[u8]) -> u32 {
    let half = |bytes: &[u8], at: usize| u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let blocks = key.chunks_exact(4);
    let tail = blocks.remainder();
    let mut hash = blocks.fold(0_u32, |hash, block| {
        let hash = hash.wrapping_add(half(block, 0));
        let hash = (hash << 16) ^ (half(block, 2) << 11) ^ hash;
        hash.wrapping_add(hash >> 11)
    });
    match *tail {
        [_, _, third] => {
            hash = hash.wrapping_add(half(tail, 0));
            hash ^= hash << 16;
            // Signed, and only here: the other tails read unsigned bytes.
            hash ^= (third as i8 as u32) << 18;
            hash = hash.wrapping_add(hash >> 11);
        }
        [_, _] => {
            hash = hash.wrapping_add(half(tail, 0));
            hash ^= hash << 11;
            hash = hash.wrapping_add(hash >> 17);
        }
        [last] => {
            hash = hash.wrapping_add(u32::from(last));
            hash ^= hash << 10;
            hash = hash.wrapping_add(hash >> 1);
        }
        _ => {}
    }
    hash ^= hash << 3;
    hash = hash.wrapping_add(hash >> 5);
    hash ^= hash << 4;
    hash = hash.wrapping_add(hash >> 17);
    hash ^= hash << 25;
    hash.wrapping_add(hash >> 6)
}
