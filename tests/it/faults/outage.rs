//! Real memcacheds that are killed, stopped, started late and started again.

use crate::harness::bytes::{assert_server_error, hit, is_server_error, set, shown};
use crate::harness::client::Client;
use crate::harness::fake::FakeBackend;
use crate::harness::memcached::{Memcached, addresses};
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::placement::{Holds, keys_of};
use crate::harness::ports;
use crate::harness::wait::eventually;
use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any test: a deadline that must not be what ends a wait.
const NEVER_MS: u64 = 60_000;

fn keys(proxy: &Nodeproxy, memcacheds: &[Memcached], count: usize) -> Vec<Vec<String>> {
    let backends: Vec<_> = memcacheds.iter().map(|it| it as &dyn Holds).collect();
    keys_of(proxy, &backends, count)
}

fn get(key: &str) -> Vec<u8> {
    format!("get {key}\r\n").into_bytes()
}

/// Asks until the backend of this key serves again.
#[track_caller]
fn until_served(client: &mut Client, key: &str) {
    eventually("the backend in use again", || {
        client.send(&set(key, key.as_bytes()));
        let reply = client.reply();
        assert!(reply == b"STORED\r\n" || is_server_error(&reply), "{}", shown(&reply));
        (reply == b"STORED\r\n").then_some(())
    });
    client.ask(&get(key), &hit(key, key.as_bytes()));
}

#[test]
fn requests_to_a_killed_backend_fail_in_their_turn_and_it_is_used_again() {
    let mut memcacheds = Memcached::several(3);
    let proxy = Nodeproxy::before(&addresses(&memcacheds)).links(2).start();
    let keys = keys(&proxy, &memcacheds, 2);
    let (mut client, mut other) = (proxy.connect(), proxy.connect());
    memcacheds[1].kill();
    for _ in 0..20 {
        client.send(&[get(&keys[0][0]), get(&keys[1][0]), get(&keys[2][0])].concat());
        client.expect(&hit(&keys[0][0], keys[0][0].as_bytes()));
        assert_server_error(&client.line());
        client.expect(&hit(&keys[2][0], keys[2][0].as_bytes()));
        other.ask(&get(&keys[2][1]), &hit(&keys[2][1], keys[2][1].as_bytes()));
    }
    client.send(&set(&keys[1][0], b"lost"));
    assert_server_error(&client.line());
    memcacheds[1].restart();
    until_served(&mut client, &keys[1][0]);
    until_served(&mut other, &keys[1][1]);
    client.expect_in_step();
    other.expect_in_step();
}

#[test]
fn requests_in_flight_fail_at_once_when_their_backend_is_killed() {
    let mut memcacheds = Memcached::several(2);
    let proxy = Nodeproxy::before(&addresses(&memcacheds)).timeout_ms(NEVER_MS).start();
    let keys = keys(&proxy, &memcacheds, 1);
    let mut clients = [proxy.connect(), proxy.connect()];
    memcacheds[0].process().freeze();
    for client in &mut clients {
        client.send(&[get(&keys[0][0]), get(&keys[1][0]), set(&keys[0][0], b"x")].concat());
        client.send(format!("set {} 0 0 1 noreply\r\nx\r\n", keys[0][0]).as_bytes());
    }
    memcacheds[0].kill();
    for client in &mut clients {
        assert_server_error(&client.line());
        client.expect(&hit(&keys[1][0], keys[1][0].as_bytes()));
        assert_server_error(&client.line());
        client.expect_in_step();
    }
    memcacheds[0].restart();
    until_served(&mut clients[0], &keys[0][0]);
}

#[test]
fn it_starts_with_a_backend_down_and_uses_it_once_it_is_up() {
    let alive = Memcached::start();
    let mut late = FakeBackend::start();
    late.refuse();
    let proxy = Nodeproxy::start(&[alive.address(), late.address()]);
    let mut client = proxy.connect();
    let mut failed = None;
    for at in 0..200 {
        let key = format!("key{at}");
        client.send(&set(&key, key.as_bytes()));
        let reply = client.line();
        if reply == b"STORED\r\n" {
            client.ask(&get(&key), &hit(&key, key.as_bytes()));
            continue;
        }
        assert_server_error(&reply);
        failed = Some(key);
    }
    let failed = failed.expect("some keys belong to the backend that is down");
    late.listen();
    until_served(&mut client, &failed);
    assert!(late.holds(&failed));
}

