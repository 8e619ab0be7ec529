//! One client: what it sent, what it is owed, and whether it may ask for more.

use super::ids::Place;
use super::limits::{CLIENT_READ_BYTES, PLACES_MAX, REPLY_BYTES_MAX, TYPICAL_REPLY_BYTES};
use super::replies::Replies;
use crate::memcache::line::Request;
use crate::memcache::request::RequestParser;
use crate::ring::Ring;
use crate::stock::Stock;
use crate::time::Time;

pub use super::ids::ClientId;

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
    pub(super) dirty: bool,
    /// Whether it is on the list of those to be served again.
    pub(super) queued: bool,
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
        self.reading != Reading::Over && !self.blocked && self.may_owe(0)
    }

    /// Whether so many keys more, and another one, are not too many to be owed for.
    #[inline]
    pub(super) fn may_owe(&self, keys: usize) -> bool {
        let owed = self.replies.owed() + keys;
        owed < PLACES_MAX && self.kept() + owed * self.typical < REPLY_BYTES_MAX
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
    pub(super) fn has_room(&self, place: Place, len: usize, allowance: usize) -> bool {
        let kept = self.kept();
        kept + len <= self.memory_max.min(allowance)
            || kept == 0
            || self.output.is_empty() && self.replies.is_first(place)
    }

    /// Bytes of values of many keys that can be kept for it.
    pub(super) fn room(&self, allowance: usize) -> usize {
        self.memory_max.min(allowance).saturating_sub(self.kept())
    }

    /// Notes how long a reply was.
    #[inline]
    pub(super) fn saw(&mut self, len: usize) {
        self.typical = len.max(self.typical - self.typical / 8);
    }

    /// Bytes that its input should have room for. A long value is believed in once some of it is
    /// there.
    pub(super) fn room_wanted(&self) -> usize {
        let least = (self.input.len() + 1).max(CLIENT_READ_BYTES);
        let most = least.max(self.input.len() * 8);
        self.wanted.clamp(least, most)
    }

    /// Whether there is something to do for it that was put off.
    pub(super) fn is_behind(&self) -> bool {
        let unread = self.readiness.readable && self.reading == Reading::Open;
        let unparsed = self.wanted == 0 && !self.input.is_empty();
        (unread || unparsed) && self.may_ask()
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
