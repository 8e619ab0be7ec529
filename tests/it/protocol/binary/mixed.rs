//! Clients of both protocols with the same values, and what backends see of them.

use crate::harness::fake::{Act, FakeBackend};
use crate::harness::frame::{Frame, Reply, ask};
use crate::harness::memcached::{Memcached, addresses};
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::random::Random;

#[test]
fn clients_of_both_protocols_read_what_the_other_wrote() {
    let memcacheds = Memcached::several(3);
    let proxy = Nodeproxy::start(&addresses(&memcacheds));
    let (mut binary, mut text) = (proxy.connect(), proxy.connect());
    for at in 0..20 {
        let key = format!("key{at}");
        let stored = ask(&mut binary, &Frame::store(0x01, &key, b"one", 70_000, 0));
        let line = format!("gets {key}\r\n");
        let expected = format!("VALUE {key} 70000 3 {}\r\none\r\nEND\r\n", stored.cas);
        text.ask(line.as_bytes(), expected.as_bytes());
        let line = format!("cas {key} 9 0 3 {}\r\ntwo\r\n", stored.cas);
        text.ask(line.as_bytes(), b"STORED\r\n");
        let stale = ask(&mut binary, &Frame::set(&key, b"x").cas(stored.cas));
        assert_eq!((stale.status, &stale.value[..]), (2, &b"Data exists for key."[..]));
        let found = ask(&mut binary, &Frame::new(0x0c, &key));
        let seen = (&found.key[..], &found.extras[..], &found.value[..]);
        assert_eq!(seen, (key.as_bytes(), &9u32.to_be_bytes()[..], &b"two"[..]));
        let stored = ask(&mut binary, &Frame::set(&key, b"six").cas(found.cas));
        assert_eq!((stored.status, stored.cas > found.cas), (0, true));
        let deleted = ask(&mut binary, &Frame::new(0x04, &key).cas(stored.cas));
        assert_eq!((deleted.status, deleted.cas), (0, 0));
        text.ask(format!("get {key}\r\n").as_bytes(), b"END\r\n");
    }
}

/// It is placed by what it is.
#[test]
fn a_key_that_cannot_stand_in_a_line_is_the_same_in_base64() {
    let memcacheds = Memcached::several(5);
    let proxy = Nodeproxy::start(&addresses(&memcacheds));
    let (mut binary, mut text) = (proxy.connect(), proxy.connect());
    for (key, base64) in [("a b", "YSBi"), ("a\0", "YQA="), ("\r\n", "DQo="), ("\x7f", "fw==")] {
        assert_eq!(ask(&mut binary, &Frame::set(key, b"odd")).status, 0);
        text.ask(format!("mg {base64} b v\r\n").as_bytes(), b"VA 3\r\nodd\r\n");
        text.ask(format!("ms {base64} 4 b F5\r\nmore\r\n").as_bytes(), b"HD\r\n");
        let found = ask(&mut binary, &Frame::new(0x0c, key));
        assert_eq!((&found.key[..], &found.value[..]), (key.as_bytes(), &b"more"[..]));
    }
    // In base64 it would be longer than a key may be.
    let long = ask(&mut binary, &Frame::new(0x00, [b' '; 187]));
    assert_eq!((long.status, &long.value[..]), (4, &b"Invalid arguments"[..]));
    assert_eq!(ask(&mut binary, &Frame::new(0x00, [b' '; 186])).status, 1);
}

#[test]
fn quiet_gets_share_a_line_to_their_backend() {
    let backend = FakeBackend::start();
    let proxy = Nodeproxy::start(&[backend.address()]);
    let mut client = proxy.connect();
    proxy.connect().ask(b"set k7 1 0 5\r\nvalue\r\n", b"STORED\r\n");
    // Of a client whose values are not known no more is asked than fits if they are long.
    assert_eq!(ask(&mut client, &Frame::new(0x00, "k7")).value, b"value");
    let key = |at: usize| format!("k{at}");
    let mut bytes: Vec<_> =
        (0..20).flat_map(|at| Frame::new(0x0d, key(at)).opaque(at as u32).bytes()).collect();
    bytes.extend(Frame::noop(9).bytes());
    client.send(&bytes);
    let replies = Reply::until_noop(&mut client, 9);
    let [reply] = &replies[..] else {
        panic!("{replies:?}");
    };
    assert_eq!((reply.opaque, &reply.key[..], &reply.value[..]), (7, &b"k7"[..], &b"value"[..]));
    let keys: Vec<_> = (0..20).map(key).collect();
    let lines: Vec<_> = backend.asked().into_iter().map(|asked| asked.line).collect();
    let line = format!("gets {}", keys.join(" ")).into_bytes();
    assert!(lines.contains(&line), "{lines:?}");
}

