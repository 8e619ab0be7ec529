//! Looks for a byte in a slice, eight at a time.
//!
//! The tricks are those of "Bit Twiddling Hacks" (Sean Eron Anderson), "determine if a word has a
//! byte equal to n" and "less than n": they may report a byte too many above a true one, never
//! below it, so the lowest report is exact.

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The position of the first `wanted`.
#[inline]
pub fn find(bytes: &[u8], wanted: u8) -> Option<usize> {
    let pattern = LOW * u64::from(wanted);
    first(
        bytes,
        |word| {
            let word = word ^ pattern;
            word.wrapping_sub(LOW) & !word & HIGH
        },
        |byte| byte == wanted,
    )
}

/// The position of the first byte below `bound`, which is at most 128. It looks at eight bytes at a
/// time, which is best for words.
#[inline]
pub fn find_below(bytes: &[u8], bound: u8) -> Option<usize> {
    let pattern = LOW * u64::from(bound);
    first(bytes, |word| word.wrapping_sub(pattern) & !word & HIGH, |byte| byte < bound)
}

/// The position of the first byte below `bound`, which is at most 128. It passes over 32 bytes at a
/// time, which is best for lines.
#[inline]
pub fn find_below_far(bytes: &[u8], bound: u8) -> Option<usize> {
    let pattern = LOW * u64::from(bound);
    let marks = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        word.wrapping_sub(pattern) & !word & HIGH
    };
    let mut at = 0;
    while let Some(far) = bytes.get(at..).and_then(<[u8]>::first_chunk::<32>) {
        let (words, _) = far.as_chunks::<8>();
        if marks(&words[0]) | marks(&words[1]) | marks(&words[2]) | marks(&words[3]) != 0 {
            break;
        }
        at += 32;
    }
    find_below(&bytes[at..], bound).map(|found| at + found)
}

/// The first position that `marks` reports in its word, or `is` alone in the rest.
#[inline]
fn first(bytes: &[u8], marks: impl Fn(u64) -> u64, is: impl Fn(u8) -> bool) -> Option<usize> {
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk::<8>() {
        let found = marks(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(bytes.len() - rest.len() + found.trailing_zeros() as usize / 8);
        }
        rest = behind;
    }
    let at = rest.iter().position(|byte| is(*byte))?;
    Some(bytes.len() - rest.len() + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every position of one special byte among every kind of neighbour, in slices of many lengths.
    #[test]
    fn the_first_hit_is_the_one_a_naive_search_finds() {
        let neighbours = [0x00, 0x0a, 0x0b, 0x1f, 0x20, 0x21, 0x7f, 0x80, 0x8a, 0xa0, 0xff];
        for len in (0..=20).chain(60..=70) {
            for neighbour in neighbours {
                for at in 0..len {
                    for special in [b'\n', b' ', 0x00, 0x1f, 0x80, 0xff] {
                        let mut bytes = vec![neighbour; len];
                        bytes[at] = special;
                        for wanted in [b'\n', b' ', 0x00, 0xff] {
                            let naive = bytes.iter().position(|byte| *byte == wanted);
                            assert_eq!(find(&bytes, wanted), naive, "{bytes:?} {wanted}");
                        }
                        for bound in [0x20, 0x21, 0x80] {
                            let naive = bytes.iter().position(|byte| *byte < bound);
                            assert_eq!(find_below(&bytes, bound), naive, "{bytes:?} {bound}");
                            let far = find_below_far(&bytes, bound);
                            assert_eq!(far, naive, "{bytes:?} {bound}");
                        }
                    }
                }
            }
        }
    }
}
