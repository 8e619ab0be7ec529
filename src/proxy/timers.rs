//! What has to be looked at again, and when: a heap of moments.
//!
//! A timer is not moved and not taken back. Whatever it was set for looks at its own state when the
//! timer fires, and sets the next one if there is still something to wait for; so a busy link has
//! one timer for each timeout, however many requests pass, and not one for each request.

use super::ids::{BackendId, ClientId, LinkId};
use super::limits::STALE_TIMERS_MAX;
use crate::time::Time;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Whom a timer wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wake {
    /// A link: the deadlines of its requests, and its own.
    Link(LinkId),
    /// A backend: a probe, or a link to be opened again.
    Backend(BackendId),
    /// Nobody: memory that is not needed is given back.
    Memory,
    /// A client that may have been silent for too long.
    Client(ClientId),
}

/// The heap.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Time, Wake)>>,
    /// How many of them are for clients, those that are gone included.
    clients: usize,
}

impl Timers {
    /// Wakes `whom` at `at` or soon after.
    pub(super) fn set(&mut self, at: Time, whom: Wake) {
        self.clients += usize::from(matches!(whom, Wake::Client(_)));
        self.heap.push(Reverse((at, whom)));
    }

    /// Drops the timers of clients that are gone, when they have become more than half of those of
    /// clients.
    pub(super) fn forget_clients(&mut self, there: usize, is_there: impl Fn(ClientId) -> bool) {
        if self.clients <= 2 * there + STALE_TIMERS_MAX {
            return;
        }
        let before = self.heap.len();
        self.heap.retain(|Reverse((_, whom))| match whom {
            Wake::Client(id) => is_there(*id),
            Wake::Link(_) | Wake::Backend(_) | Wake::Memory => true,
        });
        self.clients -= before - self.heap.len();
    }

    /// How many are set.
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    /// When the first timer fires.
    pub(super) fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the first timer that is due.
    pub(super) fn take_due(&mut self, now: Time) -> Option<Wake> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, whom)) = self.heap.pop()?;
        self.clients -= usize::from(matches!(whom, Wake::Client(_)));
        Some(whom)
    }
}
