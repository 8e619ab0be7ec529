//! Random conversations in frames, the same with the proxy and with a plain memcached, in random
//! pieces. `SESSIONS=N` tries more of them, `SEED=N` only that one.

use crate::harness::frame::{Frame, Reply};
use crate::harness::pair::Pair;
use crate::harness::random::Random;
use std::env;

const SESSIONS: u64 = 500;
const FRAMES_MAX: usize = 60;

/// The opaque number of the noop behind a session.
const FENCE: u32 = 0xfe0c_e000;

const QUIET: u8 = 0x10;

/// The key of what is counted: it is never read, for whether a number that grows shorter keeps its
/// width depends on who looks at it.
const COUNTER: &str = "n";

fn number(variable: &str) -> Option<u64> {
    Some(env::var(variable).ok()?.parse().expect("a number"))
}

fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    from[random.below(from.len())]
}

/// Plain ones, and those that cannot stand in a line of text.
fn keys() -> Vec<Vec<u8>> {
    let mut keys: Vec<_> = (0..6).map(|at| format!("k{at}").into_bytes()).collect();
    keys.extend([vec![b'l'; 250], b"a b\0c".to_vec(), b"\x7f\xff".to_vec(), b" ".to_vec()]);
    keys.extend([vec![b'\n'; 186], b"noreply".to_vec()]);
    keys
}

fn key(random: &mut Random) -> Vec<u8> {
    let keys = keys();
    keys[random.below(keys.len())].clone()
}

fn value(random: &mut Random) -> Vec<u8> {
    match random.below(40) {
        0 => Vec::new(),
        1 => random.bytes(40_000),
        2 if random.one_in(8) => vec![b'x'; 1_100_000],
        3..6 => b"\r\nEND\r\n\x80\x00".to_vec(),
        _ => random.bytes(60)[random.below(60)..].to_vec(),
    }
}

fn expiry(random: &mut Random) -> u32 {
    pick(random, &[0, 0, 0, 1_000, 2_000_000_000, 1_000_000_000, 0x8000_0000, u32::MAX])
}

fn cas(random: &mut Random) -> u64 {
    pick(random, &[0, 0, 0, 0, 0xdead_beef, u64::MAX])
}

/// Something that every memcached does.
fn say(random: &mut Random) -> Frame {
    let quiet = if random.one_in(3) { QUIET } else { 0 };
    let key = key(random);
    let opaque = random.number() as u32 & 0xffff;
    let frame = match random.below(20) {
        0..6 => Frame::new(pick(random, &[0x00, 0x09, 0x0c, 0x0d]), &key),
        6..11 => {
            let flags = pick(random, &[0, 7, u32::MAX]);
            let extras = [flags.to_be_bytes(), expiry(random).to_be_bytes()].concat();
            let opcode = pick(random, &[0x01, 0x01, 0x02, 0x03]) | quiet;
            Frame { extras, value: value(random), cas: cas(random), ..Frame::new(opcode, &key) }
        }
        11 => {
            let opcode = pick(random, &[0x0e, 0x0f, 0x19, 0x1a]);
            let value = random.bytes(20);
            Frame { value, cas: cas(random), ..Frame::new(opcode, &key) }
        }
        12 | 13 => Frame { cas: cas(random), ..Frame::new(0x04 | quiet, &key) },
        14 | 15 => {
            let expiry = if random.one_in(3) { u32::MAX } else { 0 };
            let delta = pick(random, &[0, 1, 99, 1 << 40]);
            let opcode = pick(random, &[0x05, 0x06]) | quiet;
            Frame::count(opcode, COUNTER, delta, random.number() >> 30, expiry)
        }
        16 | 17 => {
            let opcode = pick(random, &[0x1c, 0x1d, 0x1e, 0x23, 0x24]);
            Frame { extras: expiry(random).to_be_bytes().to_vec(), ..Frame::new(opcode, &key) }
        }
        18 => pick(random, &[0x0a, 0x0b, 0x20, 0x40, 0xff]).into(),
        _ => odd(random),
    };
    frame.opaque(opaque)
}

impl From<u8> for Frame {
    fn from(opcode: u8) -> Self {
        Self::new(opcode, "")
    }
}

