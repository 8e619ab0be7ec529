//! Cyclic redundancy checks: CRC-32 as in zlib (IEEE 802.3, reflected), and twemproxy's own idea of
//! a CRC-16.

/// The effect of a byte, and of one that is followed by one, two or three zero bytes: with these,
/// four bytes take one step ("slicing", Kounavis and Berry 2005).
static CRC32: [[u32; 256]; 4] = crc32_tables();
static CRC16: [u32; 256] = crc16_table();

/// CRC-32, polynomial 0x04c11db7 reflected, inverted before and after.
pub(crate) fn crc32(key: &[u8]) -> u32 {
    crc32_continued(0, key)
}

/// The CRC-32 of two texts joined, from that of the first and from the second.
pub(crate) fn crc32_continued(crc: u32, bytes: &[u8]) -> u32 {
    let blocks = bytes.chunks_exact(4);
    let tail = blocks.remainder();
    let crc = blocks.fold(!crc, |crc, block| {
        let [first, second, third, fourth] = crc.to_le_bytes();
        CRC32[3][usize::from(first ^ block[0])]
            ^ CRC32[2][usize::from(second ^ block[1])]
            ^ CRC32[1][usize::from(third ^ block[2])]
            ^ CRC32[0][usize::from(fourth ^ block[3])]
    });
    !tail.iter().fold(crc, |crc, byte| (crc >> 8) ^ CRC32[0][usize::from(crc as u8 ^ byte)])
}

/// The bits 16 to 30 of a hash: the 15-bit value of `Cache::Memcached` and all who followed it.
pub(crate) fn fifteen_bits(hash: u32) -> u32 {
    (hash >> 16) & 0x7fff
}

/// twemproxy's `crc16`: the table of CCITT, but an accumulator of 32 bits that is never cut to 16.
pub(crate) fn crc16(key: &[u8]) -> u32 {
    key.iter().fold(0, |crc, byte| (crc << 8) ^ CRC16[usize::from((crc >> 8) as u8 ^ byte)])
}

const fn crc32_tables() -> [[u32; 256]; 4] {
    let mut tables = [[0; 256]; 4];
    let mut at = 0;
    while at < 256 {
        let mut crc = at as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        tables[0][at] = crc;
        at += 1;
    }
    let mut zeros = 1;
    while zeros < 4 {
        let mut at = 0;
        while at < 256 {
            let crc = tables[zeros - 1][at];
            tables[zeros][at] = (crc >> 8) ^ tables[0][(crc & 0xff) as usize];
            at += 1;
        }
        zeros += 1;
    }
    tables
}

const fn crc16_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = (at as u32) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        table[at] = crc & 0xffff;
        at += 1;
    }
    table
}
