//! The tick: what is done with the core when sockets have something to say. The reactor runs it
//! over mio; the tests run the same one over sockets of their own.
//!
//! ```text
//! for each event: client_ready / link_ready   read, parse, route, mark as dirty
//! then, once:     advance                     what was put off, deadlines, connect
//!                 flush                       write, close
//! ```

use crate::buffer::RingBuf;
use crate::proxy::Proxy;
use crate::proxy::close::Close;
use crate::proxy::ids::{BackendId, ClientId, LinkId};
use crate::proxy::io::{Fillable, Readiness};
use crate::proxy::limits::{DIRTY_CLIENTS_MAX, TICK_READ_BYTES};
use crate::time::Time;

/// What became of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// The socket has no more for now, or the ring takes no more.
    Open,
    /// The peer will send no more.
    Ended,
}

/// What an event says of a socket.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ready {
    /// It has bytes, has ended, or has an error.
    pub readable: bool,
    /// It takes bytes.
    pub writable: bool,
    /// Its peer will send no more.
    pub ended: bool,
    /// It may have an error.
    pub error: bool,
}

/// All that touches sockets.
pub trait Net {
    /// A socket. The core carries it.
    type Socket;

    /// Reads until the ring is full or the socket is dry.
    fn fill(&mut self, from: Fillable<'_, Self::Socket>) -> Result<Filled, Close>;

    /// Writes until the ring is empty or the socket is full. Says whether the ring is empty.
    fn spill(&mut self, socket: &mut Self::Socket, output: &mut RingBuf) -> Result<bool, Close>;

    /// Begins to connect.
    fn connect(&mut self, id: LinkId, backend: BackendId, now: Time)
    -> Result<Self::Socket, Close>;

    /// Whether a socket that was being connected now is.
    fn is_connected(&mut self, socket: &Self::Socket) -> Result<bool, Close>;

    /// The error that is noted for a socket.
    fn take_error(&mut self, socket: &Self::Socket) -> Option<Close>;

    /// A backend could not be connected to where that was tried last.
    fn unreached(&mut self, backend: BackendId);

    /// Drops sockets of connections that have ended.
    fn drop_closed(&mut self, sockets: Vec<Self::Socket>);
}

/// The core and what moves its bytes.
pub struct Driver<N: Net> {
    /// The core.
    pub proxy: Proxy<N::Socket>,
    /// What touches sockets.
    pub net: N,
    /// Links that were not read to the end.
    unread: Vec<LinkId>,
    /// Memory for those of the tick before.
    reading: Vec<LinkId>,
    queued: Vec<ClientId>,
    /// When so many clients wait to be written to, they do not wait for the end of the tick.
    pub flush_early_at: usize,
    /// Bytes that may still be read from clients in this tick.
    read_left: usize,
    /// Clients are told no more than what they had asked.
    ending: bool,
}

impl<N: Net> Driver<N> {
    /// One that has not run yet.
    pub fn new(proxy: Proxy<N::Socket>, net: N) -> Self {
        Self {
            proxy,
            net,
            unread: Vec::new(),
            reading: Vec::new(),
            queued: Vec::new(),
            flush_early_at: DIRTY_CLIENTS_MAX,
            read_left: TICK_READ_BYTES,
            ending: false,
        }
    }

    /// Whether the next tick has something to do at once.
    pub fn is_busy(&self) -> bool {
        self.proxy.is_busy() || !self.unread.is_empty()
    }

    /// Something happened at a client's socket.
    pub fn client_ready(&mut self, id: ClientId, ready: Ready, now: Time) {
        let Some(client) = self.proxy.client(id) else {
            return;
        };
        note(&mut client.readiness, ready);
        if ready.writable && !client.readiness.writable {
            self.proxy.client_writable(id);
        }
        if ready.error
            && let Some(client) = self.proxy.client(id)
            && let Some(why) = self.net.take_error(&client.socket)
        {
            return self.proxy.close_client(id, why);
        }
        self.serve(id, now);
        self.flush_early(now);
    }

