//! The shell: the only folder that names mio, socket2 and the clock. It moves bytes between sockets
//! and the core's rings, tells the core the time, and writes once a tick whatever the tick
//! produced.

mod socket;

mod address;
mod names;

mod target;

mod listener;
mod start;

pub use start::StartError;

use crate::buffer::RingBuf;
use crate::driver::{Driver, Filled, Net};
use crate::proxy::close::Close;
use crate::proxy::ids::{BackendId, ClientId, LinkId};
use crate::proxy::io::Fillable;
use crate::slab::SlotKey;
use crate::time::Time;
use fnv::FnvHashMap;
use listener::Listener;
use log::info;
use mio::event::Event;
use mio::net::UnixStream;
use mio::{Events, Interest, Poll, Token};
use names::Names;
use socket::Socket;
use std::io::{self, ErrorKind, Read};
use std::time::{Duration, Instant};
use target::Target;

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 1024;

/// What fails at its deadline just before the end is still told to its client: microseconds.
const LAST_WORDS: u64 = 50_000;

/// Whom an event is about.
enum Source {
    Client(ClientId),
    Link(LinkId),
    Listener(usize),
    Signal,
    Names,
}

/// The reactor: one thread, one loop.
pub struct Reactor {
    driver: Driver<Mio>,
    listeners: Vec<Listener>,
    /// Bytes come out of it when the process is told to end.
    signals: UnixStream,
    epoch: Instant,
    /// When accepting, which was not possible, is tried again.
    accept_at: Option<Time>,
    /// The log has said that accepting pauses.
    accept_paused: bool,
    /// Clients at the same time: what the descriptors allow.
    clients_max: usize,
    /// The longest that a request may take, microseconds.
    timeout: u64,
    /// When the process ends though clients are still owed something.
    ends_at: Option<Time>,
}

/// Real sockets.
struct Mio {
    poll: Poll,
    /// Where the backends are.
    backends: FnvHashMap<BackendId, Target>,
    /// Looks their names up; there when one has a name.
    names: Option<Names>,
    /// Descriptors have become free.
    freed: bool,
}

impl Net for Mio {
    type Socket = Socket;

    fn fill(&mut self, from: Fillable<'_, Socket>) -> Result<Filled, Close> {
        socket::fill(from)
    }

    fn spill(&mut self, socket: &mut Socket, output: &mut RingBuf) -> Result<bool, Close> {
        socket::spill(socket, output)
    }

    fn connect(&mut self, id: LinkId, backend: BackendId, now: Time) -> Result<Socket, Close> {
        let target = self.backends.get_mut(&backend).ok_or(Close::Unresolved)?;
        let socket = target.connect(backend, self.names.as_ref(), now)?;
        watch(&self.poll, socket, Source::Link(id).into())
            .map_err(|error| Close::Error(error.kind()))
    }

    fn is_connected(&mut self, socket: &Socket) -> Result<bool, Close> {
        socket.is_connected()
    }

    fn take_error(&mut self, socket: &Socket) -> Option<Close> {
        let error = socket.take_error().ok()??;
        Some(Close::Error(error.kind()))
    }

    fn unreached(&mut self, backend: BackendId) {
        if let Some(target) = self.backends.get_mut(&backend) {
            target.failed();
        }
    }

    fn drop_closed(&mut self, sockets: Vec<Socket>) {
        drop(sockets);
        self.freed = true;
    }
}

impl Reactor {
    /// Runs until the process is told to end and everything in flight is finished.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut now = self.now();
        while !self.is_finished(now) {
            self.wait(&mut events, now)?;
            now = self.now();
            for event in &events {
                self.dispatch(event, now);
            }
            if self.accept_at.is_some_and(|at| at <= now) {
                self.accept(now);
            }
            self.driver.advance(now);
            self.driver.flush(now);
            // Descriptors that have become free may be what accepting has waited for.
            if std::mem::take(&mut self.driver.net.freed) {
                self.accept_again(now);
            }
        }
        info!("stopped");
        Ok(())
    }

    fn now(&self) -> Time {
        Time::from_micros(self.epoch.elapsed().as_micros() as u64)
    }

    fn wait(&mut self, events: &mut Events, now: Time) -> io::Result<()> {
        let busy = self.driver.is_busy();
        let deadline = [self.driver.proxy.next_deadline(), self.accept_at, self.ends_at];
        let timeout = match deadline.into_iter().flatten().min() {
            _ if busy => Some(Duration::ZERO),
            deadline => deadline.map(|at| at.wait(now)),
        };
        match self.driver.net.poll.poll(events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }

    fn dispatch(&mut self, event: &Event, now: Time) {
        match Source::from(event.token()) {
            Source::Client(id) => self.driver.client_ready(id, socket::ready(event), now),
            Source::Link(id) => self.driver.link_ready(id, socket::ready(event), now),
            Source::Listener(at) => {
                if let Some(listener) = self.listeners.get_mut(at) {
                    listener.ready = true;
                }
                self.accept(now);
            }
            Source::Signal => self.stop(now),
            Source::Names => self.names_found(),
        }
    }

    /// Names of backends were looked up.
    fn names_found(&mut self) {
        let Mio { names, backends, .. } = &mut self.driver.net;
        for (backend, found) in names.iter().flat_map(Names::answers) {
            if let Some(target) = backends.get_mut(&backend) {
                target.found(found);
            }
        }
    }

    /// Told to end: accepts no more, reads what has been sent, and finishes what is in flight.
    fn stop(&mut self, now: Time) {
        let mut told = [0; 16];
        while matches!(self.signals.read(&mut told), Ok(count) if count > 0) {}
        if self.ends_at.is_some() {
            return;
        }
        info!("stopping: {} clients are connected", self.driver.proxy.clients_len());
        self.ends_at = Some(now.after(self.timeout + LAST_WORDS));
        self.listeners.clear();
        self.accept_at = None;
        self.driver.stop(now);
    }

    fn is_finished(&self, now: Time) -> bool {
        self.ends_at.is_some_and(|at| at <= now || self.driver.proxy.clients_len() == 0)
    }
}

/// Registered once, for both directions and for life: events are edge-triggered, so interest that
/// is not wanted costs nothing, and no connection ever pays for a second epoll_ctl.
fn watch(poll: &Poll, mut socket: Socket, token: Token) -> io::Result<Socket> {
    poll.registry().register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(socket)
}

/// Two bits of kind below the key, so that a token is never ambiguous and never outlives its
/// connection. Whatever is not a connection has the kind 0, and an index.
impl From<Source> for Token {
    fn from(source: Source) -> Self {
        let bits = match source {
            Source::Client(id) => SlotKey::from(id).to_bits() | 1,
            Source::Link(id) => SlotKey::from(id).to_bits() | 2,
            Source::Signal => 0,
            Source::Names => 1 << 2,
            Source::Listener(at) => (at as u64 + 2) << 2,
        };
        Self(bits as usize)
    }
}

impl From<Token> for Source {
    fn from(Token(bits): Token) -> Self {
        let bits = bits as u64;
        match (bits & 3, SlotKey::from_bits(bits)) {
            (1, Some(key)) => Self::Client(key.into()),
            (2, Some(key)) => Self::Link(key.into()),
            _ => match bits >> 2 {
                0 => Self::Signal,
                1 => Self::Names,
                at => Self::Listener(at as usize - 2),
            },
        }
    }
}

const _: () = assert!(usize::BITS == 64, "a token holds an index and a generation");
