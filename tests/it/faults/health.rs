//! When a backend is asked, when it is not, and who finds out that it is back.

use crate::harness::bytes::{assert_server_error, hit, is_server_error, set, shown};
use crate::harness::client::Client;
use crate::harness::core::{Core, TIMEOUT};
use crate::harness::fake::{Act, Asked, FakeBackend};
use crate::harness::memcached::Memcached;
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::parallel::at_once;
use crate::harness::ports::Blackhole;
use crate::harness::wait::eventually;
use nodeproxy::proxy::Limits;
use std::fs;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What a busy machine may add to a time.
const SLACK: Duration = Duration::from_millis(900);

type Plan = fn(&Asked) -> Act;

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn is_up(proxy: &Nodeproxy, backend: SocketAddr) -> bool {
    proxy.stats("backends").text(&format!("{backend}:state")) == "up"
}

fn downs(proxy: &Nodeproxy, backend: SocketAddr) -> u64 {
    proxy.stats("backends").number(&format!("{backend}:downs"))
}

/// Closes the connection in place of an answer.
fn hangs_up(_: &Asked) -> Act {
    Act::CloseAfter(0)
}

#[track_caller]
fn fails(client: &mut Client, request: &str) {
    client.send(request.as_bytes());
    assert_server_error(&client.line());
}

#[track_caller]
fn assert_between(what: &str, took: Duration, least: Duration, most: Duration) {
    assert!(took >= least && took <= most, "{what}: {took:?}, not {least:?} to {most:?}");
}

#[test]
fn connecting_has_a_timeout_of_its_own() {
    let cases = [
        ("timeout: 20000", "connect_timeout: 400", 0, "SERVER_ERROR backend down\r\n"),
        ("timeout: 400", "connect_timeout: 20000", 390, "SERVER_ERROR backend timed out\r\n"),
    ];
    at_once(cases, |(timeout, connect_timeout, least, error)| {
        let blackhole = Blackhole::open();
        let lines = [timeout, connect_timeout, "server_failure_limit: 1000"];
        let proxy = Nodeproxy::pool(&[blackhole.address()], &lines);
        let mut client = proxy.connect();
        for request in ["get k\r\n", "set k 0 0 1\r\nx\r\n"] {
            let start = Instant::now();
            client.ask(request.as_bytes(), error.as_bytes());
            assert_between(timeout, start.elapsed(), ms(least), ms(400) + SLACK);
        }
    });
}

/// The first connection never answers, as where a firewall has forgotten it: another one shows that
/// the memcached is well. Reads are asked again there; a write may have been done, and fails.
#[test]
fn a_silent_link_is_replaced_and_no_write_is_sent_twice() {
    let backend = FakeBackend::with(|asked| match asked.connection {
        0 => Act::Mute,
        _ => Act::Answer,
    });
    let lines = ["timeout: 300", "server_failure_limit: 1000"];
    let proxy = Nodeproxy::pool(&[backend.address()], &lines);
    let mut clients = [proxy.connect(), proxy.connect()];
    let start = Instant::now();
    clients[0].send(b"incr n 1\r\nget a\r\n");
    backend.wait_for("get", 1);
    clients[1].send(b"get b\r\n");
    backend.wait_for("get", 2);
    assert_eq!(clients[0].line(), b"SERVER_ERROR backend lost\r\n");
    clients[0].expect(b"END\r\n");
    clients[1].expect(b"END\r\n");
    assert_between("replaced", start.elapsed(), ms(145), ms(150) + SLACK);
    eventually("the end of the first", || (backend.connected() == 1).then_some(()));
    assert_eq!(backend.accepted(), 2);
    for client in &mut clients {
        client
            .ask(b"set k 0 0 1\r\nx\r\nget k\r\n", &[b"STORED\r\n", &hit("k", b"x")[..]].concat());
        client.expect_in_step();
    }
    assert_eq!((backend.count("incr"), backend.count("get")), (1, 6), "sent twice");
    assert_eq!(downs(&proxy, backend.address()), 0);
}

