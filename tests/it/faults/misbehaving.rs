//! Backends that close too early, say too much, or say what nobody asked for.

use crate::harness::bytes::{
    assert_server_error, contains, hit, is_server_error, set, shown, value,
};
use crate::harness::client::Client;
use crate::harness::core::Core;
use crate::harness::fake::{Act, Asked, FakeBackend, Greeting};
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::parallel::at_once;
use crate::harness::placement::keys_of;
use crate::harness::wait::eventually;
use nodeproxy::proxy::Limits;
use std::time::Duration;

fn before(backend: &FakeBackend) -> Nodeproxy {
    Nodeproxy::start(&[backend.address()])
}

fn get(key: &str) -> Vec<u8> {
    format!("get {key}\r\n").into_bytes()
}

fn is_get_of(asked: &Asked, key: &str) -> bool {
    asked.verb() == b"get" && asked.key() == key
}

/// Asks until the value comes; until then there may be errors, but nothing else.
#[track_caller]
fn until_hit(client: &mut Client, key: &str, data: &[u8]) {
    eventually("the value again", || {
        client.send(&get(key));
        let reply = client.reply();
        let whole = reply == hit(key, data);
        assert!(whole || is_server_error(&reply), "{}", shown(&reply));
        whole.then_some(())
    });
}

/// For each place in the reply to `get k`, a backend closes there.
#[test]
fn a_backend_that_closes_mid_reply_costs_an_error_line_and_nothing_else() {
    at_once(0..hit("k", b"value\r\n").len(), |at| {
        let backend = FakeBackend::start();
        let proxy = before(&backend);
        let mut client = proxy.connect();
        client.ask(&set("k", b"value\r\n"), b"STORED\r\n");
        backend.plan(move |asked| match is_get_of(asked, "k") {
            true => Act::CloseAfter(at),
            false => Act::Answer,
        });
        client.send(b"get k\r\n");
        assert_server_error(&client.line());
        client.expect_in_step();
        backend.plan(|_| Act::Answer);
        until_hit(&mut client, "k", b"value\r\n");
        client.expect_in_step();
    });
}

#[test]
fn a_backend_that_closes_in_a_large_value_costs_an_error_line_and_nothing_else() {
    at_once([1, 100, 16_384, 65_536, 250_000, 500_000], |at| {
        let large = vec![b'x'; 500_000];
        let fakes = [FakeBackend::start(), FakeBackend::start()];
        let proxy = Nodeproxy::start(&[fakes[0].address(), fakes[1].address()]);
        let keys = keys_of(&proxy, &[&fakes[0], &fakes[1]], 2);
        let mut client = proxy.connect();
        let [broken, steady] = [&keys[0][0], &keys[1][0]];
        client.ask(&set(broken, &large), b"STORED\r\n");
        fakes[0].plan(move |asked| match asked.data.is_empty() {
            true => Act::CloseAfter(at),
            false => Act::Answer,
        });
        client.send(&[get(steady), get(broken), get(steady)].concat());
        client.expect(&hit(steady, steady.as_bytes()));
        assert_server_error(&client.line());
        client.expect(&hit(steady, steady.as_bytes()));
        client.send(format!("get {steady} {broken} {steady}\r\n").as_bytes());
        client.expect(&value(steady, 0, steady.as_bytes()).repeat(2));
        assert_server_error(&client.line());
        fakes[0].plan(|_| Act::Answer);
        until_hit(&mut client, broken, &large);
        client.expect_in_step();
    });
}

#[test]
fn what_follows_a_broken_reply_on_its_link_fails_in_turn() {
    let backend = FakeBackend::with(|asked| match asked.key().as_str() {
        "cut" => Act::CloseAfter(2),
        _ => Act::Hold,
    });
    let proxy = before(&backend);
    let mut clients: Vec<_> = (0..3).map(|_| proxy.connect()).collect();
    for client in &mut clients {
        client.send(b"get a\r\nget b\r\n");
    }
    backend.wait_for("get", 6);
    clients[1].send(b"get cut\r\nget c\r\n");
    backend.wait_for("get", 8);
    backend.release(6);
    for client in &mut clients {
        client.expect(b"END\r\nEND\r\n");
    }
    assert_server_error(&clients[1].line());
    assert_server_error(&clients[1].line());
    for client in &mut clients {
        client.expect_in_step();
    }
}

#[test]
fn a_backend_that_answers_one_byte_at_a_time() {
    let backend = FakeBackend::with(|_| Act::Trickle);
    let proxy = before(&backend);
    let mut client = proxy.connect();
    let data: Vec<u8> = (0..=255).collect();
    for _ in 0..3 {
        client.ask(&set("k", &data), b"STORED\r\n");
        client.ask(b"get k\r\nget none k k\r\n", &[hit("k", &data), two_hits(&data)].concat());
        client.ask(b"set n 0 0 1\r\n9\r\nincr n 1\r\ndelete n\r\n", b"STORED\r\n10\r\nDELETED\r\n");
    }
    client.expect_in_step();
}

