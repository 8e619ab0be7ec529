//! Replies that are more than may be kept for a client which does not read them.

use crate::harness::core::{Core, TIMEOUT};
use nodeproxy::proxy::Limits;
use nodeproxy::proxy::client::ClientId;
use nodeproxy::proxy::link::LinkId;

/// Two values fit, and no more.
const LIMITS: Limits = Limits { value_bytes_max: 50_000, memory_max: 100_200 };
const VALUE: usize = 50_000;
const ASKED: usize = 10;

fn hit(letter: u8) -> Vec<u8> {
    let value = vec![letter; VALUE];
    [format!("VALUE a 0 {VALUE}\r\n").as_bytes(), &value, b"\r\nEND\r\n"].concat()
}

fn meta_hit(letter: u8, flags: &str) -> Vec<u8> {
    let value = vec![letter; VALUE];
    [format!("VA {VALUE}{flags}\r\n").as_bytes(), &value, b"\r\n"].concat()
}

fn connected() -> (Core, LinkId, ClientId) {
    let mut core = Core::new(1, LIMITS);
    let link = core.connect()[0];
    let client = core.client();
    (core, link, client)
}

/// Had it been forwarded at once, the values that were dropped could not have been asked for again.
#[test]
fn a_write_waits_for_large_values_that_were_asked_for_before_it() {
    let (mut core, link, client) = connected();
    let set = [format!("set a 0 0 {VALUE}\r\n").as_bytes(), &[b'y'; VALUE], b"\r\n"].concat();
    core.send(client, &b"get a\r\n".repeat(ASKED));
    core.send(client, &[&set[..], b"get a\r\n"].concat());
    core.flush(false);
    core.expect_link(link, &b"get a\r\n".repeat(ASKED));
    core.reply(link, &hit(b'x').repeat(ASKED));
    core.flush(false);
    core.expect_client(client, b"");
    core.reads_again(client);
    core.flush(true);
    core.expect_client(client, &hit(b'x').repeat(2));
    for _ in 2..ASKED {
        core.flush(true);
        core.expect_link(link, b"get a\r\n");
        core.reply(link, &hit(b'x'));
        core.flush(true);
        core.expect_client(client, &hit(b'x'));
    }
    core.flush(true);
    core.flush(true);
    core.expect_link(link, &[&set[..], b"get a\r\n"].concat());
    core.reply(link, &[b"STORED\r\n", &hit(b'y')[..]].concat());
    core.flush(true);
    core.expect_client(client, &[b"STORED\r\n", &hit(b'y')[..]].concat());
}

/// It got `SERVER_ERROR out of memory writing get response`.
#[test]
fn a_meta_get_that_found_no_room_is_asked_again() {
    let (mut core, link, client) = connected();
    let asks: Vec<String> = (0..ASKED).map(|at| format!("mg Zm9v b v q O{at}\r\n")).collect();
    let seen = |at: usize| format!("mg Zm9v b v O{at}\r\n").into_bytes();
    let reply = |at: usize| meta_hit(b'x', &format!(" b O{at}"));
    core.send(client, asks.concat().as_bytes());
    core.flush(false);
    core.expect_link(link, &(0..ASKED).flat_map(seen).collect::<Vec<_>>());
    core.reply(link, &(0..ASKED).flat_map(reply).collect::<Vec<_>>());
    core.flush(false);
    core.reads_again(client);
    core.flush(true);
    core.expect_client(client, &[reply(0), reply(1)].concat());
    for at in 2..ASKED - 1 {
        core.flush(true);
        core.expect_link(link, &seen(at));
        core.reply(link, &reply(at));
        core.flush(true);
        core.expect_client(client, &reply(at));
    }
    core.flush(true);
    core.expect_link(link, &seen(ASKED - 1));
    core.reply(link, b"EN\r\n");
    core.send(client, b"mn\r\n");
    core.flush(true);
    core.expect_client(client, b"MN\r\n");
}

/// What it asks for is another thing the second time: the time since the last access.
#[test]
fn a_meta_get_that_cannot_be_asked_again_is_kept() {
    let (mut core, link, client) = connected();
    core.send(client, &b"mg a v l\r\n".repeat(ASKED));
    core.flush(false);
    core.reply(link, &meta_hit(b'x', " l5").repeat(ASKED));
    core.flush(false);
    core.reads_again(client);
    core.flush(true);
    let kept = meta_hit(b'x', " l5").repeat(8);
    let refused = b"SERVER_ERROR out of memory writing get response\r\n".repeat(ASKED - 8);
    core.expect_client(client, &[kept, refused].concat());
}

/// The error waited in the client's output until something else happened.
#[test]
fn a_value_that_cannot_be_asked_again_is_refused_without_another_event() {
    let (mut core, link, client) = connected();
    core.send(client, &b"get a\r\n".repeat(ASKED));
    core.flush(false);
    core.reply(link, &hit(b'x').repeat(ASKED));
    core.flush(false);
    core.now = core.now.after(10 * TIMEOUT);
    core.hang_up(link);
    for _ in 0..2 {
        let refused = core.proxy.take_wanted()[0].0;
        core.hang_up(refused);
    }
    core.reads_again(client);
    core.flush(true);
    for _ in 0..ASKED {
        if core.proxy.is_busy() {
            core.flush(true);
        }
    }
    let refused = b"SERVER_ERROR backend down\r\n".repeat(ASKED - 2);
    core.expect_client(client, &[hit(b'x').repeat(2), refused].concat());
}

/// It would have been taken for the answer to the next one.
#[test]
fn a_late_answer_to_what_was_asked_again_is_skipped() {
    let (mut core, link, client) = connected();
    let value = hit(b'x');
    let value = value.strip_suffix(b"END\r\n").expect("an end");
    core.send(client, b"get a a a\r\n");
    core.flush(true);
    core.expect_link(link, b"get a a a\r\n");
    core.reply(link, &[&value.repeat(3)[..], b"END\r\n"].concat());
    for _ in 0..2 {
        core.flush(true);
    }
    core.expect_client(client, value);
    core.expect_link(link, b"get a\r\n");
    core.now = core.now.after(TIMEOUT);
    core.proxy.expire(core.now);
    for _ in 0..2 {
        core.flush(true);
    }
    core.expect_link(link, b"get a\r\n");
    core.reply(link, b"END\r\n");
    core.flush(true);
    core.expect_client(client, b"");
    core.reply(link, &hit(b'x'));
    core.flush(true);
    core.expect_client(client, &[value, b"SERVER_ERROR backend timed out\r\n"].concat());
}
