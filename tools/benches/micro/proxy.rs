//! The whole core: a request comes in, goes out, is answered, and the reply goes out. All that is
//! missing of a real one is the system's part.

use divan::{Bencher, black_box};
use nodeproxy::buffer::RingBuf;
use nodeproxy::driver::{Driver, Filled, Net, Ready};
use nodeproxy::placement::{self, Node, Scheme};
use nodeproxy::proxy::close::Close;
use nodeproxy::proxy::ids::{BackendId, ClientId, LinkId};
use nodeproxy::proxy::io::Fillable;
use nodeproxy::proxy::{About, DownSetup, Limits, Policy, PoolSetup, Proxy};
use nodeproxy::time::Time;

const BACKENDS: u16 = 4;
const VALUE: &[u8] = b"0123456789abcdef0123456789abcdef\r\n";
/// The client's socket; those of links follow.
const CLIENT: usize = 0;
/// No request takes more ticks.
const TICKS_MAX: usize = 1_000;

/// Sockets that take and give all there is.
#[derive(Default)]
struct Sockets {
    ends: Vec<End>,
    links: Vec<LinkId>,
}

/// The far end of a socket: bytes on their way to the proxy, and from it.
#[derive(Default)]
struct End {
    sent: Vec<u8>,
    received: Vec<u8>,
}

/// A client and its proxy, before backends that have every key.
struct Bench {
    driver: Driver<Sockets>,
    now: Time,
    client: ClientId,
}

#[divan::bench]
fn core_get(bencher: Bencher<'_, '_>) {
    run(bencher, b"get user:12345:profile\r\n");
}

#[divan::bench]
fn core_set(bencher: Bencher<'_, '_>) {
    run(bencher, &[b"set user:12345:profile 0 0 32\r\n", VALUE].concat());
}

#[divan::bench(args = [16, 128])]
fn core_pipelined_gets(bencher: Bencher<'_, '_>, count: usize) {
    let requests: String = (0..count).map(|at| format!("get user:{at}:profile\r\n")).collect();
    run(bencher, requests.as_bytes());
}

#[divan::bench(args = [2, 20, 100])]
fn core_get_of_keys(bencher: Bencher<'_, '_>, count: usize) {
    let keys: String = (0..count).map(|at| format!(" user:{at}:profile")).collect();
    run(bencher, format!("get{keys}\r\n").as_bytes());
}

fn run(bencher: Bencher<'_, '_>, request: &[u8]) {
    let mut bench = Bench::new();
    let mut expected = Vec::new();
    answer(&mut request.to_vec(), &mut expected);
    bench.ask(request, expected.len());
    assert_eq!(bench.told().escape_ascii().to_string(), expected.escape_ascii().to_string());
    bencher.bench_local(|| {
        bench.ask(black_box(request), expected.len());
        assert_eq!(bench.told().len(), expected.len());
    });
}

/// Answers whole requests as a memcached with all keys does. What that takes is measured too.
fn answer(requests: &mut Vec<u8>, replies: &mut Vec<u8>) {
    for line in requests.split_inclusive(|byte| *byte == b'\n') {
        if let Some(keys) = line.strip_prefix(b"get ") {
            for key in keys.trim_ascii_end().split(|byte| *byte == b' ') {
                for piece in [b"VALUE ", key, b" 0 32\r\n", VALUE] {
                    replies.extend_from_slice(piece);
                }
            }
            replies.extend_from_slice(b"END\r\n");
        } else if line == VALUE {
            replies.extend_from_slice(b"STORED\r\n");
        }
    }
    requests.clear();
}

