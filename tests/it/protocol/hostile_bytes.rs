//! Bytes that are no memcache, or too much of it: an error or a close, little memory, and nobody
//! else notices.

use crate::harness::bytes::{hit, set, shown};
use crate::harness::client::Client;
use crate::harness::fake::FakeBackend;
use crate::harness::frame::Frame;
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::random::Random;
use crate::harness::wait::SOON;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;
/// What the process may grow by, whatever it is sent: what one client may hold is 4 MiB, and of the
/// buffers that it grew out of 16 MiB are kept for others.
const GROWTH: u64 = 24 * MIB;
/// A neighbour that asks all the time never waits longer for a reply.
const NEIGHBOUR_WAIT: Duration = Duration::from_secs(1);

/// A proxy with one link for everybody.
struct Street {
    backend: FakeBackend,
    proxy: Nodeproxy,
}

/// What became of a connection that was sent such bytes.
struct Outcome {
    /// All that was said.
    said: Vec<u8>,
    /// How much of the bytes was taken.
    taken: usize,
}

impl Street {
    fn new() -> Self {
        let backend = FakeBackend::start();
        let proxy = Nodeproxy::pool(&[backend.address()], &["timeout: 10000"]);
        proxy.connect().ask(&set("mine", b"mine"), b"STORED\r\n");
        Self { backend, proxy }
    }

    /// Sends this from a client of its own, while a neighbour asks all the time, and reads what is
    /// said up to the end. Holds memory and neighbour to their limits.
    #[track_caller]
    fn suffers(&mut self, name: &str, bytes: &[u8]) -> Outcome {
        self.proxy.process().forget_peak();
        let before = self.proxy.process().resident();
        let mut neighbour = self.proxy.connect();
        let over = &AtomicBool::new(false);
        let (outcome, slowest) = thread::scope(|scope| {
            let asking = scope.spawn(|| ask_until(&mut neighbour, over));
            let outcome = hurl(&self.proxy, bytes);
            over.store(true, Ordering::Relaxed);
            (outcome, asking.join().expect("the neighbour is served"))
        });
        let outcome = outcome.unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        let grown = self.proxy.process().resident_peak().saturating_sub(before);
        eprintln!(
            "{name}: took {} of {} bytes, said {}; {} KiB more, neighbour {slowest:?} at most",
            outcome.taken,
            bytes.len(),
            outcome.said.len(),
            grown >> 10,
        );
        assert!(grown < GROWTH, "{name}: {grown} bytes more");
        assert!(slowest < NEIGHBOUR_WAIT, "{name}: a neighbour waited {slowest:?}");
        assert_eq!(self.backend.accepted(), 1, "{name}: cost a link");
        outcome
    }

    /// The same, and the connection was told an error, or that and no more.
    #[track_caller]
    fn refuses(&mut self, name: &str, bytes: &[u8]) -> Outcome {
        let outcome = self.suffers(name, bytes);
        let first = outcome.said.split_inclusive(|byte| *byte == b'\n').next().unwrap_or(b"");
        let errors: [&[u8]; 3] = [b"ERROR\r\n", b"CLIENT_ERROR ", b"SERVER_ERROR "];
        assert!(errors.iter().any(|it| first.starts_with(it)), "{name}: {}", shown(first));
        outcome
    }
}

/// Asks until it is over; returns the longest wait.
fn ask_until(neighbour: &mut Client, over: &AtomicBool) -> Duration {
    let mut slowest = Duration::ZERO;
    loop {
        let start = Instant::now();
        neighbour.ask(b"get mine\r\n", &hit("mine", b"mine"));
        slowest = slowest.max(start.elapsed());
        if over.load(Ordering::Relaxed) {
            return slowest;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Writes all that is taken, says that no more will come, and reads to the end, which has to come.
fn hurl(proxy: &Nodeproxy, bytes: &[u8]) -> Result<Outcome, String> {
    let mut socket = TcpStream::connect(proxy.address()).map_err(|error| error.to_string())?;
    socket.set_read_timeout(Some(SOON)).expect("a timeout");
    socket.set_write_timeout(Some(SOON)).expect("a timeout");
    let mut writer = socket.try_clone().expect("a second handle");
    thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let taken = bytes.chunks(1 << 16).take_while(|piece| writer.write_all(piece).is_ok());
            let taken = taken.map(<[u8]>::len).sum();
            // It may have been closed by the other side.
            let _ = writer.shutdown(Shutdown::Write);
            taken
        });
        let mut said = Vec::new();
        let read = socket.read_to_end(&mut said);
        let taken = writing.join().expect("the writer");
        match read {
            Ok(_) => Ok(Outcome { said, taken }),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(Outcome { said, taken }),
            Err(error) => Err(format!("no end: {error}, after {}", shown(&said))),
        }
    })
}

#[test]
fn random_bytes() {
    let mut street = Street::new();
    for seed in 0..6 {
        let bytes = Random::new(seed).bytes(2_000_000);
        let outcome = street.suffers(&format!("random bytes, seed {seed}"), &bytes);
        let lines = outcome.said.split_inclusive(|byte| *byte == b'\n');
        for line in lines.filter(|line| line.ends_with(b"\n")) {
            let error = line.starts_with(b"ERROR") || line.starts_with(b"CLIENT_ERROR ");
            assert!(error, "seed {seed}: {}", shown(line));
        }
        assert!(!outcome.said.is_empty(), "seed {seed}: nothing was said");
    }
    // Nothing of it was a request.
    assert!(street.backend.asked().iter().all(|it| it.key() == "mine"));
}

