//! Virtual sockets under the driver that the reactor runs too. A socket says once that it can be
//! read or written, and holds so many bytes and no more.

use super::pipe::Pipe;
use super::plan::Plan;
use super::wire::{Stage, Wire};
use crate::harness::random::Random;
use nodeproxy::buffer::RingBuf;
use nodeproxy::driver::{Driver, Filled, Net, Ready};
use nodeproxy::proxy::close::Close;
use nodeproxy::proxy::ids::{BackendId, ClientId, LinkId};
use nodeproxy::proxy::io::Fillable;
use nodeproxy::proxy::{About, Proxy};
use nodeproxy::time::Time;
use std::io::ErrorKind;

/// The most bytes of one read or write, when these come short.
const SHORT: usize = 3_000;
/// What a client's socket holds, bytes.
const CLIENT_ROOM: usize = 8_000;
/// What a backend's socket holds, bytes.
const WIRE_ROOM: usize = 100_000;

/// A socket: a client's, by its name, or a wire's, by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Socket {
    Client(usize),
    Wire(usize),
}

/// Something happened at a socket.
#[derive(Clone, Copy)]
enum Event {
    Client(ClientId),
    Link(LinkId),
}

/// How a backend takes connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Well,
    Refusing,
    /// Connections to it never open.
    Unreachable,
    /// It takes requests and answers nothing.
    Stalled,
}

/// A client's socket.
pub(super) struct End {
    pub(super) id: ClientId,
    /// Bytes that the proxy has not read yet.
    pub(super) sent: Pipe,
    /// Bytes that the client has not read yet.
    pub(super) got: Pipe,
    pub(super) ended: bool,
    /// A write came short.
    is_full: bool,
    /// The proxy has closed it.
    pub(super) closed: bool,
}

/// What a client costs, bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) name: usize,
    pub(super) memory: usize,
}

pub(super) struct Shell {
    pub(super) driver: Driver<Virtual>,
    pub(super) now: Time,
    /// Bytes that the proxy used before it wrote.
    pub(super) used: usize,
    /// What each client cost then.
    pub(super) costs: Vec<Cost>,
    /// And what each link.
    pub(super) link_costs: Vec<(LinkId, usize)>,
}

/// The sockets.
pub(super) struct Virtual {
    rng: Random,
    pub(super) ends: Vec<End>,
    pub(super) wires: Vec<Wire>,
    pub(super) modes: Vec<Mode>,
    /// How often each backend was to be connected to.
    pub(super) attempts: Vec<usize>,
    events: Vec<Event>,
    /// The ids of the backends, by their numbers.
    backends: Vec<BackendId>,
    /// Sockets take and give all there is.
    pub(super) is_smooth: bool,
}

impl Shell {
    pub(super) fn new(plan: &Plan, seed: u64, rng: Random) -> Self {
        let about = About { memory_max: plan.memory, ..About::default() };
        let now = Time::default();
        let proxy = Proxy::new(plan.setups(), about, seed, now);
        let proxy = proxy.expect("backends that can be placed on");
        let pools = proxy.pool_ids();
        let backends = pools.iter().flat_map(|pool| proxy.members(*pool).to_vec()).collect();
        let net = Virtual {
            rng,
            ends: Vec::new(),
            wires: Vec::new(),
            modes: vec![Mode::Well; plan.backends + 1],
            attempts: vec![0; plan.backends + 1],
            events: Vec::new(),
            backends,
            is_smooth: false,
        };
        let mut driver = Driver::new(proxy, net);
        driver.flush_early_at = 2;
        Self { driver, now, used: 0, costs: Vec::new(), link_costs: Vec::new() }
    }

    /// A client connects to a pool; returns its name.
    pub(super) fn open(&mut self, pool: usize) -> usize {
        let name = self.driver.net.ends.len();
        let pool = self.driver.proxy.pool_ids()[pool];
        let id = self.driver.proxy.open_client(pool, Socket::Client(name), self.now);
        let (sent, got) = Default::default();
        let end = End { id, sent, got, ended: false, is_full: false, closed: false };
        self.driver.net.ends.push(end);
        name
    }

    /// A client's bytes have arrived, or their end.
    pub(super) fn client_event(&mut self, name: usize) {
        self.driver.net.client_event(name);
    }

