//! Every command, valid or not, is answered as one memcached answers it: both get the same bytes.

use crate::harness::bytes::{assert_same, hit, is_client_error, set, shown};
use crate::harness::memcached::{Memcached, addresses};
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::pair::Pair;
use crate::harness::random::Random;

/// One backend with one link, and several with several: neither may show.
const SHAPES: [(usize, usize); 2] = [(1, 1), (4, 4)];

fn same_in_every_shape(conversation: &[&str]) {
    for (backends, links) in SHAPES {
        let mut pair = Pair::start(backends, links);
        for request in conversation {
            pair.same(request.as_bytes());
        }
        pair.same(conversation.concat().as_bytes());
    }
}

#[test]
fn storage() {
    same_in_every_shape(&[
        "get a\r\n",
        "set a 0 0 1\r\n1\r\n",
        "get a\r\n",
        "add a 0 0 1\r\n2\r\n",
        "add b 1 0 1\r\n2\r\n",
        "replace b 65535 0 2\r\n33\r\n",
        "replace c 0 0 2\r\n33\r\n",
        "append a 9 0 4\r\n end\r\n",
        "append c 0 0 1\r\nx\r\n",
        "prepend a 9 0 6\r\nbegin \r\n",
        "prepend c 0 0 1\r\nx\r\n",
        "get a b c\r\n",
        "set empty 0 0 0\r\n\r\n",
        "get empty\r\n",
        "set flags 4294967295 0 1\r\nf\r\n",
        "get flags\r\n",
        "set past 0 -1 1\r\np\r\n",
        "get past\r\n",
        "set future 0 2000000000 1\r\nf\r\n",
        "set month 0 2592000 1\r\nf\r\n",
        "get past future month\r\n",
        "set  spaces   0 0  1 \r\ns\r\n",
        "get   spaces \r\n",
    ]);
}

#[test]
fn cas() {
    for (backends, links) in SHAPES {
        let mut pair = Pair::start(backends, links);
        pair.same(b"cas k 0 0 1 1\r\nx\r\n");
        pair.same(b"set k 5 0 1\r\nx\r\n");
        pair.same(b"gets k\r\n");
        pair.same(b"gets k missing k\r\n");
        pair.same(b"cas k 0 0 1 18446744073709551615\r\ny\r\n");
        for (flags, expected) in [(6, "STORED\r\n"), (7, "EXISTS\r\n")] {
            let unique = pair.both().map(|client| {
                client.send(b"gets k\r\n");
                let reply = String::from_utf8(client.reply()).expect("text");
                reply.lines().next().and_then(|it| it.split(' ').nth(4)).expect("cas").to_string()
            });
            for (client, unique) in pair.both().into_iter().zip(unique) {
                if expected.starts_with("EXISTS") {
                    client.ask(&set("k", b"between"), b"STORED\r\n");
                }
                let request = format!("cas k {flags} 0 2 {unique}\r\nzz\r\n");
                client.ask(request.as_bytes(), expected.as_bytes());
            }
            pair.same(b"get k\r\n");
        }
    }
}

/// Whether a number that grows shorter keeps its old width depends on whether a `get` of it is on
/// its way at that moment: so there is none before the end.
#[test]
fn counting() {
    same_in_every_shape(&[
        "set n 3 0 2\r\n10\r\n",
        "incr n 1\r\n",
        "decr n 2\r\n",
        "decr n 100\r\n",
        "incr n 18446744073709551615\r\n",
        "incr n 2\r\n",
        "incr missing 1\r\n",
        "decr missing 1\r\n",
        "set text 0 0 4\r\ntext\r\n",
        "incr text 1\r\n",
        "decr text 1\r\n",
        "incr n x\r\n",
        "incr n -1\r\n",
        "decr n 18446744073709551616\r\n",
        "get n text\r\n",
    ]);
}

#[test]
fn deleting_and_touching() {
    same_in_every_shape(&[
        "delete k\r\n",
        "set k 0 0 1\r\nx\r\n",
        "touch k 100\r\n",
        "touch missing 100\r\n",
        "get k\r\n",
        "delete k 0\r\n",
        "get k\r\n",
        "set k 0 0 1\r\nx\r\n",
        "touch k -1\r\n",
        "get k\r\n",
        "set k 0 0 1\r\nx\r\n",
        "touch k soon\r\n",
        "delete k\r\n",
    ]);
}

