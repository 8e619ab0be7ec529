//! Everything around the core: two clients, the backends, and time.

use super::oracle::{VALUE_BYTES_MAX, take};
use nodeproxy::buffer::RingBuf;
use nodeproxy::placement::{self, Node, Scheme};
use nodeproxy::proxy::client::{ClientId, Fillable};
use nodeproxy::proxy::close::Close;
use nodeproxy::proxy::link::LinkId;
use nodeproxy::proxy::{About, Limits, OnDown, Policy, PoolSetup, Proxy};
use nodeproxy::time::Time;

const BACKENDS: usize = 2;
const TIMEOUT: u64 = 100_000;

/// An index into the clients, or into the wires.
#[derive(Clone, Copy)]
enum Socket {
    Client(usize),
    Wire(usize),
}

/// A client: what it says and what it is told, and how much of the first is on its way.
struct Peer {
    id: ClientId,
    said: Vec<u8>,
    sent: usize,
    told: Vec<u8>,
}

/// A link, seen from its backend.
struct Wire {
    link: LinkId,
    requests: Vec<u8>,
    replies: Vec<u8>,
    open: bool,
}

pub struct World {
    now: Time,
    proxy: Proxy<Socket>,
    /// The fuzzer's, and the neighbour.
    peers: [Peer; 2],
    asked: usize,
    wires: Vec<Wire>,
    at_once: usize,
}

impl World {
    pub fn new(links: usize) -> Self {
        let about = About { memory_max: usize::MAX, ..About::default() };
        let proxy = Proxy::new(vec![setup(links)], about, 1, Time::default());
        let mut proxy = proxy.unwrap_or_else(|_| panic!("backends that can be placed on"));
        let peers = [0, 1].map(|at| Peer {
            id: proxy.open_client(0, Socket::Client(at), Time::default()),
            said: Vec::new(),
            sent: 0,
            told: Vec::new(),
        });
        let (now, wires) = (Time::default(), Vec::new());
        Self { now, proxy, peers, asked: 0, wires, at_once: usize::MAX }
    }

    pub fn say(&mut self, bytes: &[u8]) {
        self.peers[0].said.extend(bytes);
    }

    pub fn said(&self) -> &[u8] {
        &self.peers[0].said
    }

    pub fn told(&self) -> &[u8] {
        &self.peers[0].told
    }

    pub fn ask(&mut self) {
        let text = format!("mg n{} v\r\nmn\r\n", self.asked);
        self.peers[1].said.extend(text.bytes());
        self.asked += 1;
    }

    pub fn answer(&mut self, wire: usize, count: usize) {
        if let Some(wire) = self.pick(wire) {
            for _ in 0..count {
                let Some(answer) = take(&mut wire.requests) else {
                    break;
                };
                wire.replies.extend(answer);
            }
        }
    }

    pub fn babble(&mut self, wire: usize, bytes: &[u8]) {
        if let Some(wire) = self.pick(wire) {
            wire.replies.extend(bytes);
        }
    }

    pub fn hang_up(&mut self, wire: usize) {
        if let Some(wire) = self.pick(wire) {
            wire.open = false;
        }
    }

    pub fn wait(&mut self, ms: u64) {
        self.now = self.now.after(ms * 1_000);
    }

    pub fn throttle(&mut self, bytes: usize) {
        self.at_once = 1 + bytes;
    }

    fn pick(&mut self, wire: usize) -> Option<&mut Wire> {
        let count = self.wires.len();
        self.wires.get_mut(wire % count.max(1)).filter(|wire| wire.open)
    }

    pub fn tick(&mut self) {
        for (link, _) in self.proxy.take_wanted() {
            self.proxy.link_connecting(link, Socket::Wire(self.wires.len()));
            self.proxy.link_connected(link);
            let (requests, replies) = (Vec::new(), Vec::new());
            self.wires.push(Wire { link, requests, replies, open: true });
        }
        let Self { proxy, peers, wires, now, at_once, .. } = self;
        for Peer { id, said, sent, .. } in peers.iter_mut() {
            if let Some(client) = proxy.client(*id) {
                client.readiness.readable = *sent < said.len();
            }
            if let Some(from) = proxy.client_to_fill(*id) {
                *sent += feed(from, &said[*sent..], *at_once);
            }
            proxy.client_received(*id, *now);
        }
        let mut queued = Vec::new();
        proxy.take_queued(&mut queued);
        for id in queued {
            proxy.client_received(id, *now);
        }
        for Wire { link, replies, open, .. } in wires.iter_mut() {
            if let Some(it) = proxy.link(*link) {
                it.readiness.readable = !replies.is_empty();
            }
            if let Some(from) = proxy.link_to_fill(*link) {
                let count = feed(from, replies, *at_once);
                replies.drain(..count);
                proxy.link_received(*link, *now);
            }
            if !*open {
                proxy.close_link(*link, Close::Hangup, *now);
            }
        }
        proxy.expire(*now);
        self.flush();
    }