#[test]
fn a_line_without_an_end() {
    let mut street = Street::new();
    for start in ["", "set ", "get ", "mg ", "ms ", "incr k ", "get k k k "] {
        let bytes = [start.as_bytes(), &vec![b'x'; 20_000_000]].concat();
        let outcome = street.refuses(&format!("{start:?} without an end"), &bytes);
        assert!(outcome.said.len() < 200, "{start:?}: {}", shown(&outcome.said));
        // What is in the kernel's buffers is counted as taken.
        assert!(outcome.taken < bytes.len(), "{start:?}: all of it was taken");
    }
    // Its words have an end, and it has none.
    let bytes = [&b"get"[..], &b" mine".repeat(4_000_000)].concat();
    street.suffers("a get without an end", &bytes);
}

#[test]
fn lengths_near_the_ends_of_numbers() {
    let mut street = Street::new();
    let edges = [1 << 31, 1 << 32, 1 << 63, 1_i128 << 64];
    let lengths = edges.iter().flat_map(|edge| (-2..=2).map(move |by| edge + by));
    for length in lengths.chain([-1, i128::MAX]) {
        for head in ["set evil 0 0 ", "cas evil 0 0 ", "append evil 0 0 ", "ms evil "] {
            let words = if head.starts_with("cas") { " 1" } else { "" };
            let line = format!("{head}{length}{words}\r\n");
            let bytes = [line.as_bytes(), &vec![b'v'; 100_000], b"\r\n"].concat();
            street.refuses(line.trim_end(), &bytes);
        }
    }
    for asked in street.backend.asked() {
        assert_eq!(asked.key(), "mine", "{} was forwarded", shown(&asked.line));
    }
}

/// A length that is believed, and far more than may be kept: the bytes are passed over.
#[test]
fn a_value_that_is_sent_and_is_too_large() {
    let mut street = Street::new();
    let value = vec![b'v'; 60_000_000];
    let outcome = street.refuses("60 MB", &set("mine2", &value));
    assert!(outcome.said.starts_with(b"SERVER_ERROR object too large for cache\r\n"));
    assert!(outcome.said.len() < 100, "{}", shown(&outcome.said));
}

#[test]
fn a_million_empty_lines() {
    let mut street = Street::new();
    for line in [&b"\r\n"[..], b"\n"] {
        let outcome = street.refuses("a million empty lines", &line.repeat(1_000_000));
        // An error for each of them, as memcached has.
        let error = outcome.said.split_inclusive(|byte| *byte == b'\n').next().expect("a line");
        let whole = error.repeat(1_000_000);
        assert!(outcome.said == whole, "not the same error for each line: {}", shown(error));
    }
}

/// A key of which the body says that it is not there; a body of 4 GB; and nonsense as a frame.
#[test]
fn frames_that_cannot_be() {
    let mut street = Street::new();
    let body = |len: [u8; 4]| [&[0x80, 0x00, 0x00, 0x04, 0, 0, 0, 0][..], &len, &[0; 12]].concat();
    let short = [&body([0; 4]), &b"mine"[..]].concat().repeat(100_000);
    let outcome = street.suffers("a body that is shorter than its key", &short);
    assert!(outcome.said.ends_with(b"Unknown command"), "{}", shown(&outcome.said));
    assert_eq!(outcome.said.len(), 24 + 15);
    let long = [&body([0xff; 4]), &b"mine"[..]].concat().repeat(100_000);
    let outcome = street.suffers("a get with a value", &long);
    assert!(outcome.said.ends_with(b"Invalid arguments"), "{}", shown(&outcome.said));
    let mut set = Frame::store(0x01, "mine2", &vec![b'v'; 60_000_000], 0, 0).bytes();
    let outcome = street.suffers("60 MB in a frame", &set);
    assert!(outcome.said.ends_with(b"Too large."), "{}", shown(&outcome.said));
    assert_eq!(outcome.said.len(), 24 + 10);
    set.truncate(1_000_000);
    set[8..12].copy_from_slice(&[0xff; 4]);
    let outcome = street.suffers("4 GB of which a little comes", &set);
    assert!(outcome.said.is_empty(), "{}", shown(&outcome.said));
    let unknown = [&[0x80, 0x66, 0, 0, 0, 0, 0, 0, 0xff][..], &[0; 1_000_000]].concat();
    assert!(street.suffers("4 GB of an unknown opcode", &unknown).said.is_empty());
    let garbage = [&[0x80][..], &Random::new(2).bytes(1_000_000)].concat();
    street.suffers("a frame of random bytes", &garbage);
}

#[test]
fn greetings_of_other_protocols() {
    let mut street = Street::new();
    let tls = [&[0x16, 0x03, 0x01, 0x02, 0x00][..], &Random::new(1).bytes(512)].concat();
    street.suffers("TLS", &tls);
    for http in
        ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\r\nset mine 0 0 4\r\nevil\r\n"]
    {
        let outcome = street.refuses("HTTP", http.repeat(50_000).as_bytes());
        assert!(outcome.said.len() < 100, "{}", shown(&outcome.said));
    }
    street.proxy.connect().ask(b"get mine\r\n", &hit("mine", b"mine"));
}
