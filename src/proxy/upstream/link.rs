//! One connection to a backend, a *link*: requests on their way, and who waits for each answer.

use super::super::close::Close;
use super::super::ids::{BackendId, LinkId};
use super::super::io::{Fillable, Readiness};
use super::super::limits::{
    ANNOUNCED_BYTES_MAX, LINE_BYTES_MAX, LINE_KEYS_MAX, LINK_READ_BYTES, SHARED_REPLY_BYTES_MAX,
};
use super::super::pending::Pending;
use super::in_flight::InFlight;
use super::turns::Turns;
use super::window::Window;
use crate::buffer::{BufferPool, RingBuf};
use crate::memcache::binary::command::Line;
use crate::memcache::op::{Command, Op};
use crate::memcache::text::encode;
use crate::memcache::text::line::Request;
use crate::memcache::text::reply::ReplyParser;
use crate::time::Time;
use std::ops::Range;

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Stage {
    /// The shell has not been asked, or has not opened it yet.
    Idle,
    /// It is being opened.
    Connecting,
    /// It carries requests.
    Open,
}

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Role {
    /// It carries the requests of the clients of this lane.
    Lane(usize),
    /// It asks whether a backend that is down is up again.
    Probe,
    /// It stands beside the link of this lane, which is silent: when it is answered, that one is
    /// dead, and it takes its place.
    Standby(usize),
    /// It takes no new requests: its backend went down.
    Retired,
}

/// A line of keys that more keys may be added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SharedLine {
    command: Command,
    /// Of commands that touch.
    exptime: i64,
    keys: usize,
    bytes: usize,
}

/// A connection to a backend.
pub struct Link<S> {
    /// Cargo, once the shell has opened it.
    pub socket: Option<S>,
    /// Bytes that the backend sent and that are not understood yet.
    pub input: RingBuf,
    /// Bytes on their way to it.
    pub output: RingBuf,
    /// The shell's notes.
    pub readiness: Readiness,
    pub(in crate::proxy) parser: ReplyParser,
    pub(in crate::proxy) in_flight: InFlight,
    /// The line at the end of the output, while more keys may join it.
    shared_line: Option<SharedLine>,
    pub(in crate::proxy) window: Window,
    /// Clients whose next request waits for the window.
    pub(in crate::proxy) turns: Turns,
    pub(in crate::proxy) backend: BackendId,
    pub(in crate::proxy) stage: Stage,
    pub(in crate::proxy) role: Role,
    /// The link that was opened beside it because it is silent.
    pub(in crate::proxy) standby: Option<LinkId>,
    pub(in crate::proxy) created_at: Time,
    pub(in crate::proxy) heard_at: Time,
    /// Bytes that were read.
    bytes_read: u64,
    /// Those of them that were looked at.
    bytes_seen: u64,
    /// Bytes of a reply, a moving average over those that carry a value.
    reply_bytes: usize,
    /// The earliest timer that is set for it.
    pub(in crate::proxy) timer: Option<Time>,
    pub(in crate::proxy) dirty: bool,
    /// It is on the list of those whose waiting clients may have a turn.
    pub(in crate::proxy) is_pumped: bool,
}

impl<S> Link<S> {
    pub(in crate::proxy) fn new(backend: BackendId, role: Role, now: Time) -> Self {
        Self {
            socket: None,
            input: RingBuf::new(),
            output: RingBuf::new(),
            readiness: Readiness::default(),
            parser: ReplyParser::default(),
            in_flight: InFlight::default(),
            shared_line: None,
            window: Window::new(),
            turns: Turns::default(),
            backend,
            stage: Stage::Idle,
            role,
            standby: None,
            created_at: now,
            heard_at: now,
            bytes_read: 0,
            bytes_seen: 0,
            reply_bytes: 0,
            timer: None,
            dirty: false,
            is_pumped: false,
        }
    }

    /// Whether it carries requests.
    pub fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Whether another request may be sent.
    #[inline]
    pub(in crate::proxy) fn has_room(&self) -> bool {
        self.window.is_open(self.in_flight.len(), self.in_flight.cost())
    }

    /// The same, when one is to be sent.
    #[inline]
    pub(in crate::proxy) fn finds_room(&mut self) -> bool {
        let is_open = self.has_room();
        self.window.found(is_open);
        is_open
    }

    /// Whether the value that stands for this key in the input answers the oldest request.
    #[inline]
    pub(in crate::proxy) fn front_is_for(&self, key: &Range<usize>) -> bool {
        let (first, second) = self.input.pieces(key.clone());
        self.in_flight.front_is(first, second)
    }

