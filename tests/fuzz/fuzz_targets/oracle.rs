//! What honest backends that hold nothing make a client hear.

use nodeproxy::buffer::{BufferPool, RingBuf};
use nodeproxy::memcache::binary::reply;
use nodeproxy::memcache::binary::request::FrameParser;
use nodeproxy::memcache::op::{Command, Op};
use nodeproxy::memcache::text::request::{RequestParser, Step};

pub const VALUE_BYTES_MAX: usize = 300;

/// The answers to these requests.
pub fn answers(requests: &[u8]) -> Vec<u8> {
    let (mut pool, mut ring, mut scratch) = (BufferPool::new(1 << 20), RingBuf::new(), Vec::new());
    ring.extend(&mut pool, requests);
    let mut parser = RequestParser::new(VALUE_BYTES_MAX);
    let mut answers = Vec::new();
    while !ring.is_empty() {
        match parser.advance(&ring, &mut scratch) {
            Step::Partial { .. } => break,
            Step::Skip(count) => ring.consume(count),
            Step::Oversize(request) => ring.consume(request.line_len),
            Step::Refused { refusal, quiet, len } => {
                ring.consume(len);
                answers.extend(if quiet { b"" } else { refusal.text() });
                if refusal.is_final() {
                    break;
                }
            }
            Step::Binary => return frames(&mut pool, ring),
            Step::Unterminated => {
                answers.extend(b"CLIENT_ERROR line too long\r\n");
                break;
            }
            Step::Request(request) => {
                if request.op.command == Command::Quit {
                    break;
                }
                answers.extend(answer(&request.op));
                ring.consume(request.len);
            }
        }
    }
    answers
}

/// The same where the first byte is that of the binary protocol.
fn frames(pool: &mut BufferPool, mut ring: RingBuf) -> Vec<u8> {
    let (mut out, mut scratch) = (RingBuf::new(), Vec::new());
    let mut parser = FrameParser::new(VALUE_BYTES_MAX);
    while !ring.is_empty() {
        let step = parser.advance(&ring, &mut scratch);
        let (text, key, len, is_over) = match step {
            Step::Partial { .. } | Step::Binary | Step::Unterminated => break,
            Step::Skip(count) => {
                ring.consume(count);
                continue;
            }
            Step::Oversize(request) => {
                ring.consume(request.line_len);
                continue;
            }
            Step::Refused { refusal, len, .. } => (refusal.text(), 0..0, len, refusal.is_final()),
            Step::Request(request) => {
                let is_over = request.op.command == Command::Quit;
                let text: &[u8] = if is_over { b"OK\r\n" } else { answer(&request.op) };
                (text, request.op.key, request.len, is_over)
            }
        };
        let key = ring.slice(key, &mut scratch);
        reply::write_text(&mut out, pool, parser.asked(), key, text);
        ring.consume(len);
        if is_over {
            break;
        }
    }
    let (first, second) = out.pieces(0..out.len());
    [first, second].concat()
}

fn answer(line: &Op) -> &'static [u8] {
    match line.command {
        Command::Get | Command::Gets | Command::Gat | Command::Gats => b"END\r\n",
        Command::Version => b"VERSION 1.6.45\r\n",
        Command::MetaNoop => b"MN\r\n",
        Command::Stats | Command::Quit => b"",
        Command::MetaDebug => b"EN\r\n",
        _ if line.quiet => b"",
        Command::Set
        | Command::Add
        | Command::Replace
        | Command::Append
        | Command::Prepend
        | Command::Cas => b"STORED\r\n",
        Command::Delete | Command::Incr | Command::Decr | Command::Touch => b"NOT_FOUND\r\n",
        Command::MetaGet => b"EN\r\n",
        Command::MetaSet | Command::MetaDelete | Command::MetaArithmetic => b"HD\r\n",
        Command::FlushAll | Command::Verbosity => b"OK\r\n",
    }
}

/// Takes one request off the front of what a backend received, and says what answers it. It has to
/// be one request, and to want an answer.
pub fn take(bytes: &mut Vec<u8>) -> Option<&'static [u8]> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let line = bytes[..end].strip_suffix(b"\r").expect("CR LF").to_vec();
    assert!(!line.contains(&b'\r') && !line.contains(&0), "{}", line.escape_ascii());
    let words: Vec<_> = line.split(|byte| *byte == b' ').filter(|it| !it.is_empty()).collect();
    let command = std::str::from_utf8(words[0]).expect("a command");
    check_whole(command, &words, line.len());
    let key = |at: usize| assert!((1..=250).contains(&words[at].len()), "a key");
    let mut len = end + 1;
    let answer: &[u8] = match (command, words.len()) {
        ("get" | "gets", 2..) => {
            (1..words.len()).for_each(key);
            b"END\r\n"
        }
        ("gat" | "gats", 3..) => {
            (2..words.len()).for_each(key);
            b"END\r\n"
        }
        ("set" | "add" | "replace" | "append" | "prepend", 5) | ("cas", 6) => {
            len += value(words[4]);
            key(1);
            b"STORED\r\n"
        }
        ("ms", 3..) => {
            len += value(words[2]);
            key(1);
            b"HD\r\n"
        }
        ("delete", 2) | ("incr" | "decr" | "touch", 3) => {
            key(1);
            b"NOT_FOUND\r\n"
        }
        ("delete", 3) => {
            assert_eq!(words[1..], [&b"noreply"[..], b"0"]);
            b"NOT_FOUND\r\n"
        }
        ("md" | "ma", 2..) => {
            key(1);
            b"HD\r\n"
        }
        ("mg" | "me", 2..) => {
            key(1);
            b"EN\r\n"
        }
        ("flush_all", 1 | 2) | ("verbosity", 2) => b"OK\r\n",
        ("version", 1) => b"VERSION 1\r\n",
        _ => panic!("a backend was asked {}", line.escape_ascii()),
    };
    if bytes.len() < len {
        return None;
    }
    assert!(bytes[..len].ends_with(b"\n"), "a value without its end");
    bytes.drain(..len);
    Some(answer)
}

/// What no backend may be sent, whatever the command.
fn check_whole(command: &str, words: &[&[u8]], len: usize) {
    let meta = command.len() == 2;
    let retrieval = command.starts_with('g');
    assert!(retrieval || len <= 2_046, "a line that a memcached gives up");
    assert!(meta || retrieval || words.last() != Some(&&b"noreply"[..]), "noreply");
    if meta && command != "me" {
        assert!(words[2..].iter().all(|flag| flag[0] != b'q'), "quiet");
    }
}

/// Bytes of a value, with its CR LF.
fn value(word: &[u8]) -> usize {
    let len: usize = std::str::from_utf8(word).expect("digits").parse().expect("a length");
    assert!(len <= VALUE_BYTES_MAX);
    len + 2
}