#[test]
fn it_starts_with_all_backends_down() {
    let servers: Vec<_> = (0..3).map(|_| (Ipv4Addr::LOCALHOST, ports::reserve()).into()).collect();
    let proxy = Nodeproxy::start(&servers);
    let mut client = proxy.connect();
    for at in 0..20 {
        client.send(&set(&format!("key{at}"), b"x"));
        assert_server_error(&client.line());
        client.send(get(&format!("key{at}")).as_slice());
        assert_server_error(&client.line());
    }
    client.send(b"get a b c d e f g h\r\n");
    assert_server_error(&client.line());
    client.send(b"set a 0 0 1 noreply\r\nx\r\n");
    client.expect_in_step();
}

#[test]
fn while_a_backend_is_stopped_its_requests_are_late_and_nobody_hangs() {
    let memcacheds = Memcached::several(2);
    let proxy = Nodeproxy::before(&addresses(&memcacheds)).timeout_ms(400).start();
    let keys = keys(&proxy, &memcacheds, 8);
    memcacheds[0].process().freeze();
    let start = Instant::now();
    let mut clients: Vec<_> = (0..8).map(|_| proxy.connect()).collect();
    for (client, own) in clients.iter_mut().zip(&keys[0]) {
        client.send(&[get(own), set(own, b"late"), get(&keys[1][0]), get(own)].concat());
    }
    for client in &mut clients {
        assert_server_error(&client.line());
        assert!(start.elapsed() >= Duration::from_millis(390), "too early: {:?}", start.elapsed());
        assert_server_error(&client.line());
        client.expect(&hit(&keys[1][0], keys[1][0].as_bytes()));
        assert_server_error(&client.line());
    }
    assert!(start.elapsed() < Duration::from_secs(3), "too late: {:?}", start.elapsed());
    // Late answers wait in the stopped one: they belong to none of the requests that follow.
    memcacheds[0].process().thaw();
    for (client, own) in clients.iter_mut().zip(&keys[0]) {
        eventually("the backend in use again", || {
            client.send(&get(own));
            let reply = client.reply();
            // What was written while it was stopped may be done late, or may not be.
            let served = reply == hit(own, own.as_bytes()) || reply == hit(own, b"late");
            assert!(served || is_server_error(&reply), "{}", shown(&reply));
            served.then_some(())
        });
        client.expect_in_step();
    }
}

/// Every backend is stopped again and again while clients ask for keys of their own.
#[test]
fn no_reply_ever_goes_to_another_request_while_backends_stop_and_go() {
    let memcacheds = Memcached::several(2);
    let proxy = Nodeproxy::before(&addresses(&memcacheds)).links(2).timeout_ms(60).start();
    let counts = under_load(&proxy, || {
        for round in 0..12 {
            let process = memcacheds[round % 2].process();
            process.freeze();
            thread::sleep(Duration::from_millis(100));
            process.thaw();
            thread::sleep(Duration::from_millis(50));
        }
    });
    assert!(counts.iter().all(|(good, _)| *good > 0), "{counts:?}");
    assert!(counts.iter().any(|(_, failed)| *failed > 0), "{counts:?}");
}

/// The same while they are killed and started again.
#[test]
fn no_reply_ever_goes_to_another_request_while_backends_die_and_return() {
    let mut memcacheds = Memcached::several(2);
    let proxy = Nodeproxy::before(&addresses(&memcacheds)).links(2).timeout_ms(200).start();
    let counts = under_load(&proxy, || {
        for round in 0..6 {
            memcacheds[round % 2].kill();
            thread::sleep(Duration::from_millis(50));
            memcacheds[round % 2].restart();
            thread::sleep(Duration::from_millis(100));
        }
    });
    assert!(counts.iter().all(|(good, _)| *good > 0), "{counts:?}");
    let mut client = proxy.connect();
    for at in 0..20 {
        until_served(&mut client, &format!("key{at}"));
    }
}

/// Runs the faults while clients check every answer; returns what these counted.
fn under_load(proxy: &Nodeproxy, faults: impl FnOnce()) -> Vec<(usize, usize)> {
    let over = &AtomicBool::new(false);
    thread::scope(|scope| {
        let client = |number| scope.spawn(move || own_keys_only(proxy, number, over));
        let clients: Vec<_> = (0..6).map(client).collect();
        // However that ends, the clients must end too.
        let ended = catch_unwind(AssertUnwindSafe(faults));
        over.store(true, Ordering::Relaxed);
        let counts = clients.into_iter().map(|it| it.join().expect("a client")).collect();
        ended.map_or_else(|panic| resume_unwind(panic), |()| counts)
    })
}

