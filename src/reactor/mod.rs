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

use crate::proxy::Proxy;
use crate::proxy::client::ClientId;
use crate::proxy::close::Close;
use crate::proxy::link::LinkId;
use crate::table::Key;
use crate::time::Time;
use listener::Listener;
use log::info;
use mio::event::Event;
use mio::net::UnixStream;
use mio::{Events, Interest, Poll, Token};
use names::Names;
use socket::{Filled, Socket};
use std::io::{self, ErrorKind, Read};
use std::time::{Duration, Instant};
use target::Target;

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 1024;

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
    poll: Poll,
    proxy: Proxy<Socket>,
    listeners: Vec<Listener>,
    /// Where the backends are, in the core's order.
    backends: Vec<Target>,
    /// Looks their names up; there when one has a name.
    names: Option<Names>,
    /// Bytes come out of it when the process is told to end.
    signals: UnixStream,
    epoch: Instant,
    /// When accepting, which was not possible, is tried again.
    accept_at: Option<Time>,
    /// The log has said that accepting pauses.
    accept_paused: bool,
    /// Clients at the same time: what the descriptors allow.
    clients_max: usize,
    /// Links that were not read to the end.
    unread: Vec<LinkId>,
    queued: Vec<ClientId>,
    /// The longest that a request may take, microseconds.
    timeout: u64,
    /// When the process ends though clients are still owed something.
    ends_at: Option<Time>,
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
                if self.proxy.has_many_to_flush() {
                    self.proxy.flush_clients(now, socket::spill);
                }
            }
            self.serve_again(now);
            self.proxy.expire(now);
            self.connect(now);
            self.proxy.flush(now, socket::spill);
            self.bury(now);
        }
        info!("stopped");
        Ok(())
    }

    fn now(&self) -> Time {
        Time::from_micros(self.epoch.elapsed().as_micros() as u64)
    }

    fn wait(&mut self, events: &mut Events, now: Time) -> io::Result<()> {
        let busy = self.proxy.is_busy() || !self.unread.is_empty();
        let deadline = [self.proxy.next_deadline(), self.accept_at, self.ends_at];
        let timeout = match deadline.into_iter().flatten().min() {
            _ if busy => Some(Duration::ZERO),
            deadline => deadline.map(|at| at.wait(now)),
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }

    fn dispatch(&mut self, event: &Event, now: Time) {
        match Source::from(event.token()) {
            Source::Client(id) => self.client_event(id, event, now),
            Source::Link(id) => self.link_event(id, event, now),
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

    fn client_event(&mut self, id: ClientId, event: &Event, now: Time) {
        let Some(client) = self.proxy.client(id) else {
            return;
        };
        socket::note(&mut client.readiness, event);
        if event.is_writable() && !client.readiness.writable {
            self.proxy.client_writable(id);
        }
        if event.is_error()
            && let Some(client) = self.proxy.client(id)
            && let Ok(Some(error)) = client.socket.take_error()
        {
            return self.proxy.close_client(id, Close::Error(error.kind()));
        }
        self.serve(id, now);
    }

    /// Reads what a client sent, and takes it up.
    fn serve(&mut self, id: ClientId, now: Time) {
        if let Some(from) = self.proxy.client_to_fill(id) {
            match socket::fill(from) {
                Ok(Filled::Open) => {}
                Ok(Filled::Ended) => self.proxy.client_ended(id),
                Err(why) => return self.proxy.close_client(id, why),
            }
        }
        self.proxy.client_received(id, now);
        if self.ends_at.is_some() {
            self.end_when_read(id);
        }
    }

    /// What a client had sent when the end was announced is answered, and no more.
    fn end_when_read(&mut self, id: ClientId) {
        if self.proxy.client(id).is_some_and(|client| !client.readiness.readable) {
            self.proxy.client_ended(id);
        }
    }

    /// Goes on where a tick stopped to let others have their turn.
    fn serve_again(&mut self, now: Time) {
        let mut queued = std::mem::take(&mut self.queued);
        self.proxy.take_queued(&mut queued);
        for id in &queued {
            self.serve(*id, now);
        }
        self.queued = queued;
        let mut unread = std::mem::take(&mut self.unread);
        // One that had an event too is there twice, and has its turn once.
        unread.sort_unstable();
        unread.dedup();
        for id in unread {
            self.receive(id, now);
        }
        if self.accept_at.is_some_and(|at| at <= now) {
            self.accept(now);
        }
    }

    fn link_event(&mut self, id: LinkId, event: &Event, now: Time) {
        let Some(link) = self.proxy.link(id) else {
            return;
        };
        socket::note(&mut link.readiness, event);
        if !link.is_open() {
            match link.socket.as_ref().map(Socket::is_connected) {
                Some(Ok(true)) => self.proxy.link_connected(id),
                Some(Err(why)) => return self.proxy.close_link(id, why, now),
                Some(Ok(false)) | None => return,
            }
        }
        if event.is_writable() && !self.proxy.link(id).is_some_and(|it| it.readiness.writable) {
            self.proxy.link_writable(id);
        }
        self.receive(id, now);
    }

    /// Reads what a backend sent, and hands it on.
    fn receive(&mut self, id: LinkId, now: Time) {
        let Some(from) = self.proxy.link_to_fill(id) else {
            return;
        };
        let filled = socket::fill(from);
        self.proxy.link_received(id, now);
        match filled {
            Ok(Filled::Open) => {
                if self.proxy.link(id).is_some_and(|link| link.readiness.readable) {
                    self.unread.push(id);
                }
            }
            Ok(Filled::Ended) => self.proxy.close_link(id, Close::Hangup, now),
            Err(why) => self.proxy.close_link(id, why, now),
        }
    }

    /// Opens the links that the core wants.
    fn connect(&mut self, now: Time) {
        for backend in self.proxy.take_unreached() {
            self.backends[backend].failed();
        }
        for (id, backend) in self.proxy.take_wanted() {
            let token = Source::Link(id).into();
            let target = &mut self.backends[backend];
            let opened = target.connect(backend, self.names.as_ref(), now).and_then(|socket| {
                watch(&self.poll, socket, token).map_err(|error| Close::Error(error.kind()))
            });
            match opened {
                Ok(socket) => self.proxy.link_connecting(id, socket),
                Err(why) => self.proxy.close_link(id, why, now),
            }
        }
    }

    /// Names of backends were looked up.
    fn names_found(&mut self) {
        for (backend, found) in self.names.iter().flat_map(Names::answers) {
            self.backends[backend].found(found);
        }
    }

    /// Closes the sockets of connections that have ended; their descriptors may be what accepting
    /// has waited for.
    fn bury(&mut self, now: Time) {
        let closed = self.proxy.take_closed();
        if !closed.is_empty() {
            drop(closed);
            self.accept_again(now);
        }
    }

    /// Told to end: accepts no more, reads what has been sent, and finishes what is in flight.
    fn stop(&mut self, now: Time) {
        let mut told = [0; 16];
        while matches!(self.signals.read(&mut told), Ok(count) if count > 0) {}
        if self.ends_at.is_some() {
            return;
        }
        info!("stopping: {} clients are connected", self.proxy.clients_len());
        self.ends_at = Some(now.after(self.timeout));
        self.listeners.clear();
        self.accept_at = None;
        self.proxy.stop();
        for id in self.proxy.client_ids() {
            if let Some(client) = self.proxy.client(id) {
                client.readiness.readable = true;
            }
            self.serve(id, now);
        }
    }

    fn is_finished(&self, now: Time) -> bool {
        self.ends_at.is_some_and(|at| at <= now || self.proxy.clients_len() == 0)
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
            Source::Client(id) => Key::from(id).to_bits() | 1,
            Source::Link(id) => Key::from(id).to_bits() | 2,
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
        match (bits & 3, Key::from_bits(bits)) {
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
