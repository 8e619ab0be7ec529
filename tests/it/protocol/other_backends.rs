//! Servers that speak the protocol of memcached, but less of it: Tokyo Tyrant, Kyoto Tycoon and
//! their like.

use crate::harness::bytes::{hit, set, value};
use crate::harness::fake::{Act, FakeBackend};
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::wait::eventually;

#[test]
fn a_gets_answered_without_cas_numbers_is_passed_on() {
    let backend = FakeBackend::with(|asked| match asked.verb() {
        b"gets" => {
            let words = asked.words();
            let hit = |key: &&[u8]| value(&String::from_utf8_lossy(key), 0, b"x");
            let hits: Vec<_> = words[1..].iter().map(hit).collect();
            Act::Say([&hits.concat()[..], b"END\r\n"].concat())
        }
        _ => Act::Answer,
    });
    let proxy = Nodeproxy::start(&[backend.address()]);
    let mut client = proxy.connect();
    client.ask(b"gets k\r\n", &hit("k", b"x"));
    let both = [value("a", 0, b"x"), value("b", 0, b"x"), b"END\r\n".to_vec()].concat();
    client.ask(b"gets a b\r\n", &both);
    client.expect_in_step();
    assert_eq!(backend.accepted(), 1);
}

#[test]
fn error_to_a_command_that_it_lacks_is_passed_on_and_keeps_the_link() {
    let known = [&b"get"[..], b"set", b"delete"];
    let backend = FakeBackend::with(move |asked| match known.contains(&asked.verb()) {
        true => Act::Answer,
        false => Act::Say(b"ERROR\r\n".to_vec()),
    });
    let proxy = Nodeproxy::start(&[backend.address()]);
    let mut client = proxy.connect();
    client.ask(&set("k", b"v"), b"STORED\r\n");
    for request in [
        "touch k 0",
        "gat 0 k",
        "gats 0 k",
        "gets k",
        "gets a b",
        "mg k v",
        "mg k q",
        "md k",
        "ma k",
        "me k",
        "incr k 1",
        "flush_all",
        "verbosity 1",
    ] {
        client.ask(format!("{request}\r\n").as_bytes(), b"ERROR\r\n");
        client.ask(b"get k\r\n", &hit("k", b"v"));
    }
    client.ask(b"touch k 0 noreply\r\nflush_all noreply\r\nget k\r\n", &hit("k", b"v"));
    client.expect_in_step();
    assert_eq!(backend.accepted(), 1);
}

/// It says `ERROR` to the line, and then takes the value for commands: the link cannot be trusted
/// any more. That happens once.
#[test]
fn a_storage_command_that_it_lacks_costs_a_link_once() {
    for (verb, request) in [
        ("append", &b"append k 0 0 3\r\nabc\r\n"[..]),
        ("cas", b"cas k 0 0 3 1\r\nabc\r\n"),
        ("ms", b"ms k 3\r\nabc\r\n"),
    ] {
        let backend = FakeBackend::with(move |asked| match asked.verb() == verb.as_bytes() {
            true => Act::Say(b"ERROR\r\nERROR\r\n".to_vec()),
            false => Act::Answer,
        });
        let proxy = Nodeproxy::start(&[backend.address()]);
        let mut client = proxy.connect();
        client.ask(&set("k", b"v"), b"STORED\r\n");
        client.ask(request, b"ERROR\r\n");
        eventually("another link", || {
            client.send(b"get k\r\n");
            (client.reply() == hit("k", b"v")).then_some(())
        });
        let links = backend.accepted();
        client.ask(
            &[request, request, b"get k\r\n"].concat(),
            &[b"ERROR\r\nERROR\r\n", &hit("k", b"v")[..]].concat(),
        );
        client.expect_in_step();
        assert_eq!((backend.accepted(), backend.count(verb)), (links, 1), "{verb}");
    }
}

/// Also while it is asked whether it is up again.
#[test]
fn another_text_of_version_is_as_good() {
    let mut backend = FakeBackend::with(|asked| match asked.verb() {
        b"version" => Act::Say(b"VERSION TokyoTyrant/1.1.41 (with a space)\r\n".to_vec()),
        _ => Act::Answer,
    });
    let proxy = Nodeproxy::start(&[backend.address()]);
    let mut client = proxy.connect();
    client.ask(&set("k", b"v"), b"STORED\r\n");
    backend.refuse();
    eventually("a backend that is down", || {
        client.send(b"get k\r\n");
        (client.reply() == b"SERVER_ERROR backend down\r\n").then_some(())
    });
    backend.listen();
    eventually("the backend again", || {
        client.send(b"get k\r\n");
        (client.reply() == hit("k", b"v")).then_some(())
    });
    client.expect_in_step();
}