    /// Where in the oldest line the key of a value stands.
    pub(in crate::proxy) fn position_in_line(&self, key: &Range<usize>) -> Option<usize> {
        let (first, second) = self.input.pieces(key.clone());
        self.in_flight.position_in_line(first, second)
    }

    /// Whether bytes have come that nobody has looked at.
    pub(in crate::proxy) fn has_heard(&self) -> bool {
        self.bytes_read != self.bytes_seen
    }

    /// Bytes have come, if any have.
    #[inline]
    pub(in crate::proxy) fn hear(&mut self, now: Time) {
        if self.bytes_read != self.bytes_seen {
            self.bytes_seen = self.bytes_read;
            self.heard_at = now;
        }
    }

    /// A reply with a value of so many bytes has come.
    #[inline]
    pub(in crate::proxy) fn observe_reply(&mut self, len: usize) {
        self.reply_bytes = (self.reply_bytes * 15 + len) / 16;
    }

    /// Adds one key of a retrieval: to the line that is being written, if that asks for the same,
    /// or to a new one.
    #[inline]
    pub(in crate::proxy) fn push_key(
        &mut self,
        command: Command,
        exptime: i64,
        key: &[u8],
        pending: Pending,
        pool: &mut BufferPool,
    ) {
        let first = !self.joins_line(command, exptime, key.len());
        if first {
            self.end_line(pool);
        }
        let before = self.output.len();
        if first {
            encode::begin_retrieval(&mut self.output, pool, command, exptime);
        } else {
            self.in_flight.extend_line(true, 0);
        }
        self.output.extend(pool, b" ");
        self.output.extend(pool, key);
        let len = self.output.len() - before;
        let (keys, bytes) = match self.shared_line {
            Some(line) if !first => (line.keys + 1, line.bytes + len),
            _ => (1, len),
        };
        self.shared_line = Some(SharedLine { command, exptime, keys, bytes });
        let kept = self.in_flight.keep(key, pool);
        self.in_flight.push(Pending { first, kept, len: len as u32, ..pending });
    }

    /// Whether a key can be added to the line that is being written. Large values have lines of
    /// their own: nothing is saved by joining them, and alone they move without being copied.
    #[inline]
    fn joins_line(&self, command: Command, exptime: i64, key_len: usize) -> bool {
        self.shared_line.is_some_and(|line| {
            line.command == command
                && line.exptime == exptime
                && line.keys < LINE_KEYS_MAX
                && line.bytes + key_len < LINE_BYTES_MAX
        }) && self.reply_bytes <= SHARED_REPLY_BYTES_MAX
    }

    /// Ends the line that keys could be added to.
    #[inline]
    pub(in crate::proxy) fn end_line(&mut self, pool: &mut BufferPool) {
        if self.shared_line.take().is_some() {
            self.output.extend(pool, encode::LINE_END);
            self.in_flight.extend_line(false, encode::LINE_END.len() as u32);
        }
    }

    /// Writes a request that consists of these pieces; what is kept of it was kept before.
    pub(in crate::proxy) fn push_pieces(
        &mut self,
        pending: Pending,
        pieces: &[&[u8]],
        pool: &mut BufferPool,
    ) {
        self.end_line(pool);
        let before = self.output.len();
        for piece in pieces {
            self.output.extend(pool, piece);
        }
        self.push_written(pending, before);
    }

    /// Writes the request at the head of `input`, without what the backend need not see, and with
    /// `head` in place of its line if there is one; `input` loses it.
    #[inline]
    pub(in crate::proxy) fn push_request(
        &mut self,
        pending: Pending,
        input: &mut RingBuf,
        request: &Request,
        head: Option<&[u8]>,
        pool: &mut BufferPool,
    ) {
        self.end_line(pool);
        let before = self.output.len();
        match head {
            Some(head) => {
                self.output.extend(pool, head);
                self.output.extend(pool, encode::LINE_END);
                self.output.extend_from(pool, input, request.line_len..request.len);
                input.consume(request.len);
            }
            None => self.take_request(input, request, pool),
        }
        self.push_written(pending, before);
    }

    /// Writes what the frame at the head of `input` asks: this line, and its value; `input` loses
    /// it.
    pub(in crate::proxy) fn push_frame(
        &mut self,
        pending: Pending,
        line: &Line,
        (input, request): (&mut RingBuf, &Request),
        pool: &mut BufferPool,
    ) {
        self.end_line(pool);
        let refetchable = request.op.refetchable;
        let kept = if refetchable { self.in_flight.keep(line.without_end(), pool) } else { 0 };
        let before = self.output.len();
        input.consume(request.line_len);
        let value = request.len - request.line_len;
        self.output.take_behind(pool, [line.bytes(), b""], input, value);
        if request.op.value.is_some() {
            self.output.extend(pool, encode::LINE_END);
        }
        self.push_written(Pending { kept, ..pending }, before);
    }