#[test]
fn noreply() {
    same_in_every_shape(&[
        "set a 0 0 1 noreply\r\n1\r\n",
        "get a\r\n",
        "add a 0 0 1 noreply\r\n2\r\nadd b 0 0 1 noreply\r\n3\r\n",
        "get a b\r\n",
        "replace a 0 0 1 noreply\r\n4\r\nreplace c 0 0 1 noreply\r\n5\r\n",
        "append a 0 0 1 noreply\r\n>\r\nprepend a 0 0 1 noreply\r\n<\r\n",
        "append c 0 0 1 noreply\r\n>\r\nprepend c 0 0 1 noreply\r\n<\r\n",
        "get a b c\r\n",
        "cas a 0 0 1 1 noreply\r\n6\r\ncas c 0 0 1 1 noreply\r\n7\r\n",
        "incr b 5 noreply\r\nget b\r\ndecr b 1 noreply\r\nget b\r\n",
        "incr a 5 noreply\r\nincr c 5 noreply\r\nget a c\r\n",
        "touch a 100 noreply\r\ntouch c 100 noreply\r\n",
        "get a\r\n",
        "delete a noreply\r\ndelete c noreply\r\n",
        "get a\r\n",
        "set a 0 0 1 noreply\r\n1\r\nset a 0 0 1\r\n2\r\nset a 0 0 1 noreply\r\n3\r\nget a\r\n",
        "set noreply 0 0 1\r\nx\r\nget noreply\r\n",
    ]);
}

#[test]
fn binary_values() {
    let all: Vec<u8> = (0..=255).collect();
    let values: [&[u8]; 7] = [
        b"\r\n",
        b"\r\nEND\r\n",
        b"VALUE k 0 1\r\nx\r\nEND\r\n",
        b"\0",
        &all,
        b"set k 0 0 1\r\nx\r\n",
        &Random::new(5).bytes(3_000),
    ];
    for (backends, links) in SHAPES {
        let mut pair = Pair::start(backends, links);
        for value in values {
            pair.same(&set("k", value));
            let seen = pair.same(b"get k\r\n");
            assert_same("the value", &seen, &hit("k", value));
        }
        pair.same(&values.map(|value| [&set("k", value), &b"get k\r\n"[..]].concat()).concat());
    }
}

#[test]
fn keys_of_every_length_and_of_every_printable_byte() {
    for (backends, links) in SHAPES {
        let mut pair = Pair::start(backends, links);
        for len in [1, 2, 249, 250] {
            let key = "k".repeat(len);
            pair.same(&set(&key, key.as_bytes()));
            pair.same(format!("get {key}\r\n").as_bytes());
        }
        for byte in (b'!'..=b'~').chain(0xA0..=0xFF) {
            let store = [b"set k", &[byte][..], b"1 0 0 1\r\nx\r\n"].concat();
            let seen = pair.same(&[&store, &b"get k"[..], &[byte], b"1\r\n"].concat());
            let hit = [b"STORED\r\nVALUE k", &[byte][..], b"1 0 1\r\nx\r\nEND\r\n"].concat();
            assert_same("a key of any byte", &seen, &hit);
        }
    }
}

/// All but NUL, at which older versions stop, and what separates: space, LF, and CR before it.
#[test]
fn keys_may_hold_control_bytes() {
    for (backends, links) in SHAPES {
        let mut pair = Pair::start(backends, links);
        for byte in (1..b' ').chain([0x7F]).filter(|byte| !b"\r\n".contains(byte)) {
            let store = [b"set k", &[byte][..], b"1 0 0 1\r\nx\r\n"].concat();
            pair.same(&[&store, &b"get k"[..], &[byte], b"1\r\n"].concat());
        }
    }
}

#[test]
fn large_values() {
    for (backends, links) in SHAPES {
        let mut pair = Pair::start(backends, links);
        for (at, len) in [10_000, 65_536, 500_000, 1_024_000].into_iter().enumerate() {
            let value = Random::new(len as u64).bytes(len);
            pair.same(&set(&format!("large{at}"), &value));
        }
        let seen = pair.same(b"get large3 large1\r\nget large0 large2\r\nget large3 large3\r\n");
        assert!(seen.len() > 3 * 1_024_000);
    }
}

