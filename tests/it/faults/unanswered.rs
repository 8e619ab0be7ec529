//! Answers that come late or never: a deadline is a request's own, and a late answer nobody's.

use crate::harness::bytes::{assert_server_error, hit, is_server_error, set, shown};
use crate::harness::core::{Core, TIMEOUT};
use crate::harness::fake::{Act, FakeBackend};
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::parallel::at_once;
use crate::harness::placement::keys_of;
use crate::harness::wait::eventually;
use nodeproxy::proxy::Limits;
use std::time::{Duration, Instant};

#[test]
fn a_request_never_answered_gets_its_error_at_the_timeout() {
    let requests = ["get k\r\n", "set k 0 0 1\r\nx\r\n", "incr k 1\r\n", "get a b c\r\n"];
    at_once(requests, |request| {
        let backend = FakeBackend::with(|_| Act::Mute);
        let proxy = Nodeproxy::before(&[backend.address()]).timeout_ms(300).start();
        let mut client = proxy.connect();
        let start = Instant::now();
        client.send(request.as_bytes());
        assert_server_error(&client.line());
        let waited = start.elapsed();
        assert!(waited >= Duration::from_millis(290), "{request:?}: {waited:?}");
        assert!(waited < Duration::from_secs(2), "{request:?}: {waited:?}");
        client.expect_in_step();
    });
}

#[test]
fn a_late_answer_goes_to_nobody() {
    let backend = FakeBackend::start();
    let proxy = Nodeproxy::before(&[backend.address()]).timeout_ms(200).start();
    let (mut first, mut second) = (proxy.connect(), proxy.connect());
    first.ask(&set("secret", b"of the first"), b"STORED\r\n");
    first.ask(&set("k", b"of everybody"), b"STORED\r\n");
    backend.plan(|asked| match asked.key().as_str() {
        "secret" => Act::Hold,
        _ => Act::Answer,
    });
    for _ in 0..5 {
        first.send(b"get secret\r\n");
        assert_server_error(&first.line());
        second.send(b"get k\r\n");
        backend.release(1);
        let reply = second.reply();
        let own = reply == hit("k", b"of everybody");
        assert!(own || is_server_error(&reply), "{}", shown(&reply));
        eventually("service", || {
            second.send(b"get k\r\n");
            let reply = second.reply();
            let own = reply == hit("k", b"of everybody");
            assert!(own || is_server_error(&reply), "{}", shown(&reply));
            own.then_some(())
        });
        first.expect_in_step();
        second.expect_in_step();
    }
}

/// The second request is asked late in the life of the first, and answered after the first's end.
#[test]
fn a_neighbour_on_the_link_keeps_its_own_deadline() {
    // A second connection that asks whether it is well is not answered either.
    let backend = FakeBackend::with(|asked| match asked.verb() {
        b"version" => Act::Mute,
        _ => Act::Hold,
    });
    let proxy = Nodeproxy::before(&[backend.address()]).timeout_ms(1_500).start();
    let (mut first, mut second) = (proxy.connect(), proxy.connect());
    let start = Instant::now();
    first.send(b"get a\r\n");
    backend.wait_for("get", 1);
    // Not to wait for anything, but to be younger.
    std::thread::sleep(Duration::from_millis(900));
    second.send(b"get b\r\n");
    backend.wait_for("get", 2);
    assert_server_error(&first.line());
    assert!(start.elapsed() >= Duration::from_millis(1_490));
    backend.release(2);
    second.expect(b"END\r\n");
    assert!(backend.accepted() <= 2, "the silent one and the one beside it");
}

#[test]
fn a_slow_backend_delays_only_its_own_requests() {
    let slow = FakeBackend::start();
    let quick = FakeBackend::start();
    let proxy = Nodeproxy::before(&[slow.address(), quick.address()]).timeout_ms(5_000).start();
    let keys = keys_of(&proxy, &[&slow, &quick], 1);
    slow.plan(|_| Act::Hold);
    let (mut first, mut second) = (proxy.connect(), proxy.connect());
    first.send(format!("get {}\r\nget {}\r\n", keys[0][0], keys[1][0]).as_bytes());
    quick.wait_for("get", 1);
    for _ in 0..100 {
        let (key, data) = (&keys[1][0], keys[1][0].as_bytes());
        second.ask(format!("get {key}\r\n").as_bytes(), &hit(key, data));
    }
    slow.release(1);
    first.expect(&hit(&keys[0][0], keys[0][0].as_bytes()));
    first.expect(&hit(&keys[1][0], keys[1][0].as_bytes()));
}

/// It was late when the whole link was given up.
#[test]
fn what_goes_to_a_full_link_all_the_same_has_its_own_deadline() {
    let limits = Limits { value_bytes_max: 1 << 20, memory_max: 4 << 20 };
    let mut core = Core::new(1, limits);
    core.connect();
    let (writer, other) = (core.client(), core.client());
    core.send(writer, &set("k", &vec![b'x'; 700_000]).repeat(2));
    // The backend does not read.
    core.driver.net.backends_read = false;
    core.flush(true);
    core.pass(TIMEOUT);
    core.now = core.now.after(TIMEOUT / 5);
    core.send(other, b"flush_all\r\n");
    core.pass(TIMEOUT);
    core.flush(true);
    core.expect_client(other, b"SERVER_ERROR backend timed out\r\n");
}
