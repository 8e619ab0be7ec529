//! Everything around the core: two clients, the backends, and time. The sockets and the tick are
//! those of the tests.

#[path = "../../it/harness/sockets.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod sockets;

use super::oracle::{VALUE_BYTES_MAX, take};
use nodeproxy::driver::Driver;
use nodeproxy::placement::{self, Node, Scheme};
use nodeproxy::proxy::close::Close;
use nodeproxy::proxy::ids::ClientId;
use nodeproxy::proxy::{About, DownSetup, Limits, Policy, PoolSetup, Proxy};
use nodeproxy::time::Time;
use sockets::{End, Peer, Sockets};

const BACKENDS: usize = 2;
const TIMEOUT: u64 = 100_000;

/// A client, and all that it has said.
struct Client {
    id: ClientId,
    socket: usize,
    said: Vec<u8>,
}

pub struct World {
    now: Time,
    driver: Driver<Sockets>,
    /// The fuzzer's, and the neighbour.
    clients: [Client; 2],
    asked: usize,
}

impl World {
    pub fn new(links: usize) -> Self {
        let about = About { memory_max: usize::MAX, ..About::default() };
        let proxy = Proxy::new(vec![setup(links)], about, 1, Time::default());
        let proxy = proxy.unwrap_or_else(|_| panic!("backends that can be placed on"));
        let mut driver = Driver::new(proxy, Sockets::new());
        let now = Time::default();
        let clients = [(); 2].map(|()| {
            let (id, socket) = sockets::open_client(&mut driver, now);
            Client { id, socket, said: Vec::new() }
        });
        Self { now, driver, clients, asked: 0 }
    }

    pub fn say(&mut self, bytes: &[u8]) {
        self.send(0, bytes);
    }

    fn send(&mut self, client: usize, bytes: &[u8]) {
        let client = &mut self.clients[client];
        client.said.extend(bytes);
        self.driver.net.ends[client.socket].sent.extend(bytes);
    }

    pub fn said(&self) -> &[u8] {
        &self.clients[0].said
    }

    pub fn told(&self) -> &[u8] {
        &self.driver.net.ends[self.clients[0].socket].received
    }

    pub fn ask(&mut self) {
        let text = format!("mg n{} v\r\nmn\r\n", self.asked);
        self.send(1, text.as_bytes());
        self.asked += 1;
    }

    pub fn answer(&mut self, link: usize, count: usize) {
        let Some(end) = self.pick(link) else {
            return;
        };
        for _ in 0..count {
            let Some(answer) = take(&mut end.received) else {
                break;
            };
            end.sent.extend(answer);
        }
    }

    pub fn babble(&mut self, link: usize, bytes: &[u8]) {
        if let Some(end) = self.pick(link) {
            end.sent.extend(bytes);
        }
    }

    pub fn hang_up(&mut self, link: usize) {
        if let Some(end) = self.pick(link) {
            end.ended = true;
        }
    }

    pub fn wait(&mut self, ms: u64) {
        self.now = self.now.after(ms * 1_000);
    }

    pub fn throttle(&mut self, bytes: usize) {
        self.driver.net.read_max = bytes.saturating_add(1);
        self.driver.net.write_max = bytes.saturating_add(1);
    }

    fn pick(&mut self, link: usize) -> Option<&mut End> {
        let is_link = |end: &&mut End| matches!(end.peer, Some(Peer::Link(_)));
        let open = |end: &&mut End| !end.ended && !end.closed;
        let mut links: Vec<_> = self.driver.net.ends.iter_mut().filter(is_link).collect();
        let count = links.len().max(1);
        (link % count < links.len()).then(|| links.swap_remove(link % count)).filter(open)
    }

    pub fn tick(&mut self) {
        sockets::tick(&mut self.driver, self.now);
        self.driver.proxy.check();
    }

    /// Lets all be said and answered. Before hostile backends the links end.
    pub fn settle(&mut self, honest: bool) {
        self.throttle(usize::MAX);
        let bytes: usize = self.clients.iter().map(|client| client.said.len()).sum();
        for round in 0..20 + bytes / 100 {
            for at in 0..self.driver.net.ends.len() {
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
        let told = &self.driver.net.ends[self.clients[1].socket].received;
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
        for client in &self.clients {
            self.driver.proxy.close_client(client.id, Close::Hangup);
        }
        self.driver.proxy.stop();
        for at in 0..self.driver.net.ends.len() {
            self.hang_up(at);
        }
        for _ in 0..3 {
            self.tick();
        }
        let left = self.driver.proxy.holdings();
        assert_eq!((left.clients, left.buffer_bytes, left.held_bytes), (0, 0, 0));
    }
}

fn line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.windows(2).position(|pair| pair == b"\r\n").expect("a whole line");
    let line = &rest[..end];
    *rest = &rest[end + 2..];
    line
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
        on_down: DownSetup::Fail,
        client_limits: Limits { value_bytes_max: VALUE_BYTES_MAX, memory_max: 1 << 20 },
        clients_max: 0,
        idle_timeout: 0,
        settings: Vec::new(),
    }
}