/// Values that are moved with their buffers, and some that have to be asked for again: their client
/// has less memory than they take.
#[test]
fn large_values_come_whole_and_in_order() {
    let memcacheds = Memcached::several(2);
    let flags = ["--max-client-memory", "300k", "--max-value-size", "100k"];
    let proxy = Nodeproxy::before(&addresses(&memcacheds)).flags(&flags).start();
    let mut client = proxy.connect();
    let mut random = Random::new(7);
    let values: Vec<_> = (0..60).map(|at| random.bytes(40_000 + 1_000 * at)).collect();
    for (at, value) in values.iter().enumerate() {
        assert_eq!(ask(&mut client, &Frame::set(&format!("key{at}"), value)).status, 0);
    }
    let mut bytes = Vec::new();
    for at in 0..values.len() {
        let opcode = [0x00, 0x0c, 0x0d, 0x1d][at % 4];
        let extras = if opcode == 0x1d { vec![0; 4] } else { Vec::new() };
        bytes.extend(Frame { extras, ..Frame::new(opcode, format!("key{at}")) }.bytes());
    }
    bytes.extend(Frame::noop(1).bytes());
    let replies = client.exchange_pieces([&bytes[..]], |it| Reply::until_noop(it, 1));
    assert_eq!(replies.len(), values.len());
    for (at, (reply, value)) in replies.iter().zip(&values).enumerate() {
        assert!((reply.status, &reply.value) == (0, value), "{at}: {reply:?}");
    }
}

#[test]
fn statistics_are_frames_of_a_name_and_a_value_each() {
    let memcached = Memcached::start();
    let proxy = Nodeproxy::start(&[memcached.address()]);
    let mut client = proxy.connect();
    for (argument, name) in [("", "version"), ("settings", "timeout"), ("route some:key", "state")]
    {
        client.send(&Frame::new(0x10, argument).opaque(3).bytes());
        let mut found = false;
        loop {
            let reply = Reply::next(&mut client);
            assert_eq!((reply.opcode, reply.status, reply.opaque), (0x10, 0, 3));
            if reply.key.is_empty() {
                assert_eq!(reply.value, b"");
                break;
            }
            found |= reply.key.starts_with(name.as_bytes()) && !reply.value.is_empty();
        }
        assert!(found, "{argument}: {name}");
    }
    let version = ask(&mut client, &Frame::new(0x0b, ""));
    assert_eq!(version.value, b"1.6.45");
}

/// All of them are told, and the client once; of a failure also when it asked quietly.
#[test]
fn flush_and_verbosity_go_to_every_backend() {
    let backends: Vec<_> =
        (0..3).map(|_| FakeBackend::with(|_| Act::Say(b"OK\r\n".to_vec()))).collect();
    let servers: Vec<_> = backends.iter().map(FakeBackend::address).collect();
    let proxy = Nodeproxy::start(&servers);
    let mut client = proxy.connect();
    let mut told = |opcode, number: u32| {
        let extras = number.to_be_bytes().to_vec();
        client.send(&Frame { extras, ..Frame::new(opcode, "") }.bytes());
        client.send(&Frame::noop(4).bytes());
        let told = Reply::until_noop(&mut client, 4);
        told.into_iter().map(|it| (it.opcode, it.status)).collect::<Vec<_>>()
    };
    assert_eq!(told(0x08, 60), [(0x08, 0)]);
    assert_eq!(told(0x18, 0), []);
    assert_eq!(told(0x1b, 2), [(0x1b, 0)]);
    for backend in &backends {
        let lines: Vec<_> = backend.asked().into_iter().map(|asked| asked.line).collect();
        for line in [&b"flush_all 60"[..], b"flush_all", b"verbosity 2"] {
            assert_eq!(lines.iter().filter(|it| *it == line).count(), 1, "{lines:?}");
        }
    }
    backends[1].plan(|_| Act::Say(b"SERVER_ERROR no\r\n".to_vec()));
    assert_eq!(told(0x18, 0), [(0x18, 0x86)]);
}
