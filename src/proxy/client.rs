//! One client: what it sent, what it is owed, and whether it may ask for more.

use super::limits::{CLIENT_READ_BYTES, PLACES_MAX, REPLY_BYTES_MAX, TYPICAL_REPLY_BYTES};
use super::replies::{Place, Replies, Slot};
use crate::memcache::line::Request;
use crate::memcache::request::RequestParser;
use crate::ring::Ring;
use crate::stats::Counters;
use crate::stock::Stock;
use crate::table::Table;
use crate::time::Time;

crate::id! {
    /// Names a client.
    ClientId
}

/// What a client may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the longest value that it may send.
    pub value_bytes_max: usize,
    /// Bytes that may be kept for it.
    pub memory_max: usize,
}

/// What may still come from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Anything.
    Open,
    /// What has been received; the client will not send more.
    Ended,
    /// Nothing: it said `quit`, or what it sent cannot be understood, or the proxy stops.
    Over,
}

/// What the shell knows of a socket. An event comes once; what it said holds until the socket says
/// otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub struct Readiness {
    /// It has bytes that were not read, or has ended.
    pub readable: bool,
    /// It takes bytes.
    pub writable: bool,
    /// Its peer will send no more: a short read is not the last one.
    pub ended: bool,
}

/// What the shell needs to read.
pub struct Fillable<'a, S> {
    /// Where from.
    pub socket: &'a mut S,
    /// Where to.
    pub input: &'a mut Ring,
    /// What is to be noted.
    pub readiness: &'a mut Readiness,
    /// What counts the bytes.
    pub bytes: &'a mut u64,
}

/// A retrieval of many keys that is being taken up, key by key.
#[derive(Debug)]
pub(super) struct Gathering {
    /// The request at the head of the input.
    pub request: Request,
    /// Where the next key is looked for.
    pub at: usize,
}

/// A client's connection.
pub struct Client<S> {
    /// Cargo: the core owns the socket, but without a bound on `S` it cannot touch it.
    pub socket: S,
    /// Bytes that it sent and that are not understood yet.
    pub input: Ring,
    /// Bytes on their way to it.
    pub output: Ring,
    /// The shell's notes.
    pub readiness: Readiness,
    pub(super) parser: RequestParser,
    pub(super) replies: Replies,
    pub(super) gathering: Option<Gathering>,
    pub(super) reading: Reading,
    /// The pool that it asks.
    pub(super) pool: usize,
    /// Which of a backend's links carries its requests: always the same one, so that it reads what
    /// it wrote.
    pub(super) lane: usize,
    /// Bytes that the input must hold before there is a whole request in it; 0 while it has not
    /// been looked through.
    pub(super) wanted: usize,
    /// Bytes that may be kept for it.
    pub(super) memory_max: usize,
    /// Bytes of a reply, as those that came lately were: the largest, slowly forgotten.
    typical: usize,
    /// The place of the last request that changes something.
    pub(super) last_write: Place,
    /// When it was last heard of.
    pub(super) heard_at: Time,
    /// Whether its next request waits for a link that has too much to write.
    pub(super) blocked: bool,
    /// Whether it is on the list of those to be flushed.
    dirty: bool,
    /// Whether it is on the list of those to be served again.
    queued: bool,
}

impl<S> Client<S> {
    pub(super) fn new(socket: S, pool: usize, lane: usize, limits: Limits, now: Time) -> Self {
        Self {
            socket,
            input: Ring::new(),
            output: Ring::new(),
            readiness: Readiness { writable: true, ..Readiness::default() },
            parser: RequestParser::new(limits.value_bytes_max),
            replies: Replies::new(),
            gathering: None,
            reading: Reading::Open,
            pool,
            lane,
            wanted: 0,
            memory_max: limits.memory_max,
            typical: TYPICAL_REPLY_BYTES,
            last_write: Place::default(),
            heard_at: now,
            blocked: false,
            dirty: false,
            queued: false,
        }
    }

    /// Whether another request of it is taken up: not while it is owed as much as it may be.
    pub(super) fn may_ask(&self) -> bool {
        self.reading != Reading::Over
            && !self.blocked
            && self.replies.len() < PLACES_MAX
            && self.kept() + self.replies.len() * self.typical < REPLY_BYTES_MAX
    }

    /// Bytes of replies that are kept for it.
    pub(super) fn kept(&self) -> usize {
        self.output.len() + self.replies.held()
    }

    /// Bytes that it costs.
    pub(super) fn memory(&self) -> usize {
        self.input.capacity() + self.output.capacity() + self.replies.held()
    }

    /// Whether a reply of `len` bytes can be kept for it. There is always room for the one whose
    /// turn it is when nothing else is to be written first.
    #[inline]
    fn has_room(&self, place: Place, len: usize, allowance: usize) -> bool {
        let kept = self.kept();
        kept + len <= self.memory_max.min(allowance)
            || kept == 0
            || self.output.is_empty() && self.replies.is_first(place)
    }

    /// Notes how long a reply was.
    #[inline]
    fn saw(&mut self, len: usize) {
        self.typical = len.max(self.typical - self.typical / 8);
    }

    /// Bytes that its input should have room for. A long value is believed in once some of it is
    /// there.
    fn room_wanted(&self) -> usize {
        let least = (self.input.len() + 1).max(CLIENT_READ_BYTES);
        let most = least.max(self.input.len() * 8);
        self.wanted.clamp(least, most)
    }

    /// Whether there is something to do for it that was put off.
    pub(super) fn is_behind(&self) -> bool {
        let unread = self.readiness.readable && self.reading == Reading::Open;
        let unparsed = self.wanted == 0 && !self.input.is_empty();
        self.may_ask() && (unread || unparsed)
    }

