//! Replies that are more than may be kept for a client which does not read them.

use crate::harness::core::{Core, TIMEOUT};
use nodeproxy::proxy::Limits;
use nodeproxy::proxy::ids::ClientId;
use nodeproxy::proxy::ids::LinkId;

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

/// A backend that answers each line as `answer` says; the client does not read in the first rounds.
/// Returns all that the backend was asked.
fn serve(
    core: &mut Core,
    (link, client): (LinkId, ClientId),
    mut answer: impl FnMut(&str) -> Vec<u8>,
) -> String {
    const UNREAD: usize = 3;
    let mut asked = String::new();
    for round in 0..3 * ASKED {
        if round == UNREAD {
            core.reads_again(client);
        }
        core.flush(round >= UNREAD);
        let lines = String::from_utf8(core.link_received(link)).expect("text");
        let replies: Vec<u8> = lines.split_inclusive("\r\n").flat_map(&mut answer).collect();
        core.reply(link, &replies);
        asked += &lines;
    }
    asked
}

/// Each key of a retrieval has its value; a `set` changes it.
fn store(value: &mut u8, line: &str) -> Vec<u8> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["get", keys @ ..] => {
            let hit = hit(*value);
            let value = hit.strip_suffix(b"END\r\n").expect("an end");
            [&value.repeat(keys.len())[..], b"END\r\n"].concat()
        }
        ["set", ..] => {
            *value = b'y';
            b"STORED\r\n".to_vec()
        }
        _ => Vec::new(),
    }
}

/// Had it been forwarded at once, the values that were evicted could not have been asked for again.
#[test]
fn a_write_waits_for_large_values_that_were_asked_for_before_it() {
    let (mut core, link, client) = connected();
    let set = [format!("set a 0 0 {VALUE}\r\n").as_bytes(), &[b'y'; VALUE], b"\r\n"].concat();
    core.send(client, &[&b"get a\r\n".repeat(ASKED)[..], &set, b"get a\r\n"].concat());
    let mut value = b'x';
    let asked = serve(&mut core, (link, client), |line| store(&mut value, line));
    let gets = asked.split_whitespace().filter(|word| *word == "a").count();
    assert!(gets > ASKED + 2, "{gets} gets: none was evicted");
    let expected = [&hit(b'x').repeat(ASKED)[..], b"STORED\r\n", &hit(b'y')].concat();
    core.expect_client(client, &expected);
}

/// It got `SERVER_ERROR out of memory writing get response`.
#[test]
fn a_meta_get_that_found_no_room_is_asked_again() {
    let (mut core, link, client) = connected();
    let asks: Vec<String> = (0..ASKED).map(|at| format!("mg Zm9v b v q O{at}\r\n")).collect();
    let reply = |at: usize| meta_hit(b'x', &format!(" b O{at}"));
    core.send(client, [&asks.concat(), "mn\r\n"].concat().as_bytes());
    let asked = serve(&mut core, (link, client), |line| {
        let opaque = line.strip_prefix("mg Zm9v b v O").expect("what was asked, not quietly");
        match opaque.trim_end().parse().expect("a number") {
            at if at == ASKED - 1 => b"EN\r\n".to_vec(),
            at => reply(at),
        }
    });
    assert!(asked.lines().count() > ASKED, "none was evicted");
    let expected: Vec<u8> = (0..ASKED - 1).flat_map(reply).chain(*b"MN\r\n").collect();
    core.expect_client(client, &expected);
}

/// What it asks for is another thing the second time: the time since the last access. No more is
/// asked for than can be kept, so that none is refused.
#[test]
fn a_meta_get_that_cannot_be_asked_again_is_kept() {
    let (mut core, link, client) = connected();
    core.send(client, &b"mg a v l\r\n".repeat(ASKED));
    let asked = serve(&mut core, (link, client), |_| meta_hit(b'x', " l5"));
    assert_eq!(asked.lines().count(), ASKED);
    core.expect_client(client, &meta_hit(b'x', " l5").repeat(ASKED));
}

/// The error waited in the client's output until something else happened.
#[test]
fn a_value_that_cannot_be_asked_again_is_refused_without_another_event() {
    let (mut core, link, client) = connected();
    core.send(client, &b"get a\r\n".repeat(ASKED));
    core.flush(false);
    let asked = core.link_received(link);
    core.reply(link, &store(&mut b'x', str::from_utf8(&asked).expect("text")));
    core.flush(false);
    core.driver.net.refuses = true;
    core.pass(10 * TIMEOUT);
    core.hang_up(link);
    core.pass(0);
    core.reads_again(client);
    core.flush(true);
    for _ in 0..ASKED {
        if core.driver.is_busy() {
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
    core.reply(link, &store(&mut b'x', "get a a a"));
    for _ in 0..2 {
        core.flush(true);
    }
    core.expect_client(client, &value.repeat(2));
    core.expect_link(link, b"get a\r\n");
    core.pass(TIMEOUT);
    core.flush(true);
    core.expect_client(client, b"SERVER_ERROR backend timed out\r\n");
    core.send(client, b"get b\r\n");
    core.flush(true);
    core.expect_link(link, b"get b\r\n");
    core.reply(link, &[&hit(b'x')[..], b"END\r\n"].concat());
    core.flush(true);
    core.expect_client(client, b"END\r\n");
}
