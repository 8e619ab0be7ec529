//! Who waits for a connection, and whose turn it is.
//!
//! Deficit round robin (Shreedhar and Varghese, 1995): each turn lets a client send one quantum,
//! in requests and bytes; one that sent more than it had waits until its credit is paid back, a
//! quantum a round. As in FQ-CoDel (RFC 8290) a client that has credit when it comes goes before
//! those that are paying back, so that a small get does not wait for a round of large pipelines;
//! but every fourth turn is theirs, so that a flood of newcomers cannot keep them from theirs.

use super::super::ids::ClientId;
use crate::time::Time;
use std::collections::VecDeque;

/// What one turn lets a client send, bytes. A request costs at least [`REQUEST_COST`].
pub(crate) const QUANTUM: i32 = 16 << 10;
/// What a request costs however small it is, bytes: 16 small ones are a turn.
pub(crate) const REQUEST_COST: usize = 1 << 10;
/// Credit comes back to a client that does not wait, bytes in a microsecond.
const CREDIT_RATE: u64 = 32;
/// No debt is larger: a client waits for no more than eight rounds, whatever it has sent.
const DEBT_MAX: i32 = 8 * QUANTUM;
/// Of so many turns one is that of a client that is paying back.
const BACKLOG_TURN: u32 = 4;

/// What a client may send, and since when it waits to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Credit {
    bytes: i32,
    /// When it was counted last.
    at: Time,
}

impl Credit {
    pub(crate) fn new(now: Time) -> Self {
        Self { bytes: QUANTUM, at: now }
    }

    /// A request of `bytes`, with its answer, was sent.
    #[inline]
    pub(crate) fn spend(&mut self, bytes: usize) {
        let cost = bytes.max(REQUEST_COST).min(DEBT_MAX as usize) as i32;
        self.bytes = (self.bytes - cost).max(-DEBT_MAX);
    }

    /// Whether it may send more in this turn.
    pub(crate) fn is_left(&self) -> bool {
        self.bytes > 0
    }

    /// What came back while it did not wait.
    fn recover(&mut self, now: Time) {
        let back = now.since(self.at).saturating_mul(CREDIT_RATE).min(2 * DEBT_MAX as u64) as i32;
        self.bytes = (self.bytes + back).min(QUANTUM);
        self.at = now;
    }

    /// A round has passed.
    pub(crate) fn pay_back(&mut self, now: Time) {
        self.bytes = (self.bytes + QUANTUM).min(QUANTUM);
        self.at = now;
    }
}

/// The clients that wait for one connection, each at most once.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Turns {
    /// Those that had credit when they came.
    fresh: VecDeque<ClientId>,
    /// Those that have to pay back.
    backlog: VecDeque<ClientId>,
    turn: u32,
}

impl Turns {
    /// Whether nobody waits.
    #[inline]
    pub(in crate::proxy) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.backlog.is_empty()
    }

    /// How many wait, those that have gone meanwhile included.
    pub(in crate::proxy) fn len(&self) -> usize {
        self.fresh.len() + self.backlog.len()
    }

    /// A client begins to wait.
    pub(in crate::proxy) fn join(&mut self, id: ClientId, credit: &mut Credit, now: Time) {
        credit.recover(now);
        if credit.is_left() { self.fresh.push_back(id) } else { self.backlog.push_back(id) }
    }

    /// A client has had its turn, and wants another one.
    pub(in crate::proxy) fn wait_again(&mut self, id: ClientId) {
        self.backlog.push_back(id);
    }

    /// Whose turn it is.
    pub(in crate::proxy) fn next(&mut self) -> Option<ClientId> {
        self.turn = self.turn.wrapping_add(1);
        let (first, second) = match self.turn.is_multiple_of(BACKLOG_TURN) {
            true => (&mut self.backlog, &mut self.fresh),
            false => (&mut self.fresh, &mut self.backlog),
        };
        first.pop_front().or_else(|| second.pop_front())
    }

    /// All who wait.
    pub(in crate::proxy) fn iter(&self) -> impl Iterator<Item = ClientId> {
        self.fresh.iter().chain(&self.backlog).copied()
    }

    /// All who waited; nobody does any more.
    pub(in crate::proxy) fn take_all(&mut self, into: &mut Vec<ClientId>) {
        into.extend(self.fresh.drain(..).chain(self.backlog.drain(..)));
        if self.fresh.capacity() + self.backlog.capacity() > 64 {
            (self.fresh, self.backlog) = Default::default();
        }
    }
}
