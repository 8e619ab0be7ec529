//! Finds where one frame of a client ends, and what it asks.

use super::command::{is_plain, takes_base64};
use super::opcode::{Asked, Opcode, Verb};
use super::{HEADER_BYTES, number};
use crate::buffer::RingBuf;
use crate::memcache::KEY_BYTES_MAX;
use crate::memcache::op::{Command, Op};
use crate::memcache::text::BINARY_MAGIC;
use crate::memcache::text::line::{Refusal, Request};
use crate::memcache::text::request::{Discard, Step};

/// The state machine.
#[derive(Debug)]
pub struct FrameParser {
    /// A value or a body that is skipped.
    discard: Option<Discard>,
    /// Bytes; a longer value is refused.
    value_bytes_max: usize,
    asked: Asked,
}

/// The numbers of a header.
#[derive(Debug, Clone, Copy)]
struct Header {
    magic: u8,
    opcode: Opcode,
    key: usize,
    extras: usize,
    body: usize,
    opaque: u32,
    cas: u64,
}

impl Header {
    fn read(bytes: &[u8; HEADER_BYTES]) -> Self {
        Self {
            magic: bytes[0],
            opcode: Opcode(bytes[1]),
            key: usize::from(u16::from_be_bytes([bytes[2], bytes[3]])),
            extras: usize::from(bytes[4]),
            body: u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize,
            opaque: u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]),
            cas: number(&bytes[16..24]),
        }
    }

    /// Bytes before the value.
    fn head(&self) -> usize {
        HEADER_BYTES + self.extras + self.key
    }

    /// Bytes of the value.
    fn value(&self) -> usize {
        self.body - self.extras - self.key
    }

    /// What is wrong with the lengths.
    fn flaw(&self) -> Option<Refusal> {
        use Verb as V;
        if self.extras + self.key > self.body {
            return Some(Refusal::BadLengths);
        }
        if self.key > KEY_BYTES_MAX {
            return Some(Refusal::BadArguments);
        }
        let (has_key, extras, has_value) = (self.key > 0, self.extras, self.value() > 0);
        let is_right = match self.opcode.verb() {
            V::Get | V::GetKey | V::Delete => has_key && extras == 0 && !has_value,
            V::Set | V::Add | V::Replace => has_key && extras == 8,
            V::Append | V::Prepend | V::SaslAuth => has_key && extras == 0,
            V::Increment | V::Decrement => has_key && extras == 20 && !has_value,
            // What follows is taken for the next frame.
            V::Touch | V::GetAndTouch | V::GetKeyAndTouch => has_key && extras == 4,
            V::Stat => extras == 0,
            V::Flush => !has_key && matches!(extras, 0 | 4) && !has_value,
            V::Verbosity => !has_key && extras == 4 && !has_value,
            V::Noop | V::Version | V::Quit | V::SaslMechanisms => self.body == 0,
            V::Unknown => true,
        };
        (!is_right).then_some(Refusal::BadArguments)
    }
}

impl FrameParser {
    /// At the start of a frame. Values of more than `value_bytes_max` bytes will be refused.
    pub fn new(value_bytes_max: usize) -> Self {
        Self { discard: None, value_bytes_max, asked: Asked::default() }
    }

    /// What the answer to the frame has to repeat that was looked at last.
    pub fn asked(&self) -> Asked {
        self.asked
    }

    /// Goes on where it stopped. `scratch` is used when a frame wraps around the ring's end.
    pub fn advance(&mut self, input: &RingBuf, scratch: &mut Vec<u8>) -> Step {
        if self.discard.is_some() {
            return self.skip(input);
        }
        if let Some(request) = self.get(input.front()) {
            return Step::Request(request);
        }
        if input.len() < HEADER_BYTES {
            return Step::Partial { total: HEADER_BYTES };
        }
        let Some(header) = input.slice(0..HEADER_BYTES, scratch).first_chunk() else {
            return Step::Partial { total: HEADER_BYTES };
        };
        let header = Header::read(header);
        if header.magic != BINARY_MAGIC {
            let (refusal, len) = (Refusal::BadMagic, input.len());
            return Step::Refused { refusal, quiet: false, len };
        }
        if input.len() < header.head() {
            return Step::Partial { total: header.head() };
        }
        self.asked = Asked { opcode: header.opcode, opaque: header.opaque };
        if let Some(refusal) = header.flaw() {
            return Step::Refused { refusal, quiet: false, len: input.len() };
        }
        let head = input.slice(0..header.head(), scratch);
        match understand(&header, head) {
            Ok(op) => self.request(input, op),
            Err(refusal) => self.refuse(input, refusal, HEADER_BYTES.saturating_add(header.body)),
        }
    }

