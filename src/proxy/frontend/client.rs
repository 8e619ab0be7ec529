//! One client: what it sent, what it is owed, and whether it may ask for more.

use super::super::ids::{LinkId, PoolId, ReplySeq};
use super::super::io::Readiness;
use super::super::limits::{
    CLIENT_READ_BYTES, EARLY_MISSES_MAX, FIRST_REPLY_BYTES, OVERDRAFT, PARTIAL_REPLY_BYTES,
    REPLIES_MAX, REPLY_GROWTH_MAX, SHORT_REPLY_BYTES, TRUSTED_BYTES, TYPICAL_REPLY_BYTES,
};
use super::super::pending::Pending;
use super::super::request_kind::RequestKind;
use super::super::upstream::turns::Credit;
use super::replies::Replies;
use crate::buffer::{BufferPool, RingBuf};
use crate::memcache::binary::request::FrameParser;
use crate::memcache::text::line::Request;
use crate::memcache::text::request::{RequestParser, Step};
use crate::time::Time;

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
pub(in crate::proxy) enum Reading {
    /// Anything.
    Open,
    /// What has been received; the client will not send more.
    Ended,
    /// Nothing: it said `quit`, or what it sent cannot be understood, or the proxy stops.
    Over,
}

/// A retrieval of many keys that is being taken up, key by key.
#[derive(Debug)]
pub(in crate::proxy) struct MultiGet {
    /// The request at the head of the input.
    pub(in crate::proxy) request: Request,
    /// Where the next key is looked for.
    pub(in crate::proxy) at: usize,
}

/// What a client speaks, and what takes it apart: its first byte tells.
#[derive(Debug)]
enum Protocol {
    Text(RequestParser),
    Binary(FrameParser),
}

/// What all clients together allow each of them at the moment.
#[derive(Debug, Clone, Copy)]
pub(in crate::proxy) struct Allowance {
    /// Bytes of replies that one client may be owed, those that are expected included.
    pub(in crate::proxy) reply_window: usize,
    /// Bytes of replies that can be asked for again which are kept for one client.
    pub(in crate::proxy) refetchable: usize,
    /// Bytes of a value, as those were that came lately for all clients.
    pub(in crate::proxy) typical: usize,
    /// There is plenty of memory: a client that has sent some of a long value gets room for all.
    pub(in crate::proxy) is_generous: bool,
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
    protocol: Protocol,
    pub(in crate::proxy) replies: Replies,
    pub(in crate::proxy) multiget: Option<MultiGet>,
    pub(in crate::proxy) reading: Reading,
    /// The pool that it asks.
    pub(in crate::proxy) pool: PoolId,
    /// Which of a backend's links carries its requests: always the same one, so that it reads what
    /// it wrote.
    pub(in crate::proxy) lane: usize,
    /// Bytes that the input must hold before there is a whole request in it; 0 while it has not
    /// been looked through.
    pub(in crate::proxy) bytes_needed: usize,
    limits: Limits,
    /// Bytes of a value, as those were that came lately for it: the largest, slowly forgotten. 0
    /// before the first one.
    typical: usize,
    /// Keys that were not found before the first one was.
    early_misses: u32,
    /// The last request that changes something, if it may still be owed an answer.
    last_write: Option<ReplySeq>,
    /// The last request whose reply may have to be asked for again.
    last_read: Option<ReplySeq>,
    /// The last reply that was evicted for want of room.
    last_evicted: Option<ReplySeq>,
    /// When bytes came from it last.
    pub(in crate::proxy) heard_at: Time,
    /// When bytes last went either way: who makes no progress is the first to go when memory is
    /// used up.
    pub(in crate::proxy) progress_at: Time,
    /// The link on which its next request waits for its turn.
    pub(in crate::proxy) waits_on: Option<LinkId>,
    /// Since when its next request waits.
    pub(in crate::proxy) waits_since: Option<Time>,
    pub(in crate::proxy) credit: Credit,
    /// Whether its next request, which changes something, waits for the replies before it.
    pub(in crate::proxy) is_write_blocked: bool,
    /// Whether it is counted among those that are owed something.
    pub(super) owes: bool,
    /// Whether it is on the list of those to be flushed.
    pub(super) dirty: bool,
    /// Whether it is on the list of those to be served again.
    pub(super) queued: bool,
}

