//! Cyclic redundancy checks: CRC-32 as in zlib (IEEE 802.3, reflected), and twemproxy's own idea of
//! a CRC-16.

static CRC32: [u32; 256] = crc32_table();
static CRC16: [u32; 256] = crc16_table();

/// CRC-32, polynomial 0x04c11db7 reflected, inverted before and after.
pub(crate) fn crc32(key: &[u8]) -> u32 {
    crc32_continued(0, key)
}

/// The CRC-32 of two texts joined, from that of the first and from the second.
pub(crate) fn crc32_continued(crc: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!crc, |crc, byte| (crc >> 8) ^ CRC32[usize::from(crc as u8 ^ byte)])
}

/// The bits 16 to 30 of a hash: the 15-bit value of `Cache::Memcached` and all who followed it.
pub(crate) fn fifteen_bits(hash: u32) -> u32 {
    (hash >> 16) & 0x7fff
}

/// twemproxy's `crc16`: the table of CCITT, but an accumulator of 32 bits that is never cut to 16.
pub(crate) fn crc16(key: &[u8]) -> u32 {
    key.iter().fold(0, |crc, byte| (crc << 8) ^ CRC16[usize::from((crc >> 8) as u8 ^ byte)])
}

const fn crc32_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = at as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
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
