//! At the limit of open files it serves those it has, rests, and takes more when some have left.

use crate::harness::bytes::{hit, set};
use crate::harness::client::Client;
use crate::harness::file::File;
use crate::harness::memcached::Memcached;
use crate::harness::nodeproxy::{Nodeproxy, pool, shell};
use crate::harness::wait::eventually;
use std::fs;
use std::thread;
use std::time::Duration;

/// More than fit below 64 descriptors.
const CLIENTS: usize = 90;

/// The clients that were answered, and those that still wait.
fn crowd(proxy: &Nodeproxy) -> (Vec<Client>, Vec<Client>) {
    let mut served = Vec::new();
    let mut waiting = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = proxy.connect();
        client.send(b"get k\r\n");
        // Once one waits, those that came later wait too.
        let limit = Duration::from_millis(if waiting.is_empty() { 2_000 } else { 1 });
        match client.is_told(&hit("k", b"v"), limit) {
            true => served.push(client),
            false => waiting.push(client),
        }
    }
    (served, waiting)
}

#[test]
fn more_clients_than_descriptors_are_refused_of_flags_and_told_of_a_file() {
    let told = "1000 is more than the 45 for which the limit of open files, 64, has room; \
                expected at most that, or a higher limit";
    let limited = |arguments: &[&str]| {
        let mut command = shell("ulimit -n 64");
        command.args(arguments).output().expect("nodeproxy starts")
    };
    let flags = ["-s", "127.0.0.1:1", "-p", "0", "--client-connections"];
    let refused = limited(&[&flags[..], &["1000"]].concat());
    assert_eq!(refused.status.code(), Some(2));
    let errors = String::from_utf8(refused.stderr).expect("text");
    assert!(errors.contains(&format!("--client-connections: {told}")), "{errors}");
    assert_eq!(limited(&[&["-t"], &flags[..], &["45"]].concat()).status.code(), Some(0));
    let file = File::new(pool("a", &[([127, 0, 0, 1], 1).into()], &["client_connections: 1000"]));
    let warned = limited(&["-t", "-c", file.path()]);
    assert_eq!(warned.status.code(), Some(0));
    let text = String::from_utf8(warned.stdout).expect("text");
    assert!(text.contains(&format!("warning: pool a: client_connections: {told}")), "{text}");
}

#[test]
fn at_the_limit_it_serves_those_it_has_and_rests() {
    let memcached = Memcached::start();
    let mut proxy = Nodeproxy::before(&[memcached.address()]).after("ulimit -n 64").start();
    proxy.connect().ask(&set("k", b"v"), b"STORED\r\n");
    let (mut served, mut waiting) = crowd(&proxy);
    assert!((40..64).contains(&served.len()), "{} clients served", served.len());
    for client in &mut served {
        client.ask(b"get k\r\n", &hit("k", b"v"));
    }
    let before = proxy.process().cpu_ticks();
    thread::sleep(Duration::from_secs(1));
    let used = proxy.process().cpu_ticks() - before;
    assert!(used < 5, "{used} % of a processor used while resting");
    for client in &mut served {
        client.ask(b"get k\r\n", &hit("k", b"v"));
    }
    let room = served.len() / 2;
    drop(served.split_off(room));
    // They wait in the order in which they came.
    let mut later = waiting.split_off(room / 2);
    for client in &mut waiting {
        client.expect(&hit("k", b"v"));
    }
    for client in &mut served {
        client.ask(b"get k\r\n", &hit("k", b"v"));
    }
    drop((waiting, served));
    for client in &mut later {
        client.expect(&hit("k", b"v"));
    }
    assert!(proxy.process().is_running());
}

#[test]
fn a_lost_backend_comes_back_though_clients_fill_the_limit() {
    let mut memcached = Memcached::start();
    let proxy = Nodeproxy::before(&[memcached.address()]).after("ulimit -n 64").start();
    proxy.connect().ask(&set("k", b"v"), b"STORED\r\n");
    let (mut served, _waiting) = crowd(&proxy);
    memcached.restart();
    let client = &mut served[0];
    eventually("the backend again", || {
        client.send(&set("k", b"v"));
        (client.line() == b"STORED\r\n").then_some(())
    });
}

#[test]
fn the_soft_limit_is_raised_to_the_hard_one() {
    let memcached = Memcached::start();
    let mut proxy = Nodeproxy::before(&[memcached.address()])
        .after("ulimit -S -n 64 && ulimit -H -n 500")
        .start();
    let limits = format!("/proc/{}/limits", proxy.process().id());
    let limits = fs::read_to_string(limits).expect("running");
    let line = limits.lines().find(|it| it.starts_with("Max open files")).expect("the line");
    assert_eq!(line.split_whitespace().nth(3), Some("500"), "{line}");
    proxy.connect().ask(&set("k", b"v"), b"STORED\r\n");
    let (served, waiting) = crowd(&proxy);
    assert_eq!((served.len(), waiting.len()), (CLIENTS, 0));
}
