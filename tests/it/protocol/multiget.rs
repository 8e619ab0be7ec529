//! A `get` of many keys is spread over the backends, and comes back as one reply.

use crate::harness::bytes::{assert_server_error, set, shown, value};
use crate::harness::client::Client;
use crate::harness::fake::FakeBackend;
use crate::harness::memcached::{Memcached, addresses};
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::pair::Pair;
use crate::harness::placement::keys_of;

fn get(keys: &[&str]) -> Vec<u8> {
    format!("get {}\r\n", keys.join(" ")).into_bytes()
}

#[test]
fn values_come_in_the_order_of_the_keys() {
    for links in [1, 4] {
        let mut pair = Pair::start(4, links);
        let keys: Vec<_> = (0..100).map(|at| format!("key{at}")).collect();
        for (at, key) in keys.iter().enumerate() {
            pair.same(&set(key, format!("value {at}").as_bytes()));
        }
        let forth: Vec<_> = keys.iter().map(String::as_str).collect();
        let back: Vec<_> = forth.iter().rev().copied().collect();
        pair.same(&get(&forth));
        pair.same(&get(&back));
        pair.same(&[get(&back), get(&forth[..3]), get(&forth), get(&["none"])].concat());
    }
}

#[test]
fn repeated_and_missing_keys() {
    let mut pair = Pair::start(4, 1);
    for key in ["a", "b", "c"] {
        pair.same(&set(key, key.as_bytes()));
    }
    pair.same(b"get a a a\r\n");
    pair.same(b"get none a none b none c none\r\n");
    pair.same(b"get c b a b c none none c\r\n");
    pair.same(b"gets a a b none a\r\n");
    pair.same(b"get none1 none2 none3 none4 none5 none6\r\n");
    pair.same(b"get  a   b  \r\n");
}

#[test]
fn thousands_of_keys_in_one_get() {
    let mut pair = Pair::start(4, 1);
    let keys: Vec<_> = (0..2_000).map(|at| format!("a-key-with-some-length-{at}")).collect();
    for key in keys.iter().step_by(3) {
        pair.same(&set(key, key.as_bytes()));
    }
    pair.same(format!("get {}\r\n", keys.join(" ")).as_bytes());
    pair.same(format!("get {}\r\n", keys.join(" ")).repeat(3).as_bytes());
}

#[test]
fn large_values_in_one_get() {
    let mut pair = Pair::start(4, 1);
    let keys: Vec<_> = (0..12).map(|at| format!("k{at}")).collect();
    for (at, key) in keys.iter().enumerate() {
        pair.same(&set(key, &vec![b'a' + at as u8; 900_000]));
    }
    pair.same(format!("get {}\r\n", keys.join(" ")).as_bytes());
}

/// A request that arrives whole is answered before the one behind it, however many backends
/// either needs.
#[test]
fn single_and_multiple_keys_keep_their_turns() {
    let mut pair = Pair::start(4, 4);
    let keys: Vec<_> = (0..20).map(|at| format!("key{at}")).collect();
    let mut requests = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        requests.extend(set(key, key.as_bytes()));
        requests.extend(format!("get {}\r\n", keys.join(" ")).bytes());
        requests.extend(format!("get {}\r\n", keys[19 - at]).bytes());
        requests.extend(format!("delete {}\r\n", keys[at / 2]).bytes());
    }
    pair.same(&requests);
}

/// The values of the backends that answer, then one error line in place of END.
#[track_caller]
fn assert_partial(client: &mut Client, hits: &[&str]) {
    for key in hits {
        client.expect(&value(key, 0, key.as_bytes()));
    }
    assert_server_error(&client.line());
    client.expect_in_step();
}

#[test]
fn with_a_dead_backend_the_hits_of_the_others_come_and_then_an_error() {
    let mut memcacheds = Memcached::several(3);
    let proxy = Nodeproxy::start(&addresses(&memcacheds));
    let [a, b, c] = &memcacheds[..] else { unreachable!("three were started") };
    let keys = keys_of(&proxy, &[a, b, c], 3);
    let mut client = proxy.connect();
    memcacheds[1].kill();
    let (alive, dead) = ([&keys[0], &keys[2]], &keys[1]);
    let mixed = [&alive[0][0], &dead[0], &alive[1][0], &dead[1], &alive[0][1]].map(String::as_str);
    for _ in 0..3 {
        client.send(&get(&mixed));
        assert_partial(&mut client, &[mixed[0], mixed[2], mixed[4]]);
    }
    client.send(&get(&[&dead[0], &dead[1]]));
    assert_server_error(&client.line());
    let untouched = [&alive[0][0], &alive[1][0]].map(String::as_str);
    client.send(&get(&untouched));
    for key in untouched {
        client.expect(&value(key, 0, key.as_bytes()));
    }
    client.expect(b"END\r\n");
    client.expect_in_step();
}

#[test]
fn with_a_silent_backend_the_hits_of_the_others_come_in_time() {
    let fakes = [FakeBackend::start(), FakeBackend::start()];
    let servers = [fakes[0].address(), fakes[1].address()];
    let proxy = Nodeproxy::before(&servers).timeout_ms(300).start();
    let keys = keys_of(&proxy, &[&fakes[0], &fakes[1]], 2);
    fakes[1].plan(|_| crate::harness::fake::Act::Mute);
    let mut client = proxy.connect();
    client.send(&get(&[&keys[1][0], &keys[0][0], &keys[1][1], &keys[0][1]]));
    assert_partial(&mut client, &[&keys[0][0], &keys[0][1]]);
}

#[test]
fn an_error_of_one_backend_ends_the_reply_too() {
    let fakes = [FakeBackend::start(), FakeBackend::start()];
    let proxy = Nodeproxy::start(&[fakes[0].address(), fakes[1].address()]);
    let keys = keys_of(&proxy, &[&fakes[0], &fakes[1]], 2);
    let failure = b"SERVER_ERROR out of memory writing get response\r\n";
    fakes[1].plan(|_| crate::harness::fake::Act::Say(failure.to_vec()));
    let mut client = proxy.connect();
    client.send(&get(&[&keys[0][0], &keys[1][0], &keys[0][1]]));
    for key in &keys[0] {
        client.expect(&value(key, 0, key.as_bytes()));
    }
    let line = client.line();
    assert!(line.starts_with(b"SERVER_ERROR "), "{}", shown(&line));
    client.expect_in_step();
    assert_eq!(fakes[1].accepted(), 1, "an answer of one line is no reason to lose the link");
}
