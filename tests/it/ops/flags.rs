//! The command line: what is wrong with it is said in one line, and by the exit code.

use crate::harness::client::Client;
use crate::harness::memcached::Memcached;
use crate::harness::nodeproxy::{binary, listening_on, run};
use crate::harness::ports;
use crate::harness::process::Process;
use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Output};

fn output(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).output().expect("nodeproxy starts")
}

/// Ends with this code, having said one line, with these words in it, and nothing else.
#[track_caller]
fn refused(arguments: &[&str], code: i32, words: &[&str]) {
    let mut process = run(arguments);
    let status = process.exit_status();
    let log = process.log();
    assert_eq!(status.code(), Some(code), "{arguments:?}: {log}");
    assert_eq!(log.lines().count(), 1, "{arguments:?}: not one line:\n{log}");
    for word in words {
        assert!(log.contains(word), "{arguments:?}: nothing about {word:?}: {log}");
    }
}

#[test]
fn a_wrong_flag_is_named() {
    let good = ["-s", "127.0.0.1:11211", "-p", "0"];
    for wrong in ["--bogus", "-x", "--port=x", "--servers2"] {
        let name = wrong.trim_start_matches('-').split('=').next().expect("a name");
        refused(&[&good[..2], &[wrong]].concat(), 2, &[name]);
    }
    for (flag, value) in [
        ("-p", "x"),
        ("-p", "65536"),
        ("-p", "-1"),
        ("--port", "99999"),
        ("-n", "0"),
        ("-n", "x"),
        ("--connnum", "-1"),
        ("--timeout", "0"),
        ("--timeout", "soon"),
        ("--timeout", "-5"),
    ] {
        let name = match flag {
            "-p" => "port",
            "-n" => "connnum",
            long => long.trim_start_matches('-'),
        };
        refused(&["-s", "127.0.0.1:11211", flag, value], 2, &[name, value]);
    }
    refused(&["-s", "127.0.0.1:11211", "stray"], 2, &["stray"]);
    refused(&["-s"], 2, &["s"]);
}

#[test]
fn a_key_that_is_no_text_is_not_taken_for_another() {
    let mut command = Command::new(binary());
    command.args(["--where", "-s", "a:1,b:1,c:1"]).arg(OsStr::from_bytes(b"k\xff"));
    let output = command.output().expect("nodeproxy starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let wrong = String::from_utf8(output.stderr).expect("text");
    assert!(wrong.starts_with("nodeproxy: \"k\\xFF\" is not UTF-8; expected UTF-8"), "{wrong}");
}

#[test]
fn servers_are_needed_and_checked() {
    refused(&[], 2, &["servers"]);
    for wrong in ["", ",", "127.0.0.1:11211,", "127.0.0.1:x", "127.0.0.1:70000", ":11211"] {
        refused(&["-s", wrong], 2, &["servers"]);
    }
}

#[test]
fn a_name_that_does_not_resolve_is_named() {
    refused(&["-s", "no-such-host.invalid:11211", "-p", "0"], 1, &["no-such-host.invalid"]);
    refused(
        &["-s", "127.0.0.1:11211", "-b", "no-such-host.invalid", "-p", "0"],
        1,
        &["no-such-host.invalid"],
    );
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    refused(&["-s", "127.0.0.1:11211", "-p", &port], 1, &[&format!("127.0.0.1:{port}")]);
}

#[test]
fn an_address_that_is_not_ours_is_named() {
    refused(&["-s", "127.0.0.1:11211", "-b", "192.0.2.1", "-p", "0"], 1, &["192.0.2.1"]);
}

#[test]
fn help_tells_every_flag() {
    for flag in ["-h", "--help"] {
        let output = output(&[flag]);
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stderr.is_empty(), "{flag}");
        let text = String::from_utf8(output.stdout).expect("text");
        for named in ["servers", "bind", "port", "connnum", "timeout", "verbose", "help", "version"]
        {
            assert!(text.contains(&format!("--{named}")), "nothing about --{named}:\n{text}");
        }
        assert!(text.lines().all(|line| line.len() <= 100), "a line too long:\n{text}");
    }
}

