//! Finds where one reply of a backend ends, and what it is. A reply is framed by its own first
//! word, never by what was asked.

use super::REPLY_LINE_BYTES_MAX;
use super::fast;
use super::number::unsigned;
use super::words::Words;
use crate::buffer::RingBuf;
use crate::memcache::op::{Outcome, Status};
use crate::memcache::{KEY_BYTES_MAX, Malformed, VALUE_BYTES_MAX};
use std::ops::Range;

/// What the line of a reply says, when it is not that of a value.
fn status_of(line: &[u8]) -> Result<Status, Malformed> {
    Ok(match line {
        b"STORED" => Status::Stored,
        b"NOT_STORED" => Status::NotStored,
        b"EXISTS" => Status::Exists,
        b"NOT_FOUND" => Status::NotFound,
        b"DELETED" => Status::Deleted,
        b"TOUCHED" => Status::Touched,
        b"OK" => Status::Ok,
        [b'A'..=b'Z', b'A'..=b'Z'] | [b'A'..=b'Z', b'A'..=b'Z', b' ', ..] => {
            return status_of_meta(&line[..2]);
        }
        [b'0'..=b'9', ..] if unsigned(line.trim_ascii_end()).is_some() => Status::Number,
        _ if begins(line, b"SERVER_ERROR") => Status::ServerError,
        _ if begins(line, b"CLIENT_ERROR") => Status::ClientError,
        // With a reason behind it, it is no answer: memcached says `ERROR Too many open
        // connections` to whoever connects, whatever is asked.
        b"ERROR" => Status::Error,
        _ if begins(line, b"VERSION") => Status::Version,
        _ => return Err(Malformed),
    })
}

fn status_of_meta(word: &[u8]) -> Result<Status, Malformed> {
    Ok(match word {
        b"HD" => Status::MetaHeader,
        b"EN" => Status::MetaMiss,
        b"NF" => Status::MetaNotFound,
        b"NS" => Status::MetaNotStored,
        b"EX" => Status::MetaExists,
        b"ME" => Status::MetaDebug,
        _ => return Err(Malformed),
    })
}

/// Whether the first word of `line` is `word`.
fn begins(line: &[u8], word: &[u8]) -> bool {
    line.strip_prefix(word).is_some_and(|rest| matches!(rest.first(), None | Some(b' ')))
}

/// The state machine.
#[derive(Debug, Default)]
pub struct ReplyParser {
    /// The value that is being read, or was read and waits for its `END`.
    value: Option<Value>,
    /// Bytes, from the head of the ring, that hold no end of the line being read.
    scanned: usize,
}

#[derive(Debug, Clone)]
struct Value {
    key: Range<usize>,
    /// Bytes of the line and of the data, from the head of the ring.
    end: usize,
    checked: bool,
    /// Of a meta command: nothing follows it.
    alone: bool,
}