    /// The commonest frame, in one look: a get of a plain key that is all there. Whatever is not
    /// recognized here goes the long way, and means the same.
    #[inline]
    fn get(&mut self, bytes: &[u8]) -> Option<Request> {
        let header = Header::read(bytes.first_chunk()?);
        let len = header.head();
        let is_get = header.magic == BINARY_MAGIC
            && matches!(header.opcode.verb(), Verb::Get | Verb::GetKey)
            && header.extras == 0
            && header.body == header.key
            && (1..=KEY_BYTES_MAX).contains(&header.key);
        if !is_get || !is_plain(bytes.get(HEADER_BYTES..len)?) {
            return None;
        }
        self.asked = Asked { opcode: header.opcode, opaque: header.opaque };
        let op = Op::new(Command::Gets, HEADER_BYTES..len, len);
        let op = Op { opaque: Some(header.opaque), cas: header.cas, ..op };
        Some(Request { op, line_len: len, len })
    }

    /// A request, when its value is there too.
    fn request(&mut self, input: &RingBuf, op: Op) -> Step {
        let (line_len, value) = (op.forward_end, op.value.unwrap_or(0));
        let request = Request { len: line_len + value, op, line_len };
        if value > self.value_bytes_max {
            self.discard = Some(Discard { left: value, refusal: Refusal::TooLarge, quiet: false });
            return Step::Oversize(request);
        }
        match input.len() < request.len {
            true => Step::Partial { total: request.len },
            false => Step::Request(request),
        }
    }

    /// Refuses a frame of `len` bytes once it has gone by.
    fn refuse(&mut self, input: &RingBuf, refusal: Refusal, len: usize) -> Step {
        self.discard = Some(Discard { left: len, refusal, quiet: false });
        self.skip(input)
    }

    fn skip(&mut self, input: &RingBuf) -> Step {
        let Some(discard) = &mut self.discard else {
            return Step::Skip(0);
        };
        let step = discard.advance(input);
        if discard.left == 0 {
            self.discard = None;
        }
        step
    }
}

/// Understands the frame that begins with `head`: all of it but its value.
fn understand(header: &Header, head: &[u8]) -> Result<Op, Refusal> {
    use Verb as V;
    let extras = &head[HEADER_BYTES..HEADER_BYTES + header.extras];
    let key = HEADER_BYTES + header.extras..head.len();
    let verb = header.opcode.verb();
    let is_plain = is_plain(&head[key.clone()]);
    let command = match verb {
        V::Get | V::GetKey if is_plain => Command::Gets,
        V::GetAndTouch | V::GetKeyAndTouch if is_plain => Command::Gats,
        V::Get | V::GetKey | V::Touch | V::GetAndTouch | V::GetKeyAndTouch => Command::MetaGet,
        V::Set | V::Add | V::Replace | V::Append | V::Prepend => Command::MetaSet,
        V::Delete => Command::MetaDelete,
        V::Increment | V::Decrement => Command::MetaArithmetic,
        V::Flush => Command::FlushAll,
        V::Noop => Command::MetaNoop,
        V::Version => Command::Version,
        V::Stat => Command::Stats,
        V::Verbosity => Command::Verbosity,
        V::Quit => Command::Quit,
        V::SaslMechanisms | V::SaslAuth | V::Unknown => return Err(Refusal::Unknown),
    };
    if !is_plain && verb != V::Stat && !takes_base64(&head[key.clone()]) {
        return Err(Refusal::LongKey);
    }
    let mut op = Op {
        opaque: Some(header.opaque),
        cas: header.cas,
        refetchable: command == Command::MetaGet && matches!(verb, V::Get | V::GetKey),
        ..Op::new(command, key, head.len())
    };
    match (command, extras.len()) {
        (Command::MetaSet, 8) => {
            op.flags = number(&extras[..4]) as u32;
            op.exptime = exptime(&extras[4..]);
        }
        (Command::MetaArithmetic, _) => {
            op.delta = number(&extras[..8]);
            op.exptime = exptime(&extras[16..]);
        }
        (_, 4) => op.exptime = exptime(extras),
        _ => {}
    }
    if command == Command::MetaSet {
        op.value = Some(header.value());
    }
    Ok(op)
}

