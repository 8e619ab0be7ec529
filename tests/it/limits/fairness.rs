//! One client that pipelines very much, beside many that ask now and then.

use crate::harness::bytes::{hit, set};
use crate::harness::latency::Latencies;
use crate::harness::memcached::{Memcached, addresses};
use crate::harness::nodeproxy::Nodeproxy;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const PIPELINED: usize = 100_000;
const ORDINARY: usize = 50;
/// Other processes of a busy machine spoil some of them.
const TRIES: usize = 6;

fn ordinary(proxy: &Nodeproxy) -> Latencies {
    let pause = Duration::from_millis(20);
    Latencies::of(proxy, ORDINARY, 30, pause, b"get k\r\n", &hit("k", b"v"))
}

/// Runs `measure` while one client pipelines so many requests, again and again. Returns how often
/// it got all replies.
fn beside_a_flood<T>(proxy: &Nodeproxy, measure: impl FnOnce() -> T) -> (T, usize) {
    let (over, rounds) = (&AtomicBool::new(false), &AtomicUsize::new(0));
    let requests = b"get k\r\n".repeat(PIPELINED);
    let replies = hit("k", b"v").repeat(PIPELINED);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut client = proxy.connect();
            while !over.load(Ordering::Relaxed) {
                client.exchange(&requests, &replies);
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        });
        let measured = measure();
        over.store(true, Ordering::Relaxed);
        (measured, rounds.load(Ordering::Relaxed))
    })
}

#[test]
fn one_client_that_pipelines_does_not_slow_down_the_others() {
    let memcacheds = Memcached::several(2);
    let proxy = Nodeproxy::start(&addresses(&memcacheds));
    proxy.connect().ask(&set("k", b"v"), b"STORED\r\n");
    let mut tries = Vec::new();
    for _ in 0..TRIES {
        let without = ordinary(&proxy);
        let (with, rounds) = beside_a_flood(&proxy, || ordinary(&proxy));
        let text = format!("without: {without}; with: {with}; {rounds} rounds");
        eprintln!("{text}");
        if with.p99() <= without.p99() * 3 {
            return;
        }
        tries.push(text);
    }
    panic!("more than three times as slow:\n{}", tries.join("\n"));
}
