//! Very many clients: how many there may be, how long they may be silent, and what they cost.

use crate::harness::bytes::{hit, set};
use crate::harness::core::Core;
use crate::harness::fake::{Act, FakeBackend};
use crate::harness::memcached::Memcached;
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::wait::{SOON, eventually, within};
use nodeproxy::proxy::Limits;
use nodeproxy::proxy::close::Close;
use rlimit::Resource;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// As many as the issue is about; fewer where the system does not allow so many.
const CROWD: usize = 10_000;

/// What is kept for the next burst: buffers, and what the allocator does not give back.
const SPARE: u64 = 24 << 20;

#[test]
fn one_client_more_than_there_may_be_is_told_so_and_closed() {
    let backend = FakeBackend::start();
    let proxy = Nodeproxy::pool(&[backend.address()], &["client_connections: 20"]);
    let mut clients: Vec<_> = (0..20).map(|_| proxy.connect()).collect();
    clients[0].ask(&set("k", b"v"), b"STORED\r\n");
    for client in &mut clients {
        client.ask(b"get k\r\n", &hit("k", b"v"));
    }
    for _ in 0..5 {
        let mut rejected = proxy.connect();
        rejected.expect(b"SERVER_ERROR too many connections\r\n");
        rejected.expect_closed();
    }
    // Those who are in are not disturbed; one who leaves makes room for one.
    for client in &mut clients {
        client.ask(b"get k\r\n", &hit("k", b"v"));
    }
    drop(clients.pop());
    let mut late = eventually("room", || {
        let mut client = proxy.connect();
        client.send(b"get k\r\n");
        let line = client.line();
        (line != b"SERVER_ERROR too many connections\r\n").then_some(client)
    });
    late.expect(b"v\r\nEND\r\n");
    late.expect_in_step();
    let stats = crate::harness::stats::Stats::ask(&mut late, "");
    assert!(stats.number("rejected_connections") >= 5);
    assert_eq!(stats.number("curr_connections"), 20);
}

/// One of them asks now and then, and another waits for a reply: these two are not idle.
#[test]
fn a_client_that_is_idle_for_too_long_is_closed_and_no_other() {
    let backend = FakeBackend::with(|asked| match asked.key().as_str() {
        "held" => Act::Hold,
        _ => Act::Answer,
    });
    // Each of the four has a link of its own.
    let lines = ["client_idle_timeout: 700", "timeout: 20000", "server_connections: 4"];
    let proxy = Nodeproxy::pool(&[backend.address()], &lines);
    let (mut idle, mut silent) = (proxy.connect(), proxy.connect());
    let (mut busy, mut waiting) = (proxy.connect(), proxy.connect());
    waiting.send(b"get held\r\n");
    let start = Instant::now();
    idle.ask(b"get k\r\n", b"END\r\n");
    let closed = std::thread::scope(|scope| {
        let closed = scope.spawn(|| {
            silent.expect_closed();
            idle.expect_closed();
            start.elapsed()
        });
        while !closed.is_finished() {
            busy.ask(b"get k\r\n", b"END\r\n");
            std::thread::sleep(Duration::from_millis(20));
        }
        closed.join().expect("both are closed")
    });
    let ms = closed.as_millis();
    assert!((690..3_000).contains(&ms), "closed after {ms} ms");
    backend.release(1);
    waiting.expect(b"END\r\n");
    busy.ask(b"get k\r\n", b"END\r\n");
    assert_eq!(proxy.stats("").number("curr_connections"), 2 + 1);
}

/// How many clients this process and the proxy may have: both pay a descriptor for each.
fn crowd_size() -> usize {
    let (_, hard) = Resource::NOFILE.get().expect("a limit");
    Resource::NOFILE.set(hard, hard).expect("up to the hard limit");
    let possible = usize::try_from(hard).unwrap_or(usize::MAX).saturating_sub(500);
    if possible < CROWD {
        eprintln!("the limit of descriptors allows {possible} clients and not {CROWD}");
    }
    possible.min(CROWD)
}

