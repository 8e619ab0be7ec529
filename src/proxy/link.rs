//! One link: requests on their way to a backend, and who waits for each answer.

use super::asked::Asked;
use super::client::{ClientId, Fillable, Readiness};
use super::close::Close;
use super::limits::{
    ANNOUNCED_BYTES_MAX, IN_FLIGHT_KEPT, LINK_BYTES_MAX, LINK_READ_BYTES, SILENT_TIMEOUTS,
};
use crate::buffer::{BufferPool, RingBuf};
use crate::memcache::op::Op;
use crate::memcache::text::encode;
use crate::memcache::text::line::Request;
use crate::memcache::text::reply::ReplyParser;
use crate::time::Time;
use std::collections::VecDeque;
use std::ops::Range;

pub use super::ids::LinkId;

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The shell has not been asked, or has not opened it yet.
    Wanted,
    /// It is being opened.
    Connecting,
    /// It carries requests.
    Open,
}

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It carries the requests of the clients of this lane.
    Lane(usize),
    /// It asks whether a backend that is down is up again.
    Probe,
    /// It takes no new requests: its backend went down.
    Retired,
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
    pub(super) parser: ReplyParser,
    /// Oldest first; a backend answers in the order that it was asked in.
    pub(super) in_flight: VecDeque<Asked>,
    /// How many of them, from the oldest on, were late and have been answered with an error; the
    /// answers are skipped when they come.
    pub(super) late: usize,
    /// How many of them, from the oldest on, come from a link that ended before they were written.
    moved: usize,
    /// What is kept of the lines of requests in flight, oldest first.
    pub(super) lines: RingBuf,
    /// Clients whose next request waits until some of the output has been written.
    pub(super) waiting: Vec<ClientId>,
    pub(super) backend: usize,
    pub(super) stage: Stage,
    pub(super) role: Role,
    pub(super) wanted_at: Time,
    pub(super) heard_at: Time,
    /// Bytes that were read.
    bytes_read: u64,
    /// The earliest timer that is set for it.
    pub(super) timer: Option<Time>,
    pub(super) dirty: bool,
}

impl<S> Link<S> {
    pub(super) fn new(backend: usize, role: Role, now: Time) -> Self {
        Self {
            socket: None,
            input: RingBuf::new(),
            output: RingBuf::new(),
            readiness: Readiness::default(),
            parser: ReplyParser::default(),
            in_flight: VecDeque::new(),
            late: 0,
            moved: 0,
            lines: RingBuf::new(),
            waiting: Vec::new(),
            backend,
            stage: Stage::Wanted,
            role,
            wanted_at: now,
            heard_at: now,
            bytes_read: 0,
            timer: None,
            dirty: false,
        }
    }

    /// Whether it carries requests.
    pub fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Notes a request, which has been written to the output behind the first `before` bytes.
    #[inline]
    pub(super) fn asked(&mut self, asked: Asked, before: usize) {
        let len = (self.output.len() - before) as u32;
        self.in_flight.push_back(Asked { len, ..asked });
    }

    /// Writes a request, and notes it.
    pub(super) fn ask(&mut self, asked: Asked, pieces: [&[u8]; 3], buffers: &mut BufferPool) {
        let before = self.output.len();
        for piece in pieces {
            self.output.extend(buffers, piece);
        }
        self.asked(asked, before);
    }

    /// Keeps the line of a request that is about to be noted. Returns how long what is kept is:
    /// nothing of a line that is too long.
    pub(super) fn keep(&mut self, line: &[u8], buffers: &mut BufferPool) -> u8 {
        let kept = u8::try_from(line.len()).unwrap_or(0);
        if kept > 0 {
            self.lines.extend(buffers, line);
        }
        kept
    }

    /// The request that the next reply answers is done with.
    #[inline]
    pub(super) fn answered(&mut self) {
        if let Some(asked) = self.in_flight.pop_front() {
            if asked.kept > 0 {
                self.lines.consume(usize::from(asked.kept));
            }
            self.late = self.late.saturating_sub(1);
            self.moved = self.moved.saturating_sub(1);
        }
    }

    /// Gives back the memory that nothing needs.
    #[inline]
    pub(super) fn rest(&mut self, buffers: &mut BufferPool) {
        self.input.release_if_empty(buffers);
        self.lines.release_if_empty(buffers);
        if self.in_flight.is_empty() && self.in_flight.capacity() > IN_FLIGHT_KEPT {
            self.in_flight = VecDeque::new();
        }
    }

    /// How many requests in flight, from the newest on, have not begun to be written to the socket.
    fn unsent(&self) -> usize {
        let mut left = self.output.len();
        let whole = |asked: &&Asked| {
            let rest = left.checked_sub(asked.len as usize);
            left = rest.unwrap_or(left);
            rest.is_some()
        };
        self.in_flight.iter().rev().take_while(whole).count()
    }

    /// Leaves the requests that were never written to the socket to the link that comes in place of
    /// this one, once: those that were moved before have had their chance, and nobody waits for
    /// those that are late.
    pub(super) fn leave_unsent(&mut self, to: &mut Self, buffers: &mut BufferPool) {
        let first = (self.in_flight.len() - self.unsent()).max(self.late).max(self.moved);
        let (mut bytes, mut kept) = (0, 0);
        for asked in self.in_flight.drain(first..) {
            bytes += asked.len as usize;
            kept += usize::from(asked.kept);
            to.in_flight.push_back(asked);
            to.moved += 1;
        }
        self.output.consume(self.output.len() - bytes);
        to.output.take_from(buffers, &mut self.output, bytes);
        self.lines.consume(self.lines.len() - kept);
        to.lines.take_from(buffers, &mut self.lines, kept);
    }

