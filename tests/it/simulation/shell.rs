//! What the reactor does, on virtual sockets: the same calls in the same order. A socket says once
//! that it can be read or written, and holds so many bytes and no more.

use super::pipe::Pipe;
use super::plan::Plan;
use super::rng::Rng;
use super::wire::{Stage, Wire};
use nodeproxy::proxy::client::{ClientId, Fillable};
use nodeproxy::proxy::close::Close;
use nodeproxy::proxy::link::LinkId;
use nodeproxy::proxy::{About, Proxy};
use nodeproxy::ring::Ring;
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
    /// Of it, what is kept of replies.
    pub(super) kept: usize,
}

pub(super) struct Shell {
    pub(super) proxy: Proxy<Socket>,
    pub(super) now: Time,
    rng: Rng,
    pub(super) ends: Vec<End>,
    pub(super) wires: Vec<Wire>,
    pub(super) modes: Vec<Mode>,
    /// How often each backend was to be connected to.
    pub(super) attempts: Vec<usize>,
    events: Vec<Event>,
    unread: Vec<LinkId>,
    /// Sockets take and give all there is.
    pub(super) is_smooth: bool,
    /// Bytes that the proxy used before it wrote.
    pub(super) used: usize,
    /// What each client cost then.
    pub(super) costs: Vec<Cost>,
    /// And what each link.
    pub(super) link_costs: Vec<(LinkId, usize)>,
}

impl Shell {
    pub(super) fn new(plan: &Plan, seed: u64, rng: Rng) -> Self {
        let about = About { memory_max: plan.memory, ..About::default() };
        let now = Time::default();
        let proxy = Proxy::new(plan.setups(), about, seed, now);
        Self {
            proxy: proxy.expect("backends that can be placed on"),
            now,
            rng,
            ends: Vec::new(),
            wires: Vec::new(),
            modes: vec![Mode::Well; plan.backends + 1],
            attempts: vec![0; plan.backends + 1],
            events: Vec::new(),
            unread: Vec::new(),
            is_smooth: false,
            used: 0,
            costs: Vec::new(),
            link_costs: Vec::new(),
        }
    }

    /// A client connects to a pool; returns its name.
    pub(super) fn open(&mut self, pool: usize) -> usize {
        let name = self.ends.len();
        let id = self.proxy.open_client(pool, Socket::Client(name), self.now);
        let (sent, got) = Default::default();
        self.ends.push(End { id, sent, got, ended: false, is_full: false, closed: false });
        name
    }

    /// A client's bytes have arrived, or their end.
    pub(super) fn client_event(&mut self, name: usize) {
        self.events.push(Event::Client(self.ends[name].id));
    }

    pub(super) fn wire_event(&mut self, at: usize) {
        self.events.push(Event::Link(self.wires[at].link));
    }

    /// A client vanishes.
    pub(super) fn lose(&mut self, name: usize) {
        self.proxy.close_client(self.ends[name].id, Close::Hangup);
    }

