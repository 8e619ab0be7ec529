//! The expiry that a request asks for, cut down: what is kept in place of something that is away
//! must not outlive its return by long.

use super::number::signed;
use super::words::Words;
use crate::memcache::op::Command;
use std::ops::Range;

/// An expiry above this, seconds, is a moment and not a span (memcached's `REALTIME_MAXDELTA`).
const SPAN_MAX: i64 = 60 * 60 * 24 * 30;

/// `line` with every expiry in it cut down to `cap` seconds; one that never ends, or is missing
/// from an `ms`, becomes `cap`. `now` is in seconds since 1970.
pub fn capped(line: &[u8], command: Command, cap: u32, now: i64) -> Vec<u8> {
    let words: Vec<Range<usize>> = Words::new(line, 0).collect();
    let mut out = Vec::with_capacity(line.len() + 16);
    let mut has_expiry = false;
    for (at, word) in words.iter().enumerate() {
        let text = &line[word.clone()];
        if at > 0 {
            out.push(b' ');
        }
        let (flag, number) = match place(command) {
            Place::Word(place) => (&text[..0], if at == place { text } else { b"" }),
            Place::Flags(first) if at >= first && matches!(text[0], b'T' | b'N') => {
                text.split_at(1)
            }
            Place::Flags(_) | Place::Nowhere => (&text[..0], &b""[..]),
        };
        match signed(number) {
            Some(value) => {
                has_expiry |= flag != b"N";
                out.extend(flag);
                out.extend(cut(value, i64::from(cap), now).to_string().bytes());
            }
            None => out.extend(text),
        }
    }
    if command == Command::MetaSet && !has_expiry {
        out.extend(format!(" T{cap}").bytes());
    }
    out
}

/// Where a command has its expiry.
enum Place {
    Word(usize),
    /// In the flags `T` and `N`, from this word on.
    Flags(usize),
    Nowhere,
}

fn place(command: Command) -> Place {
    use Command as V;
    if matches!(command, V::Set | V::Add | V::Replace | V::Append | V::Prepend | V::Cas) {
        Place::Word(3)
    } else if command == V::Touch {
        Place::Word(2)
    } else if matches!(command, V::Gat | V::Gats) {
        Place::Word(1)
    } else if command == V::MetaSet {
        Place::Flags(3)
    } else if matches!(command, V::MetaGet | V::MetaArithmetic | V::MetaDelete) {
        Place::Flags(2)
    } else {
        Place::Nowhere
    }
}

/// An expiry, as a request says it, cut down to `cap` seconds. `now` is in seconds since 1970.
pub fn cut(value: i64, cap: i64, now: i64) -> i64 {
    match value {
        0 => cap,
        ..0 => value,
        1..=SPAN_MAX => value.min(cap),
        _ if value <= now => value,
        _ => (value - now).min(cap),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expiry_is_cut_down_where_its_command_has_it() {
        let now = 1_800_000_000;
        for (command, line, expected) in [
            (Command::Set, "set k 5 0 3", "set k 5 60 3"),
            (Command::Set, "set k 5  30 3", "set k 5 30 3"),
            (Command::Add, "add k 5 2592000 3", "add k 5 60 3"),
            (Command::Cas, "cas k 5 -1 3 9", "cas k 5 -1 3 9"),
            (Command::Set, "set k 5 1800000010 3", "set k 5 10 3"),
            (Command::Set, "set k 5 1800009999 3", "set k 5 60 3"),
            (Command::Set, "set k 5 1700000000 3", "set k 5 1700000000 3"),
            (Command::Touch, "touch k 0", "touch k 60"),
            (Command::Gat, "gat 100", "gat 60"),
            (Command::MetaSet, "ms k 3", "ms k 3 T60"),
            (Command::MetaSet, "ms T0 3 T0 b F9", "ms T0 3 T60 b F9"),
            (Command::MetaGet, "mg k v N0 T20 R30", "mg k v N60 T20 R30"),
            (Command::MetaArithmetic, "ma k N0 J5", "ma k N60 J5"),
            (Command::Incr, "incr k 500", "incr k 500"),
            (Command::MetaGet, "mg k Tx", "mg k Tx"),
        ] {
            let capped = capped(line.as_bytes(), command, 60, now);
            assert_eq!(String::from_utf8(capped).expect("text"), expected, "{line}");
        }
    }
}