    fn flush(&mut self) {
        let Self { proxy, peers, wires, now, at_once, .. } = self;
        proxy.flush(*now, |socket: &mut Socket, output: &mut RingBuf| {
            let count = output.len().min(*at_once);
            let (first, second) = output.pieces(0..count);
            let bytes = [first, second].concat();
            match *socket {
                Socket::Wire(at) => wires[at].requests.extend(&bytes),
                Socket::Client(at) => peers[at].told.extend(&bytes),
            }
            output.consume(count);
            Ok(output.is_empty())
        });
        proxy.take_closed();
        for wire in &self.wires {
            proxy.link_writable(wire.link);
        }
        for peer in &self.peers {
            proxy.client_writable(peer.id);
        }
    }

    /// Lets all be said and answered. Before hostile backends the links end.
    pub fn settle(&mut self, honest: bool) {
        self.at_once = usize::MAX;
        let bytes: usize = self.peers.iter().map(|peer| peer.said.len()).sum();
        for round in 0..20 + bytes / 100 {
            for at in 0..self.wires.len() {
                match honest {
                    true => self.answer(at, usize::MAX),
                    false => self.hang_up(at),
                }
            }
            if !honest && round > 3 {
                self.wait(TIMEOUT / 1_000);
            }
            self.tick();
        }
    }

    /// The neighbour has got an answer for each of its questions, then its fence.
    pub fn check_neighbour(&self) {
        let told = &self.peers[1].told;
        let mut rest = &told[..];
        for _ in 0..self.asked {
            let answer = line(&mut rest);
            if let Some(len) = answer.strip_prefix(b"VA ") {
                let words: Vec<_> = len.split(|byte| *byte == b' ').collect();
                let len: usize = std::str::from_utf8(words[0]).unwrap().parse().unwrap();
                rest = &rest[len + 2..];
            }
            assert_eq!(line(&mut rest), b"MN", "{}", told.escape_ascii());
        }
        assert!(rest.is_empty(), "more than was asked for: {}", rest.escape_ascii());
    }

    /// All go; nothing is left.
    pub fn end(mut self) {
        for at in 0..self.peers.len() {
            self.proxy.close_client(self.peers[at].id, Close::Hangup);
        }
        self.proxy.stop();
        for wire in &mut self.wires {
            wire.open = false;
        }
        for _ in 0..3 {
            self.tick();
        }
        assert_eq!((self.proxy.clients_len(), self.proxy.lent_bytes()), (0, 0));
    }
}

fn line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.windows(2).position(|pair| pair == b"\r\n").expect("a whole line");
    let line = &rest[..end];
    *rest = &rest[end + 2..];
    line
}

/// What a read from a socket does.
fn feed(from: Fillable<'_, Socket>, bytes: &[u8], at_once: usize) -> usize {
    let mut left = &bytes[..bytes.len().min(at_once)];
    let mut taken = 0;
    for piece in &mut from.input.spare() {
        let (now, later) = left.split_at(piece.len().min(left.len()));
        piece[..now.len()].copy_from_slice(now);
        taken += now.len();
        left = later;
    }
    from.input.commit(taken);
    taken
}

fn setup(links: usize) -> PoolSetup {
    let node = |at| Node { host: "10.0.0.1".into(), port: 11211 + at, weight: 1, name: None };
    PoolSetup {
        name: "fuzzed".into(),
        backends: (0..BACKENDS).map(|at| format!("backend{at}")).collect(),
        links,
        policy: Policy {
            timeout: TIMEOUT,
            connect_timeout: TIMEOUT,
            probe_pause_max: 2_000_000,
            failures_max: 2,
            failed_get_is_miss: false,
            down_is_miss: false,
        },
        scheme: Scheme::new(placement::DEFAULT, &placement::Options::default()).expect("known"),
        nodes: (0..BACKENDS as u16).map(node).collect(),
        on_down: OnDown::Fail,
        client_limits: Limits { value_bytes_max: VALUE_BYTES_MAX, memory_max: 1 << 20 },
        clients_max: 0,
        idle_timeout: 0,
    }
}
