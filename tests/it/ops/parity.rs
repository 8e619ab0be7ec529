//! Real programs store, and the proxy finds every key where they would: the quick form of what
//! `make parity` does with all of them. What is not installed is skipped, and says so.

use crate::harness::bytes::set;
use crate::harness::client::Client;
use crate::harness::file::File;
use crate::harness::memcached::Memcached;
use crate::harness::nodeproxy::{listening_on, run};
use crate::harness::ports;
use crate::harness::process::Process;
use crate::harness::wait::eventually;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};

const TWEMPROXY: [&str; 2] = ["nutcracker", "/usr/sbin/nutcracker"];
/// The last is where `make parity` puts what is not Debian's.
const PYTHON: [&str; 3] = [
    "python3",
    "/usr/bin/python3",
    concat!(env!("CARGO_MANIFEST_DIR"), "/target/parity/pymemcache/bin/python"),
];

/// Stores every line of stdin as a key and its own value, on the servers of the arguments.
const PYMEMCACHE: &str = "
import sys
from pymemcache.client.hash import HashClient
servers = [tuple(it.split(':')) for it in sys.argv[1:]]
client = HashClient([(host, int(port)) for host, port in servers], default_noreply=False)
for key in sys.stdin.read().split():
    assert client.set(key, key), key
";

const PYLIBMC: &str = "
import sys
import pylibmc
client = pylibmc.Client(sys.argv[1:], behaviors={'ketama_weighted': True})
for key in sys.stdin.read().split():
    assert client.set(key, key), key
";

/// Past the capture of the test's output: it is to be seen also when nothing fails.
fn skipped(what: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what} is not installed; `make parity` does it");
}

fn keys() -> Vec<String> {
    let several = |at| [format!("user:{at}:profile"), format!("page/{{{at}}}?x={}", at * 7919)];
    (0..100).flat_map(several).chain(["a".into(), "x".repeat(230)]).collect()
}

/// The proxy with a file of this text, told to listen on any port.
#[track_caller]
fn nodeproxy(text: &str) -> (Process, Client) {
    let file = File::new(text);
    let process = run(&["-c", file.path()]);
    let Some(address) = process.find_in_log(listening_on) else {
        panic!("nodeproxy does not say where it listens: {}", process.log());
    };
    let client = Client::connect(address);
    (process, client)
}

/// Each key is its own value.
#[track_caller]
fn assert_all_found(through: &mut Client, what: &str) {
    let keys = keys();
    let is_missed = |key: &&String| through.get(key).as_deref() != Some(key.as_bytes());
    let missed: Vec<_> = keys.iter().filter(is_missed).collect();
    assert!(missed.is_empty(), "{what}: {} of {} missed: {missed:?}", missed.len(), keys.len());
}

/// twemproxy with a file of this text, and the port that it listens on; `None` when it is missing.
fn twemproxy(text: &str, port: u16) -> Option<Process> {
    let file = File::new(text);
    let stats = ports::reserve().to_string();
    for program in TWEMPROXY {
        let mut command = Command::new(program);
        command.args(["-c", file.path(), "-a", "127.0.0.1", "-s", &stats]);
        match Process::start(&mut command) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            started => {
                let mut process = started.expect("twemproxy starts");
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                eventually("twemproxy", || {
                    assert!(process.is_running(), "twemproxy has ended: {}", process.log());
                    TcpStream::connect(address).ok()
                });
                return Some(process);
            }
        }
    }
    None
}

#[test]
fn a_file_of_twemproxys_moves_no_key() {
    let memcacheds = Memcached::several(5);
    for options in [
        "hash: fnv1a_64\n  distribution: ketama",
        "hash: murmur\n  hash_tag: \"{}\"",
        "hash: crc32a\n  distribution: modula",
    ] {
        let port = ports::reserve();
        let listen = format!("listen: 127.0.0.1:{port}");
        let mut text = format!("alpha:\n  {listen}\n  {options}\n  timeout: 4000\n  servers:\n");
        for (memcached, rest) in memcacheds.iter().zip(["1", "3", "2 second", "1 b", "5 a"]) {
            text += &format!("   - {}:{rest}\n", memcached.address());
        }
        let Some(_twemproxy) = twemproxy(&text, port) else {
            return skipped("nutcracker");
        };
        let mut client = Client::connect((Ipv4Addr::LOCALHOST, port).into());
        for key in keys() {
            client.ask(&set(&key, key.as_bytes()), b"STORED\r\n");
        }
        let (_nodeproxy, mut through) = nodeproxy(&text.replace(&listen, "listen: 127.0.0.1:0"));
        assert_all_found(&mut through, options);
        // And the other way round.
        through.ask(&set("back", options.as_bytes()), b"STORED\r\n");
        assert_eq!(client.get("back").as_deref(), Some(options.as_bytes()));
    }
}

#[test]
fn keys_of_pymemcache_stay() {
    keys_of_python_stay("pymemcache", PYMEMCACHE, "pymemcache");
}

#[test]
fn keys_of_pylibmc_stay() {
    keys_of_python_stay("pylibmc", PYLIBMC, "libmemcached-ketama");
}

fn keys_of_python_stay(library: &str, script: &str, placement: &str) {
    let imports = |python: &&str| {
        let mut command = Command::new(python);
        command.args(["-c", &format!("import {library}")]).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let Some(python) = PYTHON.into_iter().find(imports) else {
        return skipped(library);
    };
    let memcacheds = Memcached::several(5);
    let servers: Vec<_> = memcacheds.iter().map(|it| it.address().to_string()).collect();
    let mut command = Command::new(python);
    command.args(["-c", script]).args(&servers).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("python starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(keys().join("\n").as_bytes()).expect("taken");
    drop(stdin);
    let output = child.wait_with_output().expect("python ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{library}: {errors}");

    let listed: String = servers.iter().map(|it| format!("    - {it}\n")).collect();
    let pool = format!("  listen: 127.0.0.1:0\n  placement: {placement}\n  servers:\n{listed}");
    let (_nodeproxy, mut through) = nodeproxy(&format!("alpha:\n{pool}"));
    assert_all_found(&mut through, library);
}
