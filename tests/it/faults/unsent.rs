//! Links that end before what was asked of them has been written: nobody needs to notice.

use crate::harness::core::Core;
use nodeproxy::proxy::Limits;

const LIMITS: Limits = Limits { value_bytes_max: 1 << 20, memory_max: 4 << 20 };

#[test]
fn requests_that_were_never_written_move_to_the_next_link() {
    let mut core = Core::new(1, LIMITS);
    let old = core.connect()[0];
    let client = core.client();
    core.send(client, b"set a 0 0 1\r\nx\r\nget a\r\nincr n 1 noreply\r\n");
    core.hang_up(old);
    let new = core.connect()[0];
    core.flush(true);
    core.expect_link(old, b"");
    core.expect_link(new, b"set a 0 0 1\r\nx\r\nget a\r\nincr n 1\r\n");
    core.reply(new, b"STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n2\r\n");
    core.flush(true);
    core.expect_client(client, b"STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
}

#[test]
fn a_request_that_was_written_is_never_sent_again() {
    let mut core = Core::new(1, LIMITS);
    let old = core.connect()[0];
    let client = core.client();
    core.send(client, b"set a 0 0 1\r\nx\r\n");
    core.flush(true);
    core.expect_link(old, b"set a 0 0 1\r\nx\r\n");
    core.send(client, b"get a\r\n");
    core.hang_up(old);
    let new = core.connect()[0];
    core.flush(true);
    core.expect_link(new, b"get a\r\n");
    core.expect_client(client, b"SERVER_ERROR backend lost\r\n");
    core.reply(new, b"END\r\n");
    core.flush(true);
    core.expect_client(client, b"END\r\n");
}

/// A backend that closes every connection at once would have them move for ever.
#[test]
fn a_request_moves_once() {
    let mut core = Core::new(1, LIMITS);
    let first = core.connect()[0];
    let client = core.client();
    core.send(client, b"get a\r\n");
    core.hang_up(first);
    let second = core.connect()[0];
    core.send(client, b"get b\r\n");
    core.hang_up(second);
    let third = core.connect()[0];
    core.flush(true);
    core.expect_client(client, b"SERVER_ERROR backend lost\r\n");
    core.expect_link(third, b"get b\r\n");
    core.reply(third, b"END\r\n");
    core.flush(true);
    core.expect_client(client, b"END\r\n");
}

#[test]
fn the_parts_of_a_multi_get_move_too() {
    let mut core = Core::new(2, LIMITS);
    let links = core.connect();
    let client = core.client();
    let keys: Vec<String> = (0..20).map(|at| format!("k{at}")).collect();
    core.send(client, format!("get {}\r\n", keys.join(" ")).as_bytes());
    core.hang_up(links[0]);
    let moved = core.connect()[0];
    core.flush(true);
    core.expect_link(links[0], b"");
    core.reply(links[1], b"END\r\n");
    core.reply(moved, b"END\r\n");
    core.flush(true);
    core.expect_client(client, b"END\r\n");
}
