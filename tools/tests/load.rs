//! The load generator and the relay against a real memcached. Without one the test says so, loudly,
//! and passes.

use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tools::bench::children::find;

const START_MAX: Duration = Duration::from_secs(10);

/// A process that ends with the test.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program that listens on the port it is given.
fn start(words: impl Fn(SocketAddr) -> Vec<String>) -> (Guard, SocketAddr) {
    let deadline = Instant::now() + START_MAX;
    while Instant::now() < deadline {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = free.local_addr().expect("its number");
        drop(free);
        let words = words(address);
        let mut command = Command::new(&words[0]);
        let child = command.args(&words[1..]).stderr(Stdio::null()).spawn().expect("starts");
        let mut guard = Guard(child);
        // If somebody else was given that port in between, it ends, and another is tried.
        while Instant::now() < deadline && guard.0.try_wait().expect("own child").is_none() {
            if TcpStream::connect(address).is_ok() {
                return (guard, address);
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
    panic!("{} does not listen", words(SocketAddr::from(([127, 0, 0, 1], 0)))[0]);
}

/// None, and a loud line, if memcached is not installed.
fn memcached() -> Option<(Guard, SocketAddr)> {
    let Some(program) = find(Path::new("memcached")) else {
        eprintln!("SKIPPED: memcached is not installed, load is not tested against it");
        return None;
    };
    let program = program.display().to_string();
    Some(start(|address| {
        let port = address.port().to_string();
        let line = [&program, "-u", "nobody", "-l", "127.0.0.1", "-U", "0", "-p", &port, "-t", "1"];
        line.map(str::to_owned).to_vec()
    }))
}

fn load(line: &str, address: SocketAddr) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_load"));
    command.args(line.split(' ')).arg("--json").arg(address.to_string()).output().expect("runs")
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
    let Some((_memcached, direct)) = memcached() else {
        return;
    };
    let relay = env!("CARGO_BIN_EXE_relay").to_owned();
    let (_relay, relayed) =
        start(|listen| vec![relay.clone(), listen.to_string(), direct.to_string()]);
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
                None => assert!(requests > 0 && report["watched"].is_object(), "{own}: {report}"),
            }
            assert!(report["latency_us"]["p50"].as_f64() > Some(0.0), "{own}: {report}");
        }
    }
}

#[test]
fn wrong_replies_are_told_and_change_the_exit_code() {
    let Some((_memcached, address)) = memcached() else {
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