impl<S> Client<S> {
    pub(in crate::proxy) fn new(
        socket: S,
        pool: PoolId,
        lane: usize,
        limits: Limits,
        now: Time,
    ) -> Self {
        Self {
            socket,
            input: RingBuf::new(),
            output: RingBuf::new(),
            readiness: Readiness { writable: true, ..Readiness::default() },
            protocol: Protocol::Text(RequestParser::new(limits.value_bytes_max)),
            replies: Replies::new(),
            multiget: None,
            reading: Reading::Open,
            pool,
            lane,
            bytes_needed: 0,
            limits,
            typical: 0,
            early_misses: 0,
            last_write: None,
            last_read: None,
            last_evicted: None,
            heard_at: now,
            progress_at: now,
            waits_on: None,
            waits_since: None,
            credit: Credit::new(now),
            is_write_blocked: false,
            owes: false,
            dirty: false,
            queued: false,
        }
    }

    /// The next thing that its input holds.
    #[inline]
    pub(in crate::proxy) fn next_step(&mut self, scratch: &mut Vec<u8>) -> Step {
        match &mut self.protocol {
            Protocol::Text(parser) => parser.advance(&self.input, scratch),
            Protocol::Binary(_) => self.next_frame(scratch),
        }
    }

    /// Its first byte says that it speaks the binary protocol.
    pub(in crate::proxy) fn speak_binary(&mut self) {
        self.protocol = Protocol::Binary(FrameParser::new(self.limits.value_bytes_max));
    }

    #[inline(never)]
    fn next_frame(&mut self, scratch: &mut Vec<u8>) -> Step {
        let Protocol::Binary(parser) = &mut self.protocol else {
            return Step::Skip(0);
        };
        let step = parser.advance(&self.input, scratch);
        let asked = parser.asked();
        let mut key: &[u8] = b"";
        if let Step::Request(request) = &step
            && asked.opcode.repeats_key()
        {
            key = self.input.slice(request.op.key.clone(), scratch);
        }
        self.replies.begin_frame(asked, key);
        step
    }

    /// Whether another request of it is taken up: not while it is owed as much as it may be.
    pub(in crate::proxy) fn may_ask(&self, allowance: &Allowance) -> bool {
        self.reading != Reading::Over
            && self.waits_on.is_none()
            && self.may_owe(allowance)
            && (!self.is_write_blocked || self.may_write(allowance))
    }

    /// Its next request waits for what is its own affair: that does not count toward its deadline.
    pub(in crate::proxy) fn wait_for_itself(&mut self) {
        if self.waits_on.is_none() {
            self.waits_since = None;
        }
    }

    /// Whether it may be owed another reply: as many as fit, if they are as long as those that came
    /// lately; and no more than can be kept, should they all be much longer.
    #[inline]
    pub(in crate::proxy) fn may_owe(&self, allowance: &Allowance) -> bool {
        let (owed, kept) = (self.replies.owed(), self.kept());
        if owed == 0 && kept == 0 {
            return true;
        }
        let typical = self.typical(allowance);
        owed < REPLIES_MAX
            && kept + owed * typical < allowance.reply_window.min(self.limits.memory_max / 2)
            && kept + owed * self.longest(typical) <= self.limits.memory_max * OVERDRAFT
    }

    /// Whether a request that changes something is taken up. Not while a value that was asked for
    /// before it may be more than can be kept: asked for again, it would not be what it was.
    #[inline]
    pub(in crate::proxy) fn may_write(&self, allowance: &Allowance) -> bool {
        let owed = |last: Option<ReplySeq>| last.is_some_and(|seq| self.replies.owes(seq));
        !owed(self.last_read) || !owed(self.last_evicted) && self.fits_all(allowance)
    }