    pub(super) fn wire_event(&mut self, at: usize) {
        self.driver.net.wire_event(at);
    }

    /// A client vanishes.
    pub(super) fn lose(&mut self, name: usize) {
        self.driver.proxy.close_client(self.driver.net.ends[name].id, Close::Hangup);
    }

    /// A client has read all it was sent.
    pub(super) fn was_read(&mut self, name: usize) {
        let end = &mut self.driver.net.ends[name];
        end.got = Pipe::default();
        if std::mem::take(&mut end.is_full) {
            self.client_event(name);
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.driver.is_busy() || !self.driver.net.events.is_empty()
    }

    /// One turn of the reactor.
    pub(super) fn tick(&mut self) {
        self.open_wires();
        for event in std::mem::take(&mut self.driver.net.events) {
            match event {
                Event::Client(id) => {
                    if let Some(ready) = self.client_ready(id) {
                        self.driver.client_ready(id, ready, self.now);
                    }
                }
                Event::Link(id) => {
                    if let Some(ready) = self.link_ready(id) {
                        self.driver.link_ready(id, ready, self.now);
                    }
                }
            }
        }
        self.driver.advance(self.now);
        self.weigh();
        self.driver.flush(self.now);
        self.driver.proxy.check();
    }

    fn weigh(&mut self) {
        self.used = self.driver.proxy.holdings().bytes();
        self.costs.clear();
        for (name, end) in self.driver.net.ends.iter().enumerate() {
            if !end.closed
                && let Some(client) = self.driver.proxy.client(end.id)
            {
                self.costs.push(Cost { name, memory: client.memory() });
            }
        }
        self.link_costs.clear();
        for wire in &self.driver.net.wires {
            if let Some(link) = self.driver.proxy.link(wire.link) {
                self.link_costs.push((wire.link, link.memory()));
            }
        }
    }

    fn client_ready(&mut self, id: ClientId) -> Option<Ready> {
        let Socket::Client(name) = self.driver.proxy.client(id)?.socket else {
            panic!("a client has a client's socket");
        };
        let End { sent, ended, is_full, .. } = &self.driver.net.ends[name];
        let readable = !sent.is_empty() || *ended;
        Some(Ready { readable, writable: !is_full, ended: *ended, error: false })
    }

    fn link_ready(&mut self, id: LinkId) -> Option<Ready> {
        let Some(Socket::Wire(at)) = self.driver.proxy.link(id)?.socket else {
            panic!("a link has a wire");
        };
        let Wire { replies, stage, is_full, .. } = &self.driver.net.wires[at];
        let ended = *stage == Stage::Closed;
        let readable = !replies.is_empty() || ended;
        Some(Ready { readable, writable: !is_full, ended, error: false })
    }

    /// Whether connections are about to open, or to be refused.
    pub(super) fn is_opening(&self) -> bool {
        let Virtual { wires, modes, .. } = &self.driver.net;
        wires.iter().any(|it| {
            let is_reached = modes[it.backend] != Mode::Unreachable;
            it.stage == Stage::Opening && !it.given_up && is_reached
        })
    }

    /// Lets connections open, or be refused.
    fn open_wires(&mut self) {
        for at in 0..self.driver.net.wires.len() {
            let net = &mut self.driver.net;
            let Wire { stage, given_up, backend, link, .. } = net.wires[at];
            let is_delayed = !net.is_smooth && net.rng.one_in(3);
            if stage != Stage::Opening || given_up || is_delayed {
                continue;
            }
            match net.modes[backend] {
                Mode::Well | Mode::Stalled => {
                    net.wires[at].stage = Stage::Open;
                    net.wire_event(at);
                }
                Mode::Refusing => {
                    net.wires[at].stage = Stage::Closed;
                    let why = Close::Error(ErrorKind::ConnectionRefused);
                    self.driver.proxy.close_link(link, why, self.now);
                }
                Mode::Unreachable => {}
            }
        }
    }
}

impl Virtual {
    fn client_event(&mut self, name: usize) {
        self.events.push(Event::Client(self.ends[name].id));
    }

    fn wire_event(&mut self, at: usize) {
        self.events.push(Event::Link(self.wires[at].link));
    }
}

impl Net for Virtual {
    type Socket = Socket;

