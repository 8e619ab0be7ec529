//! The parsers over every split of their input and every offset of their ring, against naive ones
//! that see everything at once.

use nodeproxy::buffer::{BUFFER_BYTES_MIN, BufferPool, RingBuf};
use nodeproxy::memcache::op::Status;
use nodeproxy::memcache::text::grammar;
use nodeproxy::memcache::text::line::{ParsedLine, Refusal};
use nodeproxy::memcache::text::reply::ReplyParser;
use nodeproxy::memcache::text::request::{RequestParser, Step};

const VALUE_BYTES_MAX: usize = 40;

/// A ring whose next byte goes to `offset`, and that holds nothing.
fn ring_at(offset: usize, pool: &mut BufferPool) -> RingBuf {
    let mut ring = RingBuf::new();
    ring.extend(pool, &vec![b'.'; offset]);
    ring.extend(pool, b".");
    ring.consume(offset);
    ring
}

fn held(ring: &RingBuf, len: usize) -> Vec<u8> {
    let (first, second) = ring.pieces(0..len);
    [first, second].concat()
}

/// What a client's bytes mean: the requests and refusals, each with its bytes.
type Meaning = Vec<(String, Vec<u8>)>;

/// Delivers `bytes` in pieces of `size`, into a ring that starts at `offset`.
fn requests(bytes: &[u8], size: usize, offset: usize) -> Meaning {
    let mut pool = BufferPool::new(1 << 20);
    let mut ring = ring_at(offset, &mut pool);
    let mut parser = RequestParser::new(VALUE_BYTES_MAX);
    let mut scratch = Vec::new();
    let mut meaning = Meaning::new();
    let mut skipped = Vec::new();
    let mut fresh = true;
    for piece in bytes.chunks(size) {
        ring.extend(&mut pool, piece);
        if std::mem::take(&mut fresh) {
            ring.consume(1);
        }
        loop {
            let (what, len) = match parser.advance(&ring, &mut scratch) {
                Step::Partial { total } => {
                    assert!(total > ring.len(), "it asks for what it has");
                    break;
                }
                Step::Request(request) => (format!("{:?}", request.op), request.len),
                Step::Oversize(request) => {
                    skipped.extend(held(&ring, request.line_len));
                    ring.consume(request.line_len);
                    continue;
                }
                Step::Skip(count) => {
                    skipped.extend(held(&ring, count));
                    ring.consume(count);
                    continue;
                }
                Step::Refused { refusal, quiet, len } => (format!("{refusal:?} {quiet}"), len),
                Step::Unterminated => panic!("no line is that long"),
                Step::Binary => panic!("no line begins so"),
            };
            let mut all = std::mem::take(&mut skipped);
            all.extend(held(&ring, len));
            meaning.push((what, all));
            ring.consume(len);
        }
    }
    meaning
}

/// The same, seen all at once.
fn requests_naively(mut bytes: &[u8]) -> Meaning {
    let mut meaning = Meaning::new();
    while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
        let line_len = end + 1;
        let mut value_len = 0;
        let what = match grammar::understand(line, true) {
            ParsedLine::Refuse { refusal, quiet } => format!("{refusal:?} {quiet}"),
            ParsedLine::Discard { value, refusal, quiet } => {
                value_len = value + 2;
                format!("{refusal:?} {quiet}")
            }
            ParsedLine::Ask(line) => {
                value_len = line.value.map_or(0, |value| value + 2);
                let value = bytes.get(line_len..line_len + value_len);
                let quiet = line.hides_errors();
                match value {
                    Some(_) if value_len > VALUE_BYTES_MAX + 2 => {
                        format!("{:?} {quiet}", Refusal::TooLarge)
                    }
                    Some(value) if value_len > 0 && !value.ends_with(b"\r\n") => {
                        format!("{:?} {quiet}", Refusal::BadChunk)
                    }
                    _ => format!("{line:?}"),
                }
            }
        };
        let Some((whole, rest)) = bytes.split_at_checked(line_len + value_len) else {
            break;
        };
        meaning.push((what, whole.to_vec()));
        bytes = rest;
    }
    meaning
}