fn two_hits(data: &[u8]) -> Vec<u8> {
    [value("k", 0, data), value("k", 0, data), b"END\r\n".to_vec()].concat()
}

/// One client's reply has these bytes behind it. None of them may reach another client, and the
/// connection to the backend cannot be trusted again.
#[track_caller]
fn nothing_unasked_arrives(unasked: &'static [u8]) {
    let backend = FakeBackend::with(move |asked| match asked.key().as_str() {
        "poison" => Act::AnswerAnd(unasked),
        _ => Act::Answer,
    });
    let proxy = before(&backend);
    let (mut first, mut second) = (proxy.connect(), proxy.connect());
    second.ask(&set("k", b"mine"), b"STORED\r\n");
    let before = backend.accepted();
    first.ask(b"get poison\r\n", b"END\r\n");
    until_hit(&mut second, "k", b"mine");
    until_hit(&mut first, "k", b"mine");
    assert!(backend.accepted() > before, "still on the link that said {}", shown(unasked));
    first.expect_in_step();
    second.expect_in_step();
}

#[test]
fn an_unasked_value_behind_a_reply_reaches_nobody() {
    nothing_unasked_arrives(b"VALUE k 0 4\r\nevil\r\nEND\r\n");
}

#[test]
fn an_unasked_line_behind_a_reply_reaches_nobody() {
    let lines: [&[u8]; 4] =
        [b"END\r\n", b"STORED\r\n", b"ERROR\r\n", b"SERVER_ERROR out of memory\r\n"];
    at_once(lines, nothing_unasked_arrives);
}

#[test]
fn unasked_garbage_behind_a_reply_reaches_nobody() {
    nothing_unasked_arrives(b"\0\xFF garbage\r\n");
    nothing_unasked_arrives(b"\r\n");
}

#[test]
fn an_idle_backend_that_speaks_reaches_nobody() {
    let backend = FakeBackend::start();
    let proxy = before(&backend);
    let mut client = proxy.connect();
    client.ask(&set("k", b"mine"), b"STORED\r\n");
    for said in
        [&b"VALUE k 0 4\r\nevil\r\nEND\r\n"[..], b"END\r\n", b"what\r\n", b"VALUE k 0 4\r\n"]
    {
        let before = backend.accepted();
        backend.speak(said);
        eventually("another link", || (backend.accepted() > before).then_some(()));
        until_hit(&mut client, "k", b"mine");
    }
    client.expect_in_step();
}

#[test]
fn a_backend_that_greets_unasked_is_not_believed() {
    let backend = FakeBackend::start();
    backend.greet(Greeting::Speak(b"VALUE other 0 4\r\nevil\r\nEND\r\n"));
    let proxy = before(&backend);
    let mut client = proxy.connect();
    for _ in 0..20 {
        client.send(b"get k\r\n");
        let reply = client.reply();
        assert!(is_server_error(&reply), "{}", shown(&reply));
    }
    backend.greet(Greeting::Serve);
    eventually("service", || {
        client.send(&set("k", b"mine"));
        (client.line() == b"STORED\r\n").then_some(())
    });
    until_hit(&mut client, "k", b"mine");
}

/// This is what a memcached does that has as many connections as it may.
#[test]
fn a_backend_that_takes_no_more_connections_costs_an_error_and_nothing_else() {
    let backend = FakeBackend::start();
    backend.greet(Greeting::SpeakAndClose(b"ERROR Too many open connections\r\n"));
    let proxy = before(&backend);
    let mut client = proxy.connect();
    for _ in 0..20 {
        client.send(b"get k\r\nversion\r\n");
        let reply = client.line();
        assert!(is_server_error(&reply) || reply.starts_with(b"ERROR "), "{}", shown(&reply));
        assert!(client.line().starts_with(b"VERSION "));
    }
    backend.greet(Greeting::Serve);
    eventually("service", || {
        client.send(&set("k", b"mine"));
        (client.line() == b"STORED\r\n").then_some(())
    });
    until_hit(&mut client, "k", b"mine");
    client.expect_in_step();
}

#[test]
fn a_backend_that_closes_on_accept_fails_its_requests_and_no_others() {
    let fakes = [FakeBackend::start(), FakeBackend::start()];
    let proxy = Nodeproxy::start(&[fakes[0].address(), fakes[1].address()]);
    let keys = keys_of(&proxy, &[&fakes[0], &fakes[1]], 1);
    fakes[0].greet(Greeting::Close);
    fakes[0].hang_up();
    let mut client = proxy.connect();
    for _ in 0..20 {
        client.send(&[get(&keys[0][0]), get(&keys[1][0])].concat());
        assert_server_error(&client.line());
        client.expect(&hit(&keys[1][0], keys[1][0].as_bytes()));
    }
    fakes[0].greet(Greeting::Serve);
    until_hit(&mut client, &keys[0][0], keys[0][0].as_bytes());
}

