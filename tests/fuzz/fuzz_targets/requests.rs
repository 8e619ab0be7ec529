//! The request parser: the same bytes mean the same however they are split and wherever they lie in
//! the ring, and what it lets through is one request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nodeproxy::buffer::{BufferPool, RingBuf};
use nodeproxy::memcache::KEY_BYTES_MAX;
use nodeproxy::memcache::binary::request::FrameParser;
use nodeproxy::memcache::op::Op;
use nodeproxy::memcache::text::LINE_BYTES_MAX;
use nodeproxy::memcache::text::line::{Refusal, Request};
use nodeproxy::memcache::text::request::{RequestParser, Step};

const VALUE_BYTES_MAX: usize = 60;

/// What a parser saw, each with the place where it ended.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Asked(Request, Vec<u8>),
    Oversize(Request),
    Refused(Refusal, bool),
    Unterminated,
}

/// Of the protocol that the first byte tells.
enum Parser {
    Text(RequestParser),
    Binary(FrameParser),
}

impl Parser {
    fn advance(&mut self, ring: &RingBuf, scratch: &mut Vec<u8>) -> Step {
        let step = match self {
            Self::Text(parser) => parser.advance(ring, scratch),
            Self::Binary(parser) => return parser.advance(ring, scratch),
        };
        if step == Step::Binary {
            *self = Self::Binary(FrameParser::new(VALUE_BYTES_MAX));
            return self.advance(ring, scratch);
        }
        step
    }
}

/// Delivers `bytes` in pieces of `sizes`, over and over, into a ring whose head is at `offset`.
fn parse(bytes: &[u8], sizes: &[u8], offset: usize) -> Vec<(usize, Seen)> {
    let mut pool = BufferPool::new(1 << 20);
    let (mut ring, mut scratch) = (RingBuf::new(), Vec::new());
    ring.extend(&mut pool, &vec![b'.'; offset + 1]);
    ring.consume(offset);
    let mut parser = Parser::Text(RequestParser::new(VALUE_BYTES_MAX));
    let (mut seen, mut at, mut fresh) = (Vec::new(), 0, true);
    let mut left = bytes;
    let mut sizes = sizes.iter().cycle();
    while !left.is_empty() {
        let size = sizes.next().map_or(left.len(), |size| 1 + usize::from(*size));
        let (piece, rest) = left.split_at(size.min(left.len()));
        left = rest;
        ring.extend(&mut pool, piece);
        if std::mem::take(&mut fresh) {
            ring.consume(1);
        }
        loop {
            let held = ring.len();
            let (what, len) = match parser.advance(&ring, &mut scratch) {
                Step::Partial { total } => {
                    assert!(total > held, "it waits for what is there");
                    break;
                }
                Step::Request(request) => {
                    check(&request, &ring);
                    let (first, second) = ring.pieces(0..request.len);
                    let (bytes, len) = ([first, second].concat(), request.len);
                    (Seen::Asked(request, bytes), len)
                }
                Step::Oversize(request) => {
                    let len = request.line_len;
                    (Seen::Oversize(request), len)
                }
                Step::Skip(count) => {
                    ring.consume(count);
                    at += count;
                    continue;
                }
                Step::Refused { refusal, quiet, len } => {
                    if refusal.is_final() {
                        seen.push((at, Seen::Refused(refusal, quiet)));
                        return seen;
                    }
                    (Seen::Refused(refusal, quiet), len)
                }
                Step::Binary => panic!("a protocol in a protocol"),
                Step::Unterminated => {
                    seen.push((at, Seen::Unterminated));
                    return seen;
                }
            };
            ring.consume(len);
            at += len;
            seen.push((at, what));
        }
    }
    seen
}

/// A backend will take it for one request, and for this one.
fn check(request: &Request, ring: &RingBuf) {
    let Request { op, line_len, len } = request;
    let Op { key, forward_end, quiet_flag, value, .. } = op;
    if op.is_frame() {
        assert!(*len <= ring.len() && *len == line_len + value.unwrap_or(0));
        assert!(key.len() <= KEY_BYTES_MAX && key.end == *forward_end && forward_end == line_len);
        return;
    }
    assert!(*len <= ring.len() && ring.byte(line_len - 1) == b'\n');
    assert!(
        key.len() <= KEY_BYTES_MAX
            && key.end <= *forward_end.max(&key.end)
            && *forward_end < *line_len
    );
    assert!(quiet_flag.start <= quiet_flag.end && quiet_flag.end <= *forward_end);
    assert!(*forward_end <= LINE_BYTES_MAX - 2 || op.is_retrieval());
    assert_eq!(*len, line_len + value.map_or(0, |value| value + 2));
    for at in 0..*forward_end {
        assert!(!b"\0\r\n".contains(&ring.byte(at)), "a byte that ends a word or a line");
    }
    for at in key.clone() {
        assert_ne!(ring.byte(at), b' ');
    }
    if value.is_some() {
        assert!(ring.byte(len - 2) == b'\r' && ring.byte(len - 1) == b'\n');
    }
}

fuzz_target!(|input: (Vec<u8>, u16, &[u8])| {
    let (sizes, offset, bytes) = input;
    let whole = parse(bytes, &[], 0);
    let pieces = parse(bytes, &sizes, usize::from(offset));
    // A line that has not ended is given up sooner when it comes in pieces.
    let same = whole.iter().zip(&pieces).take_while(|(a, b)| a == b).count();
    let given_up = matches!(pieces.last(), Some((_, Seen::Unterminated)));
    assert!(
        same == whole.len() && same == pieces.len() || given_up && same + 1 == pieces.len(),
        "{whole:?}\n{pieces:?}"
    );
});
