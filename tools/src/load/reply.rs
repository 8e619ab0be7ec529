//! Checks a stream of replies against the requests that wait for them. Takes the bytes as they
//! come, cut anywhere, and keeps of them only the beginning of an unfinished line.

use super::keyspace::Keyspace;
use super::request::{Asked, Protocol, Verb};
use super::tally::{Mistake, Tally};
use std::collections::VecDeque;

/// No reply line is longer than that.
const LINE_BYTES_MAX: usize = 2048;
/// So much of a wrong line is shown.
const SHOWN_BYTES_MAX: usize = 100;

/// What the replies of a run have in common.
#[derive(Debug)]
pub struct Rules<'a> {
    keyspace: &'a Keyspace,
    protocol: Protocol,
    /// What follows the key in a right `VALUE` line.
    after_key: Vec<u8>,
    /// What stands before the number in a right `VA` line.
    before_number: Vec<u8>,
}

/// The replies of one connection cannot be told apart any more, or nothing was asked there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramingLost;

/// Where in a reply one connection is.
#[derive(Debug, Default)]
pub struct Checker {
    state: State,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// How many keys of the multi-get at hand are settled.
    settled: u32,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Line,
    Value {
        /// Whose value it should be, if that makes sense.
        key: Option<u32>,
        bytes: usize,
        /// How much of the value and of the CRLF after it has been seen.
        seen: usize,
        good: bool,
    },
}

impl<'a> Rules<'a> {
    /// The rules for replies about these keys.
    pub fn new(keyspace: &'a Keyspace, protocol: Protocol) -> Self {
        let bytes = keyspace.value_bytes();
        let after_key = format!(" 0 {bytes}").into_bytes();
        Self { keyspace, protocol, after_key, before_number: format!("VA {bytes} O").into_bytes() }
    }
}