impl Bench {
    fn new() -> Self {
        let now = Time::default();
        let about = About { memory_max: usize::MAX, ..About::default() };
        let mut proxy = Proxy::new(vec![setup()], about, 1, now).expect("backends to place on");
        let client = proxy.open_client(proxy.pool_ids()[0], CLIENT, now);
        let net = Sockets { ends: vec![End::default()], links: Vec::new() };
        let mut bench = Self { driver: Driver::new(proxy, net), now, client };
        let writable = Ready { writable: true, ..Ready::default() };
        bench.driver.client_ready(client, writable, now);
        bench.driver.advance(now);
        for id in bench.driver.net.links.clone() {
            bench.driver.link_ready(id, writable, now);
        }
        bench
    }

    /// Asks, and lets everybody do their part until the client has been sent so many bytes.
    fn ask(&mut self, request: &[u8], expected: usize) {
        let client = &mut self.driver.net.ends[CLIENT];
        client.received.clear();
        client.sent.extend_from_slice(request);
        for _ in 0..TICKS_MAX {
            self.tick();
            if self.told().len() >= expected {
                return;
            }
        }
    }

    fn told(&self) -> &[u8] {
        &self.driver.net.ends[CLIENT].received
    }

    fn tick(&mut self) {
        self.now = self.now.after(1);
        let Self { driver, now, client } = self;
        let readable = Ready { readable: true, ..Ready::default() };
        if !driver.net.ends[CLIENT].sent.is_empty() {
            driver.client_ready(*client, readable, *now);
        }
        for at in 0..driver.net.links.len() {
            let End { sent, received } = &mut driver.net.ends[1 + at];
            answer(received, sent);
            if !sent.is_empty() {
                driver.link_ready(driver.net.links[at], readable, *now);
            }
        }
        driver.advance(*now);
        driver.flush(*now);
    }
}

impl Net for Sockets {
    type Socket = usize;

    fn fill(&mut self, from: Fillable<'_, usize>) -> Result<Filled, Close> {
        let sent = &mut self.ends[*from.socket].sent;
        let mut taken = 0;
        for piece in &mut from.input.spare() {
            let count = piece.len().min(sent.len() - taken);
            piece[..count].copy_from_slice(&sent[taken..taken + count]);
            taken += count;
        }
        from.input.commit(taken);
        sent.drain(..taken);
        from.readiness.readable = !sent.is_empty();
        Ok(Filled::Open)
    }

    fn spill(&mut self, socket: &mut usize, output: &mut RingBuf) -> Result<bool, Close> {
        let (first, second) = output.pieces(0..output.len());
        self.ends[*socket].received.extend_from_slice(first);
        self.ends[*socket].received.extend_from_slice(second);
        output.clear();
        Ok(true)
    }

    fn connect(&mut self, id: LinkId, _: BackendId, _: Time) -> Result<usize, Close> {
        self.links.push(id);
        self.ends.push(End::default());
        Ok(self.links.len())
    }

    fn is_connected(&mut self, _: &usize) -> Result<bool, Close> {
        Ok(true)
    }

    fn take_error(&mut self, _: &usize) -> Option<Close> {
        None
    }

    fn unreached(&mut self, _: BackendId) {}

    fn drop_closed(&mut self, _: Vec<usize>) {}
}

fn setup() -> PoolSetup {
    let node = |at| Node { host: "10.0.0.1".into(), port: 11211 + at, weight: 1, name: None };
    PoolSetup {
        name: "bench".into(),
        backends: (0..BACKENDS).map(|at| format!("backend{at}")).collect(),
        links: 1,
        policy: Policy {
            timeout: 1_000_000,
            connect_timeout: 1_000_000,
            probe_pause_max: 30_000_000,
            failures_max: 2,
            failed_get_is_miss: false,
            down_is_miss: false,
        },
        scheme: Scheme::new(placement::DEFAULT, &placement::Options::default()).expect("known"),
        nodes: (0..BACKENDS).map(node).collect(),
        on_down: DownSetup::Fail,
        client_limits: Limits { value_bytes_max: 1 << 20, memory_max: 1 << 22 },
        clients_max: 0,
        idle_timeout: 0,
        settings: Vec::new(),
    }
}
