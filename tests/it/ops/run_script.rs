//! What `make run` runs: five memcacheds, a nodeproxy before them, and a line to try.

use crate::harness::bytes::hit;
use crate::harness::client::Client;
use crate::harness::nodeproxy::binary;
use crate::harness::ports;
use crate::harness::process::Process;
use crate::harness::wait::eventually;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Command;

const MEMCACHEDS: u16 = 5;
const TYPED: &str = r"set hello 0 0 5\r\nworld\r\nget hello\r\nquit\r\n";

/// The script at work.
struct Running {
    script: Process,
    port: u16,
    memcacheds: std::ops::Range<u16>,
    pid_files: PathBuf,
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Runs it, unless somebody takes one of its ports before it listens there.
fn run() -> Option<Running> {
    let (port, first) = (ports::reserve(), ports::reserve());
    let memcacheds = first..first + MEMCACHEDS;
    if !memcacheds.clone().all(is_free) {
        return None;
    }
    let pid_files = std::env::temp_dir().join(format!("nodeproxy-run-{port}"));
    let mut command = Command::new("sh");
    command.args(["-c", "exec tools/run.sh \"$0\" 1>&2", &binary()]);
    command.env("PORT", port.to_string()).env("MEMCACHED_PORT", first.to_string());
    let mut script = Process::start(command.env("RUN_DIR", &pid_files)).expect("sh is there");
    let is_up = eventually("the line to try, or the end", || {
        let is_up = script.log().contains("Ctrl-C ends it all");
        (is_up || !script.is_running()).then_some(is_up)
    });
    is_up.then_some(Running { script, port, memcacheds, pid_files })
}

/// dash's echo printed line ends where `\r\n` was to be typed.
#[test]
fn the_line_to_try_is_printed_as_it_is_to_be_typed_and_nothing_is_left_behind() {
    let running = (0..50).find_map(|_| run()).expect("ports that stay free");
    let Running { mut script, port, memcacheds, pid_files } = running;
    let line = format!("  printf '{TYPED}' | nc 127.0.0.1 {port}\n");
    assert!(script.log().contains(&line), "{}", script.log());
    let mut client = Client::connect((Ipv4Addr::LOCALHOST, port).into());
    client.ask(b"set hello 0 0 5\r\nworld\r\n", b"STORED\r\n");
    client.ask(b"get hello\r\n", &hit("hello", b"world"));
    script.signal("TERM");
    assert_eq!(script.exit_status().code(), Some(143), "{}", script.log());
    eventually("memcacheds that have ended", || memcacheds.clone().all(is_free).then_some(()));
    std::fs::remove_dir_all(pid_files).expect("the folder of the pid files");
}

/// README tells which one to end: the one that has the key of its example.
#[test]
fn readme_ends_the_memcached_that_has_its_key() {
    let servers: Vec<_> = (0..MEMCACHEDS).map(|n| format!("127.0.0.1:{}", 11220 + n)).collect();
    let mut command = Command::new(binary());
    command.args(["-s", &servers.join(","), "--where", "hello"]);
    let printed = command.output().expect("nodeproxy starts").stdout;
    let printed = String::from_utf8(printed).expect("text");
    let port = printed.split_whitespace().nth(2).and_then(|it| it.rsplit(':').next());
    let ended = format!("memcached-{}.pid", port.expect("a port"));
    let readme = std::fs::read_to_string("README.md").expect("README.md");
    assert!(readme.contains(&ended), "README.md does not end {ended}");
}
