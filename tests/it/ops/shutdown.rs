//! SIGTERM and SIGINT: no new clients, what is in flight is finished, exit 0.

use crate::harness::bytes::{assert_server_error, hit, set};
use crate::harness::fake::{Act, FakeBackend};
use crate::harness::memcached::Memcached;
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::process::Process;
use crate::harness::wait::eventually;
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[track_caller]
fn exits_well(process: &mut Process) {
    let status = process.exit_status();
    assert_eq!(status.code(), Some(0), "{status}: {}", process.log());
}

#[test]
fn an_idle_proxy_exits_at_once() {
    let memcached = Memcached::start();
    for signal in ["TERM", "INT"] {
        let mut proxy = Nodeproxy::before(&[memcached.address()]).timeout_ms(60_000).start();
        let mut idle = proxy.connect();
        idle.ask(&set("k", b"v"), b"STORED\r\n");
        let start = Instant::now();
        proxy.process().signal(signal);
        idle.expect_closed();
        exits_well(proxy.process());
        assert!(start.elapsed() < Duration::from_secs(5), "{signal}: {:?}", start.elapsed());
        assert!(TcpStream::connect(proxy.address()).is_err());
    }
}

#[test]
fn requests_in_flight_are_answered_before_the_end() {
    for signal in ["TERM", "INT"] {
        let backend = FakeBackend::start();
        let mut proxy = Nodeproxy::before(&[backend.address()]).timeout_ms(60_000).start();
        let mut clients = [proxy.connect(), proxy.connect()];
        clients[0].ask(&set("k", b"v"), b"STORED\r\n");
        backend.plan(|_| Act::Hold);
        for client in &mut clients {
            client.send(b"get k\r\nget none\r\nset other 0 0 1\r\nx\r\n");
        }
        backend.wait_for("set", 3);
        proxy.process().signal(signal);
        eventually("a closed door", || TcpStream::connect(proxy.address()).is_err().then_some(()));
        assert!(proxy.process().is_running());
        backend.release(6);
        for client in &mut clients {
            client.expect(&[&hit("k", b"v")[..], b"END\r\nSTORED\r\n"].concat());
            client.expect_closed();
        }
        exits_well(proxy.process());
    }
}

/// It does not fit into one buffer, so some of it has not been read when the signal comes.
#[test]
fn all_that_was_sent_before_the_signal_is_answered() {
    let backend = FakeBackend::with(|_| Act::Hold);
    let mut proxy = Nodeproxy::before(&[backend.address()]).timeout_ms(60_000).start();
    let mut client = proxy.connect();
    client.send(&b"get none\r\n".repeat(5_000));
    backend.wait_for("get", 1);
    proxy.process().signal("TERM");
    eventually("a closed door", || TcpStream::connect(proxy.address()).is_err().then_some(()));
    backend.release(5_000);
    client.expect(&b"END\r\n".repeat(5_000));
    client.expect_closed();
    exits_well(proxy.process());
}

#[test]
fn a_silent_backend_delays_the_end_by_the_timeout_and_no_more() {
    let backend = FakeBackend::with(|_| Act::Mute);
    let mut proxy = Nodeproxy::before(&[backend.address()]).timeout_ms(500).start();
    let mut client = proxy.connect();
    let start = Instant::now();
    client.send(b"get k\r\n");
    backend.wait_for("get", 1);
    proxy.process().signal("TERM");
    assert_server_error(&client.line());
    client.expect_closed();
    exits_well(proxy.process());
    assert!(start.elapsed() >= Duration::from_millis(490), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn a_client_that_does_not_read_does_not_delay_the_end_for_ever() {
    let backend = FakeBackend::start();
    let mut proxy = Nodeproxy::before(&[backend.address()]).timeout_ms(500).start();
    let mut client = proxy.connect();
    client.ask(&set("large", &vec![b'x'; 900_000]), b"STORED\r\n");
    client.send(&b"get large\r\n".repeat(50));
    backend.wait_for("get", 1);
    proxy.process().signal("TERM");
    exits_well(proxy.process());
}

#[test]
fn half_a_request_does_not_delay_the_end() {
    let backend = FakeBackend::start();
    let mut proxy = Nodeproxy::before(&[backend.address()]).timeout_ms(60_000).start();
    let mut client = proxy.connect();
    client.expect_in_step();
    client.send(b"set k 0 0 100\r\nhalf");
    proxy.process().signal("TERM");
    client.expect_closed();
    exits_well(proxy.process());
}

#[test]
fn a_lost_pipe_is_survived() {
    let memcached = Memcached::start();
    let mut proxy = Nodeproxy::start(&[memcached.address()]);
    let mut client = proxy.connect();
    client.expect_in_step();
    proxy.process().signal("PIPE");
    client.ask(&set("k", b"v"), b"STORED\r\n");
    assert!(proxy.process().is_running());
}

/// Who rotates logs sends it to many a program.
#[test]
fn sighup_ends_nothing() {
    let memcached = Memcached::start();
    let mut proxy = Nodeproxy::start(&[memcached.address()]);
    let mut client = proxy.connect();
    proxy.process().signal("HUP");
    for _ in 0..100 {
        client.ask(b"get k\r\n", b"END\r\n");
    }
    assert!(proxy.process().is_running());
}
