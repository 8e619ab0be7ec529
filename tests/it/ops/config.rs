//! A configuration file, and what the program does with it: run, tell what it means (`-t`), tell
//! who has a key (`--where`), or say what is wrong, each error with its place, and not start.

use crate::harness::client::Client;
use crate::harness::file::File;
use crate::harness::memcached::Memcached;
use crate::harness::nodeproxy::{binary, listening_on, run};
use crate::harness::ports;
use std::process::{Command, Output};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/etc/nodeproxy.yml");

fn output(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).output().expect("nodeproxy starts")
}

/// What it prints when nothing is wrong.
#[track_caller]
fn printed(arguments: &[&str]) -> String {
    let output = output(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    assert_eq!(errors, "", "{arguments:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// These are its errors, each behind the name of the file; whether it is to check, to tell or to
/// run.
#[track_caller]
fn refused(file: &str, expected: &[&str]) {
    let expected: Vec<_> = expected.iter().map(|error| format!("{file}:{error}")).collect();
    for arguments in [&["-t", "-c", file][..], &["-c", file], &["--where", "-c", file, "key"]] {
        let output = output(arguments);
        let errors = String::from_utf8(output.stderr).expect("text");
        assert_eq!(errors.lines().collect::<Vec<_>>(), expected, "{arguments:?}");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_example_is_valid() {
    let text = printed(&["-t", "-c", EXAMPLE]);
    for line in ["pool cache", "  placement             ketama", "  timeout               1000 ms"]
    {
        let without_origin = |it: &str| it.split("  (line").next() == Some(line);
        assert!(text.lines().any(without_origin), "{line:?} is not in\n{text}");
    }
}

#[test]
fn a_pool_of_twemproxys_is_told_what_it_gets() {
    let text = "alpha:
  listen: 127.0.0.1:22121
  hash: fnv1a_64
  distribution: ketama
  auto_eject_hosts: true
  timeout: 0
  server_retry_timeout: 2000
  client_connections: 10
  servers:
    - 127.0.0.1:11212:1
    - 127.0.0.1:11213:3 second
    - /run/memcached.sock:1 third
";
    let file = File::new(text);
    let text = printed(&["-t", "-c", file.path()]);
    for expected in [
        ":6:12: timeout: waiting without a timeout (0 or -1) is not supported; 1000 ms is used",
        "pool alpha\n  listen                127.0.0.1:22121  (line 2)\n",
        "  placement             twemproxy, hash: fnv1a_64, distribution: ketama\n",
        "  on_down               rehash  (line 5)\n",
        "  client_connections    10  (line 8)\n",
        "%  127.0.0.1:11213 weight 3 second\n",
        "%  /run/memcached.sock weight 1 third\n",
        "since the pool has no placement; for a new pool, placement: ketama spreads them better",
        "client_connections: 10 is a limit here; twemproxy ignores it",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
}

#[test]
fn bad_files_are_refused() {
    let pool = |name: &str, listen: u32, servers: &str| {
        format!("{name}: {{listen: 127.0.0.1:{listen}, servers: {servers}}}\n")
    };
    let servers = "expected HOST:PORT:WEIGHT [NAME], [IPV6]:PORT:WEIGHT [NAME] or \
                   /PATH:WEIGHT [NAME]";
    for (text, expected) in [
        (
            pool("a", 1, "[s:1], listne: x"),
            "1:42: unknown key \"listne\"; expected a key of a pool; did you mean \"listen\"?"
                .into(),
        ),
        (
            pool("a", 1, "[s:1]") + &pool("a", 2, "[s:1]"),
            "2:1: \"a\" is already on line 1; expected it once".into(),
        ),
        (
            pool("a", 1, "[s:1, s:1]"),
            "1:41: \"s:1\" is already on line 1; expected each server once".into(),
        ),
        (
            pool("a", 1, "[s:1]") + &pool("b", 1, "[s:1]"),
            "2:13: listen: \"127.0.0.1:1\" is already used by the pool \"a\"; expected another \
             address"
                .into(),
        ),
        (
            pool("a", 1, "[s:1:0]"),
            format!("1:36: servers: weight 0 would leave the server without keys; {servers}"),
        ),
        (
            pool("a", 1, "[s:70000:1]"),
            format!("1:36: servers: port \"70000\" is not a number from 1 to 65535; {servers}"),
        ),
        (
            pool("a", 70000, "[s:1]"),
            "1:13: listen: port \"70000\" is not a number from 1 to 65535; expected HOST:PORT, \
             or /PATH and an optional mode, such as /run/n.sock 0770"
                .into(),
        ),
        ("a:\n\tlisten: b:1\n".into(), "2:1: a tab in the indentation; expected spaces".into()),
        (
            "[".repeat(1 << 20),
            "1:17: more than 16 levels of nesting; expected POOL: {KEY: VALUE}".into(),
        ),
        (
            String::new(),
            "1:1: there is no pool; expected POOL: with its keys indented below it".into(),
        ),
    ] {
        refused(File::new(text).path(), &[&expected]);
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let expected = "2:3: the byte 0xff is not UTF-8; expected a file in UTF-8";
    refused(File::new(b"a:\n  \xff: x\n").path(), &[expected]);
    let mut binary = std::fs::read(binary()).expect("the binary");
    binary.truncate(1 << 20);
    let file = File::new(binary);
    let output = output(&["-c", file.path()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).expect("text").starts_with(file.path()));
}

#[test]
fn what_is_no_file_is_refused() {
    refused(env!("CARGO_TARGET_TMPDIR"), &[" Is a directory; expected a YAML file"]);
    refused("/nonexistent.yml", &[" No such file or directory; expected a YAML file"]);
    refused("/dev/zero", &[" longer than 16m; expected a YAML file"]);
}

#[test]
fn all_errors_are_told_in_their_order() {
    let text = "global: {verbosity: 9}
a:
  lisen: l:1
  servers: [s:0:1, s]
  timeout: soon
b: {}
";
    let servers = "expected HOST:PORT:WEIGHT [NAME], [IPV6]:PORT:WEIGHT [NAME] or \
                   /PATH:WEIGHT [NAME]";
    refused(
        File::new(text).path(),
        &[
            "1:21: verbosity: \"9\" is out of range; expected 0, 1 or 2",
            "2:1: the pool \"a\" has no listen; expected listen: HOST:PORT",
            "3:3: unknown key \"lisen\"; expected a key of a pool; did you mean \"listen\"?",
            &format!("4:13: servers: port 0 is not valid for a server; {servers}"),
            &format!("4:20: servers: \"s\" has no port; {servers}"),
            "5:12: timeout: \"soon\" is not a number; expected milliseconds from 1 to 86400000 \
             (a day)",
            "6:1: the pool \"b\" has no listen; expected listen: HOST:PORT",
            "6:1: the pool \"b\" has no servers; expected servers: and a list below it",
        ],
    );
}

/// What `-t` accepts can start: a port on all addresses and on one, if both pools share it.
#[test]
fn pools_that_overlap_start_if_they_share_the_port() {
    let port = ports::reserve();
    let pool = |name: &str, host: &str, more: &str| {
        format!("{name}: {{listen: \"{host}:{port}\", servers: [127.0.0.1:1]{more}}}\n")
    };
    let shared = ", reuseport: true";
    let both = pool("a", "127.0.0.1", shared) + &pool("b", "0.0.0.0", shared);
    let file = File::new(both);
    printed(&["-t", "-c", file.path()]);
    let process = run(&["-c", file.path()]);
    let listening = |host: &'static str| {
        let line = format!("listening on {host}:{port}");
        process.find_in_log(move |log| log.contains(&line).then_some(()))
    };
    assert!(listening("127.0.0.1").is_some() && listening("0.0.0.0").is_some());
    let one = pool("a", "127.0.0.1", shared) + &pool("b", "0.0.0.0", "");
    let expected = format!(
        "2:13: listen: \"0.0.0.0:{port}\" overlaps with \"127.0.0.1:{port}\" of the pool \"a\"; \
         expected another port, or reuseport: true in both pools"
    );
    refused(File::new(one).path(), &[&expected]);
}

#[test]
fn flags_do_not_go_with_a_file() {
    for flags in [&["-p", "1"][..], &["-s", "a:1"], &["--placement", "jump"], &["--reuseport"]] {
        let output = output(&[&["-c", EXAMPLE], flags].concat());
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        let errors = String::from_utf8(output.stderr).expect("text");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(errors.contains("cannot be used with --config"), "{errors}");
    }
}

#[test]
fn flags_are_checked_too() {
    let text = printed(&["-t", "-s", "127.0.0.1:11211", "--placement", "dalli"]);
    assert!(text.contains("  placement             dalli  (--placement)\n"), "{text}");
    let wrong = output(&["-t", "-s", "127.0.0.1:11211:0"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8(wrong.stderr).expect("text").starts_with("--servers: weight 0"));
}

/// A pool for each of these placements, in front of the same memcacheds, on a port of its own.
fn pools(memcacheds: &[Memcached], placements: &[&str]) -> (File, Vec<u16>) {
    let mut text = String::new();
    let mut listens = Vec::new();
    for placement in placements {
        let port = ports::reserve();
        listens.push(port);
        let name = placement.replace([':', '\n', ' '], "-");
        text += &format!("\"{name}\":\n  listen: 127.0.0.1:{port}\n  {placement}\n  servers:\n");
        for (number, memcached) in memcacheds.iter().enumerate() {
            text += &format!("    - {}:1 cache{number}\n", memcached.address());
        }
    }
    (File::new(text), listens)
}

#[test]
fn where_tells_who_has_a_key() {
    let memcacheds = Memcached::several(3);
    let (file, listens) = pools(&memcacheds, &["hash: md5", "placement: ketama"]);
    let process = run(&["-c", file.path()]);
    // What it tells last, when it listens on both.
    let told = |log: &str| log.contains(": placement ketama").then_some(());
    assert!(process.find_in_log(told).is_some(), "{}", process.log());
    assert!(process.log().contains(": placement twemproxy, hash: md5"), "{}", process.log());
    let keys: Vec<_> = (0..20).map(|at| format!("some:{at}:key")).collect();
    let arguments: Vec<_> = ["--where", "-c", file.path()].into_iter().collect();
    let arguments: Vec<_> = arguments.into_iter().chain(keys.iter().map(String::as_str)).collect();
    let told = printed(&arguments);
    let told: Vec<Vec<_>> = told.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(told.len(), 40, "a line for each key in each pool");
    for (pool, port) in listens.iter().enumerate() {
        let mut client = Client::connect(([127, 0, 0, 1], *port).into());
        for (at, key) in keys.iter().enumerate() {
            client.ask(format!("set {key} 0 0 1\r\nx\r\n").as_bytes(), b"STORED\r\n");
            let line = &told[at * 2 + pool];
            let home = memcacheds.iter().position(|it| it.address().to_string() == line[3]);
            let home = home.expect("an address of the file");
            assert_eq!((line[0], line[2]), (key.as_str(), format!("cache{home}").as_str()));
            assert!(line[4].parse::<u64>().is_ok(), "{line:?}");
            assert!(memcacheds[home].holds(key), "{line:?}");
            client.ask(format!("delete {key}\r\n").as_bytes(), b"DELETED\r\n");
        }
    }
}

#[test]
fn a_warning_is_in_the_log() {
    let memcached = Memcached::start();
    let server = memcached.address();
    let text = format!("a:\n  listen: 127.0.0.1:0\n  timeout: -1\n  servers: [\"{server}:1\"]\n");
    let file = File::new(text);
    let process = run(&["-c", file.path()]);
    let address = process.find_in_log(listening_on).expect("it listens");
    let warned =
        |log: &str| log.contains(":3:12: timeout: waiting without a timeout").then_some(());
    assert!(process.find_in_log(warned).is_some(), "{}", process.log());
    Client::connect(address).ask(b"set k 0 0 1\r\nx\r\n", b"STORED\r\n");
}