    /// A client has read all it was sent.
    pub(super) fn was_read(&mut self, name: usize) {
        let end = &mut self.ends[name];
        end.got = Pipe::default();
        if std::mem::take(&mut end.is_full) {
            self.client_event(name);
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.proxy.is_busy() || !self.unread.is_empty() || !self.events.is_empty()
    }

    /// One turn of the reactor.
    pub(super) fn tick(&mut self) {
        self.open_wires();
        for event in std::mem::take(&mut self.events) {
            match event {
                Event::Client(id) => self.dispatch_client(id),
                Event::Link(id) => self.dispatch_link(id),
            }
        }
        self.serve_again();
        self.proxy.expire(self.now);
        self.connect();
        self.weigh();
        self.flush();
        self.bury();
    }

    fn weigh(&mut self) {
        self.used = self.proxy.holdings().bytes();
        self.costs.clear();
        for (name, end) in self.ends.iter().enumerate() {
            if !end.closed
                && let Some(client) = self.proxy.client(end.id)
            {
                let (memory, kept) = (client.memory(), client.kept());
                self.costs.push(Cost { name, memory, kept });
            }
        }
        self.link_costs.clear();
        for wire in &self.wires {
            if let Some(link) = self.proxy.link(wire.link) {
                self.link_costs.push((wire.link, link.memory()));
            }
        }
    }

    fn dispatch_client(&mut self, id: ClientId) {
        let Some(client) = self.proxy.client(id) else {
            return;
        };
        let Socket::Client(name) = client.socket else {
            panic!("a client has a client's socket");
        };
        let end = &self.ends[name];
        client.readiness.readable |= !end.sent.is_empty() || end.ended;
        client.readiness.ended |= end.ended;
        if !end.is_full && !client.readiness.writable {
            self.proxy.client_writable(id);
        }
        self.serve(id);
    }

    fn serve(&mut self, id: ClientId) {
        if let Some(from) = self.proxy.client_to_fill(id) {
            let Socket::Client(name) = *from.socket else {
                panic!("a client has a client's socket");
            };
            let end = &mut self.ends[name];
            let most = if self.is_smooth { usize::MAX } else { 1 + self.rng.below(SHORT) };
            let (count, ended) = fill(from, &end.sent, end.ended, most);
            end.sent.consume(count);
            if ended {
                self.proxy.client_ended(id);
            } else if !end.sent.is_empty() {
                self.client_event(name);
            }
        }
        self.proxy.client_received(id, self.now);
    }

    fn serve_again(&mut self) {
        let mut queued = Vec::new();
        self.proxy.take_queued(&mut queued);
        for id in queued {
            self.serve(id);
        }
        for id in std::mem::take(&mut self.unread) {
            self.receive(id);
        }
    }

    fn dispatch_link(&mut self, id: LinkId) {
        let Some(link) = self.proxy.link(id) else {
            return;
        };
        let Some(Socket::Wire(at)) = link.socket else {
            panic!("a link has a wire");
        };
        let wire = &self.wires[at];
        link.readiness.readable |= !wire.replies.is_empty() || wire.stage == Stage::Closed;
        link.readiness.ended |= wire.stage == Stage::Closed;
        if !link.is_open() {
            if wire.stage == Stage::Opening {
                return;
            }
            self.proxy.link_connected(id);
        }
        if !wire.is_full && !self.proxy.link(id).is_some_and(|it| it.readiness.writable) {
            self.proxy.link_writable(id);
        }
        self.receive(id);
    }

    fn receive(&mut self, id: LinkId) {
        let Some(from) = self.proxy.link_to_fill(id) else {
            return;
        };
        let Socket::Wire(at) = *from.socket else {
            panic!("a link has a wire");
        };
        let wire = &mut self.wires[at];
        let most = if self.is_smooth { usize::MAX } else { 1 + self.rng.below(SHORT) };
        let (count, ended) = fill(from, &wire.replies, wire.stage == Stage::Closed, most);
        wire.was_read(count);
        let more = !wire.replies.is_empty();
        self.proxy.link_received(id, self.now);
        if ended {
            self.proxy.close_link(id, Close::Hangup, self.now);
        } else if self.proxy.link(id).is_some_and(|link| link.readiness.readable) {
            self.unread.push(id);
        } else if more {
            self.wire_event(at);
        }
    }

    fn connect(&mut self) {
        for (id, backend) in self.proxy.take_wanted() {
            self.attempts[backend] += 1;
            if self.modes[backend] == Mode::Refusing && self.rng.one_in(2) {
                self.proxy.close_link(id, Close::Error(ErrorKind::ConnectionRefused), self.now);
                continue;
            }
            let at = self.wires.len();
            self.wires.push(Wire::new(backend, id, WIRE_ROOM));
            self.proxy.link_connecting(id, Socket::Wire(at));
        }
    }

    /// Whether connections are about to open, or to be refused.
    pub(super) fn is_opening(&self) -> bool {
        self.wires.iter().any(|it| {
            let is_reached = self.modes[it.backend] != Mode::Unreachable;
            it.stage == Stage::Opening && !it.given_up && is_reached
        })
    }

    /// Lets connections open, or be refused.
    fn open_wires(&mut self) {
        for at in 0..self.wires.len() {
            let Wire { stage, given_up, backend, link, .. } = self.wires[at];
            let is_delayed = !self.is_smooth && self.rng.one_in(3);
            if stage != Stage::Opening || given_up || is_delayed {
                continue;
            }
            match self.modes[backend] {
                Mode::Well | Mode::Stalled => {
                    self.wires[at].stage = Stage::Open;
                    self.wire_event(at);
                }
                Mode::Refusing => {
                    self.wires[at].stage = Stage::Closed;
                    let why = Close::Error(ErrorKind::ConnectionRefused);
                    self.proxy.close_link(link, why, self.now);
                }
                Mode::Unreachable => {}
            }
        }
    }

    /// Sockets take all, or some, or nothing.
    fn flush(&mut self) {
        let Self { proxy, rng, wires, ends, is_smooth, events, .. } = self;
        proxy.flush(self.now, |socket: &mut Socket, output: &mut Ring| {
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
        });
    }

    fn bury(&mut self) {
        for socket in self.proxy.take_closed() {
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