impl ReplyParser {
    /// The first whole reply in `input`, once it is there. `joined` asks for a value and its `END`
    /// as one reply. `scratch` is used when a line wraps around the ring's end.
    pub fn advance(
        &mut self,
        input: &RingBuf,
        joined: bool,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<Outcome>, Malformed> {
        if self.scanned == 0
            && self.value.is_none()
            && let Some(seen) = fast::reply(input.front(), joined)
        {
            return Ok(Some(match seen {
                fast::Seen::Value { key, len } => {
                    Outcome { status: if joined { Status::Hit } else { Status::Value }, key, len }
                }
                fast::Seen::End => Outcome { status: Status::End, key: 0..0, len: 5 },
                fast::Seen::Stored => Outcome { status: Status::Stored, key: 0..0, len: 8 },
            }));
        }
        self.resume(input, joined, scratch)
    }

    /// The long way: bit by bit, as the bytes come.
    fn resume(
        &mut self,
        input: &RingBuf,
        joined: bool,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<Outcome>, Malformed> {
        if let Some(value) = &mut self.value {
            if !value.is_whole(input)? {
                return Ok(None);
            }
            let (key, len) = (value.key.clone(), value.end);
            if value.alone {
                return Ok(Some(self.outcome(Status::MetaValue, key, len)));
            }
            if !joined {
                return Ok(Some(self.outcome(Status::Value, key, len)));
            }
        }
        self.line(input, joined, scratch)
    }

    /// Goes on with a line: the first one, or the one behind a value.
    fn line(
        &mut self,
        input: &RingBuf,
        joined: bool,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<Outcome>, Malformed> {
        let start = self.value.as_ref().map_or(0, |value| value.end);
        let Some(end) = self.line_end(input, start)? else {
            return Ok(None);
        };
        let [line @ .., b'\r', b'\n'] = input.slice(start..end, scratch) else {
            return Err(Malformed);
        };
        if self.value.is_none() && line.starts_with(b"VA") {
            self.value = Some(match line.starts_with(b"VALUE ") {
                true => Value::announced(line, end)?,
                false => Value::announced_alone(line, end)?,
            });
            return self.resume(input, joined, scratch);
        }
        let key = self.value.as_ref().map_or(0..0, |value| value.key.clone());
        let status = match (line, &self.value) {
            (b"END", None) => Status::End,
            (b"END", Some(_)) => Status::Hit,
            (_, value) => {
                let status = status_of(line)?;
                if value.is_some() && !status.is_error() {
                    return Err(Malformed);
                }
                status
            }
        };
        Ok(Some(self.outcome(status, key, end)))
    }

    /// Whether nothing of a reply has been looked at in vain.
    #[inline]
    pub fn is_fresh(&self) -> bool {
        self.scanned == 0 && self.value.is_none()
    }

    /// Bytes that the ring must hold before the parser can go on, as far as it knows.
    pub fn bytes_needed(&self) -> usize {
        self.value.as_ref().map_or(0, |value| value.end)
    }

    fn outcome(&mut self, status: Status, key: Range<usize>, len: usize) -> Outcome {
        *self = Self::default();
        Outcome { status, key, len }
    }

    /// Where the line that begins at `start` ends.
    fn line_end(&mut self, input: &RingBuf, start: usize) -> Result<Option<usize>, Malformed> {
        match input.find(b'\n', self.scanned.max(start)) {
            Some(at) => {
                self.scanned = at + 1;
                Ok(Some(at + 1))
            }
            None if input.len() - start > REPLY_LINE_BYTES_MAX => Err(Malformed),
            None => {
                self.scanned = input.len();
                Ok(None)
            }
        }
    }
}

impl Value {
    /// `VALUE key flags bytes [cas]`, a line that ends at `line_end`. A cas number may be missing
    /// where one was asked for: some servers have none.
    fn announced(line: &[u8], line_end: usize) -> Result<Self, Malformed> {
        let mut words = Words::new(line, "VALUE ".len());
        let key = words.next().ok_or(Malformed)?;
        let flags = words.next().ok_or(Malformed)?;
        let bytes = words.next().ok_or(Malformed)?;
        if let Some(cas) = words.next() {
            unsigned(&line[cas]).ok_or(Malformed)?;
        }
        let end = line_end + value_len(&line[bytes])?;
        if unsigned(&line[flags]).is_none() || key.len() > KEY_BYTES_MAX || words.next().is_some() {
            return Err(Malformed);
        }
        Ok(Self { key, end, checked: false, alone: false })
    }

    /// `VA bytes flag*`.
    fn announced_alone(line: &[u8], line_end: usize) -> Result<Self, Malformed> {
        let rest = line.strip_prefix(b"VA ").ok_or(Malformed)?;
        let bytes = Words::new(rest, 0).next().ok_or(Malformed)?;
        let line = rest;
        let end = line_end + value_len(&line[bytes])?;
        Ok(Self { key: 0..0, end, checked: false, alone: true })
    }

    /// Whether all of it is there; and then it has to end as it should.
    fn is_whole(&mut self, input: &RingBuf) -> Result<bool, Malformed> {
        if self.checked {
            return Ok(true);
        }
        if input.len() < self.end {
            return Ok(false);
        }
        self.checked = input.has(self.end - 2, b"\r\n");
        if self.checked { Ok(true) } else { Err(Malformed) }
    }
}

/// The key of the value at the head of `bytes`, and its length with its line, when it is all there.
#[inline]
pub fn whole_value(bytes: &[u8]) -> Option<(Range<usize>, usize)> {
    match fast::reply(bytes, false)? {
        fast::Seen::Value { key, len } => Some((key, len)),
        fast::Seen::End | fast::Seen::Stored => None,
    }
}

/// The length of the value at the head of `bytes`, with its line, when it is all there and for this
/// key.
#[inline]
pub fn whole_value_of(bytes: &[u8], key: &[u8]) -> Option<usize> {
    fast::value_of(bytes, key)
}

/// The bytes of a value, its CR LF included.
fn value_len(text: &[u8]) -> Result<usize, Malformed> {
    match unsigned(text) {
        Some(bytes) if bytes <= VALUE_BYTES_MAX as u64 => Ok(bytes as usize + 2),
        _ => Err(Malformed),
    }
}
