//! Numbers, sizes and truth values, as operators write them. An error says what is wrong with the
//! text; what is expected, the key knows.

use super::problems::quoted;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A number of this range. Signs, blanks and underscores are no part of it.
pub(super) fn number<T: FromStr + PartialOrd + Display>(
    text: &str,
    range: RangeInclusive<T>,
) -> Result<T, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{} is not a number", quoted(text)));
    }
    match text.parse() {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => Err(format!("{} is out of range", quoted(text))),
    }
}

/// Bytes: a number, or one of `k`, `m` or `g` after it for its powers of 1024.
pub(super) fn size(text: &str, range: RangeInclusive<usize>) -> Result<usize, String> {
    let (digits, unit) = match text.as_bytes() {
        [.., b'k' | b'K'] => (&text[..text.len() - 1], 1 << 10),
        [.., b'm' | b'M'] => (&text[..text.len() - 1], 1 << 20),
        [.., b'g' | b'G'] => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{} is not a size", quoted(text)));
    }
    match digits.parse::<usize>().ok().and_then(|count| count.checked_mul(unit)) {
        Some(bytes) if range.contains(&bytes) => Ok(bytes),
        _ => Err(format!("{} is out of range", quoted(text))),
    }
}

/// A size as an operator would write it.
pub(super) fn show_size(bytes: usize) -> String {
    for (unit, letter) in [(1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k")] {
        if bytes > 0 && bytes.is_multiple_of(unit) {
            return format!("{}{letter}", bytes / unit);
        }
    }
    bytes.to_string()
}

/// `true` or `false`, and nothing else: what YAML makes of `yes` and `off` depends on its version.
pub(super) fn truth(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{} is neither true nor false", quoted(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let all = 1..=1 << 30;
        for (text, bytes, shown) in [
            ("1", 1, "1"),
            ("1023", 1023, "1023"),
            ("1024", 1024, "1k"),
            ("512k", 512 << 10, "512k"),
            ("4M", 4 << 20, "4m"),
            ("1g", 1 << 30, "1g"),
        ] {
            assert_eq!(size(text, all.clone()), Ok(bytes));
            assert_eq!(show_size(bytes), shown);
        }
        for wrong in ["", "k", "-1", "1 k", "4mb", "1.5m", "k4", "é"] {
            assert_eq!(size(wrong, all.clone()), Err(format!("{wrong:?} is not a size")));
        }
        for wrong in ["0", "2g", "1048577k", "99999999999999999999", "18446744073709551615g"] {
            assert_eq!(size(wrong, all.clone()), Err(format!("{wrong:?} is out of range")));
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(number("0", 0..=7_u64), Ok(0));
        assert_eq!(number("007", 0..=7_u64), Ok(7));
        for wrong in ["", "+1", "-1", "0x1", "1_0", "1.0", " 1", "~"] {
            assert_eq!(number(wrong, 0..=7_u64), Err(format!("{wrong:?} is not a number")));
        }
        for wrong in ["8", "99999999999999999999999"] {
            assert_eq!(number(wrong, 0..=7_u64), Err(format!("{wrong:?} is out of range")));
        }
    }

    #[test]
    fn truths() {
        assert_eq!((truth("true"), truth("false")), (Ok(true), Ok(false)));
        for wrong in ["True", "yes", "on", "1", ""] {
            assert!(truth(wrong).is_err(), "{wrong}");
        }
    }
}
