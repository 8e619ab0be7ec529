//! The whole core: a request comes in, goes out, is answered, and the reply goes out. All that is
//! missing of a real one is the system's part.

use divan::{Bencher, black_box};
use nodeproxy::buffer::RingBuf;
use nodeproxy::placement::{self, Node, Scheme};
use nodeproxy::proxy::client::{ClientId, Fillable};
use nodeproxy::proxy::link::LinkId;
use nodeproxy::proxy::{About, Limits, OnDown, Policy, PoolSetup, Proxy};
use nodeproxy::time::Time;
use std::fmt::Write;

const BACKENDS: u16 = 4;
const VALUE: &str = "0123456789abcdef0123456789abcdef";

#[derive(Clone, Copy)]
enum Socket {
    Client,
    Link(usize),
}

/// A client and its proxy; the backends always answer the same.
struct Bench {
    proxy: Proxy<Socket>,
    now: Time,
    client: ClientId,
    links: Vec<LinkId>,
    /// What each link is answered to the request.
    replies: Vec<Vec<u8>>,
}

#[divan::bench]
fn core_get(bencher: Bencher<'_, '_>) {
    run(bencher, "get user:12345:profile\r\n");
}

#[divan::bench]
fn core_set(bencher: Bencher<'_, '_>) {
    run(bencher, &format!("set user:12345:profile 0 0 {}\r\n{VALUE}\r\n", VALUE.len()));
}

#[divan::bench(args = [16, 128])]
fn core_pipelined_gets(bencher: Bencher<'_, '_>, count: usize) {
    let requests: String = (0..count).map(|at| format!("get user:{at}:profile\r\n")).collect();
    run(bencher, &requests);
}

#[divan::bench(args = [2, 20, 100])]
fn core_get_of_keys(bencher: Bencher<'_, '_>, count: usize) {
    let keys: String = (0..count).map(|at| format!(" user:{at}:profile")).collect();
    run(bencher, &format!("get{keys}\r\n"));
}

fn run(bencher: Bencher<'_, '_>, request: &str) {
    let mut bench = Bench::new();
    let asked = bench.ask(request.as_bytes());
    bench.replies = asked.iter().map(|requests| replies(requests)).collect();
    let owed: usize = bench.replies.iter().map(Vec::len).sum();
    let answered = bench.answer().len();
    // Of the ENDs of a get of many keys only one is left.
    assert!((1..=owed).contains(&answered), "{answered} of {owed} bytes");
    bencher.bench_local(|| {
        bench.receive(black_box(request.as_bytes()));
        bench.flush(|_, _| {});
        bench.hear();
        let mut written = 0;
        bench.flush(|_, output| written += output.len());
        assert_eq!(written, answered);
    });
}

/// What a memcached with all keys says to that.
fn replies(requests: &[u8]) -> Vec<u8> {
    let text = str::from_utf8(requests).expect("text");
    let mut replies = String::new();
    for line in text.split_terminator("\r\n") {
        if let Some(keys) = line.strip_prefix("get ") {
            for key in keys.split(' ') {
                write!(replies, "VALUE {key} 0 {}\r\n{VALUE}\r\n", VALUE.len()).expect("memory");
            }
            replies += "END\r\n";
        } else if line.starts_with("set ") {
            replies += "STORED\r\n";
        }
    }
    replies.into_bytes()
}

impl Bench {
    fn new() -> Self {
        let now = Time::default();
        let about = About { memory_max: usize::MAX, ..About::default() };
        let mut proxy = Proxy::new(vec![setup()], about, 1, now).expect("backends to place on");
        let client = proxy.open_client(0, Socket::Client, now);
        let mut links = Vec::new();
        for (id, _) in proxy.take_wanted() {
            proxy.link_connecting(id, Socket::Link(links.len()));
            proxy.link_connected(id);
            proxy.link_writable(id);
            links.push(id);
        }
        proxy.client_writable(client);
        Self { proxy, now, client, links, replies: Vec::new() }
    }

    fn receive(&mut self, request: &[u8]) {
        self.now = self.now.after(1);
        if let Some(client) = self.proxy.client(self.client) {
            client.readiness.readable = true;
        }
        feed(self.proxy.client_to_fill(self.client), request);
        self.proxy.client_received(self.client, self.now);
    }

    fn hear(&mut self) {
        for (id, reply) in self.links.iter().zip(&self.replies) {
            if !reply.is_empty() {
                if let Some(link) = self.proxy.link(*id) {
                    link.readiness.readable = true;
                }
                feed(self.proxy.link_to_fill(*id), reply);
                self.proxy.link_received(*id, self.now);
            }
        }
    }

    fn flush(&mut self, mut see: impl FnMut(Socket, &RingBuf)) {
        self.proxy.flush(self.now, |socket, output| {
            see(*socket, output);
            output.clear();
            Ok(true)
        });
    }

    /// Asks once, and returns what each backend was asked.
    fn ask(&mut self, request: &[u8]) -> Vec<Vec<u8>> {
        let mut asked = vec![Vec::new(); self.links.len()];
        self.receive(request);
        self.flush(|socket, output| {
            if let Socket::Link(at) = socket {
                let (first, second) = output.pieces(0..output.len());
                asked[at] = [first, second].concat();
            }
        });
        asked
    }

    /// The backends answer once; returns what the client is sent.
    fn answer(&mut self) -> Vec<u8> {
        let mut sent = Vec::new();
        self.hear();
        self.flush(|_, output| {
            let (first, second) = output.pieces(0..output.len());
            sent = [first, second].concat();
        });
        sent
    }
}

fn feed(from: Option<Fillable<'_, Socket>>, bytes: &[u8]) {
    let from = from.expect("it may send more");
    let mut left = bytes;
    for piece in &mut from.input.spare() {
        let (now, later) = left.split_at(left.len().min(piece.len()));
        piece[..now.len()].copy_from_slice(now);
        left = later;
    }
    from.input.commit(bytes.len());
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
        on_down: OnDown::Fail,
        client_limits: Limits { value_bytes_max: 1 << 20, memory_max: 1 << 22 },
        clients_max: 0,
        idle_timeout: 0,
    }
}
