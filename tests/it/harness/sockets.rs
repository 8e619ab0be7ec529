//! Sockets that are only numbers, under the driver that the reactor runs too. A socket is two
//! heaps of bytes, and does what no real one does on demand.

use nodeproxy::buffer::RingBuf;
use nodeproxy::driver::{Driver, Filled, Net, Ready};
use nodeproxy::proxy::close::Close;
use nodeproxy::proxy::ids::{BackendId, ClientId, LinkId};
use nodeproxy::proxy::io::Fillable;
use nodeproxy::time::Time;
use std::io::ErrorKind;

/// Whom the proxy talks to over a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Client(ClientId),
    Link(LinkId),
}

/// The far end of a socket.
pub(crate) struct End {
    /// Nobody until the core has named the client.
    pub(crate) peer: Option<Peer>,
    /// Bytes that the proxy has not read.
    pub(crate) sent: Vec<u8>,
    /// No more will be sent.
    pub(crate) ended: bool,
    /// Bytes that the proxy has written.
    pub(crate) received: Vec<u8>,
    /// It is connected.
    pub(crate) open: bool,
    /// The proxy has closed it.
    pub(crate) closed: bool,
    /// The proxy waits to be told that it takes bytes.
    pub(crate) full: bool,
}

/// All sockets, by their numbers.
pub(crate) struct Sockets {
    pub(crate) ends: Vec<End>,
    /// Sockets of links are connected as soon as they are there.
    pub(crate) opens_at_once: bool,
    /// Whoever connects is refused.
    pub(crate) refuses: bool,
    /// Whether clients, and backends, take bytes.
    pub(crate) clients_read: bool,
    pub(crate) backends_read: bool,
    /// Why nothing can be written to a link.
    pub(crate) broken: Option<Close>,
    /// The most bytes of one read, and of one write.
    pub(crate) read_max: usize,
    pub(crate) write_max: usize,
    /// The backends, by index, that the core could not reach.
    pub(crate) unreached: Vec<BackendId>,
}

impl Sockets {
    /// There are none yet; all will take and give what there is.
    pub(crate) fn new() -> Self {
        Self {
            ends: Vec::new(),
            opens_at_once: true,
            refuses: false,
            clients_read: true,
            backends_read: true,
            broken: None,
            read_max: usize::MAX,
            write_max: usize::MAX,
            unreached: Vec::new(),
        }
    }

    fn add(&mut self, peer: Option<Peer>, open: bool) -> usize {
        let (sent, received) = (Vec::new(), Vec::new());
        let (ended, closed) = (false, false);
        self.ends.push(End { peer, sent, ended, received, open, closed, full: true });
        self.ends.len() - 1
    }
}

/// A client of the first pool connects. Returns its socket too.
pub(crate) fn open_client(driver: &mut Driver<Sockets>, now: Time) -> (ClientId, usize) {
    let at = driver.net.add(None, true);
    let id = driver.proxy.open_client(driver.proxy.pool_ids()[0], at, now);
    driver.net.ends[at].peer = Some(Peer::Client(id));
    (id, at)
}

/// Tells of what is new at a socket, if there is anything.
pub(crate) fn announce(driver: &mut Driver<Sockets>, at: usize, now: Time) {
    let end = &mut driver.net.ends[at];
    let readable = !end.sent.is_empty() || end.ended;
    let writable = std::mem::take(&mut end.full);
    if !end.open || end.closed || !readable && !writable {
        return;
    }
    let ready = Ready { readable, writable, ended: end.ended, error: false };
    match end.peer {
        Some(Peer::Client(id)) => driver.client_ready(id, ready, now),
        Some(Peer::Link(id)) => driver.link_ready(id, ready, now),
        None => {}
    }
}

/// A tick in which everything is told that is new.
pub(crate) fn tick(driver: &mut Driver<Sockets>, now: Time) {
    for at in 0..driver.net.ends.len() {
        announce(driver, at, now);
    }
    driver.advance(now);
    driver.flush(now);
}

impl Net for Sockets {
    type Socket = usize;

    fn fill(&mut self, from: Fillable<'_, usize>) -> Result<Filled, Close> {
        let end = &mut self.ends[*from.socket];
        let most = end.sent.len().min(self.read_max);
        let mut taken = 0;
        for room in &mut from.input.spare() {
            let count = room.len().min(most - taken);
            room[..count].copy_from_slice(&end.sent[taken..taken + count]);
            taken += count;
        }
        from.readiness.readable = taken == from.input.free();
        from.input.commit(taken);
        *from.bytes += taken as u64;
        end.sent.drain(..taken);
        if !end.ended || !end.sent.is_empty() {
            return Ok(Filled::Open);
        }
        from.readiness.readable = false;
        Ok(Filled::Ended)
    }

    fn spill(&mut self, at: &mut usize, output: &mut RingBuf) -> Result<bool, Close> {
        let end = &mut self.ends[*at];
        let is_link = matches!(end.peer, Some(Peer::Link(_)));
        if let (true, Some(why)) = (is_link, self.broken) {
            return Err(why);
        }
        let reads = if is_link { self.backends_read } else { self.clients_read };
        let count = if reads { output.len().min(self.write_max) } else { 0 };
        let (first, second) = output.pieces(0..count);
        end.received.extend_from_slice(first);
        end.received.extend_from_slice(second);
        output.consume(count);
        end.full = reads && !output.is_empty();
        Ok(output.is_empty())
    }

    fn connect(&mut self, id: LinkId, _: BackendId, _: Time) -> Result<usize, Close> {
        if self.refuses {
            return Err(Close::Error(ErrorKind::ConnectionRefused));
        }
        Ok(self.add(Some(Peer::Link(id)), self.opens_at_once))
    }

    fn is_connected(&mut self, at: &usize) -> Result<bool, Close> {
        Ok(self.ends[*at].open)
    }

    fn take_error(&mut self, _: &usize) -> Option<Close> {
        None
    }

    fn unreached(&mut self, backend: BackendId) {
        self.unreached.push(backend);
    }

    fn drop_closed(&mut self, sockets: Vec<usize>) {
        for at in sockets {
            let closed = &mut self.ends[at].closed;
            assert!(!std::mem::replace(closed, true), "closed twice: {at}");
        }
    }
}