    /// Whether it will get nothing any more.
    pub(super) fn is_done(&self) -> bool {
        self.reading != Reading::Open
            && self.replies.is_empty()
            && self.output.is_empty()
            && (self.reading == Reading::Over || self.wanted > 0 || self.input.is_empty())
    }

    /// Takes no more from it.
    pub(super) fn stop_reading(&mut self, stock: &mut Stock) {
        self.reading = Reading::Over;
        self.gathering = None;
        self.input.clear();
        self.input.release(stock);
    }
}

/// All clients, and what is to be done for which of them.
pub(super) struct Clients<S> {
    table: Table<ClientId, Client<S>>,
    dirty: Vec<ClientId>,
    queued: Vec<ClientId>,
    /// Bytes of replies that came before their turn, over all clients.
    held: usize,
    /// Bytes that may be kept for one client, when memory is short.
    pub(super) allowance: usize,
    pub(super) counters: Counters,
}

impl<S> Clients<S> {
    pub(super) fn new() -> Self {
        Self {
            table: Table::new(),
            dirty: Vec::new(),
            queued: Vec::new(),
            held: 0,
            allowance: usize::MAX,
            counters: Counters::default(),
        }
    }

    pub(super) fn insert(&mut self, client: Client<S>) -> ClientId {
        self.table.insert(client)
    }

    pub(super) fn remove(&mut self, id: ClientId) -> Option<Client<S>> {
        let client = self.table.remove(id)?;
        self.held -= client.replies.held();
        Some(client)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: ClientId) -> Option<&mut Client<S>> {
        self.table.get_mut(id)
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Bytes of replies that came before their turn, over all clients.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// The client that costs the most memory.
    pub(super) fn worst(&self) -> Option<ClientId> {
        let memory = |id: &ClientId| self.table.get(*id).map_or(0, Client::memory);
        self.table.ids().max_by_key(memory)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ClientId> {
        self.table.ids()
    }

    /// The client that is to be written to, and what counts the bytes.
    #[inline]
    pub(super) fn leaving(&mut self, id: ClientId) -> Option<(&mut Client<S>, &mut u64)> {
        let client = self.table.get_mut(id)?;
        client.dirty = false;
        Some((client, &mut self.counters.bytes_written))
    }

    /// The socket and the ring to fill from it, when there is something to read and it may be.
    pub(super) fn fillable(&mut self, id: ClientId, stock: &mut Stock) -> Option<Fillable<'_, S>> {
        let client = self.table.get_mut(id)?;
        let may_send = client.reading == Reading::Open && client.may_ask();
        if !client.readiness.readable || !may_send {
            return None;
        }
        client.input.reserve(stock, client.room_wanted());
        let Client { socket, input, readiness, .. } = client;
        Some(Fillable { socket, input, readiness, bytes: &mut self.counters.bytes_read })
    }

    /// Puts the reply at the head of `source` into its place, unless the client is gone. Returns
    /// false when there was no room for it.
    #[inline]
    pub(super) fn answer_from(
        &mut self,
        id: ClientId,
        place: Place,
        source: &Ring,
        len: usize,
        stock: &mut Stock,
    ) -> bool {
        let Some(client) = self.table.get_mut(id) else {
            return true;
        };
        client.saw(len);
        if !client.has_room(place, len, self.allowance) {
            return false;
        }
        let before = client.replies.held();
        client.replies.fulfil_from(place, source, len, &mut client.output, stock);
        self.held = self.held + client.replies.held() - before;
        mark(&mut client.dirty, id, &mut self.dirty);
        true
    }

    /// Puts a reply into its place, unless the client is gone.
    pub(super) fn answer(&mut self, id: ClientId, place: Place, reply: Slot, stock: &mut Stock) {
        if let Some(client) = self.table.get_mut(id) {
            let before = client.replies.held();
            client.replies.fulfil(place, reply, &mut client.output, stock);
            self.held = self.held + client.replies.held() - before;
            mark(&mut client.dirty, id, &mut self.dirty);
        }
    }

    /// Has it flushed at the end of the tick.
    pub(super) fn mark_dirty(&mut self, id: ClientId) {
        if let Some(client) = self.table.get_mut(id) {
            mark(&mut client.dirty, id, &mut self.dirty);
        }
    }

    /// Has it served again in the next tick.
    pub(super) fn queue(&mut self, id: ClientId) {
        if let Some(client) = self.table.get_mut(id) {
            mark(&mut client.queued, id, &mut self.queued);
        }
    }

    /// The link that it waited for has room again.
    pub(super) fn unblock(&mut self, id: ClientId) {
        if let Some(client) = self.table.get_mut(id) {
            client.blocked = false;
            mark(&mut client.queued, id, &mut self.queued);
        }
    }

    /// Whether clients wait to be served again.
    pub(super) fn has_queued(&self) -> bool {
        !self.queued.is_empty()
    }

    /// Those to be served again.
    pub(super) fn take_queued(&mut self, into: &mut Vec<ClientId>) {
        into.clear();
        std::mem::swap(into, &mut self.queued);
        for id in into {
            if let Some(client) = self.table.get_mut(*id) {
                client.queued = false;
            }
        }
    }

    /// Those to be flushed: each has to be asked for by `leaving`.
    pub(super) fn take_dirty(&mut self, into: &mut Vec<ClientId>) {
        into.clear();
        std::mem::swap(into, &mut self.dirty);
    }
}

/// Puts `id` on `list` unless it is there already.
#[inline]
pub(super) fn mark<Id>(flag: &mut bool, id: Id, list: &mut Vec<Id>) {
    if !*flag {
        *flag = true;
        list.push(id);
    }
}
