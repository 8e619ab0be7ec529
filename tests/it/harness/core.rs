//! The core alone, on sockets that are only numbers: for what no real socket does on demand.

use super::bytes::shown;
use nodeproxy::placement::{self, Node, Scheme};
use nodeproxy::proxy::client::{ClientId, Fillable};
use nodeproxy::proxy::close::Close;
use nodeproxy::proxy::link::LinkId;
use nodeproxy::proxy::{About, Limits, OnDown, Policy, PoolSetup, Proxy};
use nodeproxy::time::Time;

/// Microseconds until a request is late.
pub(crate) const TIMEOUT: u64 = 1_000_000;

/// One pool, and all that was written to each socket and not looked at.
pub(crate) struct Core {
    pub(crate) proxy: Proxy<usize>,
    pub(crate) now: Time,
    written: Vec<Vec<u8>>,
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
            on_down: OnDown::Fail,
            client_limits,
            clients_max: 0,
            idle_timeout: 0,
        };
        let mut about = About { memory_max: usize::MAX, ..About::default() };
        change(&mut setup, &mut about);
        let proxy = Proxy::new(vec![setup], about, 1, Time::default());
        Self {
            proxy: proxy.expect("backends that can be placed on"),
            now: Time::default(),
            written: Vec::new(),
            clients: Vec::new(),
            links: Vec::new(),
        }
    }

    fn socket(&mut self) -> usize {
        self.written.push(Vec::new());
        self.written.len() - 1
    }

    pub(crate) fn client(&mut self) -> ClientId {
        let socket = self.socket();
        let id = self.proxy.open_client(0, socket, self.now);
        self.clients.push((id, socket));
        id
    }

    /// Opens the links that the core wants.
    pub(crate) fn connect(&mut self) -> Vec<LinkId> {
        let wanted = self.proxy.take_wanted();
        for (id, _) in &wanted {
            let socket = self.socket();
            self.proxy.link_connecting(*id, socket);
            self.proxy.link_connected(*id);
            self.links.push((*id, socket));
        }
        wanted.into_iter().map(|(id, _)| id).collect()
    }

    /// The client sends `bytes`, which are taken up.
    pub(crate) fn send(&mut self, id: ClientId, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            self.proxy.client(id).expect("there").readiness.readable = true;
            let from = self.proxy.client_to_fill(id).expect("a client that is read from");
            rest = &rest[feed(from, rest)..];
            self.proxy.client_received(id, self.now);
        }
    }

    /// The backend sends `bytes`, which are handed on.
    pub(crate) fn reply(&mut self, id: LinkId, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            self.proxy.link(id).expect("there").readiness.readable = true;
            let from = self.proxy.link_to_fill(id).expect("an open link");
            rest = &rest[feed(from, rest)..];
            self.proxy.link_received(id, self.now);
        }
    }

    /// Ends the tick: all sockets take all that there is, but for those of clients if they do not
    /// read.
    pub(crate) fn flush(&mut self, clients_read: bool) {
        let Self { proxy, written, clients, now, .. } = self;
        proxy.flush(*now, |socket, output| {
            if !clients_read && clients.iter().any(|(_, it)| it == socket) {
                return Ok(false);
            }
            let (first, second) = output.pieces(0..output.len());
            written[*socket].extend_from_slice(first);
            written[*socket].extend_from_slice(second);
            output.clear();
            Ok(true)
        });
        let mut queued = Vec::new();
        proxy.take_queued(&mut queued);
        for id in queued {
            proxy.client_received(id, *now);
        }
    }

    /// The backend closes the connection.
    pub(crate) fn hang_up(&mut self, id: LinkId) {
        self.proxy.close_link(id, Close::Hangup, self.now);
    }

    /// The client's socket takes bytes again.
    pub(crate) fn reads_again(&mut self, id: ClientId) {
        self.proxy.client_writable(id);
    }

    /// What the client got since it was asked last is this.
    #[track_caller]
    pub(crate) fn expect_client(&mut self, id: ClientId, expected: &[u8]) {
        let (_, socket) = *self.clients.iter().find(|(it, _)| *it == id).expect("a client");
        self.expect(socket, expected);
    }

    /// What the backend got on this link since it was asked last is this.
    #[track_caller]
    pub(crate) fn expect_link(&mut self, id: LinkId, expected: &[u8]) {
        let (_, socket) = *self.links.iter().find(|(it, _)| *it == id).expect("a link");
        self.expect(socket, expected);
    }

    #[track_caller]
    fn expect(&mut self, socket: usize, expected: &[u8]) {
        let written = std::mem::take(&mut self.written[socket]);
        assert!(written == expected, "expected {}, found {}", shown(expected), shown(&written));
    }
}

/// Fills the ring with what it takes. Returns how much that was.
fn feed(from: Fillable<'_, usize>, bytes: &[u8]) -> usize {
    let mut taken = 0;
    for piece in &mut from.input.spare() {
        let count = piece.len().min(bytes.len() - taken);
        piece[..count].copy_from_slice(&bytes[taken..taken + count]);
        taken += count;
    }
    from.input.commit(taken);
    from.readiness.readable = false;
    taken
}