/// As long as it says something a link is not silent, late as it is; and what it says late is
/// skipped.
#[test]
fn a_link_that_is_late_and_not_silent_is_kept() {
    let backend = FakeBackend::with(|asked| match asked.key().as_str() {
        "slow" => Act::After(ms(100)),
        _ => Act::Answer,
    });
    let lines = ["timeout: 250", "server_failure_limit: 1000"];
    let proxy = Nodeproxy::pool(&[backend.address()], &lines);
    let (mut slow, mut quick) = (proxy.connect(), proxy.connect());
    quick.ask(&set("k", b"quick"), b"STORED\r\n");
    quick.ask(&set("slower", b"other"), b"STORED\r\n");
    for _ in 0..4 {
        slow.send(&b"delete slow\r\n".repeat(4));
        slow.expect(b"NOT_FOUND\r\nNOT_FOUND\r\n");
        assert_server_error(&slow.line());
        assert_server_error(&slow.line());
        // In time by its own deadline, behind the late answer that is skipped.
        quick.ask(
            b"get k\r\nget slower\r\n",
            &[hit("k", b"quick"), hit("slower", b"other")].concat(),
        );
    }
    assert_eq!(backend.accepted(), 1);
    slow.expect_in_step();
    quick.expect_in_step();
}

/// The ways to fail, and what `timeout` lets the test see them soon.
#[test]
fn failures_in_a_row_make_it_down_and_then_requests_fail_at_once() {
    let garbage = |_: &Asked| Act::Say(b"garbage\r\n".to_vec());
    let cases: [(&str, Plan); 4] = [
        ("timeout: 200", |_| Act::Mute),
        ("timeout: 30000", garbage),
        ("timeout: 30001", hangs_up),
        ("timeout: 30002", |_| Act::CloseAfter(2)),
    ];
    at_once(cases, |(timeout, plan)| {
        let backend = FakeBackend::start();
        let lines = [timeout, "server_failure_limit: 3"];
        let proxy = Nodeproxy::pool(&[backend.address()], &lines);
        let mut client = proxy.connect();
        client.ask(b"get k\r\n", b"END\r\n");
        backend.plan(plan);
        for _ in 0..3 {
            assert!(is_up(&proxy, backend.address()), "{timeout}: down too soon");
            fails(&mut client, "get k\r\n");
        }
        eventually("down", || (!is_up(&proxy, backend.address())).then_some(()));
        let asked = backend.count("get");
        let start = Instant::now();
        for _ in 0..100 {
            client.ask(b"get k\r\n", b"SERVER_ERROR backend down\r\n");
        }
        // One of them would have waited for 200 ms at least.
        assert!(start.elapsed() < ms(190) + SLACK, "{timeout}: {:?}", start.elapsed());
        assert_eq!(backend.count("get"), asked, "{timeout}: asked while down");
    });
}

#[test]
fn a_backend_that_refuses_is_down_as_soon_as_it_is_asked() {
    let mut backend = FakeBackend::start();
    let lines = ["timeout: 30000", "connect_timeout: 30000"];
    let proxy = Nodeproxy::pool(&[backend.address()], &lines);
    let mut client = proxy.connect();
    client.ask(b"get k\r\n", b"END\r\n");
    backend.refuse();
    let start = Instant::now();
    for _ in 0..100 {
        fails(&mut client, "get k\r\n");
    }
    assert!(start.elapsed() < SLACK, "{:?}", start.elapsed());
    assert_eq!(downs(&proxy, backend.address()), 1);
}

/// Every answer was late, and each late answer took back the failure that it had been.
#[test]
fn a_backend_that_answers_everything_late_is_down() {
    let backend = FakeBackend::with(|_| Act::After(ms(350)));
    let proxy = Nodeproxy::pool(&[backend.address()], &["timeout: 150"]);
    let mut client = proxy.connect();
    for at in 1..=2 {
        fails(&mut client, "get k\r\n");
        // What comes behind it on the link has been waited for.
        let behind = ms(350 * at);
        eventually("the late answer", || {
            (backend.asked().first().is_some_and(|it| it.at.elapsed() > behind)).then_some(())
        });
    }
    eventually("down", || (!is_up(&proxy, backend.address())).then_some(()));
}

#[test]
fn an_answer_between_failures_keeps_it_up() {
    let backend = FakeBackend::with(|asked| match asked.key().as_str() {
        "bad" => Act::CloseAfter(0),
        _ => Act::Answer,
    });
    let proxy = Nodeproxy::pool(&[backend.address()], &["server_failure_limit: 2"]);
    let mut client = proxy.connect();
    for _ in 0..10 {
        fails(&mut client, "get bad\r\n");
        client.ask(b"get k\r\n", b"END\r\n");
    }
    assert_eq!(downs(&proxy, backend.address()), 0);
}