    /// Whether all that it is owed can be kept, if it is not much larger than what came lately.
    fn fits_all(&self, allowance: &Allowance) -> bool {
        let longest = self.longest(self.typical(allowance));
        self.kept() + self.replies.owed() * longest <= self.limits.memory_max
    }

    /// Bytes of a value. Of a client that has had none, no less than usual is expected.
    #[inline]
    fn typical(&self, allowance: &Allowance) -> usize {
        match self.typical {
            0 => allowance.typical.max(TYPICAL_REPLY_BYTES),
            typical => typical,
        }
    }

    /// What a link should expect in answer to a key, bytes: less with each key that is not found,
    /// as long as nothing is known of its values.
    #[inline]
    pub(in crate::proxy) fn expected_reply(&self, allowance: &Allowance) -> usize {
        match self.typical {
            0 => allowance.typical.max(FIRST_REPLY_BYTES) >> self.early_misses,
            typical => typical,
        }
    }

    /// A key was not found.
    #[inline]
    pub(super) fn observe_miss(&mut self) {
        if self.typical == 0 {
            self.early_misses = (self.early_misses + 1).min(EARLY_MISSES_MAX);
        }
    }

    /// What a reply may be, where they are typically so long, bytes.
    fn longest(&self, typical: usize) -> usize {
        typical.saturating_mul(REPLY_GROWTH_MAX).min(self.limits.value_bytes_max)
    }

    /// Whether it is worth a system call to write to it: not for a few values of a retrieval, while
    /// the others are on their way.
    #[inline]
    pub(in crate::proxy) fn has_to_be_written(&self) -> bool {
        let len = self.output.len();
        len >= PARTIAL_REPLY_BYTES || len > 0 && !self.replies.is_within_retrieval()
    }

    /// Bytes of replies that are kept for it.
    pub fn kept(&self) -> usize {
        self.output.len() + self.replies.held()
    }

    /// Bytes that it costs.
    pub fn memory(&self) -> usize {
        self.input.capacity() + self.output.capacity() + self.replies.memory()
    }

    /// Bytes of memory that are in no buffer of the pool, nor bytes of replies.
    pub(in crate::proxy) fn overhead(&self) -> usize {
        size_of::<Self>() + self.replies.memory() - self.replies.held()
    }

    /// Whether a reply can be kept for it. There is always room for a short one, and for the one
    /// whose turn it is when nothing else is to be written first; and what cannot be asked for
    /// again is kept as long as that is possible at all.
    #[inline]
    pub(in crate::proxy) fn has_room(
        &self,
        len: usize,
        pending: &Pending,
        allowance: &Allowance,
    ) -> bool {
        let most = match pending.is_refetchable() && !self.has_written_since(pending.seq) {
            true => self.limits.memory_max.min(allowance.refetchable),
            false => self.limits.memory_max.saturating_mul(OVERDRAFT),
        };
        self.kept() + len <= most
            || len <= SHORT_REPLY_BYTES
            || self.kept() == 0
            || self.output.is_empty() && self.replies.is_first(pending.seq)
    }

    /// Whether it has asked for changes since it asked for what has this place.
    pub(in crate::proxy) fn has_written_since(&self, seq: ReplySeq) -> bool {
        self.last_write.is_some_and(|write| write.is_after(seq))
    }

    /// A request has this turn.
    #[inline]
    pub(in crate::proxy) fn record_request(&mut self, seq: ReplySeq, kind: RequestKind) {
        if kind.is_read() {
            self.last_read = Some(seq);
        } else {
            self.last_write = Some(seq);
        }
    }

    /// So many keys of a retrieval have the turns from `first` on.
    pub(in crate::proxy) fn record_keys(
        &mut self,
        first: ReplySeq,
        count: usize,
        kind: RequestKind,
    ) {
        if count > 0 {
            self.record_request(first.behind(count - 1), kind);
        }
    }

