//! Finds where one request of a client ends, and what it asks.

use super::grammar;
use super::line::{ParsedLine, Refusal, Request};
use super::{BINARY_MAGIC, GET_LINE_BYTES_MAX, LINE_BYTES_MAX, fast};
use crate::buffer::{RingBuf, scan};
use crate::memcache::op::Op;

/// The next thing that the input holds; all lengths are counted from the head of the ring, and are
/// the caller's to consume.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing whole yet; the ring has to hold `total` bytes before anything changes.
    Partial {
        /// Bytes.
        total: usize,
    },
    /// A whole request.
    Request(Request),
    /// The line of a request whose value is longer than the proxy takes. The value is skipped and
    /// then refused; what the line says has to be done now.
    Oversize(Request),
    /// Bytes that mean nothing: a refused value goes by.
    Skip(usize),
    /// A request that is answered with an error; or with nothing, when the client wants no answer.
    Refused {
        /// The error.
        refusal: Refusal,
        /// Whether the client wants no answer.
        quiet: bool,
        /// Its bytes.
        len: usize,
    },
    /// A line without an end: nothing that follows can be understood.
    Unterminated,
    /// The first byte of a client that speaks the binary protocol.
    Binary,
}

/// Bytes that go by before the request that they belong to is refused.
#[derive(Debug)]
pub struct Discard {
    /// How many there are.
    pub left: usize,
    /// The error.
    pub refusal: Refusal,
    /// Whether the client wants no answer.
    pub quiet: bool,
}

impl Discard {
    /// Some more of them may have come. The last step is the refusal, and then none are left.
    pub fn advance(&mut self, input: &RingBuf) -> Step {
        let count = input.len().min(self.left);
        self.left -= count;
        if self.left == 0 {
            return Step::Refused { refusal: self.refusal, quiet: self.quiet, len: count };
        }
        if count == 0 { Step::Partial { total: 1 } } else { Step::Skip(count) }
    }
}

/// The state machine.
#[derive(Debug)]
pub struct RequestParser {
    state: State,
    /// Bytes; a longer value is refused.
    value_bytes_max: usize,
    /// Whether nothing has been understood yet: the first byte tells the protocol.
    fresh: bool,
}

#[derive(Debug)]
enum State {
    /// In a line, of which `scanned` bytes hold no end. Control bytes may have been among them.
    Line { scanned: usize, has_control_bytes: bool },
    /// Behind the line of this request, in its value.
    Value(Request),
    /// In a value that was refused.
    Discard(Discard),
}

const START: State = State::Line { scanned: 0, has_control_bytes: false };

impl RequestParser {
    /// At the start of a request. Values of more than `value_bytes_max` bytes will be refused.
    pub fn new(value_bytes_max: usize) -> Self {
        Self { state: START, value_bytes_max, fresh: true }
    }

    /// Goes on where it stopped. `scratch` is used when a line wraps around the ring's end.
    pub fn advance(&mut self, input: &RingBuf, scratch: &mut Vec<u8>) -> Step {
        if matches!(self.state, State::Line { scanned: 0, .. })
            && let Some(request) = fast::request(input.front(), self.value_bytes_max)
        {
            self.fresh = false;
            return Step::Request(request);
        }
        if self.fresh && !input.is_empty() {
            self.fresh = false;
            if input.byte(0) == BINARY_MAGIC {
                return Step::Binary;
            }
        }
        match &mut self.state {
            State::Line { scanned, has_control_bytes } => {
                match line_end(input, scanned, has_control_bytes) {
                    Some(end) => {
                        let has_control_bytes = *has_control_bytes;
                        self.state = START;
                        self.line(input, end, has_control_bytes, scratch)
                    }
                    None => unfinished(input),
                }
            }
            State::Value(request) => match value_end(input, request) {
                Some(step) => {
                    self.state = START;
                    step
                }
                None => Step::Partial { total: request.len },
            },
            State::Discard(discard) => {
                let step = discard.advance(input);
                if discard.left == 0 {
                    self.state = START;
                }
                step
            }
        }
    }

    /// Understands the line of `line_len` bytes at the head of the ring.
    fn line(
        &mut self,
        input: &RingBuf,
        line_len: usize,
        has_control_bytes: bool,
        scratch: &mut Vec<u8>,
    ) -> Step {
        let line = match input.slice(0..line_len - 1, scratch) {
            [line @ .., b'\r'] => line,
            line => line,
        };
        match grammar::understand(line, has_control_bytes) {
            ParsedLine::Ask(op) => self.request(input, op, line_len),
            ParsedLine::Refuse { refusal, quiet } => {
                Step::Refused { refusal, quiet, len: line_len }
            }
            ParsedLine::Discard { value, refusal, quiet } => {
                self.state = State::Discard(Discard { left: value + 2, refusal, quiet });
                Step::Skip(line_len)
            }
        }
    }

    /// A request, when its value is there too.
    fn request(&mut self, input: &RingBuf, op: Op, line_len: usize) -> Step {
        let Some(value) = op.value else {
            return Step::Request(Request { op, line_len, len: line_len });
        };
        let request = Request { len: line_len + value + 2, op, line_len };
        if value > self.value_bytes_max {
            let quiet = request.op.hides_errors();
            let refusal = Refusal::TooLarge;
            self.state = State::Discard(Discard { left: value + 2, refusal, quiet });
            return Step::Oversize(request);
        }
        if let Some(step) = value_end(input, &request) {
            return step;
        }
        let total = request.len;
        self.state = State::Value(request);
        Step::Partial { total }
    }
}

/// Bytes of the line at the head of the ring, its end included. Notes how far it looked, and
/// whether it saw control bytes within the line.
#[inline]
fn line_end(input: &RingBuf, scanned: &mut usize, has_control_bytes: &mut bool) -> Option<usize> {
    loop {
        let (first, second) = input.pieces(*scanned..input.len());
        let Some(at) = scan::find_below_far(first, b' ')
            .or_else(|| scan::find_below_far(second, b' ').map(|at| first.len() + at))
        else {
            *scanned = input.len();
            return None;
        };
        let at = *scanned + at;
        match input.byte(at) {
            b'\n' => return Some(at + 1),
            b'\r' if at + 1 == input.len() => {
                *scanned = at;
                return None;
            }
            b'\r' if input.byte(at + 1) == b'\n' => return Some(at + 2),
            _ => *has_control_bytes = true,
        }
        *scanned = at + 1;
    }
}

/// A line whose end has not come: only a retrieval may be long.
fn unfinished(input: &RingBuf) -> Step {
    let starts: [&[u8]; 4] = [b"get ", b"gets ", b"gat ", b"gats "];
    let retrieval = starts.iter().any(|start| input.has(0, start));
    let bytes_max = if retrieval { GET_LINE_BYTES_MAX } else { LINE_BYTES_MAX };
    match input.len() {
        len if len > bytes_max => Step::Unterminated,
        len => Step::Partial { total: len + 1 },
    }
}

/// The request, once its value is there; or what is wrong with the value's end.
fn value_end(input: &RingBuf, request: &Request) -> Option<Step> {
    if input.len() < request.len {
        return None;
    }
    if input.has(request.len - 2, b"\r\n") {
        return Some(Step::Request(request.clone()));
    }
    let quiet = request.op.hides_errors();
    Some(Step::Refused { refusal: Refusal::BadChunk, quiet, len: request.len })
}