impl Checker {
    /// Checks some bytes. Requests leave `asked` when their replies are complete.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        rules: &Rules<'_>,
        asked: &mut VecDeque<Asked>,
        tally: &mut Tally,
        now_ns: u64,
    ) -> Result<(), FramingLost> {
        while !bytes.is_empty() {
            let complete;
            (complete, bytes) = match self.state {
                State::Value { .. } => self.value(bytes, rules, asked.front(), tally)?,
                State::Line => self.line(bytes, rules, asked.front(), tally)?,
            };
            if complete && let Some(done) = asked.pop_front() {
                self.settled = 0;
                tally.answered(&done, now_ns);
            }
        }
        Ok(())
    }

    /// Takes one line, or what there is of it: whether it completes a reply, and what follows it.
    fn line<'b>(
        &mut self,
        bytes: &'b [u8],
        rules: &Rules<'_>,
        asked: Option<&Asked>,
        tally: &mut Tally,
    ) -> Result<(bool, &'b [u8]), FramingLost> {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.partial.extend_from_slice(bytes);
            if self.partial.len() > LINE_BYTES_MAX {
                tally.mistake(Mistake::Unexpected, || format!("an endless line {}", shown(bytes)));
                return Err(FramingLost);
            }
            return Ok((false, &[]));
        };
        let (line, rest) = bytes.split_at(end + 1);
        if self.partial.is_empty() {
            return Ok((self.whole_line(line, rules, asked, tally)?, rest));
        }
        let mut joined = std::mem::take(&mut self.partial);
        joined.extend_from_slice(line);
        let complete = self.whole_line(&joined, rules, asked, tally);
        joined.clear();
        self.partial = joined;
        Ok((complete?, rest))
    }

    fn whole_line(
        &mut self,
        line: &[u8],
        rules: &Rules<'_>,
        asked: Option<&Asked>,
        tally: &mut Tally,
    ) -> Result<bool, FramingLost> {
        let Some(asked) = asked else {
            tally.mistake(Mistake::Unasked, || shown(line));
            return Err(FramingLost);
        };
        let complete = line.strip_suffix(b"\r\n").and_then(|line| {
            if is_error(line) {
                tally.mistake(Mistake::ErrorLine, || answer(rules, asked, line));
                return Some(true);
            }
            match (rules.protocol, asked.verb) {
                (Protocol::Text, Verb::Get) => self.text_get(line, rules, asked, tally),
                (Protocol::Text, Verb::Set) => text_set(line, rules, asked, tally),
                (Protocol::Meta, Verb::Get) => self.meta_get(line, rules, asked, tally),
                (Protocol::Meta, Verb::Set) => meta_set(line, rules, asked, tally),
            }
        });
        complete.ok_or_else(|| {
            tally.mistake(Mistake::Unexpected, || answer(rules, asked, line));
            FramingLost
        })
    }

    /// `VALUE key flags bytes`, or `END`. None if it is neither.
    fn text_get(
        &mut self,
        line: &[u8],
        rules: &Rules<'_>,
        asked: &Asked,
        tally: &mut Tally,
    ) -> Option<bool> {
        if line == b"END" {
            tally.missed(asked.keys - self.settled, || answer(rules, asked, line));
            return Some(true);
        }
        let found = line.strip_prefix(b"VALUE ")?;
        let expected = asked.key(self.settled.min(asked.keys - 1), rules.keyspace);
        let after_key = found.strip_prefix(rules.keyspace.key(expected));
        if after_key == Some(&rules.after_key) && self.settled < asked.keys {
            self.settled += 1;
            self.state = State::value(Some(expected), rules.keyspace.value_bytes());
            return Some(false);
        }
        self.odd_value(found, rules, asked, tally)
    }

    /// A `VALUE` line that is not the one whose turn it is: says what is wrong with it, if anything
    /// is. Keys before it that were left out are misses.
    fn odd_value(
        &mut self,
        found: &[u8],
        rules: &Rules<'_>,
        asked: &Asked,
        tally: &mut Tally,
    ) -> Option<bool> {
        let [key, flags, bytes] = words(found)?;
        let bytes = number(bytes)? as usize;
        let named =
            |position: &u32| rules.keyspace.key(asked.key(*position, rules.keyspace)) == key;
        let say = || answer(rules, asked, found);
        let mut whose = None;
        if let Some(position) = (self.settled..asked.keys).find(named) {
            tally.missed(position - self.settled, say);
            whose = Some(asked.key(position, rules.keyspace));
            self.settled = position + 1;
        } else if let Some(position) = (0..self.settled).find(named) {
            tally.mistake(Mistake::WrongOrder, say);
            whose = Some(asked.key(position, rules.keyspace));
        } else {
            tally.mistake(Mistake::WrongKey, say);
            self.settled = asked.keys.min(self.settled + 1);
        }
        if flags != b"0" {
            tally.mistake(Mistake::WrongFlags, say);
        }
        if bytes != rules.keyspace.value_bytes() {
            tally.mistake(Mistake::WrongLength, say);
            whose = None;
        }
        self.state = State::value(whose, bytes);
        Some(false)
    }

    /// `VA bytes Onumber`, or `EN`. None if it is neither.
    fn meta_get(
        &mut self,
        line: &[u8],
        rules: &Rules<'_>,
        asked: &Asked,
        tally: &mut Tally,
    ) -> Option<bool> {
        if line == b"EN" || line.starts_with(b"EN ") {
            tally.missed(1, || answer(rules, asked, line));
            return Some(true);
        }
        let right = line.strip_prefix(rules.before_number.as_slice()).and_then(number);
        if right == Some(asked.number) {
            self.state = State::value(Some(asked.first), rules.keyspace.value_bytes());
            return Some(false);
        }
        let [kind, bytes, opaque] = words(line)?;
        let bytes = number(bytes)? as usize;
        if kind != b"VA" {
            return None;
        }
        let mut whose = Some(asked.first);
        if opaque.strip_prefix(b"O").and_then(number) != Some(asked.number) {
            tally.mistake(Mistake::WrongOrder, || answer(rules, asked, line));
            whose = None;
        }
        if bytes != rules.keyspace.value_bytes() {
            tally.mistake(Mistake::WrongLength, || answer(rules, asked, line));
            whose = None;
        }
        self.state = State::value(whose, bytes);
        Some(false)
    }

    /// Takes the bytes of a value, and the CRLF after it.
    fn value<'b>(
        &mut self,
        input: &'b [u8],
        rules: &Rules<'_>,
        asked: Option<&Asked>,
        tally: &mut Tally,
    ) -> Result<(bool, &'b [u8]), FramingLost> {
        let (State::Value { key, bytes, mut seen, mut good }, Some(asked)) = (self.state, asked)
        else {
            return Err(FramingLost);
        };
        let (piece, mut rest) = input.split_at(input.len().min(bytes.saturating_sub(seen)));
        if let Some(key) = key
            && !piece.is_empty()
        {
            good = good && rules.keyspace.matches(key, seen, piece);
        }
        seen += piece.len();
        while seen >= bytes && seen < bytes + 2 && !rest.is_empty() {
            if rest[0] != b"\r\n"[seen - bytes] {
                tally.mistake(Mistake::Unexpected, || {
                    format!("after the {bytes} bytes of a value: {}", answer(rules, asked, rest))
                });
                return Err(FramingLost);
            }
            rest = &rest[1..];
            seen += 1;
        }
        if seen < bytes + 2 {
            self.state = State::Value { key, bytes, seen, good };
            return Ok((false, rest));
        }
        if !good {
            tally.mistake(Mistake::WrongValue, || answer(rules, asked, piece));
        }
        self.state = State::Line;
        Ok((rules.protocol == Protocol::Meta, rest))
    }
}