    fn fill(&mut self, from: Fillable<'_, Socket>) -> Result<Filled, Close> {
        let most = if self.is_smooth { usize::MAX } else { 1 + self.rng.below(SHORT) };
        let ended = match *from.socket {
            Socket::Client(name) => {
                let end = &mut self.ends[name];
                let (count, ended) = fill(from, &end.sent, end.ended, most);
                end.sent.consume(count);
                if !ended && !end.sent.is_empty() {
                    self.client_event(name);
                }
                ended
            }
            Socket::Wire(at) => {
                let wire = &mut self.wires[at];
                let (count, ended) = fill(from, &wire.replies, wire.stage == Stage::Closed, most);
                wire.was_read(count);
                if !ended && !wire.replies.is_empty() {
                    self.wire_event(at);
                }
                ended
            }
        };
        Ok(if ended { Filled::Ended } else { Filled::Open })
    }

    /// Sockets take all, or some, or nothing.
    fn spill(&mut self, socket: &mut Socket, output: &mut RingBuf) -> Result<bool, Close> {
        let Self { rng, wires, ends, is_smooth, events, .. } = self;
        let most = if *is_smooth || rng.one_in(2) { usize::MAX } else { rng.below(SHORT) };
        let free = match *socket {
            Socket::Client(name) => CLIENT_ROOM - ends[name].got.len(),
            Socket::Wire(at) => wires[at].free(),
        };
        let count = output.len().min(free).min(most);
        let (first, second) = output.pieces(0..count);
        let bytes = [first, second].concat();
        output.consume(count);
        let is_short = !output.is_empty();
        match *socket {
            Socket::Client(name) => {
                let end = &mut ends[name];
                end.got.push(&bytes);
                end.is_full = is_short && end.got.len() == CLIENT_ROOM;
                events.extend((is_short && !end.is_full).then_some(Event::Client(end.id)));
            }
            Socket::Wire(at) => {
                let wire = &mut wires[at];
                wire.write(&bytes);
                wire.is_full = is_short && wire.free() == 0;
                events.extend((is_short && !wire.is_full).then_some(Event::Link(wire.link)));
            }
        }
        Ok(!is_short)
    }

    fn connect(&mut self, id: LinkId, id_of: BackendId, _: Time) -> Result<Socket, Close> {
        let backend = self.backends.iter().position(|it| *it == id_of).expect("known");
        self.attempts[backend] += 1;
        if self.modes[backend] == Mode::Refusing && self.rng.one_in(2) {
            return Err(Close::Error(ErrorKind::ConnectionRefused));
        }
        self.wires.push(Wire::new(backend, id, WIRE_ROOM));
        Ok(Socket::Wire(self.wires.len() - 1))
    }

    fn is_connected(&mut self, socket: &Socket) -> Result<bool, Close> {
        let Socket::Wire(at) = *socket else {
            panic!("a link has a wire");
        };
        Ok(self.wires[at].stage != Stage::Opening)
    }

    fn take_error(&mut self, _: &Socket) -> Option<Close> {
        None
    }

    fn unreached(&mut self, _: BackendId) {}

    fn drop_closed(&mut self, sockets: Vec<Socket>) {
        for socket in sockets {
            let closed = match socket {
                Socket::Client(name) => &mut self.ends[name].closed,
                Socket::Wire(at) => &mut self.wires[at].given_up,
            };
            assert!(!std::mem::replace(closed, true), "closed twice: {socket:?}");
        }
    }
}

/// What a read from a socket does. Returns the bytes that were taken, and whether the peer has
/// ended; whether there is more is for the caller to tell, by an event.
fn fill(from: Fillable<'_, Socket>, bytes: &Pipe, ended: bool, most: usize) -> (usize, bool) {
    let most = if ended { usize::MAX } else { most };
    let mut left = bytes.front();
    left = &left[..left.len().min(most)];
    let mut taken = 0;
    while from.input.free() > 0 {
        let mut count = 0;
        for piece in &mut from.input.spare() {
            let some = piece.len().min(left.len());
            piece[..some].copy_from_slice(&left[..some]);
            left = &left[some..];
            count += some;
        }
        let asked = from.input.free();
        from.input.commit(count);
        taken += count;
        if count == 0 && ended {
            from.readiness.readable = false;
            return (taken, true);
        }
        if count < asked && !ended {
            from.readiness.readable = false;
            break;
        }
    }
    (taken, false)
}
