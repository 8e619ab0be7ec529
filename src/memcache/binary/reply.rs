//! The reply of a backend, or of the proxy itself, in text, as the frame that tells a client the
//! same.

use super::opcode::{Opcode, Verb};
use super::request::Asked;
use super::{HEADER_BYTES, REPLY_MAGIC};
use crate::buffer::{BufferPool, RingBuf};
use crate::memcache::text::number::unsigned;
use crate::memcache::text::words::Words;

/// Bytes of the flags before a value.
const FLAGS_BYTES: usize = 4;

/// What a frame says; the text of an error is its value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Frame<'a> {
    status: u16,
    flags: Option<u32>,
    key: &'a [u8],
    value: &'a [u8],
    cas: u64,
}

/// The statuses.
mod status {
    pub(super) const NOT_FOUND: u16 = 0x01;
    pub(super) const EXISTS: u16 = 0x02;
    pub(super) const TOO_LARGE: u16 = 0x03;
    pub(super) const INVALID: u16 = 0x04;
    pub(super) const NOT_STORED: u16 = 0x05;
    pub(super) const NON_NUMERIC: u16 = 0x06;
    pub(super) const UNKNOWN: u16 = 0x81;
    pub(super) const OUT_OF_MEMORY: u16 = 0x82;
    pub(super) const TEMPORARY: u16 = 0x86;
}

/// What a line announces that has a value behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// The number that is stored beside the value.
    flags: u32,
    cas: u64,
    /// Bytes of the line, with its end.
    pub line_len: usize,
    /// Bytes of the value.
    pub value_len: usize,
}

impl Announced {
    /// Reads `VALUE key flags bytes [cas]` or `VA bytes flag*`, which its line end may follow; None
    /// when it is another line.
    #[inline]
    pub fn read(line: &[u8]) -> Option<Self> {
        let text = line.trim_ascii_end();
        if let Some(rest) = text.strip_prefix(b"VALUE ") {
            let mut words = Words::new(rest, 0);
            words.next()?;
            let flags = unsigned(&rest[words.next()?])? as u32;
            let value_len = unsigned(&rest[words.next()?])? as usize;
            let cas = words.next().and_then(|cas| unsigned(&rest[cas])).unwrap_or(0);
            return Some(Self { flags, cas, line_len: line.len(), value_len });
        }
        let rest = text.strip_prefix(b"VA ")?;
        let value_len = unsigned(&rest[Words::new(rest, 0).next()?])? as usize;
        let (flags, cas) = (flag(rest, b'f') as u32, flag(rest, b'c'));
        Some(Self { flags, cas, line_len: line.len(), value_len })
    }

    /// Bytes of the frame, up to its key.
    #[inline]
    pub fn head(&self, asked: Asked, key: &[u8]) -> [u8; HEADER_BYTES + FLAGS_BYTES] {
        let mut head = [0; HEADER_BYTES + FLAGS_BYTES];
        let body = FLAGS_BYTES + key.len() + self.value_len;
        let header = header(asked, 0, (FLAGS_BYTES, key.len(), body), self.cas);
        head[..HEADER_BYTES].copy_from_slice(&header);
        head[HEADER_BYTES..].copy_from_slice(&self.flags.to_be_bytes());
        head
    }
}

/// Whether the value behind a line is a number that the frame says in eight bytes.
pub fn is_counted(asked: Asked) -> bool {
    matches!(asked.opcode.verb(), Verb::Increment | Verb::Decrement)
}

/// Writes the number that an incr or a decr came to.
pub fn write_number(
    out: &mut RingBuf,
    pool: &mut BufferPool,
    asked: Asked,
    announced: Announced,
    digits: &[u8],
) {
    if !asked.opcode.is_quiet() {
        let number = unsigned(digits.trim_ascii_end()).unwrap_or(0).to_be_bytes();
        write(out, pool, asked, Frame { value: &number, cas: announced.cas, ..Frame::default() });
    }
}

/// Writes what a reply without a value says, if its client wants to know. `key` is for answers that
/// repeat it. Only statistics have several lines.
pub fn write_text(out: &mut RingBuf, pool: &mut BufferPool, asked: Asked, key: &[u8], text: &[u8]) {
    match text.starts_with(b"STAT ") {
        true => write_statistics(out, pool, asked, text),
        false => write_line(out, pool, asked, key, text),
    }
}

fn write_line(out: &mut RingBuf, pool: &mut BufferPool, asked: Asked, key: &[u8], line: &[u8]) {
    if let Some(frame) = understand(asked.opcode, key, line.trim_ascii_end()) {
        write(out, pool, asked, frame);
    }
}