    /// Something happened at a link's socket.
    pub fn link_ready(&mut self, id: LinkId, ready: Ready, now: Time) {
        let Some(link) = self.proxy.link(id) else {
            return;
        };
        note(&mut link.readiness, ready);
        if !link.is_open() {
            match link.socket.as_ref().map(|socket| self.net.is_connected(socket)) {
                Some(Ok(true)) => self.proxy.link_connected(id),
                Some(Err(why)) => return self.proxy.close_link(id, why, now),
                Some(Ok(false)) | None => return,
            }
        }
        if ready.writable && !self.proxy.link(id).is_some_and(|it| it.readiness.writable) {
            self.proxy.link_writable(id);
        }
        self.receive(id, now);
        self.flush_early(now);
    }

    /// What is done once all events have been: what was put off, what is due, what is to be opened.
    pub fn advance(&mut self, now: Time) {
        self.serve_again(now);
        self.proxy.expire(now);
        self.proxy.pump(now);
        self.connect(now);
    }

    /// Ends the tick: writes what there is, and closes what has ended.
    pub fn flush(&mut self, now: Time) {
        self.read_left = TICK_READ_BYTES;
        let Self { proxy, net, .. } = self;
        proxy.flush(now, |socket, output| net.spill(socket, output));
        let closed = self.proxy.take_closed();
        if !closed.is_empty() {
            self.net.drop_closed(closed);
        }
    }

    /// Opens no link any more; what clients had sent is answered, and they are closed.
    pub fn stop(&mut self, now: Time) {
        self.ending = true;
        self.proxy.stop();
        for id in self.proxy.client_ids() {
            if let Some(client) = self.proxy.client(id) {
                client.readiness.readable = true;
            }
            self.serve(id, now);
        }
    }

    /// When very many clients wait to be written to, they do not wait for the end of the tick.
    fn flush_early(&mut self, now: Time) {
        if self.proxy.clients_to_flush() >= self.flush_early_at {
            let Self { proxy, net, .. } = self;
            proxy.flush_clients(now, |socket, output| net.spill(socket, output));
        }
    }

    /// Reads what a client sent, and takes it up.
    fn serve(&mut self, id: ClientId, now: Time) {
        if self.read_left == 0 {
            return self.proxy.put_off(id);
        }
        if let Some(from) = self.proxy.client_to_fill(id) {
            let before = *from.bytes;
            let filled = self.net.fill(from);
            self.count_read(before);
            match filled {
                Ok(Filled::Open) => {}
                Ok(Filled::Ended) => self.proxy.client_ended(id),
                Err(why) => return self.proxy.close_client(id, why),
            }
        }
        self.proxy.client_received(id, now);
        let is_read = |it: &mut Proxy<N::Socket>| {
            it.client(id).is_some_and(|client| !client.readiness.readable)
        };
        if self.ending && is_read(&mut self.proxy) {
            self.proxy.client_ended(id);
        }
    }

    /// What is read from clients in one tick has a limit, so that it has an end.
    fn count_read(&mut self, before: u64) {
        let read = self.proxy.bytes_read().saturating_sub(before);
        self.read_left = self.read_left.saturating_sub(read as usize);
    }

    /// Reads what a backend sent, and hands it on.
    fn receive(&mut self, id: LinkId, now: Time) {
        let Some(from) = self.proxy.link_to_fill(id) else {
            return;
        };
        let filled = self.net.fill(from);
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

    /// Goes on where a tick stopped to let others have their turn.
    fn serve_again(&mut self, now: Time) {
        let mut queued = std::mem::take(&mut self.queued);
        self.proxy.take_queued(&mut queued);
        for id in &queued {
            self.serve(*id, now);
        }
        self.queued = queued;
        // Those that are not read to the end now either are noted for the next tick.
        let mut reading = std::mem::take(&mut self.reading);
        std::mem::swap(&mut reading, &mut self.unread);
        // One that had an event too is there twice, and has its turn once.
        reading.sort_unstable();
        reading.dedup();
        for id in reading.drain(..) {
            self.receive(id, now);
        }
        self.reading = reading;
    }

    /// Opens the links that the core wants.
    fn connect(&mut self, now: Time) {
        for backend in self.proxy.take_unreached() {
            self.net.unreached(backend);
        }
        for (id, backend) in self.proxy.take_to_connect() {
            match self.net.connect(id, backend, now) {
                Ok(socket) => self.proxy.link_connecting(id, socket),
                Err(why) => self.proxy.close_link(id, why, now),
            }
        }
    }
}

fn note(readiness: &mut Readiness, ready: Ready) {
    readiness.readable |= ready.readable;
    readiness.ended |= ready.ended;
}
