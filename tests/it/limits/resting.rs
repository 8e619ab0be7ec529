//! With nothing to do it does nothing, whatever it waits for: an edge missed makes it hang, an edge
//! taken for a level makes it spin.

use crate::harness::bytes::set;
use crate::harness::client::Client;
use crate::harness::fake::{Act, FakeBackend};
use crate::harness::memcached::Memcached;
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::parallel::at_once;
use crate::harness::wait::{SOON, eventually};
use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

const LARGE: usize = 300_000;

fn proxy(backend: &FakeBackend) -> Nodeproxy {
    Nodeproxy::before(&[backend.address()]).timeout_ms(60_000).start()
}

/// Uses next to no processor time in one of these seconds: in the first of them it may still be
/// busy with what was begun.
#[track_caller]
fn rests(proxy: &mut Nodeproxy) {
    let mut used = [0; 5];
    for second in &mut used {
        let before = proxy.process().cpu_ticks();
        thread::sleep(Duration::from_secs(1));
        *second = proxy.process().cpu_ticks() - before;
        if *second < 5 {
            return;
        }
    }
    panic!("{used:?} % of a processor used, second by second");
}

#[test]
fn while_clients_are_idle_or_in_the_middle_of_a_request() {
    let begun: [&[u8]; 5] =
        [b"", b"get k", b"set k 0 0 1000\r\nhalf", b"\r", b"set k 0 0 10\r\n0123456789\r"];
    let large = [format!("set k 0 0 {LARGE}\r\n").as_bytes(), &vec![b'x'; LARGE / 2]].concat();
    at_once(begun.into_iter().chain([&large[..]]), |begun| {
        let backend = FakeBackend::start();
        let mut proxy = proxy(&backend);
        let mut clients: Vec<_> = (0..5).map(|_| proxy.connect()).collect();
        for client in &mut clients {
            client.expect_in_step();
            client.send(begun);
        }
        rests(&mut proxy);
    });
}

#[test]
fn while_replies_are_outstanding() {
    let ways: [fn(&mut Client); 2] = [|_| {}, Client::finish_writing];
    at_once(ways, |then| {
        let backend = FakeBackend::with(|_| Act::Hold);
        let mut proxy = proxy(&backend);
        let mut client = proxy.connect();
        client.send(&b"get k\r\n".repeat(10));
        backend.wait_for("get", 10);
        then(&mut client);
        rests(&mut proxy);
        backend.release(10);
        client.expect(&b"END\r\n".repeat(10));
    });
}

#[test]
fn while_a_client_does_not_read() {
    let ways: [fn(&mut Client); 2] = [|_| {}, Client::finish_writing];
    at_once(ways, |then| {
        let backend = FakeBackend::start();
        let mut proxy = proxy(&backend);
        let mut client = proxy.connect();
        let value = vec![b'x'; LARGE];
        client.ask(&set("k", &value), b"STORED\r\n");
        client.send(&b"get k\r\n".repeat(200));
        then(&mut client);
        rests(&mut proxy);
        let hit = crate::harness::bytes::hit("k", &value);
        for _ in 0..200 {
            client.expect(&hit);
        }
    });
}

#[test]
fn while_a_backend_does_not_read() {
    let memcached = Memcached::start();
    let mut proxy = Nodeproxy::before(&[memcached.address()]).timeout_ms(60_000).start();
    let mut client = proxy.connect();
    client.expect_in_step();
    memcached.process().freeze();
    let mut flood = TcpStream::connect(proxy.address()).expect("it accepts");
    // Or else the scope would wait for ever where this test fails.
    flood.set_write_timeout(Some(SOON)).expect("a timeout");
    let count = 100;
    thread::scope(|scope| {
        scope.spawn(|| {
            // What is not written will not be answered, and that fails below.
            let _ = flood.write_all(&set("k", &vec![b'x'; LARGE]).repeat(count));
        });
        rests(&mut proxy);
        memcached.process().thaw();
        client.ask(&set("k", b"v"), b"STORED\r\n");
    });
    Client::from(flood).expect(&b"STORED\r\n".repeat(count));
}

#[test]
fn while_a_backend_refuses() {
    let mut backend = FakeBackend::start();
    let mut proxy = proxy(&backend);
    proxy.connect().ask(&set("k", b"v"), b"STORED\r\n");
    backend.refuse();
    rests(&mut proxy);
}

/// It was tried again and again without a pause.
#[test]
fn while_a_backend_refuses_that_may_fail_very_often() {
    let mut backend = FakeBackend::start();
    backend.refuse();
    let lines = ["server_failure_limit: 1000000000", "server_connections: 4"];
    let mut proxy = Nodeproxy::pool(&[backend.address()], &lines);
    rests(&mut proxy);
    backend.listen();
    eventually("service", || {
        let mut client = proxy.connect();
        client.send(&set("k", b"v"));
        (client.line() == b"STORED\r\n").then_some(())
    });
}