    /// Writes a copy of the request at the head of `input`.
    pub(in crate::proxy) fn push_copy(
        &mut self,
        pending: Pending,
        input: &RingBuf,
        request: &Request,
        pool: &mut BufferPool,
    ) {
        self.end_line(pool);
        let before = self.output.len();
        self.copy_request(input, request, pool);
        self.push_written(pending, before);
    }

    fn push_written(&mut self, pending: Pending, before: usize) {
        let len = (self.output.len() - before) as u32;
        self.in_flight.push(Pending { len, ..pending });
    }

    #[inline]
    fn take_request(&mut self, input: &mut RingBuf, request: &Request, pool: &mut BufferPool) {
        let Request { op, line_len, len } = request;
        let Op { forward_end, suffix, quiet_flag, .. } = op;
        let whole = quiet_flag.is_empty() && suffix.is_empty();
        if forward_end + 2 == *line_len && input.byte(*forward_end) == b'\r' && whole {
            return self.output.take_from(pool, input, *len);
        }
        self.copy_request(input, request, pool);
        input.consume(*len);
    }

    fn copy_request(&mut self, input: &RingBuf, request: &Request, pool: &mut BufferPool) {
        let Request { op, line_len, len } = request;
        let Op { forward_end, suffix, quiet_flag, .. } = op;
        self.output.extend_from(pool, input, 0..quiet_flag.start);
        self.output.extend_from(pool, input, quiet_flag.end..*forward_end);
        self.output.extend(pool, suffix);
        self.output.extend(pool, encode::LINE_END);
        self.output.extend_from(pool, input, *line_len..*len);
    }

    /// Gives back the memory that nothing needs.
    #[inline]
    pub(in crate::proxy) fn rest(&mut self, pool: &mut BufferPool) {
        self.input.release_if_empty(pool);
        self.in_flight.rest(pool);
    }

    /// The socket and the ring to fill from it, when there is something to read.
    pub(in crate::proxy) fn fillable(&mut self, pool: &mut BufferPool) -> Option<Fillable<'_, S>> {
        if !self.readiness.readable || self.stage != Stage::Open {
            return None;
        }
        self.input.reserve(pool, self.read_room());
        let Self { socket, input, readiness, bytes_read: bytes, .. } = self;
        Some(Fillable { socket: socket.as_mut()?, input, readiness, bytes })
    }

    /// Bytes that its input should have room for. A very long reply is believed in once some of it
    /// is there.
    fn read_room(&self) -> usize {
        let least = (self.input.len() + 1).max(LINK_READ_BYTES);
        let most = (self.input.len() * 2).max(ANNOUNCED_BYTES_MAX).max(least);
        self.parser.bytes_needed().clamp(least, most)
    }

    /// Bytes that it costs.
    pub fn memory(&self) -> usize {
        self.input.capacity() + self.output.capacity() + self.in_flight.memory()
    }

    /// Bytes of memory that are in no buffer of the pool.
    pub(in crate::proxy) fn overhead(&self) -> usize {
        self.in_flight.overhead() + size_of::<Self>()
    }

    /// For how many microseconds it has been waiting to be open.
    pub(in crate::proxy) fn opening_for(&self, now: Time) -> u64 {
        now.since(self.created_at)
    }

    /// For how many microseconds the backend has owed a reply and sent nothing.
    pub(in crate::proxy) fn silent_for(&self, now: Time) -> u64 {
        self.silent_since().map_or(0, |since| now.since(since))
    }

    pub(in crate::proxy) fn silent_since(&self) -> Option<Time> {
        self.in_flight.front().map(|pending| pending.sent_at.max(self.heard_at))
    }

    /// Whether the backend is to blame for this end: not when it closes a link on which it has been
    /// asked nothing, and not when it refuses a value that it cannot take.
    pub(in crate::proxy) fn is_failure(&self, why: Close) -> bool {
        match why {
            Close::Hangup | Close::Error(_) => self.stage != Stage::Open || self.has_sent(),
            Close::ValueRefused
            | Close::Retired
            | Close::Idle
            | Close::Memory
            | Close::Done
            | Close::NoDescriptor
            | Close::Stale => false,
            Close::Unresolved
            | Close::ConnectTimeout
            | Close::Late
            | Close::ProbeTimeout
            | Close::Silent
            | Close::Malformed
            | Close::Unsolicited => true,
        }
    }
}
