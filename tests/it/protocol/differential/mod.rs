//! Random conversations, the same with the proxy and with a plain memcached, in random pieces: what
//! clients say, what they say oddly, and what they should not say.
//!
//! What memcacheds of all versions answer alike is compared byte for byte. Where they differ the
//! proxy answers as a newer one does: there the bytes are compared when the memcached beside it is
//! such a one, and with an older one only that both keep in step. `SESSIONS=N` tries more sessions,
//! `SEED=N` only that one, and
//! shows what is said.

mod odd;
mod speech;
mod words;

use crate::harness::bytes::shown;
use crate::harness::pair::Pair;
use crate::harness::random::Random;
use std::env;

const SESSIONS: u64 = 1_000;
const REQUESTS_MAX: usize = 40;

/// How alike the answers have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// To the byte.
    Exact,
    /// To the byte, beside a newer memcached.
    Newer,
    /// In step.
    Loose,
}

/// Something said, whole: whatever a memcached makes of it, what follows it begins anew.
struct Said {
    bytes: Vec<u8>,
    care: Care,
}

fn number(variable: &str) -> Option<u64> {
    Some(env::var(variable).ok()?.parse().expect("a number"))
}

fn compare(backends: usize, links: usize) {
    let mut pair = Pair::start(backends, links);
    let newer = pair.is_newer();
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SESSIONS").unwrap_or(SESSIONS),
    };
    for seed in seeds {
        session(&mut pair, &mut Random::new(seed), newer, &format!("SEED={seed}"));
    }
}

fn session(pair: &mut Pair, random: &mut Random, newer: bool, name: &str) {
    // What the sessions before it left behind must not matter to a replay.
    let mut exact = words::all_keys()
        .iter()
        .flat_map(|key| [b"delete ", &key[..], b" noreply\r\n"].concat())
        .collect::<Vec<u8>>();
    for _ in 0..1 + random.below(REQUESTS_MAX) {
        let said = if random.below(8) == 0 { odd::say(random) } else { speech::say(random) };
        if number("SEED").is_some() {
            eprintln!("{:?} {}", said.care, shown(&said.bytes));
        }
        if said.care == Care::Exact || said.care == Care::Newer && newer {
            exact.extend(said.bytes);
            continue;
        }
        compare_exactly(pair, random, name, &std::mem::take(&mut exact));
        pair.in_step(name, &said.bytes);
    }
    compare_exactly(pair, random, name, &exact);
    match random.below(16) {
        0 => pair.same_and_closed(&[speech::say(random).bytes, odd::farewell(random)].concat()),
        1 => pair.same_when_finished(name, &odd::half(random)),
        2 => pair.closed(name, &odd::affront(random)),
        _ => return,
    };
    pair.reconnect();
}

fn compare_exactly(pair: &mut Pair, random: &mut Random, name: &str, bytes: &[u8]) {
    if !bytes.is_empty() {
        let pieces = pieces(random, bytes.len());
        pair.same_in_pieces(name, bytes, &pieces);
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

#[test]
fn one_backend_and_a_plain_memcached_answer_alike() {
    compare(1, 1);
}

#[test]
fn four_backends_and_a_plain_memcached_answer_alike() {
    compare(4, 2);
}
