//! Bob Jenkins' hashes: one-at-a-time and lookup3 (<https://burtleburtle.net/bob/hash/>).

/// One-at-a-time. A unit is a byte, widened the way the client's compiler widens a `char`.
pub(crate) fn one_at_a_time(units: impl Iterator<Item = u32>) -> u32 {
    let mut hash = units.fold(0_u32, |hash, unit| {
        let hash = hash.wrapping_add(unit);
        let hash = hash.wrapping_add(hash << 10);
        hash ^ (hash >> 6)
    });
    hash = hash.wrapping_add(hash << 3);
    hash ^= hash >> 11;
    hash.wrapping_add(hash << 15)
}

/// lookup3's `hashlittle` with the initial value 13 of libmemcached and twemproxy.
pub(crate) fn lookup3(key: &[u8]) -> u32 {
    const INITIAL: u32 = 13;
    if key.is_empty() {
        return 0xdead_beef_u32.wrapping_add(INITIAL);
    }
    let [mut a, mut b, mut c] =
        [0xdead_beef_u32.wrapping_add(key.len() as u32).wrapping_add(INITIAL); 3];
    // The last block, even a full one, goes into the final mix.
    let last = (key.len() - 1) / 12 * 12;
    for block in key[..last].chunks_exact(12) {
        [a, b, c] = mix(added([a, b, c], block));
    }
    let mut block = [0; 12];
    block[..key.len() - last].copy_from_slice(&key[last..]);
    finished(added([a, b, c], &block))
}

fn added([a, b, c]: [u32; 3], block: &[u8]) -> [u32; 3] {
    let word =
        |at: usize| u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
    [a.wrapping_add(word(0)), b.wrapping_add(word(4)), c.wrapping_add(word(8))]
}

fn mix([mut a, mut b, mut c]: [u32; 3]) -> [u32; 3] {
    for (first, second, third) in [(4, 6, 8), (16, 19, 4)] {
        a = a.wrapping_sub(c) ^ c.rotate_left(first);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(second);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(third);
        b = b.wrapping_add(a);
    }
    [a, b, c]
}

fn finished([mut a, mut b, mut c]: [u32; 3]) -> u32 {
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}