impl State {
    fn value(key: Option<u32>, bytes: usize) -> Self {
        Self::Value { key, bytes, seen: 0, good: true }
    }
}

fn text_set(line: &[u8], rules: &Rules<'_>, asked: &Asked, tally: &mut Tally) -> Option<bool> {
    match line {
        b"STORED" => Some(true),
        b"NOT_STORED" | b"EXISTS" | b"NOT_FOUND" => {
            tally.mistake(Mistake::NotStored, || answer(rules, asked, line));
            Some(true)
        }
        _ => None,
    }
}

fn meta_set(line: &[u8], rules: &Rules<'_>, asked: &Asked, tally: &mut Tally) -> Option<bool> {
    let [kind, opaque] = words(line)?;
    if opaque.strip_prefix(b"O").and_then(number) != Some(asked.number) {
        tally.mistake(Mistake::WrongOrder, || answer(rules, asked, line));
    }
    match kind {
        b"HD" => Some(true),
        b"NS" | b"EX" | b"NF" => {
            tally.mistake(Mistake::NotStored, || answer(rules, asked, line));
            Some(true)
        }
        _ => None,
    }
}

fn is_error(line: &[u8]) -> bool {
    let first = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    matches!(first, b"ERROR" | b"CLIENT_ERROR" | b"SERVER_ERROR")
}

/// Exactly so many words with one blank between.
fn words<const N: usize>(line: &[u8]) -> Option<[&[u8]; N]> {
    let mut all = [&[][..]; N];
    let mut found = line.split(|byte| *byte == b' ');
    for word in &mut all {
        *word = found.next()?;
    }
    found.next().is_none().then_some(all)
}

/// A decimal number below a thousand million.
fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
}

/// What was asked and what came, for a person.
fn answer(rules: &Rules<'_>, asked: &Asked, line: &[u8]) -> String {
    let verb = match asked.verb {
        Verb::Get => "get",
        Verb::Set => "set",
    };
    let key = rules.keyspace.key(asked.first).escape_ascii();
    let more = if asked.keys > 1 { format!(" and {} more", asked.keys - 1) } else { String::new() };
    format!("request {} of its connection, {verb} {key}{more}: got {}", asked.number, shown(line))
}

fn shown(line: &[u8]) -> String {
    format!("\"{}\"", line[..line.len().min(SHOWN_BYTES_MAX)].escape_ascii())
}

#[cfg(test)]
mod tests;