#[test]
fn failures_are_counted_over_all_links_of_a_backend() {
    let backend = FakeBackend::with(hangs_up);
    let lines = ["server_failure_limit: 4", "server_connections: 4"];
    let proxy = Nodeproxy::pool(&[backend.address()], &lines);
    eventually("all links", || (backend.accepted() == 4).then_some(()));
    // Clients in a row have different links.
    let mut clients: Vec<_> = (0..4).map(|_| proxy.connect()).collect();
    for client in &mut clients {
        assert!(is_up(&proxy, backend.address()));
        // A client of `stats` has been there since.
        fails(client, "get k\r\n");
    }
    let links: Vec<_> = backend.asked().iter().map(|it| it.connection).collect();
    assert_eq!(links.len(), 4, "{links:?}");
    assert!(!is_up(&proxy, backend.address()));
    assert_eq!(downs(&proxy, backend.address()), 1);
}

/// One failure would make it down.
#[test]
fn what_is_no_failure_is_not_counted() {
    const ERRORS: [&[u8]; 3] = [
        b"SERVER_ERROR out of memory storing object\r\n",
        b"SERVER_ERROR out of memory\r\n",
        b"SERVER_ERROR object too large for cache\r\n",
    ];
    let backend = FakeBackend::with(|asked| match asked.key().parse::<usize>() {
        Ok(number) => Act::Say(ERRORS[number].to_vec()),
        Err(_) => Act::Answer,
    });
    let proxy = Nodeproxy::pool(&[backend.address()], &["server_failure_limit: 1"]);
    let mut client = proxy.connect();
    for round in 0..10 {
        for (number, error) in ERRORS.iter().enumerate() {
            client.ask(format!("incr {number} 1\r\n").as_bytes(), error);
            client.ask(format!("set {number} 0 0 1\r\nx\r\n").as_bytes(), error);
        }
        client.ask(b"get k\r\n", b"END\r\n");
        let before = backend.accepted();
        backend.hang_up();
        eventually("no link", || (backend.connected() < before || round == 0).then_some(()));
        client.ask(b"get k\r\n", b"END\r\n");
    }
    assert_eq!(downs(&proxy, backend.address()), 0);
}

/// Clients ask all the time, and are answered at once; the backend sees nothing but probes, after
/// 1 s, 1.5 s and 2.25 s, each with a tenth of chance.
#[test]
fn only_probes_reach_a_backend_that_is_down_and_ever_more_slowly() {
    let backend = FakeBackend::with(hangs_up);
    let proxy = Nodeproxy::pool(&[backend.address()], &["server_failure_limit: 1"]);
    let mut client = proxy.connect();
    fails(&mut client, "get k\r\n");
    let mut moments = vec![Instant::now()];
    let mut answered = 0;
    while backend.count("version") < 3 {
        assert!(moments[0].elapsed() < ms(9_000), "probes do not come");
        client.ask(b"get k\r\nset k 0 0 1\r\nx\r\n", &b"SERVER_ERROR backend down\r\n".repeat(2));
        answered += 2;
        std::thread::sleep(ms(1));
    }
    let asked = backend.asked();
    assert_eq!(asked[0].line, b"get k");
    assert!(asked[1..].iter().all(|it| it.line == b"version"), "a client's request was the probe");
    moments.extend(asked[1..].iter().map(|it| it.at));
    for (pause, pair) in [1_000, 1_500, 2_250].into_iter().zip(moments.windows(2)) {
        let most = ms(pause + pause / 10) + SLACK / 2;
        assert_between("a pause", pair[1] - pair[0], ms(pause - 30), most);
    }
    assert!(answered > 500, "{answered} requests were answered meanwhile");
    client.expect_in_step();
}

/// Many proxies lose one backend at the same moment; without chance they would all probe it at the
/// same moment too. Eight pauses within 20 ms of a possible 100 are a chance of one in 10,000.
#[test]
fn the_probes_of_many_proxies_are_spread() {
    let pauses = Mutex::new(Vec::new());
    at_once(0..8, |_| {
        let backend = FakeBackend::with(hangs_up);
        let proxy = Nodeproxy::pool(&[backend.address()], &["server_failure_limit: 1"]);
        fails(&mut proxy.connect(), "get k\r\n");
        let down = backend.asked()[0].at;
        backend.wait_for("version", 1);
        pauses.lock().expect("pauses").push(backend.asked()[1].at - down);
    });
    let pauses = pauses.into_inner().expect("pauses");
    let spread = *pauses.iter().max().expect("8") - *pauses.iter().min().expect("8");
    assert!(spread >= ms(20), "{pauses:?}");
}

