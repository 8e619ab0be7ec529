//! What a memcached answers, byte for byte but for cas numbers.

use crate::harness::frame::{Frame, Reply};
use crate::harness::memcached::{Memcached, addresses};
use crate::harness::nodeproxy::Nodeproxy;
use std::time::Duration;

const VECTORS: &str = include_str!("vectors.txt");

/// memcached has a code for it and no answer; the proxy does it, as it does in text.
const DIFFERENT: [&str; 1] = ["verbosity"];

/// A value that no memcached takes.
const LARGE: usize = 1_100_000;

struct Vector {
    name: &'static str,
    request: Vec<u8>,
    replies: Vec<Reply>,
    closed: bool,
}

fn hex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(digits).collect()
}

fn vectors() -> Vec<Vector> {
    let mut lines = VECTORS.lines().filter(|line| !line.starts_with('#'));
    let mut vectors = Vec::new();
    while let (Some(name), Some(request), Some(reply)) = (lines.next(), lines.next(), lines.next())
    {
        let request = request.strip_prefix("  > ").expect("a request");
        let reply = reply.strip_prefix("  < ").expect("a reply");
        let frames = reply.trim_end_matches("closed").trim().trim_start_matches("(nothing)");
        let mut bytes = hex(request.trim_end_matches("..."));
        if request.ends_with("...") {
            let body = u32::from_be_bytes(bytes[8..12].try_into().expect("four")) as usize;
            assert!(body > LARGE - 10_000, "{name}");
            bytes.resize(24 + body, b'x');
            bytes.extend(Frame::noop(0xdead_beef).bytes());
        }
        vectors.push(Vector {
            name,
            request: bytes,
            replies: Reply::all(hex(frames.trim())).into_iter().map(Reply::normal).collect(),
            closed: reply.ends_with("closed"),
        });
    }
    vectors
}

/// Each request in pieces of this size.
fn replay(piece: usize) {
    let memcacheds = Memcached::several(3);
    let proxy = Nodeproxy::start(&addresses(&memcacheds));
    let mut checked = 0;
    for Vector { name, request, replies, closed } in vectors() {
        let mut client = proxy.connect();
        let large = request.len() > LARGE;
        client.send_pieces(request.chunks(if large { 100_000 } else { piece }));
        if DIFFERENT.contains(&name) {
            assert_eq!(Reply::next(&mut client).status, 0, "{name}");
            continue;
        }
        checked += 1;
        let seen: Vec<_> = match closed {
            true => Reply::all(client.rest()),
            false => replies.iter().map(|_| Reply::next(&mut client)).collect(),
        };
        let seen: Vec<_> = seen.into_iter().map(Reply::normal).collect();
        assert_eq!(seen, replies, "{name}");
        if !closed {
            let more = match replies.is_empty() {
                true => client.until_quiet(Duration::from_millis(100)),
                false => ask_noop(&mut client),
            };
            assert_eq!(more, b"", "{name}");
        }
    }
    assert!(checked > 60, "{checked}");
}

/// What comes before the answer to a noop.
fn ask_noop(client: &mut crate::harness::client::Client) -> Vec<u8> {
    client.send(&Frame::noop(77).bytes());
    let before = Reply::until_noop(client, 77);
    if before.is_empty() { Vec::new() } else { format!("{before:?}").into_bytes() }
}

#[test]
fn every_vector_is_answered_as_memcached_answers_it() {
    replay(usize::MAX);
}

#[test]
fn vectors_in_pieces_are_answered_alike() {
    for piece in [1, 23] {
        replay(piece);
    }
}
