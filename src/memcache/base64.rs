//! Base64 as memcached reads it: bytes that are none of it are passed over, and what follows the
//! padding is not looked at. A key has to be placed by what the backend will take it for.

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