/// A conversation with everything that can be said, rightly and wrongly.
fn conversation() -> Vec<u8> {
    let long = "k".repeat(251);
    let mut bytes = b"get a\r\nget a bb  ccc\nset k 0 0 3\r\na\nb\r\nset k 7 90 0\r\n\r\n".to_vec();
    bytes
        .extend(b"set k 1 -1 5 noreply\r\n\r\nEND\r\ncas k 0 0 1 9\r\nx\r\nversion\r\n\r\nfoo\r\n");
    bytes.extend(b"set k 0 0 3\r\nabcdX\r\nset k -1 0 3\r\nabc\r\nset k 0 0 45\r\n");
    bytes.extend([b'v'; 45]);
    bytes.extend(b"\r\nset k 0 0 45 noreply\r\n");
    bytes.extend([b'\n'; 47]);
    bytes.extend(format!("get {long}\r\ndelete k\r\r\nincr a\tb 1 noreply\r\n").bytes());
    bytes.extend(format!("set {long} 0 0 2\r\n\r\n\r\ntouch \0 1\r\nget \u{e9}\r\n").bytes());
    bytes.extend(
        b"mg k v q\r\nms Zm9v 2 b q\r\nab\r\nms k 2 q\r\nabc\r\nms k 2 !\r\nab\r\nms k 45 q\r\n",
    );
    bytes.extend([b'v'; 45]);
    bytes.extend(b"\r\nmn\r\ngat 1 a b\r\nflush_all x noreply\r\nstats\r\n");
    bytes.extend(b"set k 0 0 2147483646\r\nquit\r\nget a");
    bytes
}

#[test]
fn a_request_means_the_same_however_it_is_split_and_wrapped() {
    let bytes = conversation();
    let expected = requests_naively(&bytes);
    assert!(expected.len() > 20);
    for size in (1..40).chain([bytes.len()]) {
        assert_eq!(requests(&bytes, size, 0), expected, "pieces of {size}");
    }
    let ring = BUFFER_BYTES_MIN;
    for offset in ring - bytes.len()..ring {
        assert_eq!(requests(&bytes, 7, offset), expected, "offset {offset}");
        assert_eq!(requests(&bytes, bytes.len(), offset), expected, "offset {offset}");
    }
}

#[test]
fn a_request_cut_anywhere_is_not_taken_before_it_is_whole() {
    let bytes = conversation();
    let expected = requests_naively(&bytes);
    for end in 0..bytes.len() {
        let cut = requests(&bytes[..end], end.max(1), 0);
        assert_eq!(cut, expected[..cut.len()], "cut at {end}");
        let taken: usize = expected[..cut.len()].iter().map(|(_, bytes)| bytes.len()).sum();
        let next = expected.get(cut.len()).map_or(usize::MAX, |(_, bytes)| bytes.len());
        assert!(end - taken < next, "cut at {end}: a whole request was not taken");
    }
}

#[test]
fn lines_without_an_end_are_given_up_and_long_retrievals_are_not() {
    let mut pool = BufferPool::new(1 << 20);
    let mut scratch = Vec::new();
    for (start, length, unterminated) in [
        ("set ", 2048, false),
        ("set ", 2049, true),
        ("xxxx", 5000, true),
        ("get ", 5000, false),
        ("gets ", 1 << 20, false),
        ("get ", (1 << 20) + 1, true),
    ] {
        let mut ring = RingBuf::new();
        ring.extend(&mut pool, start.as_bytes());
        ring.extend(&mut pool, &vec![b'k'; length - start.len()]);
        let step = RequestParser::new(VALUE_BYTES_MAX).advance(&ring, &mut scratch);
        assert_eq!(step == Step::Unterminated, unterminated, "{start} {length}");
    }
}

type Replies = Result<Vec<(Status, String, usize)>, ()>;

