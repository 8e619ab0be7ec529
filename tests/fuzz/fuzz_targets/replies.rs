//! The reply parser: the same bytes mean the same however they are split and wherever they lie in
//! the ring, and each reply is whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nodeproxy::buffer::{BufferPool, RingBuf};
use nodeproxy::memcache::op::{Outcome, Status};
use nodeproxy::memcache::text::reply::ReplyParser;

/// What a parser saw; None at the end where it saw no sense.
type Seen = Vec<Option<(Status, Vec<u8>, Vec<u8>)>>;

fn parse(bytes: &[u8], joined: bool, sizes: &[u8], offset: usize) -> Seen {
    let mut pool = BufferPool::new(1 << 20);
    let (mut ring, mut scratch) = (RingBuf::new(), Vec::new());
    ring.extend(&mut pool, &vec![b'.'; offset + 1]);
    ring.consume(offset);
    let mut parser = ReplyParser::default();
    let (mut seen, mut fresh, mut left) = (Seen::new(), true, bytes);
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
            match parser.advance(&ring, joined, &mut scratch) {
                Ok(None) => break,
                Ok(Some(reply)) => seen.push(Some(take(&reply, joined, &mut ring))),
                Err(_) => {
                    seen.push(None);
                    return seen;
                }
            }
        }
    }
    seen
}

fn take(reply: &Outcome, joined: bool, ring: &mut RingBuf) -> (Status, Vec<u8>, Vec<u8>) {
    let Outcome { status, key, len } = reply;
    let copy = |range| {
        let (first, second) = ring.pieces(range);
        [first, second].concat()
    };
    let (key, bytes) = (copy(key.clone()), copy(0..*len));
    assert!(bytes.ends_with(b"\r\n"), "half a reply");
    match status {
        Status::Hit => assert!(bytes.starts_with(b"VALUE ") && bytes.ends_with(b"\r\nEND\r\n")),
        Status::Value => assert!(bytes.starts_with(b"VALUE ")),
        Status::End => assert_eq!(bytes, b"END\r\n"),
        Status::MetaValue => assert!(bytes.starts_with(b"VA ")),
        // An error in the place of the end.
        status if bytes.starts_with(b"VALUE ") => assert!(joined && status.is_error()),
        _ => {
            assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1, "more than a line");
        }
    }
    if matches!(status, Status::Hit | Status::Value) {
        let spaces = bytes[6..].iter().take_while(|byte| **byte == b' ').count();
        assert!(!key.is_empty() && bytes[6 + spaces..].starts_with(&key));
    }
    ring.consume(*len);
    (*status, key, bytes)
}

fuzz_target!(|input: (Vec<u8>, u16, bool, &[u8])| {
    let (sizes, offset, joined, bytes) = input;
    let whole = parse(bytes, joined, &[], 0);
    let pieces = parse(bytes, joined, &sizes, usize::from(offset));
    // A line that has not ended is given up sooner when it comes in pieces.
    let same = whole.iter().zip(&pieces).take_while(|(a, b)| a == b).count();
    let given_up = matches!(pieces.last(), Some(None));
    assert!(
        same == whole.len() && same == pieces.len() || given_up && same + 1 == pieces.len(),
        "{whole:?}\n{pieces:?}"
    );
});
