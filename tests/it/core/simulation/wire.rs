//! One connection to a backend, seen from there.

use super::pipe::Pipe;
use super::store::{self, Store, Written};
use nodeproxy::proxy::ids::LinkId;

const PROBE: &[u8] = b"version\r\n";

/// How far a connection is, for the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Opening,
    Open,
    /// The backend has closed it.
    Closed,
}

pub(super) struct Wire {
    pub(super) backend: usize,
    pub(super) link: LinkId,
    pub(super) stage: Stage,
    /// The proxy has closed it. What it wrote before that is still done.
    pub(super) given_up: bool,
    /// Bytes that the proxy wrote, those that the backend has taken not counted.
    pub(super) requests: Pipe,
    /// How many it may write before the backend takes some.
    pub(super) room: usize,
    /// A write came short.
    pub(super) is_full: bool,
    /// Bytes that the proxy has not read yet.
    pub(super) replies: Pipe,
    /// All that was ever written, and how much was ever read.
    written: Vec<u8>,
    read: usize,
    is_probe: bool,
}

impl Wire {
    pub(super) fn new(backend: usize, link: LinkId, room: usize) -> Self {
        Self {
            backend,
            link,
            stage: Stage::Opening,
            given_up: false,
            requests: Pipe::default(),
            room,
            is_full: false,
            replies: Pipe::default(),
            written: Vec::new(),
            read: 0,
            is_probe: false,
        }
    }

    /// Whether both ends know each other.
    pub(super) fn is_whole(&self) -> bool {
        self.stage == Stage::Open && !self.given_up
    }

    pub(super) fn free(&self) -> usize {
        if self.stage == Stage::Closed { usize::MAX } else { self.room - self.requests.len() }
    }

    /// The proxy writes. Whoever asks whether the backend is well asks nothing else before it
    /// knows.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        assert!(!self.given_up, "written to after it was closed");
        self.requests.push(bytes);
        self.is_probe |= self.written.is_empty() && bytes.starts_with(PROBE);
        self.written.extend_from_slice(bytes);
        let is_answered = self.read > 0;
        assert!(
            !self.is_probe || is_answered || self.written.len() == PROBE.len(),
            "no client probes"
        );
    }

    /// Whether it may have got some of a request which holds `mark`: its last one may be cut off
    /// before that.
    pub(super) fn may_have_got(&self, mark: &str) -> bool {
        let mut rest = self.requests.front();
        while let Some((_, _, len)) = store::first_request(rest) {
            rest = &rest[len..];
        }
        !rest.is_empty() || contains(&self.written, mark.as_bytes())
    }

    /// The proxy has read so many bytes of the replies.
    pub(super) fn was_read(&mut self, count: usize) {
        self.replies.consume(count);
        self.read += count;
    }

    /// Answers the oldest request, if it is all there.
    pub(super) fn answer_one(&mut self, store: &mut Store, written: &mut Written) -> bool {
        if self.stage != Stage::Open {
            return false;
        }
        let Some((line, value, len)) = store::first_request(self.requests.front()) else {
            return false;
        };
        let reply = store.answer(line, value, written);
        self.requests.consume(len);
        self.replies.push(reply.as_bytes());
        true
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