#[test]
fn a_backend_that_flaps_comes_back_ever_more_slowly() {
    let backend = FakeBackend::with(|asked| match asked.verb() {
        b"get" => Act::CloseAfter(0),
        _ => Act::Answer,
    });
    let proxy = Nodeproxy::pool(&[backend.address()], &["server_failure_limit: 1"]);
    let mut client = proxy.connect();
    for pause in [1_000, 1_500, 2_250] {
        client.ask(&set("k", b"up"), b"STORED\r\n");
        fails(&mut client, "get k\r\n");
        let start = Instant::now();
        eventually("up again", || {
            client.send(&set("k", b"up"));
            let reply = client.line();
            assert!(reply == b"STORED\r\n" || is_server_error(&reply), "{}", shown(&reply));
            std::thread::sleep(ms(2));
            (reply == b"STORED\r\n").then_some(())
        });
        let most = ms(pause + pause / 10) + SLACK / 2;
        assert_between("the way back", start.elapsed(), ms(pause - 30), most);
    }
    assert_eq!(downs(&proxy, backend.address()), 3);
}

#[test]
fn an_idle_link_may_be_closed_at_any_time_without_a_client_noticing() {
    let backend = FakeBackend::start();
    let proxy = Nodeproxy::pool(&[backend.address()], &["server_failure_limit: 1"]);
    let mut client = proxy.connect();
    client.ask(&set("k", b"v"), b"STORED\r\n");
    for _ in 0..200 {
        backend.hang_up();
        client.ask(b"get k\r\n", &hit("k", b"v"));
    }
    assert!(backend.accepted() > 20, "{}", backend.accepted());
    assert_eq!(downs(&proxy, backend.address()), 0);
}

/// The same by a real memcached that closes what is idle for a second.
#[test]
fn a_memcached_that_kicks_idle_connections_is_not_noticed() {
    let memcached = Memcached::with(&["-o", "idle_timeout=1"]);
    let proxy = Nodeproxy::pool(&[memcached.address()], &["server_failure_limit: 1"]);
    let mut client = proxy.connect();
    client.ask(&set("k", b"v"), b"STORED\r\n");
    let mut past = Client::connect(memcached.address());
    eventually("a kick", || {
        past.send(b"stats\r\n");
        let mut kicked = false;
        loop {
            let line = past.line();
            kicked |= line.starts_with(b"STAT idle_kicks ") && !line.ends_with(b" 0\r\n");
            if line == b"END\r\n" {
                std::thread::sleep(ms(20));
                return kicked.then_some(());
            }
        }
    });
    client.ask(b"get k\r\n", &hit("k", b"v"));
    assert_eq!(downs(&proxy, memcached.address()), 0);
}

/// The kernel's own table tells which timer a connection has; 2 is keepalive.
#[test]
fn links_have_tcp_keepalive() {
    let backend = FakeBackend::start();
    let proxy = Nodeproxy::pool(&[backend.address()], &[]);
    proxy.connect().ask(&set("k", b"v"), b"STORED\r\n");
    let to = format!("0100007F:{:04X}", backend.address().port());
    eventually("a keepalive timer", || {
        let table = fs::read_to_string("/proc/net/tcp").expect("Linux");
        let words = |line: &str| line.split_whitespace().map(String::from).collect::<Vec<_>>();
        let mut links = table.lines().map(words).filter(|words| words.get(2) == Some(&to));
        links.next().is_some_and(|words| words[5].starts_with("02:")).then_some(())
    });
}

/// A host of two addresses, the first of which answers nothing, was never reached by the second.
#[test]
fn who_cannot_be_connected_to_in_time_is_tried_elsewhere() {
    let mut core = Core::new(3, Limits { value_bytes_max: 1 << 20, memory_max: 4 << 20 });
    let links = core.begin_to_connect();
    core.connected(links[0]);
    core.connected(links[2]);
    core.pass(TIMEOUT);
    let second = core.driver.proxy.members(core.driver.proxy.pool_ids()[0])[1];
    assert_eq!(core.driver.net.unreached, [second]);
}
