//! A steady request allocates nothing: the core, with virtual sockets, in front of backends that
//! answer at once. What the first requests had to allocate is used again by all that follow.

use nodeproxy::buffer::RingBuf;
use nodeproxy::placement::{self, Node, Scheme};
use nodeproxy::proxy::client::{ClientId, Fillable};
use nodeproxy::proxy::link::LinkId;
use nodeproxy::proxy::{About, Limits, OnDown, Policy, PoolSetup, Proxy};
use nodeproxy::time::Time;
use std::io::Write;

const BACKENDS: u16 = 4;
/// So often everything is asked before allocations are counted, and then while they are.
const ROUNDS_BEFORE: usize = 100;
const ROUNDS: usize = 1_000;
/// From one tick to the next, microseconds: timers go off while allocations are counted.
const TICK: u64 = 50;
const TIMEOUT: u64 = 10_000;
/// No round takes more ticks.
const TICKS_MAX: usize = 2_000;

#[derive(Debug, Clone, Copy)]
enum Socket {
    Client(usize),
    Link(usize),
}

/// The other end of a connection.
struct Peer<Id> {
    id: Id,
    /// Bytes on their way to the proxy.
    sent: Vec<u8>,
    /// Bytes from the proxy.
    received: Vec<u8>,
}

struct World {
    proxy: Proxy<Socket>,
    now: Time,
    clients: Vec<Peer<ClientId>>,
    links: Vec<Peer<LinkId>>,
    queued: Vec<ClientId>,
    backend: Backend,
    /// A read takes at most so many bytes.
    piece: usize,
}

/// What all backends know: every key but those that begin with `miss`.
#[derive(Clone, Copy)]
struct Backend {
    value_len: usize,
}

impl<Id> Peer<Id> {
    /// With so much room that it never grows.
    fn new(id: Id) -> Self {
        Self { id, sent: Vec::with_capacity(1 << 21), received: Vec::with_capacity(1 << 21) }
    }
}

impl Backend {
    /// Answers every request that is all there.
    fn answer(self, requests: &mut Vec<u8>, replies: &mut Vec<u8>) {
        let mut done = 0;
        while let Some(taken) = self.answer_one(&requests[done..], replies) {
            done += taken;
        }
        requests.drain(..done);
    }

    fn answer_one(self, requests: &[u8], replies: &mut Vec<u8>) -> Option<usize> {
        let end = requests.windows(2).position(|pair| pair == b"\r\n")?;
        let mut words = requests[..end].split(|byte| *byte == b' ');
        let verb = words.next()?;
        let reply: &[u8] = match verb {
            b"set" | b"ms" => {
                let len = words.nth(if verb == b"ms" { 1 } else { 3 }).expect("a length");
                let len: usize = str::from_utf8(len).expect("text").parse().expect("a number");
                let taken = end + 2 + len + 2;
                if requests.len() < taken {
                    return None;
                }
                replies.extend(if verb == b"ms" { &b"HD\r\n"[..] } else { b"STORED\r\n" });
                return Some(taken);
            }
            b"get" => {
                words.for_each(|key| self.value(key, replies));
                b"END\r\n"
            }
            b"mg" if words.next().is_some_and(is_known) => {
                write!(replies, "VA {}\r\n", self.value_len).expect("memory takes all");
                self.data(replies);
                b""
            }
            b"mg" => b"EN\r\n",
            b"delete" => b"DELETED\r\n",
            b"incr" => b"8\r\n",
            b"touch" => b"TOUCHED\r\n",
            _ => panic!("a backend was asked {:?}", str::from_utf8(&requests[..end])),
        };
        replies.extend(reply);
        Some(end + 2)
    }

    fn value(self, key: &[u8], replies: &mut Vec<u8>) {
        if is_known(key) {
            replies.extend(b"VALUE ");
            replies.extend(key);
            write!(replies, " 0 {}\r\n", self.value_len).expect("memory takes all");
            self.data(replies);
        }
    }

    fn data(self, replies: &mut Vec<u8>) {
        replies.resize(replies.len() + self.value_len, b'x');
        replies.extend(b"\r\n");
    }
}

fn is_known(key: &[u8]) -> bool {
    !key.starts_with(b"miss")
}

impl World {
    /// So many clients, whose links to all backends are open.
    fn new(clients: usize, value_len: usize, piece: usize) -> Self {
        let now = Time::default();
        let about = About { memory_max: usize::MAX, ..About::default() };
        let mut proxy = Proxy::new(vec![setup()], about, 1, now).expect("backends to place on");
        let mut open = |index| Peer::new(proxy.open_client(0, Socket::Client(index), now));
        let clients = (0..clients).map(&mut open).collect();
        let mut links = Vec::new();
        for (id, _) in proxy.take_wanted() {
            proxy.link_connecting(id, Socket::Link(links.len()));
            proxy.link_connected(id);
            links.push(Peer::new(id));
        }
        let backend = Backend { value_len };
        Self { proxy, now, clients, links, queued: Vec::new(), backend, piece }
    }

    /// Every client asks this, and waits for the answer.
    fn round(&mut self, request: &[u8], answer: &[u8]) {
        for client in &mut self.clients {
            client.received.clear();
            client.sent.extend(request);
        }
        for _ in 0..TICKS_MAX {
            self.tick();
            if self.clients.iter().all(|client| client.received.len() >= answer.len()) {
                break;
            }
        }
        assert!(self.clients.iter().all(|client| client.received == answer), "another answer");
    }

