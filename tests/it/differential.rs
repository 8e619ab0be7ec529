//! Random conversations, the same with the proxy and with a plain memcached, in random pieces.
//!
//! `SESSIONS=N` tries more of them, `SEED=N` only that one.

use crate::harness::pair::Pair;
use crate::harness::random::Random;
use std::env;

const SESSIONS: u64 = 150;
const REQUESTS_MAX: usize = 60;
const KEYS: usize = 8;

fn number(variable: &str) -> Option<u64> {
    Some(env::var(variable).ok()?.parse().expect("a number"))
}

fn compare(backends: usize, links: usize) {
    let mut pair = Pair::start(backends, links);
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SESSIONS").unwrap_or(SESSIONS),
    };
    for seed in seeds {
        let mut random = Random::new(seed);
        // What the sessions before it left behind must not matter to a replay.
        let mut requests: Vec<_> =
            (0..KEYS).map(|key| format!("delete k{key} noreply\r\n").into_bytes()).collect();
        requests.extend((0..1 + random.below(REQUESTS_MAX)).map(|_| request(&mut random)));
        let requests = requests.concat();
        let pieces = pieces(&mut random, requests.len());
        pair.same_in_pieces(&format!("SEED={seed}"), &requests, &pieces);
    }
}

/// Lengths of pieces, small or large or both, that make up this length.
fn pieces(random: &mut Random, mut left: usize) -> Vec<usize> {
    let largest = 1 << random.below(14);
    let mut pieces = Vec::new();
    while left > 0 {
        let piece = left.min(1 + random.below(largest));
        pieces.push(piece);
        left -= piece;
    }
    pieces
}

fn request(random: &mut Random) -> Vec<u8> {
    let key = key(random);
    let noreply = if random.below(4) == 0 { " noreply" } else { "" };
    let line = match random.below(20) {
        0..6 => format!("get {}", keys(random)),
        6 => format!("gets {}", keys(random)),
        7..14 => return storage(random, &key, noreply),
        14 => format!("delete {key}{noreply}"),
        15 => format!("incr {key} {}{noreply}", random.below(1_000)),
        // By more, a number could grow shorter, and whether memcached then keeps its old width
        // depends on when the last `get` of it was sent.
        16 => format!("decr {key} 0{noreply}"),
        17 => format!("touch {key} {}{noreply}", ["0", "-1", "1000"][random.below(3)]),
        18 => "version".to_string(),
        _ => ["nonsense", "GET k", "incr k1 x", "\u{e9}t\u{e9}"][random.below(4)].to_string(),
    };
    [line.as_bytes(), [&b"\r\n"[..], b"\n"][random.below(2)]].concat()
}

fn storage(random: &mut Random, key: &str, noreply: &str) -> Vec<u8> {
    let verb = ["set", "set", "add", "replace", "append", "prepend", "cas"][random.below(7)];
    let data = match random.below(4) {
        0 => (1 + random.below(100_000)).to_string().into_bytes(),
        1 => random.bytes(20_000).split_off(random.below(20_000)),
        _ => random.bytes(40).split_off(random.below(40)),
    };
    let flags = random.number() as u32;
    let exptime = ["0", "0", "0", "-1", "1000", "2000000000"][random.below(6)];
    let cas = if verb == "cas" { " 18446744073709551615" } else { "" };
    let line = format!("{verb} {key} {flags} {exptime} {}{cas}{noreply}\r\n", data.len());
    [line.as_bytes(), &data, b"\r\n"].concat()
}

fn key(random: &mut Random) -> String {
    format!("k{}", random.below(KEYS))
}

fn keys(random: &mut Random) -> String {
    (0..=random.below(6)).map(|_| key(random)).collect::<Vec<_>>().join(" ")
}

#[test]
fn one_backend_and_a_plain_memcached_answer_alike() {
    compare(1, 1);
}

#[test]
fn four_backends_and_a_plain_memcached_answer_alike() {
    compare(4, 2);
}
