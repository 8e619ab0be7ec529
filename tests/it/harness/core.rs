//! The core alone, on sockets that are only numbers: for what no real socket does on demand.

use super::bytes::shown;
use super::sockets::{self, Peer, Sockets};
use nodeproxy::driver::Driver;
use nodeproxy::placement::{self, Node, Scheme};
use nodeproxy::proxy::ids::ClientId;
use nodeproxy::proxy::ids::LinkId;
use nodeproxy::proxy::{About, DownSetup, Limits, Policy, PoolSetup, Proxy};
use nodeproxy::time::Time;

/// Microseconds until a request is late.
pub(crate) const TIMEOUT: u64 = 1_000_000;

/// One pool. A test tells what happens at its sockets, and when a tick ends.
pub(crate) struct Core {
    pub(crate) driver: Driver<Sockets>,
    pub(crate) now: Time,
    clients: Vec<(ClientId, usize)>,
    links: Vec<(LinkId, usize)>,
}

impl Core {
    /// A proxy before so many backends; none of its links is open.
    pub(crate) fn new(backends: u16, client_limits: Limits) -> Self {
        Self::with(backends, client_limits, |_, _| {})
    }

    /// The same, but for what `change` changes.
    pub(crate) fn with(
        backends: u16,
        client_limits: Limits,
        change: impl FnOnce(&mut PoolSetup, &mut About),
    ) -> Self {
        let node = |at| Node { host: "10.0.0.1".into(), port: 11211 + at, weight: 1, name: None };
        let mut setup = PoolSetup {
            name: "core".into(),
            backends: (0..backends).map(|at| format!("backend{at}")).collect(),
            links: 1,
            policy: Policy {
                timeout: TIMEOUT,
                connect_timeout: TIMEOUT,
                probe_pause_max: 30_000_000,
                failures_max: 2,
                failed_get_is_miss: false,
                down_is_miss: false,
            },
            scheme: Scheme::new(placement::DEFAULT, &placement::Options::default()).expect("known"),
            nodes: (0..backends).map(node).collect(),
            on_down: DownSetup::Fail,
            client_limits,
            clients_max: 0,
            idle_timeout: 0,
            settings: Vec::new(),
        };
        let mut about = About { memory_max: usize::MAX, ..About::default() };
        change(&mut setup, &mut about);
        let proxy = Proxy::new(vec![setup], about, 1, Time::default());
        let net = Sockets { opens_at_once: false, ..Sockets::new() };
        Self {
            driver: Driver::new(proxy.expect("backends that can be placed on"), net),
            now: Time::default(),
            clients: Vec::new(),
            links: Vec::new(),
        }
    }

    pub(crate) fn client(&mut self) -> ClientId {
        let (id, socket) = sockets::open_client(&mut self.driver, self.now);
        self.clients.push((id, socket));
        id
    }

    /// Opens the links that the core wants.
    pub(crate) fn connect(&mut self) -> Vec<LinkId> {
        let links = self.begin_to_connect();
        for id in &links {
            self.connected(*id);
        }
        links
    }

    /// Begins to open the links that the core wants.
    pub(crate) fn begin_to_connect(&mut self) -> Vec<LinkId> {
        let before = self.driver.net.ends.len();
        self.driver.advance(self.now);
        let ends = self.driver.net.ends.iter().enumerate().skip(before);
        let link = |(at, end): (usize, &sockets::End)| match end.peer {
            Some(Peer::Link(id)) => Some((id, at)),
            Some(Peer::Client(_)) | None => None,
        };
        let opened: Vec<_> = ends.filter_map(link).collect();
        self.links.extend(&opened);
        opened.into_iter().map(|(id, _)| id).collect()
    }

    /// The link is open.
    pub(crate) fn connected(&mut self, id: LinkId) {
        let at = self.link_socket(id);
        self.driver.net.ends[at].open = true;
        sockets::announce(&mut self.driver, at, self.now);
    }

    /// The client sends `bytes`, which are taken up.
    pub(crate) fn send(&mut self, id: ClientId, bytes: &[u8]) {
        let at = self.client_socket(id);
        self.hand_over(at, bytes);
    }

    /// The backend sends `bytes`, which are handed on.
    pub(crate) fn reply(&mut self, id: LinkId, bytes: &[u8]) {
        let at = self.link_socket(id);
        self.hand_over(at, bytes);
    }

    /// Until all is read, or no more is.
    fn hand_over(&mut self, at: usize, bytes: &[u8]) {
        assert!(!self.driver.net.ends[at].closed, "there");
        self.driver.net.ends[at].sent.extend_from_slice(bytes);
        let mut left = usize::MAX;
        while (1..left).contains(&self.driver.net.ends[at].sent.len()) {
            left = self.driver.net.ends[at].sent.len();
            sockets::announce(&mut self.driver, at, self.now);
        }
    }

    /// Ends the tick: all sockets take all that there is, but for those of clients if they do not
    /// read.
    pub(crate) fn flush(&mut self, clients_read: bool) {
        self.driver.net.clients_read = clients_read;
        self.driver.advance(self.now);
        self.driver.flush(self.now);
    }

    /// Time passes, and what is due is done.
    pub(crate) fn pass(&mut self, time: u64) {
        self.now = self.now.after(time);
        self.driver.advance(self.now);
    }

    /// The backend closes the connection.
    pub(crate) fn hang_up(&mut self, id: LinkId) {
        let at = self.link_socket(id);
        self.driver.net.ends[at].ended = true;
        sockets::announce(&mut self.driver, at, self.now);
    }

    /// The client's socket takes bytes again.
    pub(crate) fn reads_again(&mut self, id: ClientId) {
        let at = self.client_socket(id);
        self.driver.net.ends[at].full = true;
        sockets::announce(&mut self.driver, at, self.now);
    }

    /// Whether the link is still there.
    pub(crate) fn has_link(&mut self, id: LinkId) -> bool {
        self.driver.proxy.link(id).is_some()
    }

    /// Whether the client is still there.
    pub(crate) fn has_client(&mut self, id: ClientId) -> bool {
        self.driver.proxy.client(id).is_some()
    }

    /// What the client got since it was asked last.
    pub(crate) fn client_received(&mut self, id: ClientId) -> Vec<u8> {
        let at = self.client_socket(id);
        std::mem::take(&mut self.driver.net.ends[at].received)
    }

    /// What the backend got on this link since it was asked last.
    pub(crate) fn link_received(&mut self, id: LinkId) -> Vec<u8> {
        let at = self.link_socket(id);
        std::mem::take(&mut self.driver.net.ends[at].received)
    }

    /// What the client got since it was asked last is this.
    #[track_caller]
    pub(crate) fn expect_client(&mut self, id: ClientId, expected: &[u8]) {
        assert_received(&self.client_received(id), expected);
    }

    /// What the backend got on this link since it was asked last is this.
    #[track_caller]
    pub(crate) fn expect_link(&mut self, id: LinkId, expected: &[u8]) {
        assert_received(&self.link_received(id), expected);
    }

    fn client_socket(&self, id: ClientId) -> usize {
        self.clients.iter().find(|(it, _)| *it == id).expect("a client").1
    }

    fn link_socket(&self, id: LinkId) -> usize {
        self.links.iter().find(|(it, _)| *it == id).expect("a link").1
    }
}

#[track_caller]
fn assert_received(received: &[u8], expected: &[u8]) {
    assert!(received == expected, "expected {}, found {}", shown(expected), shown(received));
}
