//! Clients that go away at the worst moment: nobody else notices.

use crate::harness::bytes::{contains, hit, set};
use crate::harness::client::Client;
use crate::harness::fake::{Act, FakeBackend};
use crate::harness::memcached::{Memcached, addresses};
use crate::harness::nodeproxy::Nodeproxy;

/// Ways to leave.
const WAYS: [fn(Client); 2] = [drop::<Client>, Client::reset];

#[test]
fn a_client_that_leaves_in_the_middle_of_a_request() {
    let backend = FakeBackend::start();
    let proxy = Nodeproxy::start(&[backend.address()]);
    let mut steady = proxy.connect();
    steady.ask(&set("k", b"steady"), b"STORED\r\n");
    for (at, leave) in WAYS.iter().cycle().take(20).enumerate() {
        for part in [
            &b"set half 0 0 100\r\nonly a part"[..],
            b"set half 0 0 10\r\n0123456789\r",
            b"set half 0 0 10",
            b"get half",
            b"get k\r\nget half",
        ] {
            let mut client = proxy.connect();
            client.send(part);
            leave(client);
        }
        steady.ask(b"get k\r\n", &hit("k", b"steady"));
        assert_eq!(backend.accepted(), 1, "round {at}");
    }
    steady.expect_in_step();
    assert!(!contains(&backend.received(), b"half"), "a part of a request was forwarded");
}

#[test]
fn a_client_that_leaves_with_replies_outstanding() {
    let backend = FakeBackend::start();
    let proxy = Nodeproxy::before(&[backend.address()]).timeout_ms(10_000).start();
    let mut steady = proxy.connect();
    for key in ["secret", "k"] {
        steady.ask(&set(key, key.as_bytes()), b"STORED\r\n");
    }
    backend.plan(|asked| match asked.verb() {
        b"get" => Act::Hold,
        _ => Act::Answer,
    });
    let mut asked = 0;
    for leave in WAYS.iter().cycle().take(10) {
        let mut leaving = proxy.connect();
        leaving.send(b"get secret\r\nget secret secret\r\nget secret\r\n");
        asked += 4;
        backend.wait_for("get", asked);
        leave(leaving);
        // The next one gets the place that became free.
        let mut next = proxy.connect();
        next.send(b"get k\r\n");
        steady.send(b"get k\r\n");
        asked += 2;
        backend.wait_for("get", asked);
        backend.release(6);
        next.expect(&hit("k", b"k"));
        steady.expect(&hit("k", b"k"));
        next.expect_in_step();
    }
    steady.expect_in_step();
    assert_eq!(backend.accepted(), 1, "the link outlives its clients");
}

#[test]
fn clients_that_leave_without_reading_much() {
    let memcacheds = Memcached::several(2);
    let proxy = Nodeproxy::start(&addresses(&memcacheds));
    let mut steady = proxy.connect();
    let large = vec![b'x'; 300_000];
    steady.ask(&set("large", &large), b"STORED\r\n");
    for leave in WAYS.iter().cycle().take(10) {
        let mut client = proxy.connect();
        client.send(&b"get large\r\n".repeat(30));
        client.expect(b"VALUE large 0 300000\r\n");
        leave(client);
        steady.ask(b"get large\r\n", &hit("large", &large));
    }
    steady.expect_in_step();
}

#[test]
fn hundreds_of_clients_come_and_go() {
    let memcacheds = Memcached::several(2);
    let mut proxy = Nodeproxy::start(&addresses(&memcacheds));
    let mut clients: Vec<_> = (0..300).map(|_| proxy.connect()).collect();
    for round in 0..3 {
        for (at, client) in clients.iter_mut().enumerate() {
            client.send(&set(&format!("key{at}"), format!("{round}").as_bytes()));
        }
        for (at, client) in clients.iter_mut().enumerate() {
            client.expect(b"STORED\r\n");
            let request = format!("get key{at}\r\n");
            client
                .ask(request.as_bytes(), &hit(&format!("key{at}"), format!("{round}").as_bytes()));
        }
        for at in (round..300).step_by(3) {
            clients[at] = proxy.connect();
        }
    }
    assert!(proxy.process().is_running());
}