/// Something that is asked rarely.
fn odd(random: &mut Random) -> Frame {
    match random.below(6) {
        0 => Frame::new(0x10, pick(random, &["nonsense", "detail", "detail on", "detail off"])),
        1 => Frame { value: b"\0user\0secret".to_vec(), ..Frame::new(0x21, "PLAIN") },
        2 => Frame { value: random.bytes(300), ..Frame::new(0x66, "") },
        3 => Frame { extras: 1_000_000u32.to_be_bytes().to_vec(), ..Frame::new(0x08, "") },
        4 => Frame::count(0x05, "k0 is no number", 1, 2, u32::MAX),
        _ => Frame::store(0x01, COUNTER, b"10", 0, 0),
    }
}

/// The last bytes of a connection.
fn farewell(random: &mut Random) -> Vec<u8> {
    match random.below(8) {
        0 => Frame::new(0x07, "").bytes(),
        1 => Frame::new(0x17, "").bytes(),
        2 => [vec![random.below(0x80) as u8], vec![0; 40]].concat(),
        3 => Frame::new(0x00, vec![b'k'; 251]).bytes(),
        4 => Frame { extras: vec![0; 3], ..Frame::new(pick(random, &[0, 1, 4, 5, 8, 0x1d]), "k") }
            .bytes(),
        5 => Frame::new(pick(random, &[0x00, 0x01, 0x04, 0x05, 0x0e, 0x1c]), "").bytes(),
        6 => Frame { value: b"x".to_vec(), ..Frame::new(pick(random, &[0, 4, 7, 0x0a]), "k") }
            .bytes(),
        _ => {
            // Its body is shorter than its key.
            let mut bytes = Frame::new(0x00, "key").bytes();
            bytes[11] = 2;
            bytes
        }
    }
}

fn pieces(random: &mut Random, bytes: &[u8]) -> Vec<Vec<u8>> {
    let largest = if bytes.len() > 100_000 { 1 << 16 } else { 1 << random.below(14) };
    let (mut left, mut pieces) = (bytes, Vec::new());
    while !left.is_empty() {
        let (piece, rest) = left.split_at(left.len().min(1 + random.below(largest)));
        pieces.push(piece.to_vec());
        left = rest;
    }
    pieces
}

fn session(pair: &mut Pair, random: &mut Random, name: &str) {
    let mut bytes = Vec::new();
    for key in keys().iter().map(Vec::as_slice).chain([COUNTER.as_bytes()]) {
        bytes.extend(Frame::new(0x14, key).bytes());
    }
    for _ in 0..1 + random.below(FRAMES_MAX) {
        let frame = say(random);
        if number("SEED").is_some() {
            eprintln!("{frame:02x?}");
        }
        bytes.extend(frame.bytes());
    }
    bytes.extend(Frame::noop(FENCE).bytes());
    let pieces = pieces(random, &bytes);
    let [through, plain] = pair.both().map(|client| {
        let pieces = pieces.iter().map(Vec::as_slice);
        let said = client.exchange_pieces(pieces, |it| Reply::until_noop(it, FENCE));
        said.into_iter().map(Reply::normal).collect::<Vec<_>>()
    });
    compare(name, &through, &plain);
    if !random.one_in(4) {
        return;
    }
    let end = farewell(random);
    let [through, plain] = pair.both().map(|client| {
        client.send(&end);
        let said = Reply::all(client.rest());
        said.into_iter().map(Reply::normal).collect::<Vec<_>>()
    });
    compare(&format!("{name}, {}", end.escape_ascii()), &through, &plain);
    pair.reconnect();
}

#[track_caller]
fn compare(name: &str, through: &[Reply], plain: &[Reply]) {
    for (at, (through, plain)) in through.iter().zip(plain).enumerate() {
        assert_eq!(through, plain, "{name}: reply {at}");
    }
    assert_eq!(through.len(), plain.len(), "{name}: replies");
}

fn sessions(backends: usize, links: usize) {
    let mut pair = Pair::start(backends, links);
    pair.reconnect();
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SESSIONS").unwrap_or(SESSIONS),
    };
    for seed in seeds {
        session(&mut pair, &mut Random::new(seed), &format!("SEED={seed}"));
    }
}

#[test]
fn one_backend_and_a_plain_memcached_answer_frames_alike() {
    sessions(1, 1);
}

#[test]
fn four_backends_and_a_plain_memcached_answer_frames_alike() {
    sessions(4, 2);
}
