//! What a client is told when its backend is away, or says what is not expected.

use crate::harness::client::Client;
use crate::harness::fake::{Act, FakeBackend};
use crate::harness::frame::{Frame, Reply, ask};
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::ports;
use crate::harness::wait::eventually;
use std::net::{Ipv4Addr, SocketAddr};

/// The requests that a client has answered though a part of the proxy fails: aloud and quietly.
fn everything() -> Vec<Frame> {
    let touch = |opcode| Frame { extras: vec![0; 4], ..Frame::new(opcode, "k") };
    let mut frames: Vec<_> = [0x00, 0x09, 0x0c, 0x0d].map(|it| Frame::new(it, "k")).to_vec();
    frames.extend([0x1c, 0x1d, 0x1e, 0x23, 0x24].map(touch));
    frames.extend([0x01, 0x12, 0x03].map(|it| Frame::store(it, "k", b"value", 0, 0)));
    frames.extend([0x05, 0x16].map(|it| Frame::count(it, "k", 1, 0, 0)));
    frames.extend([0x04, 0x14].map(|it| Frame::new(it, "k")));
    frames.push(Frame::new(0x00, "odd key"));
    frames
}

/// Everything is answered with this failure, in its turn.
#[track_caller]
fn assert_fails(client: &mut Client, text: &str) {
    let frames = everything();
    let mut bytes = Vec::new();
    for (at, frame) in frames.iter().enumerate() {
        bytes.extend(frame.clone().opaque(at as u32).bytes());
        bytes.extend(Frame::noop(1_000 + at as u32).bytes());
    }
    client.send(&bytes);
    for (at, frame) in frames.iter().enumerate() {
        let replies = Reply::until_noop(client, 1_000 + at as u32);
        let [reply] = &replies[..] else {
            panic!("{frame:?}: {replies:?}");
        };
        let seen = (reply.opcode, reply.status, reply.opaque, reply.cas);
        assert_eq!(seen, (frame.opcode, 0x86, at as u32, 0), "{frame:?}");
        assert_eq!(String::from_utf8_lossy(&reply.value), text, "{frame:?}");
    }
}

fn nobody() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, ports::reserve()).into()
}

#[test]
fn a_backend_that_is_down_is_a_temporary_failure() {
    let proxy = Nodeproxy::start(&[nobody()]);
    assert_fails(&mut proxy.connect(), "SERVER_ERROR backend down");
}

#[test]
fn a_backend_that_says_nothing_is_a_temporary_failure() {
    let backend = FakeBackend::with(|_| Act::Mute);
    let proxy = Nodeproxy::before(&[backend.address()]).timeout_ms(200).start();
    assert_fails(&mut proxy.connect(), "SERVER_ERROR backend timed out");
}

#[test]
fn a_backend_that_hangs_up_is_a_temporary_failure() {
    let backend = FakeBackend::with(|_| Act::CloseAfter(0));
    let proxy = Nodeproxy::start(&[backend.address()]);
    for frame in [Frame::new(0x09, "k"), Frame::set("k", b"x")] {
        let reply = eventually("a request that is lost", || {
            let reply = ask(&mut proxy.connect(), &frame);
            (reply.value != b"SERVER_ERROR backend down").then_some(reply)
        });
        assert_eq!((reply.status, &reply.value[..]), (0x86, &b"SERVER_ERROR backend lost"[..]));
    }
}

#[test]
fn failures_are_misses_where_the_operator_wants_them_to_be() {
    let proxy = Nodeproxy::pool(&[nobody()], &["on_down: miss"]);
    let mut client = proxy.connect();
    for (opcode, key, value) in [(0x00, "", "Not found"), (0x0c, "k", "")] {
        let reply = ask(&mut client, &Frame::new(opcode, "k"));
        let seen = (reply.opcode, reply.status, &reply.key[..], &reply.value[..]);
        assert_eq!(seen, (opcode, 1, key.as_bytes(), value.as_bytes()));
    }
    client.send(&[Frame::new(0x09, "k"), Frame::new(0x0d, "k")].map(|it| it.bytes()).concat());
    client.send(&Frame::noop(5).bytes());
    assert_eq!(Reply::until_noop(&mut client, 5), []);
    assert_eq!(ask(&mut client, &Frame::set("k", b"x")).status, 0x86);
}

