//! The commonest lines in one look: `get key`, `set key flags exptime bytes` and `VALUE key flags
//! bytes`, when they are all there and nothing about them is unusual. Whatever is not recognized
//! here goes the long way, and means the same: the tests of the parsers compare the two.

use super::line::Request;
use crate::buffer::scan;
use crate::memcache::KEY_BYTES_MAX;
use crate::memcache::op::{Command, Op};
use std::ops::Range;

/// No number of more digits is looked at here: it might not fit.
const DIGITS_MAX: usize = 18;

/// A `get` of one key, or a `set` with its value, at the head of `bytes`.
#[inline]
pub(super) fn request(bytes: &[u8], value_bytes_max: usize) -> Option<Request> {
    match bytes {
        [b'g', b'e', b't', b' ', ..] => get(bytes),
        [b's', b'e', b't', b' ', ..] => set(bytes, value_bytes_max),
        _ => None,
    }
}

fn get(bytes: &[u8]) -> Option<Request> {
    let key = word(bytes, 4)?;
    let forward_end = key.end;
    is_line_end(bytes, forward_end).then(|| Request {
        op: Op::new(Command::Get, key, forward_end),
        line_len: forward_end + 2,
        len: forward_end + 2,
    })
}

fn set(bytes: &[u8], value_bytes_max: usize) -> Option<Request> {
    let key = word(bytes, 4)?;
    let (flags, end) = number(bytes, key.end)?;
    let (exptime, end) = number(bytes, end)?;
    let (value, forward_end) = number(bytes, end)?;
    let value = value as usize;
    let line_len = forward_end + 2;
    let whole = is_line_end(bytes, forward_end)
        && value <= value_bytes_max
        && bytes.len() >= line_len + value + 2
        && is_line_end(bytes, line_len + value);
    whole.then(|| Request {
        op: Op {
            flags: flags as u32,
            exptime: exptime.cast_signed(),
            value: Some(value),
            ..Op::new(Command::Set, key, forward_end)
        },
        line_len,
        len: line_len + value + 2,
    })
}

/// What a `VALUE` line says.
pub(super) struct Announced {
    /// The key.
    pub(super) key: Range<usize>,
    /// Bytes of the line, with its end.
    pub(super) line_len: usize,
    /// Bytes of the data.
    pub(super) value: usize,
}

/// `VALUE key flags bytes [cas]` at the head of `bytes`.
#[inline(always)]
pub(super) fn value(bytes: &[u8]) -> Option<Announced> {
    if !bytes.starts_with(b"VALUE ") {
        return None;
    }
    announced(bytes, word(bytes, 6)?)
}

/// The length of the value at the head of `bytes`, when it is all there and for this key.
#[inline(always)]
pub(super) fn value_of(bytes: &[u8], key: &[u8]) -> Option<usize> {
    if !bytes.strip_prefix(b"VALUE ")?.starts_with(key) {
        return None;
    }
    let Announced { line_len, value, .. } = announced(bytes, 6..6 + key.len())?;
    let end = line_len + value;
    is_line_end(bytes, end).then_some(end + 2)
}

/// What stands behind the key of a `VALUE` line.
#[inline(always)]
fn announced(bytes: &[u8], key: Range<usize>) -> Option<Announced> {
    let (_, end) = number(bytes, key.end)?;
    let (value, mut end) = number(bytes, end)?;
    if bytes.get(end) == Some(&b' ') {
        end = number(bytes, end)?.1;
    }
    is_line_end(bytes, end).then_some(Announced { key, line_len: end + 2, value: value as usize })
}

/// A whole reply that needs no more than a look.
pub(super) enum Seen {
    /// A value with all its data; and its `END` when that was asked for.
    Value {
        /// The key.
        key: Range<usize>,
        /// Bytes of all of it.
        len: usize,
    },
    /// `END`.
    End,
    /// `STORED`.
    Stored,
}

/// The reply at the head of `bytes`, when it is one of the commonest and all there. `joined` asks
/// for a value and its `END` as one.
#[inline(always)]
pub(super) fn reply(bytes: &[u8], joined: bool) -> Option<Seen> {
    match bytes {
        [b'E', b'N', b'D', b'\r', b'\n', ..] => Some(Seen::End),
        [b'S', b'T', b'O', b'R', b'E', b'D', b'\r', b'\n', ..] => Some(Seen::Stored),
        [b'V', b'A', b'L', b'U', b'E', b' ', ..] => {
            let Announced { key, line_len, value } = value(bytes)?;
            let end = line_len.checked_add(value)?;
            let rest = bytes.get(end..)?;
            match (joined, rest) {
                (true, [b'\r', b'\n', b'E', b'N', b'D', b'\r', b'\n', ..]) => {
                    Some(Seen::Value { key, len: end + 7 })
                }
                (false, [b'\r', b'\n', ..]) => Some(Seen::Value { key, len: end + 2 }),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The key that begins at `start`, which some byte below or equal to a space ends.
#[inline(always)]
fn word(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let len = scan::find_below(bytes.get(start..)?, b' ' + 1)?;
    (1..=KEY_BYTES_MAX).contains(&len).then_some(start..start + len)
}

/// The digits behind the space at `at`, and where they end.
#[inline(always)]
fn number(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let (b' ', rest) = bytes.get(at..)?.split_first()? else {
        return None;
    };
    let (mut value, mut count) = (0u64, 0);
    for byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        // Too many digits are found out below.
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    (1..=DIGITS_MAX).contains(&count).then_some((value, at + 1 + count))
}

#[inline]
fn is_line_end(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at..), Some([b'\r', b'\n', ..]))
}
