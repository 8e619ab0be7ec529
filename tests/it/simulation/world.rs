//! Everything around the core: clients, wires, backends, time.

use super::backend::{Store, Wire};
use super::peer::{Peer, VALUE_BYTES_MAX};
use super::rng::Rng;
use nodeproxy::hash::{self, Node, Scheme};
use nodeproxy::proxy::client::Fillable;
use nodeproxy::proxy::close::Close;
use nodeproxy::proxy::link::LinkId;
use nodeproxy::proxy::{About, Limits, OnDown, Policy, PoolSetup, Proxy};
use nodeproxy::ring::Ring;
use nodeproxy::time::Time;

const BACKENDS: usize = 3;
const PEERS_MAX: usize = 6;
const TIMEOUT: u64 = 100_000;

/// A socket of the simulation: an index into the wires, or into what clients are sent.
#[derive(Debug, Clone, Copy)]
enum Socket {
    Peer(usize),
    Wire(usize),
}

pub(super) struct World {
    rng: Rng,
    now: Time,
    proxy: Proxy<Socket>,
    peers: Vec<Peer>,
    peers_ever: usize,
    stores: Vec<Store>,
    wires: Vec<Wire>,
    links: Vec<(LinkId, usize)>,
    connecting: Vec<(LinkId, usize)>,
    /// Bytes that the proxy wrote to clients, by the clients' names.
    written: Vec<(usize, Vec<u8>)>,
    /// Nothing goes wrong any more.
    healed: bool,
    /// Nothing ever goes wrong; then nothing may fail.
    calm: bool,
    /// Keys move when a backend is down, so that old values come back.
    relaxed: bool,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let on_down = match rng.below(6) {
            0 => OnDown::Rehash,
            1 => OnDown::Gutter { pool: 1, ttl: 60 },
            _ => OnDown::Fail,
        };
        let setups = vec![setup(BACKENDS, on_down, &mut rng), setup(1, OnDown::Fail, &mut rng)];
        let relaxed = on_down != OnDown::Fail || setups[0].policy.down_is_miss;
        let calm = rng.one_in(4);
        let about = About { memory_max: usize::MAX, ..About::default() };
        let proxy = Proxy::new(setups, about, seed, Time::default());
        Self {
            proxy: proxy.expect("backends that can be placed on"),
            rng,
            relaxed,
            calm,
            now: Time::default(),
            peers: Vec::new(),
            peers_ever: 0,
            stores: (0..BACKENDS + 1).map(|_| Store::default()).collect(),
            wires: Vec::new(),
            links: Vec::new(),
            connecting: Vec::new(),
            written: Vec::new(),
            healed: false,
        }
    }

    pub(super) fn step(&mut self) {
        match self.rng.below(100) {
            0..6 if self.peers.len() < PEERS_MAX => self.connect_peer(),
            6..8 if !self.peers.is_empty() => self.lose_peer(),
            8..10 if !self.peers.is_empty() => self.end_peer(),
            10..19 if self.calm => {}
            10..13 => self.break_wire(),
            13..18 => self.now = self.now.after(self.rng.below(60_000) as u64),
            18..19 => self.now = self.now.after(self.rng.below(3_000_000) as u64),
            19..60 => self.ask(),
            _ => self.answer(),
        }
        self.tick();
    }

    /// Lets everything come to rest, and checks that nothing is left over.
    pub(super) fn finish(&mut self) {
        self.healed = true;
        for round in 0..1200 {
            if round % 6 == 0 {
                self.now = self.now.after(TIMEOUT / 4);
            }
            for at in 0..self.wires.len() {
                while self.work(at) {}
            }
            self.tick();
        }
        for peer in &self.peers {
            assert!(!peer.waits(), "questions are left open: {}", peer.state());
        }
        while !self.peers.is_empty() {
            self.lose_peer();
        }
        self.tick();
        assert_eq!(self.proxy.clients_len(), 0);
        assert_eq!(self.proxy.lent_bytes(), 0, "buffers that are left lent");
    }

    fn connect_peer(&mut self) {
        let name = self.peers_ever;
        self.peers_ever += 1;
        let id = self.proxy.open_client(0, Socket::Peer(name), self.now);
        self.peers.push(Peer::new(id, name, self.relaxed, self.calm));
    }

    fn lose_peer(&mut self) {
        let at = self.rng.below(self.peers.len());
        let peer = self.peers.swap_remove(at);
        self.proxy.close_client(peer.id, Close::Hangup);
    }

    fn end_peer(&mut self) {
        let at = self.rng.below(self.peers.len());
        self.peers[at].ended = true;
    }

    fn ask(&mut self) {
        if self.peers.is_empty() {
            return;
        }
        let at = self.rng.below(self.peers.len());
        let peer = &mut self.peers[at];
        if !peer.ended && peer.sent.len() < 100_000 {
            for _ in 0..1 + self.rng.below(6) {
                peer.ask(&mut self.rng);
            }
        }
    }

    /// A backend closes a connection, maybe in the middle of a reply, or talks nonsense.
    fn break_wire(&mut self) {
        if self.wires.is_empty() {
            return;
        }
        let at = self.rng.below(self.wires.len());
        let babbles = self.rng.one_in(4);
        let wire = &mut self.wires[at];
        if wire.closed {
            return;
        }
        if babbles {
            wire.replies.extend(b"nonsense\r\n");
        } else {
            wire.replies.truncate(self.rng.below(wire.replies.len() + 1));
            wire.closed = true;
        }
    }

    /// A backend does some of what it was asked; also on connections that the proxy has given up.
    fn answer(&mut self) {
        if self.wires.is_empty() {
            return;
        }
        let at = self.rng.below(self.wires.len());
        for _ in 0..1 + self.rng.below(8) {
            self.work(at);
        }
    }

    fn work(&mut self, at: usize) -> bool {
        let wire = &mut self.wires[at];
        !wire.closed && wire.answer_one(&mut self.stores[wire.backend])
    }

    fn tick(&mut self) {
        self.connect();
        for at in 0..self.peers.len() {
            self.fill_client(at);
        }
        let mut queued = Vec::new();
        self.proxy.take_queued(&mut queued);
        for id in queued {
            self.proxy.client_received(id, self.now);
        }
        for (id, wire) in self.links.clone() {
            self.fill_link(id, wire);
        }
        self.proxy.expire(self.now);
        self.flush();
        self.hand_out();
    }

    /// Opens some of the links that are wanted; others are refused, or hang for a while.
    fn connect(&mut self) {
        for (id, backend) in self.proxy.take_wanted() {
            if !self.healed && !self.calm && self.rng.one_in(6) {
                self.proxy.close_link(id, Close::Hangup, self.now);
                continue;
            }
            let wire = self.wires.len();
            self.wires.push(Wire { backend, ..Wire::default() });
            self.proxy.link_connecting(id, Socket::Wire(wire));
            self.connecting.push((id, wire));
        }
        for (id, wire) in std::mem::take(&mut self.connecting) {
            if !self.healed && self.rng.one_in(3) {
                self.connecting.push((id, wire));
            } else {
                self.proxy.link_connected(id);
                self.links.push((id, wire));
            }
        }
    }

    fn fill_client(&mut self, at: usize) {
        let peer = &mut self.peers[at];
        let id = peer.id;
        let Some(client) = self.proxy.client(id) else {
            return;
        };
        client.readiness.readable = !peer.sent.is_empty() || peer.ended;
        if let Some(from) = self.proxy.client_to_fill(id) {
            let most = if self.healed { usize::MAX } else { 1 + self.rng.below(3_000) };
            feed(from, &mut peer.sent, most);
            if peer.sent.is_empty() && peer.ended {
                self.proxy.client_ended(id);
            }
        }
        self.proxy.client_received(id, self.now);
    }

    fn fill_link(&mut self, id: LinkId, at: usize) {
        let wire = &mut self.wires[at];
        if let Some(link) = self.proxy.link(id) {
            link.readiness.readable = !wire.replies.is_empty();
        }
        if let Some(from) = self.proxy.link_to_fill(id) {
            let most = if self.healed { usize::MAX } else { 1 + self.rng.below(3_000) };
            feed(from, &mut wire.replies, most);
            self.proxy.link_received(id, self.now);
        }
        if wire.closed && wire.replies.is_empty() {
            self.proxy.close_link(id, Close::Hangup, self.now);
            self.links.retain(|(it, _)| *it != id);
        }
    }

    /// Sockets take all, or some, or nothing.
    fn flush(&mut self) {
        let Self { proxy, rng, wires, written, healed, .. } = self;
        proxy.flush(self.now, |socket: &mut Socket, output: &mut Ring| {
            let most = if *healed || rng.one_in(2) { usize::MAX } else { rng.below(3_000) };
            let count = output.len().min(most);
            let (first, second) = output.pieces(0..count);
            let bytes = [first, second].concat();
            match *socket {
                Socket::Wire(at) => wires[at].requests.extend(&bytes),
                Socket::Peer(name) => written.push((name, bytes)),
            }
            output.consume(count);
            Ok(output.is_empty())
        });
        proxy.take_closed();
        for (id, _) in &self.links {
            proxy.link_writable(*id);
        }
        for peer in &self.peers {
            proxy.client_writable(peer.id);
        }
    }

    fn hand_out(&mut self) {
        for (name, bytes) in std::mem::take(&mut self.written) {
            if let Some(peer) = self.peers.iter_mut().find(|peer| peer.is(name)) {
                peer.receive(&bytes);
            }
        }
        let proxy = &mut self.proxy;
        self.peers.retain(|peer| {
            let there = proxy.client(peer.id).is_some();
            if !there {
                peer.check_end();
                assert!(peer.ended && !peer.waits(), "a client was closed that is owed something");
            }
            there
        });
    }
}

