//! Replies come in the order of the requests, and a client reads what it wrote.

use crate::harness::bytes::{hit, set};
use crate::harness::client::Client;
use crate::harness::memcached::{Memcached, addresses};
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::parallel::at_once;

const CLIENTS: usize = 8;

fn proxy(memcacheds: &[Memcached], links: usize) -> Nodeproxy {
    Nodeproxy::before(&addresses(memcacheds)).links(links).start()
}

/// Runs so many clients at once, each in a thread of its own.
fn clients_at_once(proxy: &Nodeproxy, clients: usize, run: impl Fn(usize, &mut Client) + Sync) {
    at_once(0..clients, |number| {
        let mut client = proxy.connect();
        run(number, &mut client);
        client.expect_in_step();
    });
}

#[test]
fn thousands_of_pipelined_requests_come_back_in_order() {
    let memcacheds = Memcached::several(4);
    let proxy = proxy(&memcacheds, 1);
    let mut client = proxy.connect();
    let keys: Vec<_> = (0..10_000).map(|at| format!("key{at}")).collect();
    let sets: Vec<u8> = keys.iter().flat_map(|key| set(key, key.as_bytes())).collect();
    client.exchange(&sets, &b"STORED\r\n".repeat(keys.len()));
    let gets: Vec<u8> = keys.iter().flat_map(|key| format!("get {key}\r\n").into_bytes()).collect();
    let hits: Vec<u8> = keys.iter().flat_map(|key| hit(key, key.as_bytes())).collect();
    client.exchange(&gets, &hits);
    client.expect_in_step();
}

#[test]
fn pipelines_of_many_clients_come_back_in_order_over_many_links() {
    let memcacheds = Memcached::several(4);
    let proxy = proxy(&memcacheds, 4);
    clients_at_once(&proxy, CLIENTS, |number, client| {
        let keys: Vec<_> = (0..2_000).map(|at| format!("key{number}-{at}")).collect();
        let (mut requests, mut replies) = (Vec::new(), Vec::new());
        for key in &keys {
            requests.extend(set(key, key.as_bytes()));
            replies.extend(b"STORED\r\n");
            requests.extend(format!("get {key}\r\nget missing\r\nversions\r\n").bytes());
            replies.extend(hit(key, key.as_bytes()));
            replies.extend(b"END\r\nERROR\r\n");
        }
        client.exchange(&requests, &replies);
    });
}

/// The client sends all its writes and reads at once, so that they overtake each other if they can.
fn reads_what_it_wrote(links: usize) {
    let memcacheds = Memcached::several(3);
    let proxy = proxy(&memcacheds, links);
    clients_at_once(&proxy, CLIENTS, |number, client| {
        let (mut requests, mut replies) = (Vec::new(), Vec::new());
        for round in 0..1_000 {
            let key = format!("key{number}-{}", round % 5);
            let value = format!("{round}");
            requests.extend(set(&key, value.as_bytes()));
            requests.extend(format!("get {key}\r\nincr {key} 1\r\nget {key}\r\n").bytes());
            replies.extend(b"STORED\r\n");
            replies.extend(hit(&key, value.as_bytes()));
            let next = format!("{}", round + 1);
            replies.extend(format!("{next}\r\n").bytes());
            replies.extend(hit(&key, next.as_bytes()));
        }
        client.exchange(&requests, &replies);
    });
}

#[test]
fn a_pipelined_get_reads_what_the_set_before_it_wrote() {
    reads_what_it_wrote(1);
}

#[test]
fn a_pipelined_get_reads_what_the_set_before_it_wrote_over_four_links() {
    reads_what_it_wrote(4);
}

#[test]
fn a_pipelined_noreply_is_done_before_what_follows_it() {
    let memcacheds = Memcached::several(3);
    let proxy = proxy(&memcacheds, 4);
    clients_at_once(&proxy, CLIENTS, |number, client| {
        let (mut requests, mut replies) = (Vec::new(), Vec::new());
        for round in 0..1_000 {
            let key = format!("key{number}-{}", round % 5);
            let (value, counted) = (10_000 + round, 10_001 + round);
            requests.extend(format!("set {key} 0 0 5 noreply\r\n{value}\r\n").bytes());
            requests.extend(format!("incr {key} 1 noreply\r\nget {key}\r\n").bytes());
            requests.extend(format!("delete {key} noreply\r\n").bytes());
            replies.extend(hit(&key, counted.to_string().as_bytes()));
        }
        client.exchange(&requests, &replies);
    });
}

#[test]
fn a_client_that_finished_writing_still_gets_all_replies() {
    let memcacheds = Memcached::several(3);
    let proxy = proxy(&memcacheds, 2);
    let (mut requests, mut replies) = (Vec::new(), Vec::new());
    for at in 0..1_000 {
        let key = format!("key{at}");
        requests.extend(set(&key, key.as_bytes()));
        requests.extend(format!("get {key}\r\n").bytes());
        replies.extend(b"STORED\r\n");
        replies.extend(hit(&key, key.as_bytes()));
    }
    for rest in [&b""[..], b"get half-of-a-req", b"set k 0 0 10\r\nhalf"] {
        let mut client = proxy.connect();
        client.exchange(&[&requests[..], rest].concat(), b"");
        client.finish_writing();
        client.expect(&replies);
        client.expect_closed();
    }
    let mut client = proxy.connect();
    client.finish_writing();
    client.expect_closed();
}

/// What the first nodeproxy was tried with: twenty processes set and get the same hundred keys.
#[test]
fn twenty_clients_set_and_get_a_hundred_keys_at_once() {
    let memcacheds = Memcached::several(5);
    for links in [1, 4] {
        let proxy = proxy(&memcacheds, links);
        clients_at_once(&proxy, 20, |_, client| {
            for at in 0..100 {
                let (key, value) = (format!("key{at}"), format!("value{at}"));
                client.ask(&set(&key, value.as_bytes()), b"STORED\r\n");
            }
            for at in 0..100 {
                let (key, value) = (format!("key{at}"), format!("value{at}"));
                client.ask(format!("get {key}\r\n").as_bytes(), &hit(&key, value.as_bytes()));
            }
        });
    }
}

#[test]
fn large_and_small_values_of_many_clients_do_not_mix() {
    let memcacheds = Memcached::several(2);
    let proxy = proxy(&memcacheds, 1);
    clients_at_once(&proxy, CLIENTS, |number, client| {
        let (mut requests, mut replies) = (Vec::new(), Vec::new());
        for round in 0..20 {
            let key = format!("key{number}-{round}");
            let len = if (number + round) % 2 == 0 { 300_000 } else { 10 };
            let value = vec![b'a' + number as u8; len];
            requests.extend(set(&key, &value));
            requests.extend(format!("get {key}\r\n").bytes());
            replies.extend(b"STORED\r\n");
            replies.extend(hit(&key, &value));
        }
        client.exchange(&requests, &replies);
    });
}
