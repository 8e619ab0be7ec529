//! What becomes of the keys of a backend that is down: `on_down` of its pool.

use crate::harness::bytes::{assert_same, assert_server_error, hit, set, value};
use crate::harness::client::Client;
use crate::harness::core::Core;
use crate::harness::fake::FakeBackend;
use crate::harness::memcached::Memcached;
use crate::harness::nodeproxy::{Nodeproxy, pool};
use crate::harness::placement::keys_of;
use crate::harness::wait::eventually;
use nodeproxy::proxy::close::Close;
use nodeproxy::proxy::{DownSetup, Limits};
use std::time::{Duration, Instant};

/// One backend is down, `bad` was its key; another is up.
struct Case {
    proxy: Nodeproxy,
    client: Client,
    home: FakeBackend,
    other: FakeBackend,
    bad: String,
    good: String,
}

/// A pool of two with these lines, and what else the file says.
fn case(lines: &[&str], more: &str) -> Case {
    let (home, other) = (FakeBackend::start(), FakeBackend::start());
    let lines = [&["server_failure_limit: 1", "server_retry_timeout: 300"], lines].concat();
    let text = pool("cache", &[home.address(), other.address()], &lines) + more;
    let proxy = Nodeproxy::configured(&text);
    let keys = keys_of(&proxy, &[&home, &other], 1);
    let client = proxy.connect();
    let (bad, good) = (keys[0][0].clone(), keys[1][0].clone());
    let mut case = Case { proxy, client, home, other, bad, good };
    case.break_home();
    case
}

impl Case {
    fn break_home(&mut self) {
        self.home.refuse();
        self.until("down");
    }

    fn mend_home(&mut self) {
        self.home.listen();
        self.until("up");
    }

    /// Asks for the key of the home until that is so.
    fn until(&mut self, state: &str) {
        let name = format!("{}:state", self.home.address());
        eventually(state, || {
            self.client.send(format!("get {}\r\n", self.bad).as_bytes());
            self.client.reply();
            (self.proxy.stats("backends").text(&name) == state).then_some(())
        });
    }

    /// The request with the keys in the places of their names.
    fn ask(&mut self, request: &str) {
        let request = request.replace("BAD", &self.bad).replace("GOOD", &self.good);
        self.client.send(request.as_bytes());
    }

    #[track_caller]
    fn is_told(&mut self, request: &str, expected: &[u8]) {
        self.ask(request);
        assert_same(request, &self.client.reply(), expected);
    }

    #[track_caller]
    fn fails(&mut self, request: &str) {
        self.ask(request);
        assert_server_error(&self.client.line());
    }
}

const WRITES: [&str; 7] = [
    "set BAD 0 0 1\r\nx\r\n",
    "add BAD 0 0 1\r\nx\r\n",
    "append BAD 0 0 1\r\nx\r\n",
    "delete BAD\r\n",
    "incr BAD 1\r\n",
    "touch BAD 0\r\n",
    "ms BAD 1\r\nx\r\n",
];

#[test]
fn error_is_what_they_are_unless_told_otherwise() {
    for lines in [&[][..], &["on_down: error"]] {
        let mut case = case(lines, "");
        for request in [&["get BAD\r\n", "gets BAD\r\n", "mg BAD v\r\n"], &WRITES[..]].concat() {
            case.fails(request);
        }
        let hit = value(&case.good, 0, case.good.as_bytes());
        case.ask("get GOOD BAD\r\n");
        case.client.expect(&hit);
        assert_server_error(&case.client.line());
        case.client.expect_in_step();
        case.mend_home();
        let whole = crate::harness::bytes::hit(&case.bad, case.bad.as_bytes());
        case.is_told("get BAD\r\n", &whole);
    }
}

#[test]
fn miss_finds_nothing_and_writes_fail() {
    let mut case = case(&["on_down: miss"], "");
    case.is_told("get BAD\r\n", b"END\r\n");
    case.is_told("gets BAD\r\n", b"END\r\n");
    case.is_told("mg BAD v\r\n", b"EN\r\n");
    let good = hit(&case.good, case.good.as_bytes());
    case.is_told("get BAD GOOD\r\n", &good);
    for request in WRITES {
        case.fails(request);
    }
    case.client.expect_in_step();
    case.mend_home();
    let whole = hit(&case.bad, case.bad.as_bytes());
    case.is_told("get BAD\r\n", &whole);
}

