//! Clients that ask for more than they read: they are throttled and cost little, whatever they ask
//! for; nobody else waits for them.

use crate::harness::bytes::{self, hit, set};
use crate::harness::client::Client;
use crate::harness::latency::Latencies;
use crate::harness::memcached::Memcached;
use crate::harness::nodeproxy::{Nodeproxy, pool};
use crate::harness::wait::eventually;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

const LARGE: usize = 900_000;
/// More than a gigabyte is asked for.
const GETS: usize = 1_200;
const MIB: u64 = 1 << 20;

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn start(lines: &[&str]) -> (Memcached, Nodeproxy) {
    let memcached = Memcached::start();
    let proxy = Nodeproxy::pool(&[memcached.address()], lines);
    let mut client = proxy.connect();
    client.ask(&set("large", &vec![b'x'; LARGE]), b"STORED\r\n");
    client.ask(&set("small", b"v"), b"STORED\r\n");
    (memcached, proxy)
}

/// Asks for so much, as far as it is taken, and reads nothing.
fn greedy(proxy: &Nodeproxy, requests: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(proxy.address()).expect("it accepts");
    socket.set_write_timeout(Some(ms(300))).expect("a timeout");
    match socket.write_all(requests) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
        Err(error) => panic!("{error}"),
    }
    socket
}

/// What other clients wait meanwhile.
fn usual(proxy: &Nodeproxy) -> Latencies {
    Latencies::of(proxy, 10, 300, ms(1), b"get small\r\n", &hit("small", b"v"))
}

/// At first many large values were asked for, before it was known how large they are; for half a
/// second all others waited behind these.
#[test]
fn four_clients_that_ask_for_a_gigabyte_and_never_read_cost_little() {
    let (_memcached, mut proxy) = start(&["timeout: 5000"]);
    let before = usual(&proxy);
    proxy.process().forget_peak();
    let requests = b"get large\r\n".repeat(GETS);
    let sockets: Vec<_> = (0..4).map(|_| greedy(&proxy, &requests)).collect();
    let during = usual(&proxy);
    let peak = proxy.process().resident_peak();
    eprintln!("peak {} KiB; others before: {before}; during: {during}", peak >> 10);
    assert!(peak < 64 * MIB, "{peak} bytes resident");
    assert!(during.median() <= before.median() * 3 + ms(1), "{before}; {during}");
    assert!(during.p99() <= before.p99() * 3 + ms(15), "{before}; {during}");
    assert!(during.longest() <= ms(400), "{before}; {during}");
    // Throttled, not disconnected: who reads after all gets everything that was asked for.
    let mut sockets = sockets.into_iter();
    let mut reader = Client::from(sockets.next().expect("four"));
    let whole = hit("large", &vec![b'x'; LARGE]);
    for _ in 0..GETS / 10 {
        reader.expect(&whole);
    }
    let peak = proxy.process().resident_peak();
    assert!(peak < 64 * MIB, "{peak} bytes resident while one of them reads");
    let stats = proxy.stats("");
    // The one that asks, and the four.
    assert_eq!(stats.number("closed_for_memory"), 0);
    assert_eq!(stats.number("curr_connections"), 4 + 1);
}

/// Each asks for ten megabytes at once, in one retrieval.
#[test]
fn a_client_costs_no_more_than_it_may() {
    const CLIENTS: u64 = 8;
    let (_memcached, mut proxy) = start(&["max_value_size: 1m", "max_client_memory: 1m"]);
    let mut client = proxy.connect();
    let value = vec![b'x'; 100_000];
    let keys: Vec<_> = (0..100).map(|at| format!("part{at}")).collect();
    for key in &keys {
        client.ask(&set(key, &value), b"STORED\r\n");
    }
    let before = proxy.process().resident();
    proxy.process().forget_peak();
    let request = format!("get {}\r\n", keys.join(" ")).repeat(2);
    let sockets: Vec<_> = (0..CLIENTS).map(|_| greedy(&proxy, request.as_bytes())).collect();
    // Until nothing moves any more.
    let written = || proxy.stats("").number("bytes_written");
    eventually("rest", || {
        let before = written();
        thread::sleep(ms(100));
        (written() < before + LARGE as u64 / 10).then_some(())
    });
    // Beside what is kept for each: buffers that were needed a moment ago, and go back soon.
    let grown = |bytes: u64| bytes.saturating_sub(before);
    let peak = grown(proxy.process().resident_peak());
    assert!(peak < CLIENTS * MIB + 16 * MIB, "{peak} bytes more");
    eventually("give back", || {
        (grown(proxy.process().resident()) < CLIENTS * MIB + 2 * MIB).then_some(())
    });
    let whole: Vec<u8> = keys.iter().flat_map(|key| bytes::value(key, 0, &value)).collect();
    let whole = [whole, b"END\r\n".to_vec()].concat();
    for socket in sockets {
        let mut client = Client::from(socket);
        client.expect(&whole);
        client.expect(&whole);
        client.expect_in_step();
    }
    assert_eq!(proxy.stats("").number("closed_for_memory"), 0);
}

/// Clients that begin to send values hold what they have sent.
#[test]
fn only_at_the_hard_limit_the_worst_is_closed() {
    let memcached = Memcached::start();
    let text =
        pool("cache", &[memcached.address()], &["max_value_size: 4m", "max_client_memory: 6m"]);
    let mut proxy = Nodeproxy::configured(&format!("global:\n  max_memory: 8m\n{text}"));
    let mut client = proxy.connect();
    client.ask(&set("small", b"v"), b"STORED\r\n");
    let half = |len: usize, sent: usize| {
        let mut client = proxy.connect();
        client.send(&[format!("set k{len} 0 0 {len}\r\n").as_bytes(), &vec![b'x'; sent]].concat());
        client
    };
    let held = |least: u64| {
        let bytes = || proxy.stats("").number("buffer_bytes");
        eventually("that much held", || (bytes() >= least).then_some(()));
    };
    // Most of the limit, and nobody is closed.
    let mut worst = half(4_000_000, 3_800_000);
    held(3_800_000);
    let mut others: Vec<_> = (0..6).map(|at| half(500_000 + at, 400_000)).collect();
    held(3_800_000 + 6 * 400_000);
    assert_eq!(proxy.stats("").number("closed_for_memory"), 0);
    client.ask(b"get small\r\n", &hit("small", b"v"));
    // Now more than there is.
    others.extend((6..12).map(|at| half(500_000 + at, 400_000)));
    worst.expect_closed();
    let stats = proxy.stats("");
    assert_eq!(stats.number("closed_for_memory"), 1);
    assert_eq!(stats.number("curr_connections"), 12 + 2);
    let told = |log: &str| log.contains("memory is used up").then_some(());
    proxy.process().find_in_log(told).expect("a line in the log");
    for (at, other) in others.iter_mut().enumerate() {
        other.send(&vec![b'x'; 100_000 + at]);
        other.ask(b"\r\n", b"STORED\r\n");
    }
    client.ask(b"get small\r\n", &hit("small", b"v"));
    client.expect_in_step();
}
