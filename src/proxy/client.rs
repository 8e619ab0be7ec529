//! One client: what it sent, what it is owed, and whether it may ask for more.

use super::asked::Asked;
use super::ids::Place;
use super::kind::Kind;
use super::limits::{
    CLIENT_READ_BYTES, OVERDRAFT, PLACES_MAX_IN_COMPANY, REPLY_BYTES_MAX, SHORT_REPLY_BYTES,
    SURPRISE, TYPICAL_REPLY_BYTES,
};
use super::replies::Replies;
use crate::buffer::{BufferPool, RingBuf};
use crate::memcache::text::line::Request;
use crate::memcache::text::request::RequestParser;
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
    pub input: &'a mut RingBuf,
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
    pub input: RingBuf,
    /// Bytes on their way to it.
    pub output: RingBuf,
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
    limits: Limits,
    /// How many replies it may be owed at the moment.
    pub(super) places_max: usize,
    /// Bytes of a reply, as those that came lately were: the largest, slowly forgotten.
    typical: usize,
    /// The place of the last request that changes something, if that may still be owed.
    pub(super) last_write: Option<Place>,
    /// The same, of the last one whose reply may have to be asked for again.
    pub(super) last_read: Option<Place>,
    /// The same, of the last reply that was dropped for want of room.
    pub(super) last_dropped: Option<Place>,
    /// When it was last heard of.
    pub(super) heard_at: Time,
    /// Whether its next request waits for a link that has too much to write.
    pub(super) blocked: bool,
    /// Whether its next request, which changes something, waits for the replies before it.
    pub(super) hesitates: bool,
    /// Whether it is on the list of those to be flushed.
    pub(super) dirty: bool,
    /// Whether it is on the list of those to be served again.
    pub(super) queued: bool,
}

impl<S> Client<S> {
    pub(super) fn new(socket: S, pool: usize, lane: usize, limits: Limits, now: Time) -> Self {
        Self {
            socket,
            input: RingBuf::new(),
            output: RingBuf::new(),
            readiness: Readiness { writable: true, ..Readiness::default() },
            parser: RequestParser::new(limits.value_bytes_max),
            replies: Replies::new(),
            gathering: None,
            reading: Reading::Open,
            pool,
            lane,
            wanted: 0,
            limits,
            places_max: PLACES_MAX_IN_COMPANY,
            typical: TYPICAL_REPLY_BYTES,
            last_write: None,
            last_read: None,
            last_dropped: None,
            heard_at: now,
            blocked: false,
            hesitates: false,
            dirty: false,
            queued: false,
        }
    }

    /// Whether another request of it is taken up: not while it is owed as much as it may be.
    pub(super) fn may_ask(&self) -> bool {
        self.reading != Reading::Over
            && !self.blocked
            && self.may_owe()
            && (!self.hesitates || self.may_write())
    }

    /// Whether a request that changes something is taken up. Not while a value that was asked for
    /// before it may be more than can be kept: asked for again, it would not be what it was.
    #[inline]
    pub(super) fn may_write(&self) -> bool {
        let owed = |last: Option<Place>| last.is_some_and(|place| self.replies.owes(place));
        !owed(self.last_read) || !owed(self.last_dropped) && self.may_be_surprised()
    }

    /// Whether all that it is owed can be kept, if it is not much larger than what came lately.
    fn may_be_surprised(&self) -> bool {
        let largest = (self.typical * SURPRISE).min(self.limits.value_bytes_max);
        self.kept() + self.replies.owed() * largest <= self.limits.memory_max
    }

    /// For how many keys more it may be owed.
    pub(super) fn may_owe_more(&self) -> usize {
        let owed = self.replies.owed();
        let fit = REPLY_BYTES_MAX.saturating_sub(self.kept()).div_ceil(self.typical.max(1));
        fit.min(self.places_max).saturating_sub(owed)
    }

    /// Whether it may be owed for another key.
    #[inline]
    fn may_owe(&self) -> bool {
        let owed = self.replies.owed();
        owed < self.places_max && self.kept() + owed * self.typical < REPLY_BYTES_MAX
    }

    /// Bytes of replies that are kept for it.
    pub fn kept(&self) -> usize {
        self.output.len() + self.replies.held()
    }

    /// Bytes that it costs.
    pub fn memory(&self) -> usize {
        self.input.capacity() + self.output.capacity() + self.replies.held()
    }

    /// Whether a reply of `len` bytes can be kept for it. There is always room for a short one, and
    /// for the one whose turn it is when nothing else is to be written first.
    #[inline]
    pub(super) fn has_room(&self, len: usize, asked: &Asked, allowance: usize) -> bool {
        len <= self.room(asked, allowance)
            || len <= SHORT_REPLY_BYTES
            || self.kept() == 0
            || self.output.is_empty() && self.replies.is_first(asked.place)
    }

    /// Bytes that can be kept for it of the reply to `asked`: more when that cannot be asked again.
    #[inline]
    pub(super) fn room(&self, asked: &Asked, allowance: usize) -> usize {
        let most = match asked.repeats() && !self.has_written_since(asked.place) {
            true => self.limits.memory_max,
            false => self.limits.memory_max.saturating_mul(OVERDRAFT),
        };
        let left = most.min(allowance).saturating_sub(self.output.len());
        // The values of many keys are there twice while they leave.
        let left = if matches!(asked.kind, Kind::Part(_)) { left / 2 } else { left };
        left.saturating_sub(self.replies.held())
    }

    /// Whether it has asked for changes since it asked for what has this place.
    pub(super) fn has_written_since(&self, place: Place) -> bool {
        self.last_write.is_some_and(|write| write.is_after(place))
    }

    /// Notes that a request has this place.
    #[inline]
    pub(super) fn noted(&mut self, place: Place, kind: Kind) {
        if kind.is_read() {
            self.last_read = Some(place);
        } else {
            self.last_write = Some(place);
        }
    }

    /// Nothing is owed: what was asked last has no bearing on what will be.
    pub(super) fn forget_places(&mut self) {
        (self.last_write, self.last_read, self.last_dropped) = (None, None, None);
    }

    /// Notes how long the longest of some replies was. An eighth of what came before is forgotten
    /// with each.
    #[inline]
    pub(super) fn saw(&mut self, longest: usize, replies: usize) {
        self.typical = longest.max(self.typical - self.typical / 8 * replies.min(7));
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

    /// Whether it is owed nothing, and nothing that it asked waits to be taken up.
    pub(super) fn is_idle(&self) -> bool {
        let waits = self.blocked || self.is_behind();
        !waits && self.replies.is_empty() && self.output.is_empty()
    }

    /// Whether it will get nothing any more.
    pub(super) fn is_done(&self) -> bool {
        self.reading != Reading::Open
            && self.replies.is_empty()
            && self.output.is_empty()
            && (self.reading == Reading::Over || self.wanted > 0 || self.input.is_empty())
    }

    /// Takes no more from it.
    pub(super) fn stop_reading(&mut self, buffers: &mut BufferPool) {
        self.reading = Reading::Over;
        self.gathering = None;
        self.input.clear();
        self.input.release_if_empty(buffers);
    }
}