/// By its own name and by twemproxy's.
#[test]
fn rehash_lets_the_others_take_them_until_it_is_back() {
    for line in ["on_down: rehash", "auto_eject_hosts: true"] {
        let mut case = case(&[line], "");
        case.is_told("get BAD\r\n", b"END\r\n");
        case.is_told("set BAD 0 0 4\r\naway\r\n", b"STORED\r\n");
        assert!(case.other.holds(&case.bad), "{line}");
        let away = hit(&case.bad, b"away");
        case.is_told("get BAD\r\n", &away);
        let good = hit(&case.good, case.good.as_bytes());
        case.is_told("get GOOD\r\n", &good);
        case.mend_home();
        let whole = hit(&case.bad, case.bad.as_bytes());
        case.is_told("get BAD\r\n", &whole);
    }
}

fn route(client: &mut Client, key: &str) -> String {
    crate::harness::stats::Stats::ask(client, &format!("route {key}")).text("backend").to_string()
}

/// twemproxy computes its ring anew from the servers that are left: it is that of a pool that never
/// had the other one. (That this ring is twemproxy's, `parity` tests.)
#[test]
fn rehash_places_keys_as_a_pool_of_those_that_are_left() {
    for distribution in ["ketama", "modula"] {
        let mut fakes: Vec<_> = (0..4).map(|_| FakeBackend::start()).collect();
        let addresses: Vec<_> = fakes.iter().map(FakeBackend::address).collect();
        let distribution = format!("distribution: {distribution}");
        let lines = [&distribution, "auto_eject_hosts: true", "server_failure_limit: 1"];
        let whole = Nodeproxy::pool(&addresses, &lines);
        let left = Nodeproxy::pool(&addresses[1..], &lines);
        let (mut client, mut other) = (whole.connect(), left.connect());
        // Keys that differ at their end only may all be on one server: twemproxy's hash is FNV-1a.
        let scatter = |at: u64| at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let keys: Vec<_> = (0..500).map(|at| format!("{:x}:key", scatter(at))).collect();
        let before: Vec<_> = keys.iter().map(|key| route(&mut client, key)).collect();
        fakes[0].refuse();
        eventually("down", || {
            for key in &keys[..50] {
                client.send(format!("get {key}\r\n").as_bytes());
                client.reply();
            }
            (whole.stats("").number("backends_up") == 3).then_some(())
        });
        let mut moved = 0;
        for (key, home) in keys.iter().zip(&before) {
            let now = route(&mut client, key);
            assert_eq!(now, route(&mut other, key), "{distribution}: {key}");
            moved += usize::from(now != *home);
        }
        let lost = before.iter().filter(|home| **home == addresses[0].to_string()).count();
        assert!(lost > 50 && moved >= lost, "{distribution}: {moved} of {lost} moved");
        assert!(distribution.ends_with("modula") || moved == lost, "more than its keys moved");
    }
}

/// Seconds that a key has left in a memcached, asked past the proxy.
#[track_caller]
fn ttl(memcached: &Memcached, key: &str) -> i64 {
    let mut client = Client::connect(memcached.address());
    client.send(format!("mg {key} t\r\n").as_bytes());
    let line = String::from_utf8(client.line()).expect("text");
    let ttl = line.trim_end().strip_prefix("HD t").unwrap_or_else(|| panic!("{key}: {line}"));
    ttl.parse().expect("seconds")
}