    /// Its next request waits for its turn on a link, since `since`.
    pub(in crate::proxy) fn wait_on(&mut self, link: LinkId, since: Time) {
        self.waits_on = Some(link);
        self.waits_since = Some(since);
    }

    /// A reply was evicted. Those of several backends are not evicted in their order; it is the
    /// last one that a write has to wait for.
    pub(in crate::proxy) fn record_eviction(&mut self, seq: ReplySeq) {
        if !self.last_evicted.is_some_and(|last| last.is_after(seq)) {
            self.last_evicted = Some(seq);
        }
    }

    /// A change that was refused has the next turn, or one behind it.
    pub(in crate::proxy) fn record_refused_write(&mut self) {
        self.last_write = Some(self.replies.next_seq());
    }

    /// Nothing is owed: what was asked last has no bearing on what will be.
    pub(super) fn forget_requests(&mut self) {
        (self.last_write, self.last_read, self.last_evicted) = (None, None, None);
    }

    /// A value of so many bytes has come. An eighth of what came before is forgotten.
    #[inline]
    pub(super) fn observe_value(&mut self, len: usize) {
        self.typical = len.max(self.typical - self.typical / 8);
        self.early_misses = 0;
    }

    /// The socket and the ring to fill from it, when there is something to read and there is no
    /// whole request in the ring that was not taken up.
    pub(super) fn fillable(
        &mut self,
        allowance: &Allowance,
        pool: &mut BufferPool,
    ) -> Option<(&mut S, &mut RingBuf, &mut Readiness)> {
        if !self.has_to_be_read() || !self.may_ask(allowance) {
            return None;
        }
        let room = self.read_room(allowance);
        self.input.reserve(pool, room);
        Some((&mut self.socket, &mut self.input, &mut self.readiness))
    }

    fn has_to_be_read(&self) -> bool {
        let dry = self.input.is_empty() || self.bytes_needed > self.input.len();
        self.readiness.readable && self.reading == Reading::Open && dry
    }

    /// Bytes that its input should have room for. A long value is believed in once some of it is
    /// there; when memory is short it gets room as it comes.
    fn read_room(&self, allowance: &Allowance) -> usize {
        let len = self.input.len();
        let least = (len + 1).max(CLIENT_READ_BYTES);
        let most = match allowance.is_generous {
            true if len >= TRUSTED_BYTES => usize::MAX,
            true => 4 * len,
            false => 2 * len,
        };
        self.bytes_needed.clamp(least, most.max(least))
    }

    /// Whether there is something to do for it that was put off.
    pub(in crate::proxy) fn is_behind(&self, allowance: &Allowance) -> bool {
        let unparsed = self.bytes_needed == 0 && !self.input.is_empty();
        (unparsed || self.has_to_be_read()) && self.may_ask(allowance)
    }

    /// Whether it is owed nothing, and nothing that it asked waits to be taken up.
    pub(in crate::proxy) fn is_idle(&self, allowance: &Allowance) -> bool {
        let waits = self.waits_on.is_some() || self.is_behind(allowance);
        !waits && self.replies.is_empty() && self.output.is_empty()
    }

    /// Since when it has made no progress of its own; none while it is the backends that it waits
    /// for.
    pub(in crate::proxy) fn stalled_since(&self) -> Option<Time> {
        let waits = !self.replies.is_empty() && self.output.is_empty();
        (self.waits_on.is_none() && !waits).then_some(self.progress_at)
    }

    /// Whether it will get nothing any more.
    pub(in crate::proxy) fn is_done(&self) -> bool {
        self.reading != Reading::Open
            && self.replies.is_empty()
            && self.output.is_empty()
            && (self.reading == Reading::Over || self.bytes_needed > 0 || self.input.is_empty())
    }

    /// Takes no more from it.
    pub(in crate::proxy) fn stop_reading(&mut self, pool: &mut BufferPool) {
        self.reading = Reading::Over;
        self.multiget = None;
        self.input.clear();
        self.input.release_if_empty(pool);
    }
}