    /// Bytes of the input.
    pub(super) fn text(&self, range: Range<usize>) -> Vec<u8> {
        let (start, end) = self.input.pieces(range);
        [start, end].concat()
    }

    /// What was kept of the oldest request in flight.
    pub(super) fn first_line(&self) -> Vec<u8> {
        let len = self.in_flight.front().map_or(0, |asked| usize::from(asked.kept));
        let (start, end) = self.lines.pieces(0..len);
        [start, end].concat()
    }

    /// Whether the backend is to blame for this end: not when it closes a link on which it has been
    /// asked nothing, and not when it refuses a value that it cannot take.
    pub(super) fn failed(&self, why: Close) -> bool {
        match why {
            Close::Hangup | Close::Error(_) => {
                self.stage != Stage::Open || self.moved > 0 || self.in_flight.len() > self.unsent()
            }
            Close::ValueRefused | Close::Retired | Close::Idle | Close::Memory | Close::Done => {
                false
            }
            Close::Unresolved
            | Close::NoDescriptor
            | Close::ConnectTimeout
            | Close::Late
            | Close::ProbeTimeout
            | Close::Silent
            | Close::Malformed
            | Close::Unsolicited => true,
        }
    }

    /// The socket and the ring to fill from it, when there is something to read.
    pub(super) fn fillable(&mut self, buffers: &mut BufferPool) -> Option<Fillable<'_, S>> {
        if !self.readiness.readable || self.stage != Stage::Open {
            return None;
        }
        self.input.reserve(buffers, self.room_wanted());
        let Self { socket, input, readiness, bytes_read: bytes, .. } = self;
        Some(Fillable { socket: socket.as_mut()?, input, readiness, bytes })
    }

    /// Bytes that its input should have room for. A very long reply is believed in once some of it
    /// is there.
    fn room_wanted(&self) -> usize {
        let least = (self.input.len() + 1).max(LINK_READ_BYTES);
        let most = (self.input.len() * 8).max(ANNOUNCED_BYTES_MAX).max(least);
        self.parser.bytes_needed().clamp(least, most)
    }

    /// Bytes that it costs.
    pub fn memory(&self) -> usize {
        self.input.capacity() + self.output.capacity() + self.lines.capacity()
    }

    /// When it has to be looked at again, whatever happens until then.
    pub(super) fn deadline(&self, timeout: u64, connect_timeout: u64) -> Option<Time> {
        let opened = match self.stage {
            Stage::Wanted | Stage::Connecting => Some(self.wanted_at.after(connect_timeout)),
            Stage::Open => None,
        };
        let late = self.in_flight.get(self.late).map(|asked| asked.asked_at.after(timeout));
        let silent = self.silent_since().map(|at| at.after(timeout * SILENT_TIMEOUTS));
        [opened, late, silent].into_iter().flatten().min()
    }

    /// Writes a request to the output, with `head` in place of what its line begins with.
    pub(super) fn forward_as(
        &mut self,
        head: &[u8],
        input: &RingBuf,
        request: &Request,
        buffers: &mut BufferPool,
    ) {
        self.output.extend(buffers, head);
        self.output.extend(buffers, encode::LINE_END);
        self.output.extend_from(buffers, input, request.line_len..request.len);
    }

    /// Writes the request at the head of `input` to the output, without what the backend need not
    /// see; `input` loses it.
    #[inline]
    pub(super) fn take_over(
        &mut self,
        input: &mut RingBuf,
        request: &Request,
        buffers: &mut BufferPool,
    ) {
        let Request { op, line_len, len } = request;
        let Op { forward_end, suffix, quiet_flag, .. } = op;
        let whole = quiet_flag.is_empty() && suffix.is_empty();
        if forward_end + 2 == *line_len && input.byte(*forward_end) == b'\r' && whole {
            return self.output.take_from(buffers, input, *len);
        }
        self.forward(input, request, buffers);
        input.consume(*len);
    }

    /// Writes a request to the output, without what the backend need not see.
    pub(super) fn forward(&mut self, input: &RingBuf, request: &Request, buffers: &mut BufferPool) {
        let Request { op, line_len, len } = request;
        let Op { forward_end, suffix, quiet_flag, .. } = op;
        self.output.extend_from(buffers, input, 0..quiet_flag.start);
        self.output.extend_from(buffers, input, quiet_flag.end..*forward_end);
        self.output.extend(buffers, suffix);
        self.output.extend(buffers, encode::LINE_END);
        self.output.extend_from(buffers, input, *line_len..*len);
    }

    /// Whether requests that can wait have to.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.output.len() > LINK_BYTES_MAX
    }

    /// Whether those that wait for it may go on.
    pub(super) fn has_room(&self) -> bool {
        !self.waiting.is_empty() && self.output.len() <= LINK_BYTES_MAX / 2
    }

    /// For how many microseconds it has been waiting to be open.
    pub(super) fn opening_for(&self, now: Time) -> u64 {
        now.since(self.wanted_at)
    }

    /// For how many microseconds the backend has owed a reply and sent nothing.
    pub(super) fn silent_for(&self, now: Time) -> u64 {
        self.silent_since().map_or(0, |since| now.since(since))
    }

    fn silent_since(&self) -> Option<Time> {
        self.in_flight.front().map(|asked| asked.asked_at.max(self.heard_at))
    }
}
