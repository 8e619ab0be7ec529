//! A frame of a client, as the line that asks a backend the same in text.

use super::opcode::{Opcode, Verb};
use super::{HEADER_BYTES, number};
use crate::buffer::scan;
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
    scan::find_below(key, b' ' + 1).is_none() && scan::find(key, 0x7f).is_none()
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
    line.push(match (verb, op.cas) {
        (Verb::Append, _) => b" MA",
        (Verb::Prepend, _) => b" MP",
        (Verb::Add, 0) => b" ME",
        (Verb::Replace, 0) => b" MR",
        // With a cas number all of them replace what is still as it was.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::{BufferPool, RingBuf};
    use crate::memcache::binary::request::FrameParser;
    use crate::memcache::text::request::Step;

    fn frame(opcode: u8, key: &[u8], extras: &[u8], value: &[u8], cas: u64) -> Vec<u8> {
        let body = (extras.len() + key.len() + value.len()) as u32;
        let mut frame = vec![0x80, opcode, 0, key.len() as u8, extras.len() as u8, 0, 0, 0];
        frame.extend(body.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(cas.to_be_bytes());
        [&frame[..], extras, key, value].concat()
    }

    #[track_caller]
    fn op(frame: &[u8]) -> Op {
        let (mut pool, mut ring) = (BufferPool::new(0), RingBuf::new());
        ring.extend(&mut pool, frame);
        let step = FrameParser::new(1_000).advance(&ring, &mut Vec::new());
        let Step::Request(request) = step else {
            panic!("{step:?}");
        };
        request.op
    }

    /// The line for a frame, where expiries are cut down to `cap`.
    #[track_caller]
    fn text(frame: &[u8], cap: Option<i64>) -> String {
        let op = op(frame);
        let exptime = cap.unwrap_or(op.exptime);
        let line = line(&frame[..op.forward_end], &op, exptime);
        assert_eq!([line.without_end(), LINE_END].concat(), line.bytes());
        String::from_utf8(line.without_end().to_vec()).expect("text")
    }

    #[test]
    fn each_frame_asks_the_same_in_text() {
        let stored = [&7u32.to_be_bytes()[..], &90u32.to_be_bytes()].concat();
        let counted = |expiry: u32| {
            [&3u64.to_be_bytes()[..], &10u64.to_be_bytes(), &expiry.to_be_bytes()].concat()
        };
        let expiry = 90u32.to_be_bytes();
        for (frame, expected) in [
            (frame(0x01, b"k", &[0; 8], b"abc", 0), "ms k 3 c"),
            (frame(0x11, b"k", &stored, b"abc", 5), "ms k 3 c C5 T90 F7"),
            (frame(0x02, b"k", &stored, b"abc", 0), "ms k 3 c T90 F7 ME"),
            (frame(0x12, b"k", &[0; 8], b"abc", 5), "ms k 3 c C5"),
            (frame(0x03, b"a b", &[0; 8], b"", 0), "ms YSBi 0 b c MR"),
            (frame(0x0e, b"k", b"", b"abc", 0), "ms k 3 c MA"),
            (frame(0x1a, b"k", b"", b"abc", u64::MAX), "ms k 3 c C18446744073709551615 MP"),
            (frame(0x04, b"k", b"", b"", 0), "md k"),
            (frame(0x14, b"\0", b"", b"", 9), "md AA== b C9"),
            (frame(0x05, b"k", &counted(0), b"", 0), "ma k v c D3 J10 N0"),
            (frame(0x16, b"k", &counted(60), b"", 4), "ma k v c MD D3 J10 N60 C4"),
            (frame(0x05, b"k", &counted(u32::MAX), b"", 0), "ma k v c D3"),
            (frame(0x1c, b"k", &expiry, b"", 0), "mg k f c T90"),
            (frame(0x1d, b"a b", &expiry, b"", 0), "mg YSBi b f c v T90"),
            (frame(0x0d, b"a b", b"", b"", 0), "mg YSBi b f c v"),
            (frame(0x08, b"", b"", b"", 0), "flush_all"),
            (frame(0x18, b"", &expiry, b"", 0), "flush_all 90"),
            (frame(0x08, b"", &[0xff; 4], b"", 0), "flush_all"),
            (frame(0x1b, b"", &[0, 0, 0, 2], b"", 0), "verbosity 2"),
        ] {
            assert_eq!(text(&frame, None), expected);
        }
        assert_eq!(text(&frame(0x01, b"k", &stored, b"", 0), Some(5)), "ms k 0 c T5 F7");
        assert_eq!(text(&frame(0x01, b"k", &[0; 8], b"", 0), Some(-1)), "ms k 0 c T-1");
    }

    #[test]
    fn a_moment_beyond_the_numbers_of_text_is_never() {
        let set = |expiry: u32| {
            let extras = [&[0; 4][..], &expiry.to_be_bytes()].concat();
            text(&frame(0x01, b"k", &extras, b"x", 0), None)
        };
        assert_eq!(set(i32::MAX as u32), "ms k 1 c T2147483647");
        assert_eq!((set(1 << 31), set(u32::MAX)), ("ms k 1 c".into(), "ms k 1 c".into()));
    }

    #[test]
    fn the_longest_line_has_room() {
        let counted = [&[0xff; 16][..], &i32::MAX.to_be_bytes()].concat();
        let frame = frame(0x06, &[b' '; 186], &counted, b"", u64::MAX);
        let text = text(&frame, None);
        assert!(text.ends_with(" C18446744073709551615") && text.len() < 360, "{text}");
    }

    #[test]
    fn what_a_refused_value_was_to_replace_is_forgotten_where_memcached_forgets_it() {
        let forgotten = |opcode| {
            let frame = frame(opcode, b"a b", &[0; 8], b"x", 0);
            let op = op(&frame);
            let line = forgetting_line(&frame[..op.forward_end], &op);
            line.map(|line| line.bytes().to_vec())
        };
        assert_eq!(forgotten(0x11), Some(b"md YSBi b\r\n".to_vec()));
        assert_eq!((forgotten(0x02), forgotten(0x13)), (None, None));
    }
}