/// Writes statistics, a frame for each line; the last one is empty.
fn write_statistics(out: &mut RingBuf, pool: &mut BufferPool, asked: Asked, text: &[u8]) {
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii_end();
        let Some(rest) = line.strip_prefix(b"STAT ") else {
            if !line.is_empty() {
                write_line(out, pool, asked, b"", line);
            }
            continue;
        };
        let name = Words::new(rest, 0).next().unwrap_or(0..0);
        let value = rest.get(name.end + 1..).unwrap_or_default();
        write(out, pool, asked, Frame { key: &rest[name], value, ..Frame::default() });
    }
}

/// None when there is nothing to say.
fn understand<'a>(opcode: Opcode, key: &'a [u8], line: &'a [u8]) -> Option<Frame<'a>> {
    let word = &line[Words::new(line, 0).next()?];
    let rest = line.get(word.len() + 1..).unwrap_or_default();
    let verb = opcode.verb();
    let done = || (!opcode.is_quiet()).then_some(Frame::default());
    Some(match word {
        b"HD" => {
            let flags = (verb == Verb::Touch).then(|| flag(rest, b'f') as u32);
            Frame { flags, cas: flag(rest, b'c'), ..done()? }
        }
        b"OK" | b"MN" | b"RESET" => done()?,
        b"END" if verb == Verb::Stat => done()?,
        b"END" | b"EN" => miss(opcode, key)?,
        b"NF" => error(status::NOT_FOUND),
        b"EX" => error(status::EXISTS),
        b"NS" if verb == Verb::Add => error(status::EXISTS),
        b"NS" if verb == Verb::Replace => error(status::NOT_FOUND),
        b"NS" => error(status::NOT_STORED),
        b"VERSION" => Frame { value: rest, ..Frame::default() },
        b"ERROR" | b"CLIENT_ERROR" if verb == Verb::Stat => error(status::NOT_FOUND),
        b"ERROR" => error(status::UNKNOWN),
        b"CLIENT_ERROR" if rest.starts_with(b"cannot increment") => error(status::NON_NUMERIC),
        b"CLIENT_ERROR" => error(status::INVALID),
        b"SERVER_ERROR" if rest.starts_with(b"object too large") => error(status::TOO_LARGE),
        b"SERVER_ERROR" if rest.starts_with(b"out of memory") => error(status::OUT_OF_MEMORY),
        _ => Frame { status: status::TEMPORARY, value: line, ..Frame::default() },
    })
}

/// A key that is not there.
fn miss(opcode: Opcode, key: &[u8]) -> Option<Frame<'_>> {
    if opcode.is_quiet() {
        return None;
    }
    Some(match opcode.repeats_key() {
        true => Frame { status: status::NOT_FOUND, key, ..Frame::default() },
        false => error(status::NOT_FOUND),
    })
}

fn error(status: u16) -> Frame<'static> {
    let value: &[u8] = match status {
        status::NOT_FOUND => b"Not found",
        status::EXISTS => b"Data exists for key.",
        status::TOO_LARGE => b"Too large.",
        status::INVALID => b"Invalid arguments",
        status::NOT_STORED => b"Not stored.",
        status::NON_NUMERIC => b"Non-numeric server-side value for incr or decr",
        status::UNKNOWN => b"Unknown command",
        _ => b"Out of memory",
    };
    Frame { status, value, ..Frame::default() }
}

/// The number of a flag among those that a meta command returned; 0 when it is not there.
fn flag(words: &[u8], wanted: u8) -> u64 {
    let mut flags = Words::new(words, 0).map(|word| &words[word]);
    let found = flags.find_map(|word| word.strip_prefix(&[wanted]));
    found.and_then(unsigned).unwrap_or(0)
}

fn write(out: &mut RingBuf, pool: &mut BufferPool, asked: Asked, frame: Frame<'_>) {
    let Frame { status, flags, key, value, cas } = frame;
    let extras = if flags.is_some() { FLAGS_BYTES } else { 0 };
    let lengths = (extras, key.len(), extras + key.len() + value.len());
    out.extend(pool, &header(asked, status, lengths, cas));
    if let Some(flags) = flags {
        out.extend(pool, &flags.to_be_bytes());
    }
    out.extend(pool, key);
    out.extend(pool, value);
}

#[inline]
fn header(
    asked: Asked,
    status: u16,
    (extras, key, body): (usize, usize, usize),
    cas: u64,
) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[0] = REPLY_MAGIC;
    header[1] = asked.opcode.0;
    header[2..4].copy_from_slice(&(key as u16).to_be_bytes());
    header[4] = extras as u8;
    header[6..8].copy_from_slice(&status.to_be_bytes());
    header[8..12].copy_from_slice(&(body as u32).to_be_bytes());
    header[12..16].copy_from_slice(&asked.opaque.to_be_bytes());
    header[16..24].copy_from_slice(&cas.to_be_bytes());
    header
}