/// What is asked, and how long the key may live at most when the gutter keeps it for 40 s.
const KEPT: [(&str, &str, i64); 9] = [
    ("set BAD 0 0 1\r\n1\r\n", "STORED\r\n", 40),
    ("set BAD 0 3600 1\r\n1\r\n", "STORED\r\n", 40),
    ("set BAD 0 20 1\r\n1\r\n", "STORED\r\n", 20),
    ("set BAD 0 4000000000 1\r\n1\r\n", "STORED\r\n", 40),
    ("replace BAD 0 0 1\r\n1\r\n", "STORED\r\n", 40),
    ("touch BAD 1000\r\n", "TOUCHED\r\n", 40),
    ("touch BAD 10\r\n", "TOUCHED\r\n", 10),
    ("ms BAD 1\r\n1\r\n", "HD\r\n", 40),
    ("ms BAD 1 T5000\r\n1\r\n", "HD\r\n", 40),
];

#[test]
fn gutter_takes_them_into_another_pool_with_their_expiry_capped() {
    let gutter = Memcached::start();
    let more = pool("spare", &[gutter.address()], &[]);
    let mut case = case(&["on_down: {gutter: spare}", "gutter_ttl: 40"], &more);
    case.is_told("get BAD\r\n", b"END\r\n");
    for (request, reply, most) in KEPT {
        case.is_told(request, reply.as_bytes());
        let left = ttl(&gutter, &case.bad);
        assert!((most - 5..=most).contains(&left), "{request:?}: {left} s left");
    }
    let there = hit(&case.bad, b"1");
    case.is_told("get BAD\r\n", &there);
    let both = [value(&case.bad, 0, b"1"), hit(&case.good, case.good.as_bytes())].concat();
    case.is_told("get BAD GOOD\r\n", &both);
    case.is_told("set BAD 0 -1 1\r\n1\r\n", b"STORED\r\n");
    case.is_told("get BAD\r\n", b"END\r\n");
    case.is_told("set GOOD 0 0 1\r\n1\r\n", b"STORED\r\n");
    assert!(!gutter.holds(&case.good), "a key of a backend that is up");
    case.mend_home();
    let whole = hit(&case.bad, case.bad.as_bytes());
    case.is_told("get BAD\r\n", &whole);
    case.client.expect_in_step();
}

#[test]
fn gutter_keeps_for_a_minute_unless_told_otherwise_and_may_be_down_too() {
    let mut gutter = Memcached::start();
    let more = pool("spare", &[gutter.address()], &["server_failure_limit: 1"]);
    let mut case = case(&["on_down: {gutter: spare}"], &more);
    case.client.ask(&set(&case.bad, b"x"), b"STORED\r\n");
    let left = ttl(&gutter, &case.bad);
    assert!((55..=60).contains(&left), "{left} s left");
    gutter.kill();
    for _ in 0..10 {
        case.fails("get BAD\r\n");
        case.fails("set BAD 0 0 1\r\nx\r\n");
    }
    case.client.expect_in_step();
}

/// The core of a pool of so many, each of which is down after one failure.
fn rehashing(backends: u16) -> Core {
    let limits = Limits { value_bytes_max: 1 << 20, memory_max: 4 << 20 };
    Core::with(backends, limits, |setup, _| {
        setup.on_down = DownSetup::Rehash;
        setup.policy.failures_max = 1;
    })
}

/// All keys were placed anew for each backend, and for seconds nobody was served.
#[test]
fn many_backends_that_go_down_together_are_placed_around_once() {
    let mut core = rehashing(500);
    let links = core.connect();
    let client = core.client();
    for link in &links[..300] {
        core.driver.proxy.close_link(*link, Close::Silent, core.now);
    }
    let start = Instant::now();
    core.flush(true);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    for at in 0..20 {
        core.send(client, format!("delete k{at}\r\n").as_bytes());
    }
    core.flush(true);
    core.expect_client(client, b"");
}

/// That it is down was found out when keys had been placed for this tick: the requests of the next
/// one failed.
#[test]
fn keys_of_a_backend_that_fails_when_written_to_are_others_at_once() {
    let mut core = rehashing(2);
    core.connect();
    let client = core.client();
    core.send(client, b"get k\r\n");
    core.driver.net.broken = Some(Close::Silent);
    core.flush(true);
    core.driver.net.broken = None;
    let other = core.client();
    core.send(other, b"get k\r\n");
    core.flush(true);
    core.expect_client(other, b"");
}
