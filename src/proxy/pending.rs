//! A request in flight: what is needed to give its answer to whoever waits for it.

use super::ids::{ClientId, ReplySeq};
use super::request_kind::RequestKind;
use crate::time::Time;

/// A request in flight; each key of a shared line of a retrieval is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    /// Who waits for the answer. Nobody does any more when it came too late, or when it is the
    /// proxy's own request; then the answer is skipped.
    pub(super) client: Option<ClientId>,
    /// The answer's turn in its client's queue.
    pub(super) seq: ReplySeq,
    pub(super) kind: RequestKind,
    /// Whether the client wants to be told of nothing expected.
    pub(super) quiet: bool,
    /// Whether a line begins with it, and whether one ends with it: both, unless it is a key that
    /// shares its line with others.
    pub(super) first: bool,
    pub(super) last: bool,
    /// A value has come for it, and its line goes on.
    pub(super) answered: bool,
    /// It was asked a second time: it comes from a connection that is gone.
    pub(super) moved: bool,
    /// Bytes that are kept of it: its key, or its line, to compare answers and to ask again.
    pub(super) kept: u8,
    /// Its bytes on the way to the backend.
    pub(super) len: u32,
    /// Bytes of the reply, about.
    pub(super) expected: u32,
    /// When it was its client's next to be forwarded: its deadline counts from then.
    pub(super) since: Time,
    /// When it was written to the connection.
    pub(super) sent_at: Time,
}

impl Pending {
    /// A request of a client, which wants to send it since `since` and sends it now.
    #[inline]
    pub(super) fn new(
        client: ClientId,
        seq: ReplySeq,
        kind: RequestKind,
        since: Time,
        now: Time,
    ) -> Self {
        Self {
            client: Some(client),
            seq,
            kind,
            quiet: false,
            first: true,
            last: true,
            answered: false,
            moved: false,
            kept: 0,
            len: 0,
            expected: 0,
            since,
            sent_at: now,
        }
    }

    /// A request whose answer nobody waits for.
    pub(super) fn own(kind: RequestKind, now: Time) -> Self {
        let nobody = None;
        Self {
            client: nobody,
            seq: ReplySeq::default(),
            kind,
            quiet: false,
            first: true,
            last: true,
            answered: false,
            moved: false,
            kept: 0,
            len: 0,
            expected: 0,
            since: now,
            sent_at: now,
        }
    }

    /// The same, with a reply of about so many bytes.
    #[inline]
    pub(super) fn expecting(self, bytes: usize) -> Self {
        Self { expected: u32::try_from(bytes).unwrap_or(u32::MAX), ..self }
    }

    /// What it takes of the window, bytes.
    #[inline]
    pub(super) fn cost(&self) -> usize {
        self.len as usize + self.expected as usize
    }

    /// Whether it has a line of its own.
    #[inline]
    pub(super) fn is_alone(&self) -> bool {
        self.first && self.last
    }

    /// Whether a client waited for it, and does not any more.
    #[inline]
    pub(super) fn is_late(&self) -> bool {
        self.client.is_none() && self.kind.is_of_client()
    }

    /// Whether it can be asked again: it changes nothing, and what it asked is kept.
    pub(super) fn is_refetchable(&self) -> bool {
        self.kept > 0 && self.kind.is_refetchable()
    }
}
