//! The classic commands that name keys: `get key*`, `set key flags exptime bytes`, `incr key n` ...

use super::line::{NOREPLY, ParsedLine, Refusal, refuse, says_noreply, unsafe_bytes};
use super::number::{signed, unsigned};
use super::words::Words;
use crate::memcache::op::{Command, Op};
use crate::memcache::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use std::ops::Range;

/// What stands before the first key of a `gat` is repeated on every line to a backend, and has to
/// leave room for keys there.
const PREFIX_BYTES_MAX: usize = 256;

/// `get key*`. One key that is too long spoils the whole line, and must never reach a backend:
/// there it would spoil the replies to the requests before it too.
pub(super) fn retrieval(
    command: Command,
    line: &[u8],
    mut words: Words<'_>,
    has_control_bytes: bool,
) -> ParsedLine {
    let Some(key) = words.next() else {
        return refuse(Refusal::BadFormat);
    };
    let forward_end = line.iter().rposition(|byte| *byte != b' ').map_or(key.end, |at| at + 1);
    let keys = &line[key.start..forward_end];
    if has_long_word(keys) || has_control_bytes && unsafe_bytes(keys) {
        return refuse(Refusal::BadFormat);
    }
    let many_keys = forward_end != key.end;
    ParsedLine::Ask(Op { many_keys, ..Op::new(command, key, forward_end) })
}

/// Whether there are more bytes without a space between them than a key may have. Looks backwards
/// from where the longest key would have to end, so most bytes are never looked at.
fn has_long_word(line: &[u8]) -> bool {
    let mut rest = line;
    while let Some(window) = rest.get(..=KEY_BYTES_MAX) {
        match window.iter().rposition(|byte| *byte == b' ') {
            Some(space) => rest = &rest[space + 1..],
            None => return true,
        }
    }
    false
}

/// `gat exptime key*`.
pub(super) fn touching_retrieval(
    command: Command,
    line: &[u8],
    mut words: Words<'_>,
    has_control_bytes: bool,
) -> ParsedLine {
    let Some(word) = words.next() else {
        return refuse(Refusal::BadFormat);
    };
    match (retrieval(command, line, words, has_control_bytes), exptime(&line[word])) {
        (ParsedLine::Ask(_), None) => refuse(Refusal::BadExptime),
        (ParsedLine::Ask(op), _) if op.key.start > PREFIX_BYTES_MAX => refuse(Refusal::LineTooLong),
        (ParsedLine::Ask(op), Some(exptime)) => ParsedLine::Ask(Op { exptime, ..op }),
        (refused @ (ParsedLine::Refuse { .. } | ParsedLine::Discard { .. }), _) => refused,
    }
}

/// `set key flags exptime bytes [noreply]`, and `cas` with one number more.
pub(super) fn storage(
    command: Command,
    line: &[u8],
    mut words: Words<'_>,
    has_control_bytes: bool,
) -> ParsedLine {
    let mut next = || words.next().unwrap_or(line.len()..line.len());
    let (key, flags, exptime, length) = (next(), next(), next(), next());
    // Without a length there is no telling where the value ends: it is read as commands, as
    // memcached does.
    let Some(value) = announced(&line[length.clone()]) else {
        return refuse(Refusal::BadFormat);
    };
    let quiet = says_noreply(line, words.clone());
    let last = if command == Command::Cas { words.next().unwrap_or(0..0) } else { length };
    let forward_end = last.end;
    // memcached takes flags of any 64 bits and keeps some of them; a plus sign is none of its
    // business, for `strtoul` it is fine.
    let without_plus = |word: Range<usize>| {
        let word = &line[word];
        word.strip_prefix(b"+").unwrap_or(word)
    };
    let (flags, exptime) = (unsigned(without_plus(flags)), signed(without_plus(exptime)));
    let last = unsigned(&line[last]);
    let is_key =
        key.len() <= KEY_BYTES_MAX && !(has_control_bytes && unsafe_bytes(&line[key.clone()]));
    let (Some(flags), Some(exptime), Some(last), true) = (flags, exptime, last, is_key) else {
        return ParsedLine::Discard { value, refusal: Refusal::BadFormat, quiet };
    };
    let cas = if command == Command::Cas { last } else { 0 };
    let op = Op::new(command, key, forward_end);
    ParsedLine::Ask(Op { flags: flags as u32, exptime, cas, value: Some(value), quiet, ..op })
}

/// `delete key [0] [noreply]`; the number was a delay once, and some clients still send it.
pub(super) fn deletion(line: &[u8], mut words: Words<'_>, has_control_bytes: bool) -> ParsedLine {
    let Some(key) = words.next() else {
        return refuse(Refusal::BadFormat);
    };
    let mut rest = words.clone();
    if rest.clone().next().is_some_and(|word| &line[word] == b"0") {
        rest.next();
    }
    let quiet = says_noreply(line, words);
    if rest.count() > usize::from(quiet) {
        return ParsedLine::Refuse { refusal: Refusal::BadDelete, quiet };
    }
    // Who names a key wants to be told; but newer memcacheds take the last word for the flag,
    // whatever it stands for.
    let suffix: &[u8] = if &line[key.clone()] == NOREPLY { b" 0" } else { b"" };
    match alone(Command::Delete, line, key.clone(), key.end, quiet, has_control_bytes) {
        ParsedLine::Ask(line) => ParsedLine::Ask(Op { suffix, ..line }),
        other @ (ParsedLine::Refuse { .. } | ParsedLine::Discard { .. }) => other,
    }
}

/// `incr key number [noreply]` and its like: one line, one line back.
pub(super) fn simple(
    command: Command,
    line: &[u8],
    mut words: Words<'_>,
    has_control_bytes: bool,
) -> ParsedLine {
    let Some(key) = words.next() else {
        return refuse(Refusal::BadFormat);
    };
    let quiet = says_noreply(line, words.clone());
    let Some(argument) = words.next() else {
        return refuse(Refusal::BadFormat);
    };
    // It is no number, and for a memcached it also says that nobody is to be told: it would not
    // answer.
    if &line[argument.clone()] == NOREPLY {
        return ParsedLine::Refuse { refusal: Refusal::BadFormat, quiet };
    }
    let (exptime, delta) = match (command, &line[argument.clone()]) {
        (Command::Touch, text) => (signed(text).unwrap_or(0), 0),
        (_, text) => (0, unsigned(text).unwrap_or(0)),
    };
    match alone(command, line, key, argument.end, quiet, has_control_bytes) {
        ParsedLine::Ask(op) => ParsedLine::Ask(Op { exptime, delta, ..op }),
        refused @ (ParsedLine::Refuse { .. } | ParsedLine::Discard { .. }) => refused,
    }
}

fn alone(
    command: Command,
    line: &[u8],
    key: Range<usize>,
    forward_end: usize,
    quiet: bool,
    has_control_bytes: bool,
) -> ParsedLine {
    if key.len() > KEY_BYTES_MAX || has_control_bytes && unsafe_bytes(&line[..forward_end]) {
        return ParsedLine::Refuse { refusal: Refusal::BadFormat, quiet };
    }
    ParsedLine::Ask(Op { quiet, ..Op::new(command, key, forward_end) })
}

/// A number of 32 bits, with a minus or without.
pub(super) fn exptime(text: &[u8]) -> Option<i64> {
    signed(text).filter(|value| i32::try_from(*value).is_ok())
}

/// The bytes of a value that `text` announces.
pub(super) fn announced(text: &[u8]) -> Option<usize> {
    let value = usize::try_from(unsigned(text)?).ok()?;
    (value <= VALUE_BYTES_MAX).then_some(value)
}
