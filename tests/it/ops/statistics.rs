//! The counters of `stats` are those of one memcached: tools that watch memcacheds rely on them.

use crate::harness::bytes::set;
use crate::harness::client::Client;
use crate::harness::memcached::{Memcached, addresses};
use crate::harness::nodeproxy::Nodeproxy;

/// Those that mean the same for both.
const NAMES: [&str; 17] = [
    "cmd_get",
    "cmd_set",
    "cmd_flush",
    "cmd_touch",
    "get_hits",
    "get_misses",
    "delete_misses",
    "delete_hits",
    "incr_misses",
    "incr_hits",
    "decr_misses",
    "decr_hits",
    "cas_misses",
    "cas_hits",
    "cas_badval",
    "touch_hits",
    "touch_misses",
];

fn counters(client: &mut Client) -> [u64; 17] {
    client.send(b"stats\r\n");
    let mut counters = [0; 17];
    loop {
        let line = String::from_utf8(client.line()).expect("text");
        let words: Vec<_> = line.trim_end().split(' ').collect();
        match words.as_slice() {
            ["END"] => return counters,
            ["STAT", name, value] => {
                if let Some(at) = NAMES.iter().position(|it| it == name) {
                    counters[at] = value.parse().expect("a number");
                }
            }
            _ => {}
        }
    }
}

/// What the request adds to each counter.
fn added(client: &mut Client, request: &[u8]) -> Vec<(&'static str, u64)> {
    let before = counters(client);
    client.send(&[request, b"mn\r\n"].concat());
    while client.line() != b"MN\r\n" {}
    let after = counters(client);
    let added = (0..NAMES.len()).map(|at| (NAMES[at], after[at] - before[at]));
    added.filter(|it| it.1 > 0).collect()
}

#[test]
fn they_count_what_one_memcached_counts() {
    let plain = Memcached::start();
    let behind = Memcached::several(3);
    let proxy = Nodeproxy::start(&addresses(&behind));
    let (mut plain, mut proxied) = (Client::connect(plain.address()), proxy.connect());
    for request in [
        "get a\r\n",
        "set a 0 0 1\r\n1\r\n",
        "get a b a\r\n",
        "gets a\r\n",
        "gat 0 a\r\n",
        "gat 0 b\r\n",
        "gats 0 a b a c\r\n",
        "add a 0 0 1\r\n1\r\n",
        "append b 0 0 1\r\n1\r\n",
        "cas a 0 0 1 18446744073709551615\r\n1\r\n",
        "cas b 0 0 1 1\r\n1\r\n",
        "incr a 1\r\ndecr a 1\r\nincr b 1\r\ndecr b 1\r\n",
        "touch a 0\r\ntouch b 0\r\n",
        "mg a v\r\nmg a\r\nmg b v\r\nmg b q\r\n",
        "ms a 1\r\n1\r\nms c 1 q\r\n1\r\n",
        "md c\r\nmd c\r\nmd c q\r\n",
        "incr a 1 noreply\r\ntouch a 0 noreply\r\nget a\r\n",
        "delete a noreply\r\ndelete a\r\n",
        "flush_all\r\n",
    ] {
        let expected = added(&mut plain, request.as_bytes());
        assert_eq!(added(&mut proxied, request.as_bytes()), expected, "{request:?}");
    }
}

#[test]
fn a_reset_sets_them_to_nothing() {
    let behind = Memcached::several(2);
    let proxy = Nodeproxy::start(&addresses(&behind));
    let mut client = proxy.connect();
    client.ask(&set("a", b"1"), b"STORED\r\n");
    client.ask(b"stats reset\r\n", b"RESET\r\n");
    assert_eq!(counters(&mut client), [0; 17]);
}