/// What is said in place of the answer to `get k`.
const GARBAGE: [&[u8]; 13] = [
    b"garbage\r\n",
    b"\r\n",
    b"\0\0\0\0\r\n",
    b"VALUE\r\n",
    b"VALUE k\r\n",
    b"VALUE k 0 x\r\nEND\r\n",
    b"VALUE k 0 -1\r\nEND\r\n",
    b"VALUE k 0 99999999999999999999\r\nEND\r\n",
    b"VALUE k 0 1\r\nlonger\r\nEND\r\n",
    b"VALUE k 0 4\r\ngood\r\nSTORED\r\n",
    b"STORED\r\n",
    b"12\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
];

#[test]
fn garbage_in_place_of_an_answer_becomes_an_error() {
    at_once(GARBAGE, |garbage| {
        let backend = FakeBackend::with(move |asked| match is_get_of(asked, "k") {
            true => Act::Say(garbage.to_vec()),
            false => Act::Answer,
        });
        let proxy = before(&backend);
        let mut client = proxy.connect();
        client.ask(&set("k", b"mine"), b"STORED\r\n");
        client.send(b"get k\r\n");
        let reply = client.line();
        assert!(is_server_error(&reply), "{}: {}", shown(garbage), shown(&reply));
        client.expect_in_step();
        backend.plan(|_| Act::Answer);
        until_hit(&mut client, "k", b"mine");
        client.expect_in_step();
    });
}

#[test]
fn a_line_without_end_in_place_of_an_answer_becomes_an_error_in_time() {
    let backend = FakeBackend::with(|asked| match is_get_of(asked, "k") {
        true => Act::Say(vec![b'x'; 300_000]),
        false => Act::Answer,
    });
    let proxy = Nodeproxy::before(&[backend.address()]).timeout_ms(300).start();
    let mut client = proxy.connect();
    client.send(b"get k\r\n");
    assert_server_error(&client.line());
    backend.plan(|_| Act::Answer);
    eventually("service", || {
        client.send(&set("k", b"mine"));
        (client.line() == b"STORED\r\n").then_some(())
    });
}

/// An answer of the right form to another question.
#[test]
fn a_value_of_another_key_never_reaches_a_client() {
    for said in [
        &b"VALUE other 0 4\r\nevil\r\nEND\r\n"[..],
        b"VALUE k2 0 4\r\nevil\r\nEND\r\n",
        b"VALUE K 0 4\r\nevil\r\nEND\r\n",
        b"VALUE k 0 4\r\nmine\r\nVALUE other 0 4\r\nevil\r\nEND\r\n",
        b"VALUE k 0 4\r\nevil\r\nVALUE k 0 4\r\nevil\r\nEND\r\n",
        b"VALUE other 0 4\r\nevil\r\nSERVER_ERROR out of memory\r\n",
        b"VALUE other 0 4\r\nevil\r\nSTORED\r\n",
    ] {
        let backend = FakeBackend::with(move |asked| match is_get_of(asked, "k") {
            true => Act::Say(said.to_vec()),
            false => Act::Answer,
        });
        let proxy = before(&backend);
        let mut client = proxy.connect();
        client.send(b"get k\r\n");
        let reply = client.reply();
        assert!(!contains(&reply, b"evil"), "{}: {}", shown(said), shown(&reply));
        assert!(reply.ends_with(b"\r\n"), "{}", shown(&reply));
        client.expect_in_step();
    }
}

#[test]
fn an_error_of_the_backend_is_passed_on_and_keeps_the_link() {
    const ERRORS: [&[u8]; 4] = [
        b"SERVER_ERROR out of memory storing object\r\n",
        b"SERVER_ERROR out of memory\r\n",
        b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n",
        b"ERROR\r\n",
    ];
    for error in ERRORS {
        let backend = FakeBackend::with(move |asked| match asked.key().as_str() {
            "k" => Act::Say(error.to_vec()),
            _ => Act::Answer,
        });
        let proxy = before(&backend);
        let mut client = proxy.connect();
        client.ask(b"incr k 1\r\nget other\r\n", &[error, b"END\r\n"].concat());
        client.expect_in_step();
        assert_eq!(backend.accepted(), 1, "the link lives after {}", shown(error));
    }
}