fn replies(bytes: &[u8], joined: bool, size: usize, offset: usize) -> Replies {
    let mut pool = BufferPool::new(1 << 20);
    let mut ring = ring_at(offset, &mut pool);
    let mut parser = ReplyParser::default();
    let mut scratch = Vec::new();
    let mut found = Vec::new();
    let mut fresh = true;
    for piece in bytes.chunks(size) {
        ring.extend(&mut pool, piece);
        if std::mem::take(&mut fresh) {
            ring.consume(1);
        }
        while let Some(reply) = parser.advance(&ring, joined, &mut scratch).map_err(|_| ())? {
            let key = held(&ring, reply.key.end).split_off(reply.key.start);
            found.push((reply.status, String::from_utf8(key).expect("text"), reply.len));
            ring.consume(reply.len);
        }
    }
    Ok(found)
}

#[test]
fn a_reply_is_the_same_however_it_is_split_and_wrapped() {
    let values = b"VALUE key 0 6\r\na\r\nEND\r\nVALUE b 5 0 77\r\n\r\nEND\r\n";
    let lines = b"STORED\r\nNOT_FOUND\r\n18446744073709551615\r\nSERVER_ERROR out of memory\r\n\
        CLIENT_ERROR bad\r\nERROR\r\nVERSION 1.6\r\nOK\r\nDELETED\r\nTOUCHED\r\n\
        HD\r\nVA 3 ka\r\n\r\na\r\nEN k1\r\nME k exp=-1 a\r\n";
    let both = [&values[..], lines].concat();
    let line = |status, len| (status, String::new(), len);
    let words = vec![
        line(Status::Stored, 8),
        line(Status::NotFound, 11),
        line(Status::Number, 22),
        line(Status::ServerError, 28),
        line(Status::ClientError, 18),
        line(Status::Error, 7),
        line(Status::Version, 13),
        line(Status::Ok, 4),
        line(Status::Deleted, 9),
        line(Status::Touched, 9),
        line(Status::MetaHeader, 4),
        line(Status::MetaValue, 14),
        line(Status::MetaMiss, 7),
        line(Status::MetaDebug, 15),
    ];
    let apart = vec![
        (Status::Value, "key".into(), 23),
        (Status::Value, "b".into(), 18),
        (Status::End, String::new(), 5),
    ];
    let apart = Ok([apart, words.clone()].concat());
    let hit = (Status::Hit, "key".to_string(), 28);
    for size in 1..both.len() {
        for offset in (BUFFER_BYTES_MIN - both.len()..BUFFER_BYTES_MIN).chain([0]) {
            assert_eq!(replies(&both, false, size, offset), apart, "{size} {offset}");
        }
    }
    let joined = [b"VALUE key 0 6\r\na\r\nEND\r\nEND\r\n", &lines[..]].concat();
    let expected = Ok([vec![hit], words].concat());
    for size in 1..joined.len() {
        for offset in (BUFFER_BYTES_MIN - joined.len()..BUFFER_BYTES_MIN).chain([0]) {
            assert_eq!(replies(&joined, true, size, offset), expected, "{size} {offset}");
        }
    }
}

#[test]
fn what_is_not_the_protocol_is_malformed() {
    let long = "k".repeat(251);
    for text in [
        "nonsense\r\n",
        "\r\n",
        "VALUE k 0\r\n",
        "VALUE k 0 -1\r\n",
        "VALUE k 0 2147483646\r\n",
        "VALUE k 0 99999999999999999999\r\n",
        "VALUE k x 1\r\na\r\n",
        "VALUE k 0 1 x\r\na\r\n",
        "VALUE k 0 1 2 3\r\na\r\n",
        "VALUE k 0 1\r\nab\r\n",
        "STOREDX\r\n",
        "END\n",
        "ERROR Too many open connections\r\n",
        "12a\r\n",
        "18446744073709551616\r\n",
        "VA x\r\n",
        "VA 1\r\nab\r\n",
        "XX\r\n",
        "HDX\r\n",
        &format!("VALUE {long} 0 1\r\na\r\n"),
        &"x".repeat(9000),
    ] {
        assert_eq!(replies(text.as_bytes(), false, text.len(), 0), Err(()), "{text:?}");
        assert_eq!(replies(text.as_bytes(), true, 1, 0), Err(()), "{text:?}");
    }
    let two = b"VALUE a 0 1\r\na\r\nVALUE b 0 1\r\nb\r\nEND\r\n";
    assert_eq!(replies(two, true, 1, 0), Err(()), "one key was asked for");
}