/// Sets and gets keys nobody else uses, some requests at a time. Whatever is answered is an error
/// or the value of this key that was set last, or may have been. Returns how many were answered
/// and how many failed.
fn own_keys_only(proxy: &Nodeproxy, number: usize, over: &AtomicBool) -> (usize, usize) {
    let mut client = proxy.connect();
    let (mut good, mut failed) = (0, 0);
    for round in 0.. {
        if over.load(Ordering::Relaxed) && round > 100 {
            break;
        }
        let keys: Vec<_> = (0..5).map(|at| format!("key{number}-{round}-{at}")).collect();
        let requests: Vec<_> =
            keys.iter().map(|key| [set(key, key.as_bytes()), get(key)].concat()).collect();
        client.send(&requests.concat());
        for key in &keys {
            let stored = client.reply();
            assert!(stored == b"STORED\r\n" || is_server_error(&stored), "{}", shown(&stored));
            let got = client.reply();
            let whole = got == hit(key, key.as_bytes());
            let absent = got == b"END\r\n" || is_server_error(&got);
            assert!(whole || absent, "get {key}: {}", shown(&got));
            good += usize::from(whole);
            failed += usize::from(!whole);
        }
    }
    client.expect_in_step();
    (good, failed)
}

#[test]
fn the_log_tells_when_a_backend_is_lost_and_when_it_is_back() {
    let mut memcacheds = Memcached::several(1);
    let mut proxy = Nodeproxy::start(&addresses(&memcacheds));
    let address = memcacheds[0].address().to_string();
    let mut client = proxy.connect();
    until_served(&mut client, "k");
    let about_it = |log: &str| log.lines().filter(|line| line.contains(&address)).count();
    let before = about_it(&proxy.process().log());
    memcacheds[0].kill();
    let lost = proxy.process().find_in_log(|log| (about_it(log) > before).then(|| about_it(log)));
    let lost = lost.expect("a line about the loss");
    for _ in 0..200 {
        client.send(&get("k"));
        assert_server_error(&client.line());
    }
    assert!(about_it(&proxy.process().log()) < lost + 20, "{}", proxy.process().log());
    memcacheds[0].restart();
    until_served(&mut client, "k");
    let back = proxy.process().find_in_log(|log| (about_it(log) > lost).then_some(()));
    back.expect("a line about the return");
}

#[test]
fn a_backend_that_flaps_is_survived_and_used_in_the_end() {
    let (steady, mut flapping) = (FakeBackend::start(), FakeBackend::start());
    let proxy = Nodeproxy::before(&[steady.address(), flapping.address()]).links(3).start();
    let keys = keys_of(&proxy, &[&steady, &flapping], 1);
    let mut client = proxy.connect();
    for round in 0..10 {
        if round % 2 == 0 {
            flapping.hang_up();
        } else {
            flapping.refuse();
            flapping.listen();
        }
        client.send(&get(&keys[1][0]));
        let reply = client.reply();
        let whole = reply == hit(&keys[1][0], keys[1][0].as_bytes());
        assert!(whole || is_server_error(&reply), "{}", shown(&reply));
        client.ask(&get(&keys[0][0]), &hit(&keys[0][0], keys[0][0].as_bytes()));
    }
    until_served(&mut client, &keys[1][0]);
}

/// Only those that had been in flight were counted. Each key of a retrieval is one.
#[test]
fn requests_that_fail_because_their_backend_is_down_are_counted() {
    let servers = [(Ipv4Addr::LOCALHOST, ports::reserve()).into()];
    let proxy = Nodeproxy::start(&servers);
    let mut client = proxy.connect();
    for at in 0..20 {
        client.send(&get(&format!("key{at}")));
        assert_server_error(&client.line());
        client.send(format!("get a{at} b{at}\r\n").as_bytes());
        assert_server_error(&client.line());
    }
    assert_eq!(proxy.stats("").number("requests_failed"), 60);
    let errors = proxy.stats("backends").number(&format!("{}:errors", servers[0]));
    assert_eq!(errors, 60);
}
