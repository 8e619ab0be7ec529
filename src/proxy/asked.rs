//! A request in flight: who waits for its answer, and what may be one.

use super::ids::{ClientId, Place};
use super::kind::Kind;
use crate::time::Time;

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
    /// The fingerprint of its key, when the reply will repeat that.
    pub print: u64,
    /// Its bytes, as they were written to the link's output.
    pub len: u32,
    /// Bytes of its line that the link keeps, because the reply does not tell how to ask again.
    pub kept: u8,
    /// Which part of its place it is, when that has parts.
    pub part: u16,
}

impl Asked {
    /// What a client asked.
    pub(super) fn new(client: ClientId, place: Place, kind: Kind, quiet: bool, now: Time) -> Self {
        Self { client: Some(client), place, quiet, ..Self::nobody(kind, now) }
    }

    /// What the proxy asks for itself.
    pub(super) fn nobody(kind: Kind, now: Time) -> Self {
        let (place, print, len, kept, part) = (Place::default(), 0, 0, 0, 0);
        Self { client: None, asked_at: now, place, kind, quiet: true, print, len, kept, part }
    }

    /// Whether it can be asked again: it changes nothing, and is known.
    #[inline]
    pub(super) const fn repeats(&self) -> bool {
        self.kept > 0 || matches!(self.kind, Kind::Get(_) | Kind::Part(_) | Kind::Again(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_in_flight_is_small() {
        assert!(size_of::<Asked>() <= 40, "{}", size_of::<Asked>());
    }
}