#[test]
fn ten_thousand_idle_clients_cost_a_kilobyte_each_and_a_burst_is_given_back() {
    let count = crowd_size();
    let memcached = Memcached::start();
    let mut proxy = Nodeproxy::pool(&[memcached.address()], &["timeout: 10000"]);
    proxy.connect().expect_in_step();
    let before = proxy.process().resident();
    let mut clients: Vec<_> = (0..count).map(|_| connect(&proxy)).collect();
    let connected = || proxy.stats("").number("curr_connections") as usize;
    eventually("all accepted", || (connected() > count).then_some(()));
    let idle = proxy.process().resident();
    let each = idle.saturating_sub(before) / count as u64;
    assert!(each <= 1024, "{each} bytes resident for each of {count} idle clients");
    burst(&mut clients, &proxy);
    let peak = proxy.process().resident_peak();
    assert!(peak > idle + count as u64 * 5_000, "no burst: {peak} at most");
    let mut after = 0;
    let back = within(SOON, || {
        after = proxy.process().resident();
        after <= idle + SPARE
    });
    eprintln!("{count} clients, {each} bytes each; resident: {before} before, {idle} idle,");
    eprintln!("{peak} at most, {after} after a burst");
    assert!(back, "{after} bytes resident after a burst, {idle} before");
}

fn connect(proxy: &Nodeproxy) -> TcpStream {
    let socket = TcpStream::connect(proxy.address()).expect("it accepts");
    socket.set_read_timeout(Some(SOON)).expect("a timeout");
    socket
}

/// All of them send the first half of a value, then the other half, and then ask for it.
fn burst(clients: &mut [TcpStream], proxy: &Nodeproxy) {
    let value = [b'x'; 6_000];
    let requests = [&set("k", &value)[..], b"get k\r\n"].concat();
    let (first, second) = requests.split_at(5_000);
    for client in &mut *clients {
        client.write_all(first).expect("taken");
    }
    let held = || proxy.stats("").number("buffer_bytes") as usize;
    eventually("all halves", || (held() >= clients.len() * first.len()).then_some(()));
    for client in &mut *clients {
        client.write_all(second).expect("taken");
    }
    let expected = [b"STORED\r\n", &hit("k", &value)[..]].concat();
    let mut replies = vec![0; expected.len()];
    for client in clients {
        client.read_exact(&mut replies).expect("in time");
        assert!(replies == expected, "a wrong reply");
    }
}

/// Each had left a timer until it would have been idle for too long.
#[test]
fn clients_that_come_and_go_leave_no_timers() {
    let limits = Limits { value_bytes_max: 1 << 20, memory_max: 4 << 20 };
    let mut core = Core::with(1, limits, |setup, _| setup.idle_timeout = 3_600_000_000);
    let mut stay: Vec<_> = (0..500).map(|_| core.client()).collect();
    for _ in 0..20_000 {
        let client = core.client();
        core.driver.proxy.close_client(client, Close::Hangup);
    }
    let timers = core.driver.proxy.holdings().timers;
    assert!(timers < 5_000, "{timers} timers for {} clients", stay.len());
    // Those who stay have theirs.
    core.pass(3_600_000_000);
    stay.retain(|client| core.has_client(*client));
    assert!(stay.is_empty(), "{} clients are left", stay.len());
}

/// Each link kept the memory of as many requests as had ever been in flight on it at once.
#[test]
fn a_burst_of_requests_in_flight_is_given_back() {
    let limits = Limits { value_bytes_max: 1 << 20, memory_max: 4 << 20 };
    let mut core = Core::new(1, limits);
    let link = core.connect()[0];
    let clients: Vec<_> = (0..4_000).map(|_| core.client()).collect();
    let (requests, replies) = (b"get k\r\n".repeat(30), b"END\r\n".repeat(30));
    let kept = allocation_counter::measure(|| {
        for client in &clients {
            core.send(*client, &requests);
        }
        // A window at a time.
        let mut lines = 0;
        for _ in 0..clients.len() {
            core.flush(true);
            let asked = core.link_received(link).iter().filter(|byte| **byte == b'\n').count();
            core.reply(link, &b"END\r\n".repeat(asked));
            lines += asked;
        }
        assert!(lines < clients.len() * 30 / 32, "{lines} lines");
        for client in &clients {
            core.expect_client(*client, &replies);
        }
        core.pass(2_000_000);
        core.flush(true);
    });
    assert!(kept.bytes_current < 2 << 20, "{} bytes kept", kept.bytes_current);
}
