//! The fake backend answers like a real memcached, so that what is learnt from it holds.

use crate::harness::bytes::{assert_same, set};
use crate::harness::client::Client;
use crate::harness::fake::{Act, FakeBackend, Greeting};
use crate::harness::memcached::Memcached;
use crate::harness::wait::eventually;
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn the_fake_answers_as_a_memcached_does() {
    let (fake, real) = (FakeBackend::start(), Memcached::start());
    let mut clients = [Client::connect(fake.address()), Client::connect(real.address())];
    for request in [
        "get a\r\n",
        "set a 7 0 2\r\n\r\n\r\n",
        "get a b a\r\n",
        "add a 0 0 1\r\nx\r\n",
        "add b 0 0 1\r\n5\r\n",
        "replace c 0 0 1\r\nx\r\n",
        "append a 0 0 1\r\n>\r\n",
        "prepend a 9 0 1\r\n<\r\n",
        "get a\r\n",
        "cas missing 0 0 1 1\r\nx\r\n",
        "cas a 0 0 1 999\r\nx\r\n",
        "incr b 7\r\n",
        "decr b 100\r\n",
        "incr missing 1\r\n",
        "touch a 0\r\n",
        "touch missing 0\r\n",
        "delete a\r\n",
        "delete a\r\n",
        "nonsense\r\n",
    ] {
        let [fake, real] = clients.each_mut().map(|client| {
            client.send(request.as_bytes());
            client.reply()
        });
        assert_same(request, &fake, &real);
    }
    clients[0].ask(b"set n 0 0 1 noreply\r\n1\r\nget n\r\n", b"VALUE n 0 1\r\n1\r\nEND\r\n");
}

#[test]
fn the_fake_does_what_its_plan_says() {
    let fake = FakeBackend::with(|asked| match asked.key().as_str() {
        "after" => Act::After(Duration::from_millis(30)),
        "cut" => Act::CloseAfter(3),
        "extra" => Act::AnswerAnd(b"extra\r\n"),
        "hold" => Act::Hold,
        "mute" => Act::Mute,
        "say" => Act::Say(b"what?\r\n".to_vec()),
        "trickle" => Act::Trickle,
        _ => Act::Answer,
    });
    let mut client = Client::connect(fake.address());
    client.ask(b"get after\r\nget say\r\n", b"END\r\nwhat?\r\n");
    client.ask(b"get extra\r\nget trickle\r\n", b"END\r\nextra\r\nEND\r\n");
    client.send(b"get hold\r\nget b\r\n");
    fake.wait_for("get", 6);
    fake.release(1);
    client.expect(b"END\r\nEND\r\n");
    client.ask(b"get cut\r\n", b"END");
    client.expect_closed();
    let mut client = Client::connect(fake.address());
    client.send(b"get mute\r\nget b\r\n");
    assert_eq!(client.until_quiet(Duration::from_millis(50)), b"");
    assert_eq!(fake.accepted(), 2);
    eventually("the first connection's end", || (fake.connected() == 1).then_some(()));
    assert_eq!(fake.asked()[8].line, b"get b");
    assert_eq!((fake.asked()[8].connection, fake.asked()[8].place), (1, 1));
}

#[test]
fn the_fake_refuses_and_comes_back() {
    let mut fake = FakeBackend::start();
    let mut client = Client::connect(fake.address());
    client.ask(&set("k", b"v"), b"STORED\r\n");
    fake.refuse();
    client.expect_closed();
    assert!(TcpStream::connect(fake.address()).is_err());
    fake.listen();
    Client::connect(fake.address()).ask(b"get k\r\n", b"VALUE k 0 1\r\nv\r\nEND\r\n");
    fake.greet(Greeting::Close);
    Client::connect(fake.address()).expect_closed();
    fake.greet(Greeting::Speak(b"hello\r\n"));
    Client::connect(fake.address()).expect(b"hello\r\n");
}

#[test]
fn a_memcached_that_was_killed_starts_again_on_its_port() {
    let mut memcached = Memcached::start();
    let mut client = Client::connect(memcached.address());
    client.ask(&set("k", b"v"), b"STORED\r\n");
    memcached.kill();
    client.expect_closed();
    assert!(TcpStream::connect(memcached.address()).is_err());
    memcached.restart();
    Client::connect(memcached.address()).ask(b"get k\r\n", b"END\r\n");
}
