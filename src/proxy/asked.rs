//! A request in flight: who waits for its answer, and what may be one.

use super::ids::{ClientId, Place};
use super::kind::Kind;
use crate::time::Time;

/// The most bytes that can be kept of a request.
pub(super) const KEPT_BYTES_MAX: usize = u8::MAX as usize;

/// A request in flight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Who waits; nobody, when the proxy asked for itself.
    pub client: Option<ClientId>,
    /// When it was asked; it is late one timeout after this.
    pub asked_at: Time,
    /// Where the answer goes.
    pub place: Place,
    /// What was asked.
    pub kind: Kind,
    /// Whether the client wants no answer.
    pub quiet: bool,
    /// Its bytes, as they were written to the link's output.
    pub len: u32,
    /// Bytes that the link keeps of it among its `keys`, to compare the reply or to ask again: its
    /// key, or the line of an `mg`; 0 when nothing is kept.
    pub key_len: u8,
    /// Which part of its place it is, when that has parts.
    pub part: u16,
}

impl Asked {
    /// What a client asked.
    pub(super) fn new(client: ClientId, place: Place, kind: Kind, quiet: bool, now: Time) -> Self {
        let (len, key_len, part) = (0, 0, 0);
        Self { client: Some(client), asked_at: now, place, kind, quiet, len, key_len, part }
    }

    /// What the proxy asks for itself.
    pub(super) fn nobody(kind: Kind, now: Time) -> Self {
        let (place, len, key_len, part) = (Place::default(), 0, 0, 0);
        Self { client: None, asked_at: now, place, kind, quiet: true, len, key_len, part }
    }

    /// Whether it can be asked again: it changes nothing, and is known.
    #[inline]
    pub(super) const fn repeats(&self) -> bool {
        self.key_len > 0 || matches!(self.kind, Kind::Part(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_in_flight_is_small() {
        assert!(size_of::<Asked>() <= 32, "{}", size_of::<Asked>());
    }
}
