//! The reply of a backend, or of the proxy itself, in text, as the frame that tells a client the
//! same.

use super::opcode::{Asked, Opcode, Verb};
use super::{HEADER_BYTES, REPLY_MAGIC};
use crate::buffer::{BufferPool, RingBuf, scan};
use crate::memcache::text::encode::LINE_END;
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
    /// Reads `VALUE key flags bytes [cas]` or `VA bytes flag*` at the head of `bytes`, which more
    /// may follow; None when it is another line, or not all there. Its numbers were looked at
    /// before, by the parser of replies.
    #[inline]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'V', b'A', b'L', b'U', b'E', b' ', ..] => Self::classic(bytes),
            [b'V', b'A', b' ', ..] => Self::meta(bytes),
            _ => None,
        }
    }

    #[inline]
    fn classic(bytes: &[u8]) -> Option<Self> {
        let start = "VALUE ".len();
        let key_end = start + scan::find(&bytes[start..], b' ')?;
        let (flags, at) = digits(bytes, key_end + 1)?;
        let (value_len, at) = digits(bytes, at + 1)?;
        let (cas, end) = digits(bytes, at + 1).unwrap_or((0, at));
        let line_len = bytes.get(end..)?.starts_with(LINE_END).then_some(end + 2)?;
        Some(Self { flags: flags as u32, cas, line_len, value_len: value_len as usize })
    }

    fn meta(bytes: &[u8]) -> Option<Self> {
        let line_len = scan::find(bytes, b'\n')? + 1;
        let (value_len, at) = digits(bytes, "VA ".len())?;
        let flags = bytes[..line_len].trim_ascii_end().get(at..)?;
        let (cas, flags) = (flag(flags, b'c'), flag(flags, b'f') as u32);
        Some(Self { flags, cas, line_len, value_len: value_len as usize })
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

/// The number that begins at `at`, and where it ends.
#[inline]
fn digits(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let (mut number, mut end) = (0u64, at);
    for byte in bytes.get(at..)? {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        end += 1;
    }
    (end > at).then_some((number, end))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(opcode: u8, text: &str) -> Vec<u8> {
        let (mut pool, mut out) = (BufferPool::new(0), RingBuf::new());
        let asked = Asked { opcode: Opcode(opcode), opaque: 0x0102_0304 };
        write_text(&mut out, &mut pool, asked, b"key", text.as_bytes());
        let (first, second) = out.pieces(0..out.len());
        [first, second].concat()
    }

    /// Opcode and opaque come back; the rest of a frame is short to tell.
    #[track_caller]
    fn check(opcode: u8, text: &str, (status, key, value, cas): (u16, &str, &[u8], u64)) {
        let body = (key.len() + value.len()) as u8;
        let mut expected = vec![0x81, opcode, 0, key.len() as u8, 0, 0];
        expected.extend(status.to_be_bytes());
        expected.extend([0, 0, 0, body, 1, 2, 3, 4]);
        expected.extend(cas.to_be_bytes());
        expected.extend([key.as_bytes(), value].concat());
        assert_eq!(said(opcode, text), expected, "{opcode:02x} {text}");
    }

    #[test]
    fn lines_become_frames() {
        check(0x01, "HD c77\r\n", (0, "", b"", 77));
        check(0x0b, "VERSION 1.2.3 x\r\n", (0, "", b"1.2.3 x", 0));
        check(0x0a, "MN\r\n", (0, "", b"", 0));
        check(0x00, "END\r\n", (1, "", b"Not found", 0));
        check(0x0c, "END\r\n", (1, "key", b"", 0));
        check(0x23, "EN\r\n", (1, "key", b"", 0));
        check(0x02, "NS c0\r\n", (2, "", b"Data exists for key.", 0));
        check(0x13, "NS\r\n", (1, "", b"Not found", 0));
        check(0x19, "NS\r\n", (5, "", b"Not stored.", 0));
        check(0x11, "EX\r\n", (2, "", b"Data exists for key.", 0));
        check(0x14, "NF\r\n", (1, "", b"Not found", 0));
        check(0x40, "ERROR\r\n", (0x81, "", b"Unknown command", 0));
        check(0x10, "ERROR\r\n", (1, "", b"Not found", 0));
        check(0x10, "END\r\n", (0, "", b"", 0));
        check(0x01, "CLIENT_ERROR bad\r\n", (4, "", b"Invalid arguments", 0));
        check(0x09, "SERVER_ERROR x y\r\n", (0x86, "", b"SERVER_ERROR x y", 0));
        check(0x09, "SERVER_ERROR out of memory\r\n", (0x82, "", b"Out of memory", 0));
    }

    #[test]
    fn quiet_frames_are_silent_about_what_is_expected() {
        for (opcode, text) in [
            (0x09, "END\r\n"),
            (0x24, "EN\r\n"),
            (0x11, "HD c1\r\n"),
            (0x14, "HD\r\n"),
            (0x18, "OK\r\n"),
            (0x17, "OK\r\n"),
            (0x01, ""),
        ] {
            assert_eq!(said(opcode, text), b"", "{opcode:02x} {text}");
        }
    }

    #[test]
    fn values_are_announced_in_either_way() {
        let read = |line: &str| Announced::read(line.as_bytes());
        let announced =
            |flags, cas, line_len, value_len| Some(Announced { flags, cas, line_len, value_len });
        assert_eq!(read("VALUE k 7 3 99\r\n"), announced(7, 99, 16, 3));
        assert_eq!(read("VALUE k 4294967295 0\r\n"), announced(u32::MAX, 0, 22, 0));
        assert_eq!(read("VA 12 c5 f9\r\n"), announced(9, 5, 13, 12));
        assert_eq!((read("VALUE k\r\n"), read("HD f1\r\n"), read("VA 3")), (None, None, None));
        let asked = Asked { opcode: Opcode(0x0d), opaque: 1 };
        let head = Announced { flags: 7, cas: 2, line_len: 0, value_len: 10 }.head(asked, b"key");
        assert_eq!(head[..8], [0x81, 0x0d, 0, 3, 4, 0, 0, 0]);
        assert_eq!(head[8..16], [0, 0, 0, 17, 0, 0, 0, 1]);
        assert_eq!(head[16..], [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 7]);
    }

    #[test]
    fn a_touched_key_has_its_flags() {
        let said = said(0x1c, "HD f5 c9\r\n");
        assert_eq!((said.len(), said[4], &said[24..]), (28, 4, &[0, 0, 0, 5][..]));
    }

    #[test]
    fn statistics_are_a_frame_each() {
        let said = said(0x10, "STAT name a value\r\nSTAT x 1\r\nEND\r\n");
        assert_eq!(&said[24..35], b"namea value");
        assert_eq!((said.len(), &said[35 + 24..35 + 26]), (35 + 26 + 24, &b"x1"[..]));
    }
}
