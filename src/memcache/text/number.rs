//! Decimal numbers as memcached reads them: digits only, and never a silent overflow.

/// An unsigned number of at most 64 bits.
pub fn unsigned(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut value = 0u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(value)
}

/// A number of at most 64 bits, with a sign or without.
pub fn signed(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => 0i64.checked_sub_unsigned(unsigned(digits)?),
        _ => i64::try_from(unsigned(text)?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_exact() {
        assert_eq!(unsigned(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(unsigned(b"18446744073709551616"), None);
        assert_eq!(unsigned(b"99999999999999999999999"), None);
        assert_eq!(unsigned(b"007"), Some(7));
        assert_eq!(signed(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(signed(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(signed(b"9223372036854775808"), None);
        assert_eq!(signed(b"-9223372036854775809"), None);
    }

    #[test]
    fn anything_but_digits_is_no_number() {
        for text in [&b""[..], b"-", b"+1", b"1 ", b" 1", b"1a", b"0x1", b"1.0", b"--1", b"\0"] {
            assert_eq!(signed(text), None, "{text:?}");
            assert_eq!(unsigned(text), None, "{text:?}");
        }
        assert_eq!(unsigned(b"-1"), None);
    }
}
