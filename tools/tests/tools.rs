//! Load generator, relay and bench against a real memcached. Without one a test says so, loudly,
//! and passes.

use serde_json::Value;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;
use tools::children::{Children, Running, User, find};

const START_MAX: Duration = Duration::from_secs(10);
/// Another process may be given a port before it is used.
const TRIES_MAX: usize = 20;
const TOOLS: &str = env!("CARGO_BIN_EXE_tools");

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("nodeproxy-{name}-{}", std::process::id())))
    }

    /// Starts a program that listens on the port it is given.
    fn start(&self, words: impl Fn(SocketAddr) -> Vec<String>) -> (Running, SocketAddr) {
        let children = Children::new(self.0.clone()).expect("a folder for logs");
        for _ in 0..TRIES_MAX {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let address = free.local_addr().expect("its number");
            drop(free);
            let running = children.start("server", &words(address), User::Nobody).expect("starts");
            let is_ready = || TcpStream::connect(address).is_ok();
            if running.wait_until(START_MAX, "listen", is_ready).is_ok() {
                return (running, address);
            }
        }
        panic!("no port for {:?}", words(SocketAddr::from(([127, 0, 0, 1], 0))));
    }

    /// None, and a loud line, if memcached is not installed.
    fn memcached(&self) -> Option<(Running, SocketAddr)> {
        let Some(program) = find(Path::new("memcached")) else {
            eprintln!("SKIPPED: memcached is not installed");
            return None;
        };
        let program = program.display();
        let line = |port| format!("{program} -u nobody -l 127.0.0.1 -U 0 -p {port} -t 1");
        Some(self.start(|address| words(&line(address.port()))))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn load(line: &str, address: SocketAddr) -> Output {
    let line = format!("load {line} --json {address}");
    Command::new(TOOLS).args(line.split(' ')).output().expect("runs")
}

/// What it reports when all is right.
fn right(line: &str, address: SocketAddr) -> Value {
    let output = load(line, address);
    let (text, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{line}: {text}{errors}");
    serde_json::from_str(&text).expect("JSON")
}

const KINDS: [&str; 8] = [
    "-n 2000 -w 0",
    "-n 3000 -w 0 -c 7 -p 9 --sets 50",
    "-n 3000 -w 0 -c 3 -p 50 --sets 50 --protocol meta",
    "-n 300 -w 0 -g 40 --sets 10",
    "-n 200 -w 0 -c 4 -p 3 --sets 30 -v 100000",
    "-n 500 -w 0 -v 0",
    "-n 1000 -w 0 -r 20000 -c 5",
    "-s 0.2 -w 0.05 --cpu-of 1 -p 4",
];

#[test]
fn all_kinds_of_load_are_answered_rightly_directly_and_through_the_relay() {
    let folder = Folder::new("load");
    let Some((_memcached, direct)) = folder.memcached() else {
        return;
    };
    let (_relay, relayed) =
        folder.start(|listen| words(&format!("{TOOLS} relay {listen} {direct}")));
    for address in [direct, relayed] {
        for (number, kind) in KINDS.iter().enumerate() {
            // Each with keys of its own, because their values differ in length.
            let own = format!("-f -k 300 --key-size 20-60 --key-prefix {number}: {kind}");
            let own = own.replace("--cpu-of 1", &format!("--cpu-of {}", std::process::id()));
            let report = right(&own, address);
            let requests = report["requests"].as_u64().expect("a number");
            let asked = kind.split(' ').skip_while(|word| *word != "-n").nth(1);
            match asked {
                Some(asked) => assert_eq!(requests.to_string(), asked, "{own}"),
                None => assert!(
                    requests > 0 && report["watched"][0]["cpu_share"].is_f64(),
                    "{own}: {report}"
                ),
            }
            assert!(report["latency_us"]["p50"].as_f64() > Some(0.0), "{own}: {report}");
        }
    }
}

#[test]
fn wrong_replies_are_told_and_change_the_exit_code() {
    let folder = Folder::new("wrong");
    let Some((_memcached, address)) = folder.memcached() else {
        return;
    };
    right("-f -n 0 -k 100 -v 10", address);
    let told = |line: &str, kind: &str| {
        let output = load(line, address);
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(output.status.code(), Some(1), "{line}: {report}");
        assert_eq!(report["mistakes"][kind].as_u64(), Some(50), "{line}: {report}");
        assert!(!report["examples"].as_array().expect("a list").is_empty());
    };
    told("-n 50 -w 0 -k 100 -v 11", "wrong length");
    told("-n 50 -w 0 -k 100 -v 10 --key-prefix none:", "miss");
    right("-n 50 -w 0 -k 100 -v 10 --key-prefix none: --allow-misses", address);
    told("-n 50 -w 0 -k 1 -v 2000000 --sets 100", "error line");
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = silent.local_addr().expect("its number");
    let answering = thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut client, _) = silent.accept().expect("load connects");
        let mut line = [0; 100];
        let greeted = client.read(&mut line).expect("the greeting");
        assert!(line[..greeted].ends_with(b"\r\n"));
        client.write_all(b"END\r\n").expect("the answer");
        // Then nothing, until load goes.
        while client.read(&mut line).is_ok_and(|count| count > 0) {}
    });
    let output = load("-c 1 -p 3 -s 1 -w 0 --patience 0.3", address);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report["mistakes"]["unanswered"].as_u64(), Some(3), "{report}");
    answering.join().expect("served");
}

fn bench(line: &str, folder: &Folder) -> Output {
    let folder = folder.0.display();
    let line = format!("bench --quick {line} --folder {folder} --baseline {folder}/baseline.md");
    Command::new(TOOLS).args(line.split(' ')).output().expect("it runs")
}

#[test]
fn every_figure_is_in_the_json_and_a_run_can_be_recorded() {
    if find(Path::new("memcached")).is_none() {
        eprintln!("SKIPPED: memcached is not installed");
        return;
    }
    let folder = Folder::new("bench");
    let line = "--seconds 0.05 --peers direct,relay --only 1x1 --only mget20 --record";
    let output = bench(line, &folder);
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{table}{}", String::from_utf8_lossy(&output.stderr));
    assert!(table.contains("mget20: 50 connections"), "{table}");
    let json = fs::read(folder.0.join("results.json")).expect("written");
    let results: Value = serde_json::from_slice(&json).expect("JSON");
    for outcome in results["workloads"].as_array().expect("a list") {
        assert_eq!(outcome["failures"], Value::Array(Vec::new()), "{table}");
        for (peer, names) in outcome["peers"].as_array().expect("a list").iter().zip([
            &["rate", "memcacheds_us", "p50_us", "p99_us", "p999_us", "resident_mb"][..],
            &["rate", "memcacheds_us", "p50_us", "p99_us", "cpu_us", "resident_mb"],
        ]) {
            for figure in names {
                assert!(peer["median"][figure].as_f64() > Some(0.0), "{figure} in {peer}");
            }
        }
    }
    assert!(fs::read_to_string(folder.0.join("baseline.md")).expect("recorded").contains("sum/m"));
}

#[test]
fn a_peer_that_was_named_has_to_be_there() {
    let folder = Folder::new("bench-missing");
    let output = bench("--peers twemproxy --nutcracker /no/such/program", &folder);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("twemproxy: no program /no/such/program"), "{said}");
}