#[test]
fn a_value_too_large_is_refused_and_the_connection_lives_on() {
    for (backends, links) in SHAPES {
        let mut pair = Pair::start(backends, links);
        pair.same(&set("k", b"old"));
        pair.same(&set("k", &vec![b'x'; 2 << 20]));
        pair.same(b"get k\r\n");
        pair.same(&set("k", b"new"));
        pair.same(b"get k\r\n");
    }
}

#[test]
fn lines_may_end_without_cr() {
    same_in_every_shape(&[
        "set a 0 0 1\nx\r\n",
        "get a\n",
        "get a\nget a\r\nget a\n",
        "incr a 1\ndelete a\nget a\n",
        "nonsense\n",
    ]);
}

#[test]
fn quit_closes_behind_the_replies_that_are_owed() {
    for (backends, links) in SHAPES {
        let mut pair = Pair::start(backends, links);
        pair.same(&set("k", b"v"));
        pair.same_and_closed(b"get k\r\nquit\r\nget k\r\n");
        pair.reconnect();
        pair.same_and_closed(b"quit\r\n");
        pair.reconnect();
        pair.same_and_closed(&[&b"get k\r\n".repeat(100)[..], b"quit\n"].concat());
    }
}

#[test]
fn version_is_answered_in_its_turn() {
    same_in_every_shape(&["version\r\n", "get a\r\nversion\r\nset a 0 0 1\r\nx\r\nversion\r\n"]);
}

#[test]
fn what_is_no_command_is_answered_error_and_the_connection_lives_on() {
    same_in_every_shape(&[
        "nonsense\r\n",
        "GET k\r\n",
        "Set k 0 0 1\r\n",
        "gett k\r\n",
        "ge k\r\n",
        "getk\r\n",
        "get\tk\r\n",
        "setk 0 0 1\r\n",
        "versions\r\n",
        "quits\r\n",
        "00\r\n",
        "nonsense with some words behind it and a number 1\r\nversion\r\n",
    ]);
}

/// Here the versions of memcached differ among themselves, so that only the kind is certain: one
/// line of error, and what follows is answered as if nothing had been.
#[test]
fn a_command_with_wrong_words_is_answered_by_one_line_of_error() {
    let memcacheds = Memcached::several(2);
    let proxy = Nodeproxy::start(&addresses(&memcacheds));
    let mut client = proxy.connect();
    let long = "k".repeat(251);
    for request in [
        "\r\n",
        "\n",
        "0\r\n",
        "get\r\n",
        "gets\r\n",
        "set\r\n",
        "set k\r\n",
        "set k 0 0\r\n",
        "set k 0 0 x\r\n",
        "set k 0 0 -1\r\n",
        "set k 0 0 99999999999999999999\r\n",
        "cas k 0 0 1\r\nx\r\n",
        "delete\r\n",
        "incr\r\n",
        "incr k\r\n",
        "touch k\r\n",
        &format!("get {long}\r\n"),
        &format!("get k {long} k\r\n"),
        &format!("delete {long}\r\n"),
        &format!("incr {long} 1\r\n"),
    ] {
        client.send(request.as_bytes());
        let reply = client.line();
        assert!(
            reply == b"ERROR\r\n" || is_client_error(&reply),
            "asked {request:?}: {}",
            shown(&reply)
        );
        settle(&mut client, request);
    }
}

/// The connection is in step again, and at most the errors of a value taken for commands, or an
/// empty line, came before.
fn settle(client: &mut crate::harness::client::Client, request: &str) {
    client.send(b"version\r\n");
    for _ in 0..3 {
        let line = client.line();
        if line.starts_with(b"VERSION ") {
            return;
        }
        let known = line == b"\r\n" || line == b"ERROR\r\n" || is_client_error(&line);
        assert!(known, "asked {request:?}: {}", shown(&line));
    }
    panic!("asked {request:?}: no version");
}

#[test]
fn a_value_of_another_length_than_declared_is_refused() {
    let memcacheds = Memcached::several(2);
    let proxy = Nodeproxy::start(&addresses(&memcacheds));
    let mut client = proxy.connect();
    for request in ["set k 0 0 2\r\nlong\r\n", "set k 0 0 3\r\nlong\r\n", "add k 0 0 1\r\nxy\r\n"] {
        client.send(request.as_bytes());
        let reply = client.line();
        assert_same(request, &reply, b"CLIENT_ERROR bad data chunk\r\n");
        settle(&mut client, request);
    }
    client.ask(b"get k\r\n", b"END\r\n");
}
