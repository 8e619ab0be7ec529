//! What becomes of the requests on a link that is gone: what was never written to its socket can be
//! written to the one that comes in its place.

use super::super::pending::Pending;
use super::link::Link;
use crate::buffer::BufferPool;

impl<S> Link<S> {
    /// From which request in flight on nothing has been written to the socket.
    pub(super) fn first_unsent(&self) -> usize {
        let mut left = self.output.len();
        let mut first = self.in_flight.len();
        for (behind, pending) in self.in_flight.iter().rev().enumerate() {
            let Some(rest) = left.checked_sub(pending.len as usize) else {
                break;
            };
            left = rest;
            // A line that was begun cannot be ended elsewhere.
            if pending.first {
                first = self.in_flight.len() - 1 - behind;
            }
        }
        first
    }

    /// Whether it was asked something that may have reached the backend.
    pub(in crate::proxy) fn has_sent(&self) -> bool {
        self.in_flight.front().is_some_and(|it| it.moved) || self.first_unsent() > 0
    }

    /// Leaves the requests that were never written to the socket to the link that comes in place of
    /// this one, once: those that were moved before have had their chance.
    pub(in crate::proxy) fn leave_unsent(&mut self, to: &mut Self, pool: &mut BufferPool) {
        self.end_line(pool);
        to.end_line(pool);
        let first = self.first_unsent();
        let moved = self.in_flight.last_moved().map_or(0, |at| at + 1);
        let entries = self.in_flight.split_off(first.max(moved));
        let bytes: usize = entries.iter().map(|(pending, _)| pending.len as usize).sum();
        let written = self.output.len() - bytes;
        self.output.consume(written);
        if bytes > 0 {
            to.output.take_from(pool, &mut self.output, bytes);
        }
        for (pending, kept) in entries {
            to.in_flight.keep(&kept, pool);
            to.in_flight.push(Pending { moved: true, ..pending });
        }
    }

    /// The reads that may have been written to the socket and can be asked again elsewhere, with
    /// what is kept of each; nobody waits for them here any more.
    pub(in crate::proxy) fn take_repeatable(
        &mut self,
        is_current: impl FnMut(&Pending) -> bool,
    ) -> Vec<(Pending, Vec<u8>)> {
        let sent = self.first_unsent();
        self.in_flight.take_repeatable(sent, is_current)
    }
}
