//! A frame of a client, as the line that asks a backend the same in text.

use super::HEADER_BYTES;
use super::opcode::{Opcode, Verb};
use super::request::number;
use crate::memcache::KEY_BYTES_MAX;
use crate::memcache::base64;
use crate::memcache::op::Op;
use crate::memcache::text::encode::LINE_END;

/// The longest line has a key, a cas number, a delta and an initial value: less than 360 bytes.
const LINE_BYTES_MAX: usize = 384;

/// An expiry that says that nothing is to be created.
const NO_CREATION: u64 = 0xffff_ffff;

/// Whether a key can stand in a line as it is.
#[inline]
pub(super) fn is_plain(key: &[u8]) -> bool {
    key.iter().all(|byte| *byte > b' ' && *byte != 0x7f)
}

/// Whether a key is short enough to stand in a line in base64.
pub(super) fn takes_base64(key: &[u8]) -> bool {
    base64::encoded_len(key.len()) <= KEY_BYTES_MAX
}

/// A line in text, with its end.
pub struct Line {
    bytes: [u8; LINE_BYTES_MAX],
    len: usize,
}

impl Line {
    fn new(verb: &[u8]) -> Self {
        let mut line = Self { bytes: [0; LINE_BYTES_MAX], len: 0 };
        line.push(verb);
        line
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The same without its end.
    pub fn without_end(&self) -> &[u8] {
        &self.bytes[..self.len - LINE_END.len()]
    }

    #[inline]
    fn push(&mut self, text: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.len..self.len + text.len()) {
            room.copy_from_slice(text);
            self.len += text.len();
        }
    }

    fn push_number(&mut self, flag: &[u8], mut number: u64) {
        self.push(flag);
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return self.push(&digits[at..]);
            }
        }
    }

    /// A flag with a number that may be negative.
    fn push_signed(&mut self, flag: &[u8], number: i64) {
        self.push(flag);
        self.push_number(if number < 0 { b"-" } else { b"" }, number.unsigned_abs());
    }

    /// The key. Returns the flag that says how it stands there.
    fn push_key(&mut self, key: &[u8]) -> &'static [u8] {
        if is_plain(key) {
            self.push(key);
            return b"";
        }
        let mut text = [0; KEY_BYTES_MAX];
        let len = base64::encode(key, &mut text);
        self.push(&text[..len]);
        b" b"
    }

    fn end(mut self) -> Self {
        self.push(LINE_END);
        self
    }
}

/// The line for the frame that `head` is all of but its value, and that `op` was read from. What
/// is stored or touched expires at `exptime`. A retrieval of a plain key has none: its key goes
/// with those of others.
pub fn line(head: &[u8], op: &Op, exptime: i64) -> Line {
    use Verb as V;
    let key = &head[op.key.clone()];
    match opcode(head).verb() {
        verb @ (V::Set | V::Add | V::Replace | V::Append | V::Prepend) => {
            storage(verb, op, key, exptime)
        }
        V::Delete => {
            let mut line = Line::new(b"md ");
            let flag = line.push_key(key);
            line.push(flag);
            push_cas(&mut line, op);
            line.end()
        }
        verb @ (V::Increment | V::Decrement) => arithmetic(verb, op, head, exptime),
        verb @ (V::Touch | V::GetAndTouch | V::GetKeyAndTouch | V::Get | V::GetKey) => {
            retrieval(verb, key, exptime)
        }
        V::Flush => flush(&head[HEADER_BYTES..]),
        V::Noop | V::Version | V::Stat | V::Quit => Line::new(b"").end(),
        V::SaslMechanisms | V::SaslAuth | V::Unknown => Line::new(b"").end(),
        V::Verbosity => {
            let mut line = Line::new(b"verbosity ");
            line.push_number(b"", number(&head[HEADER_BYTES..]));
            line.end()
        }
    }
}

/// The line that deletes what a value was to replace that is refused, where memcached does so.
pub fn forgetting_line(head: &[u8], op: &Op) -> Option<Line> {
    if opcode(head).verb() != Verb::Set {
        return None;
    }
    let mut line = Line::new(b"md ");
    let flag = line.push_key(&head[op.key.clone()]);
    line.push(flag);
    Some(line.end())
}

fn opcode(head: &[u8]) -> Opcode {
    Opcode(head[1])
}

fn storage(verb: Verb, op: &Op, key: &[u8], exptime: i64) -> Line {
    let mut line = Line::new(b"ms ");
    let flag = line.push_key(key);
    line.push_number(b" ", op.value.unwrap_or(0) as u64);
    line.push(flag);
    line.push(b" c");
    push_cas(&mut line, op);
    let appends = matches!(verb, Verb::Append | Verb::Prepend);
    if exptime != 0 && !appends {
        line.push_signed(b" T", exptime);
    }
    if op.flags != 0 {
        line.push_number(b" F", u64::from(op.flags));
    }
    line.push(match verb {
        Verb::Append => b" MA",
        Verb::Prepend => b" MP",
        // With a cas number all of them store what is still as it was.
        Verb::Add if op.cas == 0 => b" ME",
        Verb::Replace if op.cas == 0 => b" MR",
        _ => b"",
    });
    line.end()
}

fn arithmetic(verb: Verb, op: &Op, head: &[u8], exptime: i64) -> Line {
    let extras = &head[HEADER_BYTES..];
    let mut line = Line::new(b"ma ");
    let flag = line.push_key(&head[op.key.clone()]);
    line.push(flag);
    line.push(if verb == Verb::Decrement { b" v c MD" } else { b" v c" });
    line.push_number(b" D", op.delta);
    if number(&extras[16..20]) != NO_CREATION {
        line.push_number(b" J", number(&extras[8..16]));
        line.push_signed(b" N", exptime);
    }
    push_cas(&mut line, op);
    line.end()
}

fn retrieval(verb: Verb, key: &[u8], exptime: i64) -> Line {
    let mut line = Line::new(b"mg ");
    let flag = line.push_key(key);
    line.push(flag);
    line.push(if verb == Verb::Touch { b" f c" } else { b" f c v" });
    if !matches!(verb, Verb::Get | Verb::GetKey) {
        line.push_signed(b" T", exptime);
    }
    line.end()
}

/// A moment beyond the signed numbers of text is at once here, as it is for memcached.
fn flush(extras: &[u8]) -> Line {
    let mut line = Line::new(b"flush_all");
    if let Ok(delay @ 1..) = i32::try_from(number(extras)) {
        line.push_number(b" ", u64::from(delay.unsigned_abs()));
    }
    line.end()
}

fn push_cas(line: &mut Line, op: &Op) {
    if op.cas != 0 {
        line.push_number(b" C", op.cas);
    }
}
