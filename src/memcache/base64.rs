//! Base64 as memcached writes and reads it: bytes that are none of it are passed over, and what
//! follows the padding is not looked at. A key has to be placed by what the backend will take it
//! for.

/// What `text` stands for, in `out`; nothing when that cannot be said.
pub fn decode<'a>(text: &[u8], out: &'a mut [u8]) -> &'a [u8] {
    let known = text.iter().filter(|byte| digit(**byte).is_some()).count();
    if !known.is_multiple_of(4) || known / 4 * 3 > out.len() {
        return &[];
    }
    let (mut len, mut bits, mut count, mut padding) = (0, 0u32, 0, 0);
    for byte in text {
        let Some(digit) = digit(*byte) else {
            continue;
        };
        padding += usize::from(*byte == b'=');
        bits = bits << 6 | digit;
        count += 1;
        if count == 4 {
            out[len..len + 3].copy_from_slice(&bits.to_be_bytes()[1..]);
            len += 3;
            (bits, count) = (0, 0);
            if padding > 0 {
                let len = if padding > 2 { 0 } else { len - padding };
                return &out[..len];
            }
        }
    }
    &out[..len]
}

/// Bytes of the base64 for `len` bytes.
pub const fn encoded_len(len: usize) -> usize {
    len.div_ceil(3) * 4
}

/// Writes the base64 for `bytes` into `out`, which has room for it. Returns how long it is.
pub fn encode(bytes: &[u8], out: &mut [u8]) -> usize {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (piece, text) in bytes.chunks(3).zip(out.chunks_mut(4)) {
        let byte = |at: usize| u32::from(piece.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (at, digit) in text.iter_mut().enumerate() {
            let six = (bits >> (18 - 6 * at) & 63) as usize;
            *digit = if at <= piece.len() { DIGITS[six] } else { b'=' };
        }
    }
    encoded_len(bytes.len())
}

/// Six bits; the padding counts as none of them set.
fn digit(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        b'=' => 0,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for (bytes, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v")] {
            let mut out = [0; 8];
            let len = encode(bytes.as_bytes(), &mut out);
            assert_eq!(&out[..len], expected.as_bytes());
        }
        let key: Vec<u8> = (0..186).map(|at| (at * 7 % 251) as u8).collect();
        let (mut text, mut back) = ([0; 250], [0; 250]);
        let len = encode(&key, &mut text);
        assert_eq!((len, decode(&text[..len], &mut back)), (248, &key[..]));
    }

    #[test]
    fn it_reads_what_memcached_reads() {
        for (text, expected) in [
            ("Zm9v", "foo"),
            ("Zm8=", "fo"),
            ("Zg==", "f"),
            ("Zm9vYmFy", "foobar"),
            ("", ""),
            ("Zm9", ""),
            ("!!!!", ""),
            // Bits that stand for nothing.
            ("Zm9=", "fo"),
            ("Zh==", "f"),
            // Bytes that are none of it.
            ("Z!m~9v", "foo"),
            ("Zm9vYmF", ""),
            // Padding.
            ("Zg==Zm9v", "f"),
            ("Z===", ""),
            ("====", ""),
            ("=m9v", "\u{2}o"),
        ] {
            let mut out = [0; 250];
            let decoded = decode(text.as_bytes(), &mut out);
            assert_eq!(decoded, expected.as_bytes(), "{text:?}");
        }
        assert_eq!(decode(&[b'A'; 248], &mut [7; 250]), [0; 186]);
        assert_eq!(decode(&[b'A'; 16], &mut [0; 11]), b"");
    }
}