/// A memcached without meta commands takes the value for commands too: it is not asked again.
#[test]
fn what_an_old_memcached_lacks_is_an_unknown_command_and_gets_are_served() {
    let backend = FakeBackend::with(|asked| match asked.verb() {
        b"ms" => Act::Say(b"ERROR\r\n".to_vec()),
        _ => Act::Answer,
    });
    let mut proxy = Nodeproxy::start(&[backend.address()]);
    proxy.connect().ask(b"set k 7 0 5\r\nvalue\r\n", b"STORED\r\n");
    let mut client = proxy.connect();
    for _ in 0..3 {
        let reply = ask(&mut client, &Frame::set("k", b"x"));
        assert_eq!((reply.status, &reply.value[..]), (0x81, &b"Unknown command"[..]));
        let reply = ask(&mut client, &Frame::new(0x00, "k"));
        assert_eq!((reply.status, &reply.value[..]), (0, &b"value"[..]));
        assert_eq!(reply.extras, 7u32.to_be_bytes());
    }
    assert_eq!(backend.count("ms"), 1);
    let log = proxy.process().log();
    assert_eq!(log.matches("has no meta commands").count(), 1, "{log}");
}

#[test]
fn a_memcached_that_cannot_delete_for_frames_is_told_of_once() {
    let backend = FakeBackend::with(|asked| match asked.verb() {
        b"md" | b"ma" | b"mg" => Act::Say(b"ERROR\r\n".to_vec()),
        _ => Act::Answer,
    });
    let mut proxy = Nodeproxy::start(&[backend.address()]);
    let mut client = proxy.connect();
    let touch = Frame { extras: vec![0; 4], ..Frame::new(0x1c, "k") };
    for frame in [Frame::new(0x04, "k"), touch, Frame::count(0x05, "k", 1, 0, 0)] {
        assert_eq!(ask(&mut client, &frame).status, 0x81, "{frame:?}");
    }
    let log = proxy.process().log();
    assert_eq!(log.matches("has no meta commands").count(), 1, "{log}");
}

#[test]
fn errors_of_a_backend_have_the_codes_that_memcached_has_for_them() {
    for (said, status) in [
        ("SERVER_ERROR object too large for cache\r\n", 0x03),
        ("SERVER_ERROR out of memory storing object\r\n", 0x82),
        ("SERVER_ERROR something else\r\n", 0x86),
        ("NS\r\n", 0x05),
        ("EX\r\n", 0x02),
        ("NF\r\n", 0x01),
    ] {
        let backend = FakeBackend::with(|asked| match asked.verb() {
            b"ms" => Act::Say(asked.data.clone()),
            _ => Act::Answer,
        });
        let proxy = Nodeproxy::start(&[backend.address()]);
        // The backend says what it is to store.
        let quiet = Frame::store(0x11, "k", said.as_bytes(), 0, 0);
        assert_eq!(ask(&mut proxy.connect(), &quiet).status, status, "{said}");
    }
}

#[test]
fn what_is_no_reply_ends_the_link_and_is_a_temporary_failure() {
    let backend = FakeBackend::with(|asked| match asked.verb() {
        b"gets" => Act::Say(b"VALUE other 0 1 1\r\nx\r\nEND\r\n".to_vec()),
        _ => Act::Answer,
    });
    let proxy = Nodeproxy::start(&[backend.address()]);
    let reply = ask(&mut proxy.connect(), &Frame::new(0x0d, "k"));
    let text = &b"SERVER_ERROR backend broke the protocol"[..];
    assert_eq!((reply.status, &reply.value[..]), (0x86, text));
}