/// An expiry. Text has signed ones of 32 bits; what is beyond is a moment after 2038 here, which is
/// as good as never.
fn exptime(bytes: &[u8]) -> i64 {
    i32::try_from(number(bytes)).map_or(0, i64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::BufferPool;

    fn header(opcode: u8, key: u16, extras: u8, body: u32) -> Vec<u8> {
        let mut header = vec![BINARY_MAGIC, opcode];
        header.extend(key.to_be_bytes());
        header.extend([extras, 0, 0, 0]);
        header.extend(body.to_be_bytes());
        header.extend([0; 12]);
        header
    }

    /// The steps that a parser takes until it needs more.
    fn steps(bytes: &[u8]) -> Vec<Step> {
        let (mut pool, mut ring) = (BufferPool::new(0), RingBuf::new());
        ring.extend(&mut pool, bytes);
        let (mut parser, mut steps) = (FrameParser::new(100), Vec::new());
        while !ring.is_empty() {
            let step = parser.advance(&ring, &mut Vec::new());
            let len = match &step {
                Step::Request(request) => request.len,
                Step::Oversize(request) => request.line_len,
                Step::Skip(len) | Step::Refused { len, .. } => *len,
                Step::Partial { .. } | Step::Unterminated | Step::Binary => 0,
            };
            ring.consume(len);
            steps.push(step);
            if len == 0 {
                break;
            }
        }
        steps
    }

    fn refused(refusal: Refusal, len: usize) -> Step {
        Step::Refused { refusal, quiet: false, len }
    }

    #[test]
    fn it_waits_for_what_it_needs() {
        assert_eq!(steps(b"\x80"), [Step::Partial { total: 24 }]);
        assert_eq!(steps(&header(0x00, 5, 0, 5)), [Step::Partial { total: 29 }]);
        let set = [&header(0x01, 1, 8, 19)[..], &[0; 8], b"k"].concat();
        assert_eq!(steps(&set), [Step::Partial { total: 43 }]);
    }

    #[test]
    fn what_does_not_fit_together_is_refused_for_good() {
        for (opcode, key, extras, body) in [
            (0x00, 0, 0, 0),
            (0x00, 1, 0, 2),
            (0x00, 1, 4, 5),
            (0x01, 1, 0, 1),
            (0x04, 1, 0, 2),
            (0x05, 1, 8, 9),
            (0x0e, 1, 4, 5),
            (0x1c, 1, 0, 1),
            (0x08, 0, 3, 3),
            (0x0a, 0, 0, 1),
            (0x07, 1, 0, 1),
            (0x21, 0, 0, 0),
            (0x40, 251, 0, 251),
        ] {
            let frame = [&header(opcode, key, extras, body)[..], &vec![b'k'; body as usize]];
            let frame = frame.concat();
            assert_eq!(steps(&frame), [refused(Refusal::BadArguments, frame.len())], "{frame:?}");
        }
        let frame = [&header(0x00, 3, 0, 2)[..], b"key"].concat();
        assert_eq!(steps(&frame), [refused(Refusal::BadLengths, 27)]);
        assert_eq!(steps(&[0; 30]), [refused(Refusal::BadMagic, 30)]);
    }

    #[test]
    fn what_is_not_known_goes_by_whole() {
        let noop = header(0x0a, 0, 0, 0);
        let frame = [&header(0x40, 2, 3, 9)[..], b"some bytes"].concat();
        let seen = steps(&[&frame[..33], &noop].concat());
        assert_eq!((&seen[0], seen.len()), (&refused(Refusal::Unknown, 33), 2));
        assert!(matches!(seen[1], Step::Request(_)));
        let seen = steps(&frame[..30]);
        assert_eq!(seen, [Step::Skip(30)]);
    }

    #[test]
    fn a_value_that_is_too_long_goes_by() {
        let frame = [&header(0x01, 1, 8, 9 + 101)[..], &[0; 8], b"k", &[b'x'; 101]].concat();
        let seen = steps(&frame);
        assert!(matches!(&seen[0], Step::Oversize(request) if request.line_len == 33));
        assert_eq!(seen[1], refused(Refusal::TooLarge, 101));
    }
}