fn setup(backends: usize, on_down: OnDown, rng: &mut Rng) -> PoolSetup {
    let node = |at| Node { host: "10.0.0.1".into(), port: 11211 + at, weight: 1, name: None };
    PoolSetup {
        name: "simulated".into(),
        backends: (0..backends).map(|at| format!("backend{at}")).collect(),
        links: 1 + rng.below(3),
        policy: Policy {
            timeout: TIMEOUT,
            connect_timeout: TIMEOUT,
            probe_pause_max: 2_000_000,
            failures_max: 2,
            failed_get_is_miss: false,
            down_is_miss: rng.one_in(8),
        },
        scheme: Scheme::new(hash::DEFAULT, &hash::Options::default()).expect("known"),
        nodes: (0..backends as u16).map(node).collect(),
        on_down,
        client_limits: Limits {
            value_bytes_max: VALUE_BYTES_MAX,
            memory_max: if rng.one_in(2) { 1 << 20 } else { 10_000 },
        },
        clients_max: 0,
        idle_timeout: 0,
    }
}

/// What a read from a socket does.
fn feed(from: Fillable<'_, Socket>, bytes: &mut Vec<u8>, most: usize) {
    let mut left = bytes.len().min(most);
    let mut taken = 0;
    for piece in &mut from.input.spare() {
        let count = piece.len().min(left);
        piece[..count].copy_from_slice(&bytes[taken..taken + count]);
        taken += count;
        left -= count;
    }
    from.input.commit(taken);
    bytes.drain(..taken);
}
