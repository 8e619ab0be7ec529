//! What `make run` runs: five memcacheds, a nodeproxy before them, and a line to try.

use crate::harness::bytes::hit;
use crate::harness::client::Client;
use crate::harness::nodeproxy::binary;
use crate::harness::ports;
use crate::harness::process::Process;
use crate::harness::wait::eventually;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

const MEMCACHEDS: u16 = 5;
const TYPED: &str = r"set hello 0 0 5\r\nworld\r\nget hello\r\nquit\r\n";

/// The first of as many free ports in a row.
fn free_ports() -> u16 {
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let all_free = |first: &u16| (*first..first + MEMCACHEDS).all(is_free);
    (0..100).map(|_| ports::reserve()).find(all_free).expect("five free ports in a row")
}

/// dash's echo printed line ends where `\r\n` was to be typed.
#[test]
fn the_line_to_try_is_printed_as_it_is_to_be_typed_and_nothing_is_left_behind() {
    let (port, first) = (ports::reserve(), free_ports());
    let run = std::env::temp_dir().join(format!("nodeproxy-run-{port}"));
    let mut command = Command::new("sh");
    command.args(["-c", "exec tools/run.sh \"$0\" 1>&2", &binary()]);
    command.env("PORT", port.to_string()).env("MEMCACHED_PORT", first.to_string());
    let mut script = Process::start(command.env("NODEPROXY_RUN", &run)).expect("sh is there");
    let line = format!("  printf '{TYPED}' | nc 127.0.0.1 {port}\n");
    eventually("the line to try", || script.log().contains(&line).then_some(()));
    let mut client = Client::connect((Ipv4Addr::LOCALHOST, port).into());
    client.ask(b"set hello 0 0 5\r\nworld\r\n", b"STORED\r\n");
    client.ask(b"get hello\r\n", &hit("hello", b"world"));
    script.signal("TERM");
    assert_eq!(script.exit_status().code(), Some(143), "{}", script.log());
    for port in first..first + MEMCACHEDS {
        let is_free = || TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
        eventually("a memcached that has ended", is_free);
    }
    std::fs::remove_dir_all(run).expect("the folder of the pid files");
}