#[test]
fn version_is_one_line() {
    for flag in ["-V", "--version"] {
        let output = output(&[flag]);
        assert_eq!(output.status.code(), Some(0));
        let expected = format!("nodeproxy {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(String::from_utf8(output.stdout).expect("text"), expected);
    }
}

/// Starts, listens and serves.
#[track_caller]
fn serves(arguments: &[&str]) -> (Process, SocketAddr) {
    let process = run(arguments);
    let address = process.find_in_log(listening_on);
    let address = address.unwrap_or_else(|| panic!("{arguments:?}: {}", process.log()));
    let mut client = Client::connect(address);
    client.ask(b"set k 0 0 1\r\nx\r\nget k\r\n", b"STORED\r\nVALUE k 0 1\r\nx\r\nEND\r\n");
    (process, address)
}

#[test]
fn flags_may_be_short_or_long() {
    let memcached = Memcached::start();
    let server = memcached.address().to_string();
    let port = ports::reserve().to_string();
    let (_first, address) = serves(&["-s", &server, "-b", "127.0.0.1", "-p", &port, "-n", "2"]);
    assert_eq!(address.to_string(), format!("127.0.0.1:{port}"));
    let servers = format!("--servers={server}");
    serves(&[&servers, "--bind", "127.0.0.1", "--port=0", "--connnum", "3", "--timeout=500"]);
    serves(&["--servers", &server, "-p0", "-n3", "-v"]);
}

#[test]
fn it_listens_on_the_loopback_unless_told_otherwise() {
    let memcached = Memcached::start();
    let server = memcached.address().to_string();
    let (_process, address) = serves(&["-s", &server, "-p", "0"]);
    assert!(address.ip().is_loopback());
}

#[test]
fn servers_may_be_names() {
    let memcached = Memcached::start();
    let port = memcached.address().port();
    serves(&["-s", &format!("localhost:{port}"), "-p", "0"]);
}

#[test]
fn a_container_is_told_by_its_environment() {
    let memcached = Memcached::start();
    let servers = format!("{},not-yet.invalid:11211", memcached.address());
    let mut command = Command::new(binary());
    command.env("NODEPROXY_SERVERS", servers).env("NODEPROXY_PLACEMENT", "rendezvous");
    command.env("NODEPROXY_PORT", "0").env("NODEPROXY_COLOUR", "red");
    let process = Process::start(&mut command).expect("nodeproxy starts");
    let address = process.find_in_log(listening_on).unwrap_or_else(|| panic!("{}", process.log()));
    Client::connect(address).ask(b"version\r\n", b"VERSION 1.6.45\r\n");
    for told in [
        "cannot resolve \"not-yet.invalid\"",
        "placement rendezvous",
        "\"NODEPROXY_COLOUR\" in the environment has no effect",
    ] {
        let said = process.find_in_log(|log| log.contains(told).then_some(()));
        assert!(said.is_some(), "{told}: {}", process.log());
    }
}

#[test]
fn two_servers_are_both_used() {
    let memcacheds = Memcached::several(2);
    let servers: Vec<_> = memcacheds.iter().map(|it| it.address().to_string()).collect();
    let (_process, address) = serves(&["-s", &servers.join(","), "-p", "0"]);
    let mut client = Client::connect(address);
    for at in 0..200 {
        client.ask(format!("set key{at} 0 0 1\r\nx\r\n").as_bytes(), b"STORED\r\n");
    }
    for memcached in &memcacheds {
        let held = (0..200).filter(|at| memcached.holds(&format!("key{at}"))).count();
        assert!((20..=180).contains(&held), "{held} of 200 keys on one of two");
    }
}

#[test]
fn the_log_tells_of_the_start_and_of_no_request() {
    let memcached = Memcached::start();
    let server = memcached.address().to_string();
    let (process, address) = serves(&["-s", &server, "-p", "0"]);
    let mut client = Client::connect(address);
    for _ in 0..100 {
        client.ask(b"get k\r\n", b"VALUE k 0 1\r\nx\r\nEND\r\n");
    }
    let log = process.log();
    assert!(log.lines().count() < 10, "a line per request:\n{log}");
    assert!(log.contains(&server), "nothing about the backend:\n{log}");
}