    fn tick(&mut self) {
        self.now = self.now.after(TICK);
        let Self { proxy, now, clients, links, queued, backend, piece } = self;
        for Peer { id, sent, .. } in clients.iter_mut() {
            if let Some(client) = proxy.client(*id) {
                client.readiness.readable = !sent.is_empty();
                client.readiness.writable = true;
            }
            if let Some(from) = proxy.client_to_fill(*id) {
                feed(from, sent, *piece);
                proxy.client_received(*id, *now);
            }
        }
        proxy.take_queued(queued);
        for id in queued.drain(..) {
            proxy.client_received(id, *now);
        }
        for Peer { id, sent, .. } in links.iter_mut() {
            if let Some(link) = proxy.link(*id) {
                link.readiness.readable = !sent.is_empty();
                link.readiness.writable = true;
            }
            if let Some(from) = proxy.link_to_fill(*id) {
                feed(from, sent, *piece);
                proxy.link_received(*id, *now);
            }
        }
        proxy.expire(*now);
        proxy.flush(*now, |socket, output: &mut RingBuf| {
            let received = match *socket {
                Socket::Client(index) => &mut clients[index].received,
                Socket::Link(index) => &mut links[index].received,
            };
            let (first, second) = output.pieces(0..output.len());
            received.extend(first);
            received.extend(second);
            output.clear();
            Ok(true)
        });
        for Peer { sent, received, .. } in links.iter_mut() {
            backend.answer(received, sent);
        }
    }
}

fn setup() -> PoolSetup {
    let node = |at| Node { host: "10.0.0.1".into(), port: 11211 + at, weight: 1, name: None };
    PoolSetup {
        name: "steady".into(),
        backends: (0..BACKENDS).map(|at| format!("backend{at}")).collect(),
        links: 1,
        policy: Policy {
            timeout: TIMEOUT,
            connect_timeout: TIMEOUT,
            probe_pause_max: 2_000_000,
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

/// What a read from a socket does.
fn feed(from: Fillable<'_, Socket>, bytes: &mut Vec<u8>, most: usize) {
    let mut taken = 0;
    for piece in &mut from.input.spare() {
        let count = piece.len().min(bytes.len() - taken).min(most - taken);
        piece[..count].copy_from_slice(&bytes[taken..taken + count]);
        taken += count;
    }
    from.input.commit(taken);
    bytes.drain(..taken);
}

/// Fails if a steady stream of this request makes the core allocate.
#[track_caller]
fn assert_steady(mut world: World, request: &str) {
    let mut answer = Vec::new();
    world.backend.answer(&mut request.as_bytes().to_vec(), &mut answer);
    for _ in 0..ROUNDS_BEFORE {
        world.round(request.as_bytes(), &answer);
    }
    let counted = allocation_counter::measure(|| {
        for _ in 0..ROUNDS {
            world.round(request.as_bytes(), &answer);
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?} for {ROUNDS} times {request:.60}");
}

fn get_of(keys: usize) -> String {
    let keys: Vec<String> = (0..keys).map(|at| format!("{}{at}", name(at))).collect();
    format!("get {}\r\n", keys.join(" "))
}

/// Every seventh key is missing.
fn name(at: usize) -> &'static str {
    if at % 7 == 6 { "missing" } else { "key" }
}

const EVERYTHING: &str = "get one\r\nset two 0 0 5\r\nvalue\r\nmg three v\r\nget missing four\r\n\
                          delete five\r\nms six 5\r\nvalue\r\nincr seven 1\r\nget missing\r\n\
                          mg missing v\r\ntouch eight 60\r\n";

const SIMPLE: [&str; 6] = [
    "get one\r\n",
    "get missing\r\n",
    "set one 0 0 5\r\nvalue\r\n",
    "mg one v\r\n",
    "mg missing v\r\n",
    "ms one 5\r\nvalue\r\n",
];

#[test]
fn steady_requests_of_one_key_allocate_nothing() {
    for request in SIMPLE {
        assert_steady(World::new(1, 32, usize::MAX), request);
        assert_steady(World::new(10, 32, usize::MAX), request);
    }
}

#[test]
fn steady_pipelines_allocate_nothing() {
    assert_steady(World::new(10, 32, usize::MAX), EVERYTHING);
    assert_steady(World::new(2, 32, usize::MAX), &EVERYTHING.repeat(30));
    for request in SIMPLE {
        assert_steady(World::new(2, 32, usize::MAX), &request.repeat(200));
    }
}

#[test]
fn steady_gets_of_many_keys_allocate_nothing() {
    for keys in [2, 20, 100, 1_000] {
        assert_steady(World::new(3, 32, usize::MAX), &get_of(keys));
    }
    assert_steady(World::new(3, 32, usize::MAX), &get_of(20).repeat(20));
}

/// What a part of a `get` keeps was given up above 8 KB.
#[test]
fn steady_gets_of_many_large_values_allocate_nothing() {
    assert_steady(World::new(3, 1_000, usize::MAX), &get_of(100));
    assert_steady(World::new(3, 10_000, usize::MAX), &get_of(20));
}

#[test]
fn steady_requests_in_pieces_allocate_nothing() {
    for piece in [7, 100] {
        assert_steady(World::new(2, 32, piece), EVERYTHING);
        assert_steady(World::new(2, 32, piece), &get_of(20));
    }
    assert_steady(World::new(2, 200, 1_460), &get_of(100));
}

#[test]
fn steady_large_values_allocate_nothing() {
    for value_len in [10_000, 100_000] {
        assert_steady(World::new(3, value_len, usize::MAX), "get one\r\n");
        assert_steady(World::new(3, value_len, usize::MAX), "mg one v\r\n");
        let value = "x".repeat(value_len);
        let set = format!("set one 0 0 {value_len}\r\n{value}\r\n");
        assert_steady(World::new(3, value_len, usize::MAX), &set);
    }
}