/// The backend takes a mutation, and goes away in place of an answer: it may have been done.
#[test]
fn a_mutation_is_never_sent_twice() {
    let mutations = [
        "set k 0 0 1\r\n1\r\n",
        "add k 0 0 1\r\n1\r\n",
        "append k 0 0 1\r\n1\r\n",
        "cas k 0 0 1 7\r\n1\r\n",
        "incr k 1\r\n",
        "decr k 1\r\n",
        "delete k\r\n",
        "touch k 1\r\n",
        "incr k 1 noreply\r\n",
    ];
    at_once(mutations, |request| {
        let backend = FakeBackend::with(|asked| match asked.verb() {
            b"get" | b"version" | b"mn" => Act::Answer,
            _ => Act::CloseAfter(0),
        });
        let proxy = Nodeproxy::before(&[backend.address()]).links(2).start();
        let mut client = proxy.connect();
        let verb = request.split(' ').next().expect("a verb");
        client.send(request.as_bytes());
        if request.contains("noreply") {
            backend.wait_for(verb, 1);
        } else {
            assert_server_error(&client.line());
        }
        // Every link has been used since, the new one too.
        eventually("another link", || (backend.accepted() == 3).then_some(()));
        for _ in 0..2 {
            let mut other = proxy.connect();
            eventually("service", || {
                other.send(b"get other\r\n");
                (other.reply() == b"END\r\n").then_some(())
            });
        }
        assert_eq!(backend.count(verb), 1, "{request:?}");
        client.expect_in_step();
    });
}

/// The same for a mutation that nobody has answered in time.
#[test]
fn a_late_mutation_is_not_sent_again() {
    let backend = FakeBackend::with(|asked| match asked.verb() {
        b"incr" => Act::After(Duration::from_millis(400)),
        _ => Act::Answer,
    });
    let proxy = Nodeproxy::before(&[backend.address()]).timeout_ms(100).start();
    let mut client = proxy.connect();
    client.send(b"incr k 1\r\n");
    assert_server_error(&client.line());
    eventually("service", || {
        client.send(b"get k\r\n");
        (client.reply() == b"END\r\n").then_some(())
    });
    assert_eq!(backend.count("incr"), 1);
}

/// It was taken for another value of the last key. Who asked has all values by then.
#[test]
fn a_value_without_a_key_behind_the_others_breaks_the_protocol() {
    let mut core = Core::new(1, Limits { value_bytes_max: 1 << 20, memory_max: 4 << 20 });
    let link = core.connect()[0];
    let client = core.client();
    core.send(client, b"get a b\r\n");
    core.flush(true);
    let values = [value("a", 0, b"x"), value("b", 0, b"y")].concat();
    core.reply(link, &[&values[..], b"VALUE  0 1\r\nz\r\nEND\r\n"].concat());
    core.flush(true);
    core.expect_client(client, &[&values[..], b"END\r\n"].concat());
    assert!(!core.has_link(link));
}

/// Good values and then one that answers nothing that was asked, in one packet: the process ended
/// with a panic, since the good ones had been counted and their bytes were not yet kept.
#[test]
fn a_lie_behind_a_good_value_of_a_retrieval_of_many_keys_ends_only_the_link() {
    const GOOD: &[u8] = b"VALUE a 0 1\r\nx\r\n";
    let lies: [&[u8]; 5] = [
        b"VALUE zzz 0 1\r\ny\r\n",
        b"VALUE a 0 1\r\nx\r\n",
        b"VALUE b 0 1\r\nyy\r\n",
        b"STORED\r\n",
        b"\r\n",
    ];
    for lie in lies {
        let said = [GOOD, lie, b"END\r\n"].concat();
        let backend = FakeBackend::with(move |asked| match asked.key().as_str() {
            "a" => Act::Say(said.clone()),
            _ => Act::Answer,
        });
        let proxy = before(&backend);
        let (mut first, mut second) = (proxy.connect(), proxy.connect());
        first.send(b"get a b c\r\nget other\r\n");
        first.expect(GOOD);
        assert_server_error(&first.line());
        first.reply();
        first.expect_in_step();
        second.expect_in_step();
    }
}

/// A value of a key that was passed over comes after all: nobody gets it.
#[test]
fn values_in_another_order_than_they_were_asked_for_end_the_link() {
    let mut core = Core::new(1, Limits { value_bytes_max: 1 << 20, memory_max: 4 << 20 });
    let link = core.connect()[0];
    let (first, second) = (core.client(), core.client());
    core.send(first, b"get a b c\r\n");
    core.send(second, b"get d\r\n");
    core.flush(true);
    core.expect_link(link, b"get a b c d\r\n");
    let [a, b, c] = ["a", "b", "c"].map(|key| value(key, 0, key.as_bytes()));
    core.reply(link, &[&a[..], &c, &b, b"END\r\n"].concat());
    core.flush(true);
    core.expect_client(first, &[&a[..], &c, b"END\r\n"].concat());
    core.expect_client(second, b"SERVER_ERROR backend broke the protocol\r\n");
    assert!(!core.has_link(link));
}
