//! All clients: what they are given, and what is to be done for which of them.

use super::super::ids::{ClientId, ReplySeq};
use super::super::io::Fillable;
use super::super::limits::{
    QUEUES_KEPT_MIN, REFETCHABLE_BYTES_MAX, REFETCHABLE_BYTES_WHEN_SHORT, REPLY_BUDGET_BYTES,
    REPLY_WINDOW_MAX, REPLY_WINDOW_MIN,
};
use super::super::pending::Pending;
use super::client::{Allowance, Client};
use super::replies::{Queue, Slot, Tail};
use crate::buffer::{BufferPool, RingBuf};
use crate::metrics::Counters;
use crate::slab::SlotMap;

/// All clients, and what is to be done for which of them.
pub(in crate::proxy) struct Clients<S> {
    table: SlotMap<ClientId, Client<S>>,
    dirty: Vec<ClientId>,
    queued: Vec<ClientId>,
    /// Those that were queued and had no turn: they come before the others.
    passed_over: Vec<ClientId>,
    /// Bytes of replies that came before their turn and are in no buffer of the pool.
    held_outside: usize,
    /// How many are owed something.
    owed: usize,
    pub(in crate::proxy) allowance: Allowance,
    /// Queues of clients that are owed nothing, to be used again.
    spare_queues: Vec<Queue>,
    /// So many of them have not been needed since they were last looked through.
    queues_unneeded: usize,
    pub(in crate::proxy) counters: Counters,
}

impl<S> Clients<S> {
    pub(in crate::proxy) fn new() -> Self {
        Self {
            table: SlotMap::new(),
            dirty: Vec::new(),
            queued: Vec::new(),
            passed_over: Vec::new(),
            held_outside: 0,
            owed: 0,
            allowance: Allowance {
                reply_window: REPLY_WINDOW_MAX,
                refetchable: usize::MAX,
                typical: 0,
                is_generous: true,
            },
            spare_queues: Vec::new(),
            queues_unneeded: 0,
            counters: Counters::default(),
        }
    }

    pub(in crate::proxy) fn insert(&mut self, client: Client<S>) -> ClientId {
        self.table.insert(client)
    }

    pub(in crate::proxy) fn remove(&mut self, id: ClientId) -> Option<Client<S>> {
        let client = self.table.remove(id)?;
        self.held_outside -= client.replies.held_outside();
        self.owed -= usize::from(client.owes);
        Some(client)
    }

    #[inline]
    pub(in crate::proxy) fn get_mut(&mut self, id: ClientId) -> Option<&mut Client<S>> {
        self.table.get_mut(id)
    }

    pub(in crate::proxy) fn has(&self, id: ClientId) -> bool {
        self.table.get(id).is_some()
    }

    pub(in crate::proxy) fn len(&self) -> usize {
        self.table.len()
    }

    pub(in crate::proxy) fn iter(&self) -> impl Iterator<Item = (ClientId, &Client<S>)> {
        self.table.iter()
    }

    /// Bytes of replies that came before their turn and are in no buffer of the pool.
    pub(in crate::proxy) fn held_outside(&self) -> usize {
        self.held_outside
    }

    /// Shares what may be owed among those who are owed something, and follows how much of the
    /// memory is used.
    pub(in crate::proxy) fn share(&mut self, used: usize, memory_max: usize) {
        let budget = REPLY_BUDGET_BYTES.min(memory_max / 4);
        let share = budget / self.owed.max(1);
        self.allowance.reply_window = share.clamp(REPLY_WINDOW_MIN, REPLY_WINDOW_MAX);
        self.allowance.is_generous = used < memory_max / 4;
        self.allowance.refetchable = match used > (memory_max / 4 * 3).min(REFETCHABLE_BYTES_MAX) {
            true => REFETCHABLE_BYTES_WHEN_SHORT,
            false => usize::MAX,
        };
    }

    /// A client is about to be owed something.
    #[inline]
    pub(in crate::proxy) fn begin_owing(&mut self, id: ClientId) {
        if let Some(client) = self.table.get_mut(id)
            && !client.owes
        {
            client.owes = true;
            self.owed += 1;
            client.replies.reacquire_memory(&mut self.spare_queues);
            self.queues_unneeded = self.queues_unneeded.min(self.spare_queues.len());
        }
    }

    /// The client, when it is to be written to; and what counts the bytes.
    #[inline]
    pub(in crate::proxy) fn leaving(&mut self, id: ClientId) -> Option<(&mut Client<S>, &mut u64)> {
        let client = self.table.get_mut(id)?;
        client.dirty = false;
        Some((client, &mut self.counters.bytes_written))
    }

    /// A client is owed nothing any more.
    pub(in crate::proxy) fn settle(&mut self, id: ClientId) {
        if let Some(client) = self.table.get_mut(id) {
            client.replies.release_memory(&mut self.spare_queues);
            client.forget_requests();
            self.owed -= usize::from(std::mem::take(&mut client.owes));
        }
    }

    /// The socket and the ring to fill from it, when there is something to read and it may be.
    pub(in crate::proxy) fn fillable(
        &mut self,
        id: ClientId,
        pool: &mut BufferPool,
    ) -> Option<Fillable<'_, S>> {
        let client = self.table.get_mut(id)?;
        let (socket, input, readiness) = client.fillable(&self.allowance, pool)?;
        Some(Fillable { socket, input, readiness, bytes: &mut self.counters.bytes_read })
    }

    /// Moves the value at the head of `source` into its turn, unless nobody waits for it. Returns
    /// false when there is no room for it.
    #[inline]
    pub(in crate::proxy) fn complete_value(
        &mut self,
        pending: &Pending,
        (source, len): (&mut RingBuf, usize),
        tail: Tail,
        pool: &mut BufferPool,
    ) -> bool {
        let Some(id) = pending.client else {
            return true;
        };
        let Some(client) = self.table.get_mut(id) else {
            return true;
        };
        client.observe_value(len);
        if !client.has_room(len, pending, &self.allowance) {
            return false;
        }
        let before = client.replies.held_outside();
        client.replies.complete_from(pending.seq, (source, len), tail, &mut client.output, pool);
        self.held_outside = self.held_outside + client.replies.held_outside() - before;
        mark(&mut client.dirty, id, &mut self.dirty);
        true
    }

    /// Moves the reply at the head of `source`, which is short, into its turn, unless the client is
    /// gone.
    #[inline]
    pub(in crate::proxy) fn complete_line(
        &mut self,
        id: ClientId,
        seq: ReplySeq,
        source: (&mut RingBuf, usize),
        pool: &mut BufferPool,
    ) {
        if let Some(client) = self.table.get_mut(id) {
            let before = client.replies.held_outside();
            client.replies.complete_from(seq, source, Tail::Nothing, &mut client.output, pool);
            self.held_outside = self.held_outside + client.replies.held_outside() - before;
            mark(&mut client.dirty, id, &mut self.dirty);
        }
    }

    /// Puts a reply into its turn, unless the client is gone.
    pub(in crate::proxy) fn complete(
        &mut self,
        id: ClientId,
        seq: ReplySeq,
        reply: Slot,
        pool: &mut BufferPool,
    ) {
        if let Some(client) = self.table.get_mut(id) {
            let before = client.replies.held_outside();
            client.replies.complete(seq, reply, &mut client.output, pool);
            self.held_outside = self.held_outside + client.replies.held_outside() - before;
            mark(&mut client.dirty, id, &mut self.dirty);
        }
    }

    /// A value of so many bytes has come, for any client. A little of what came before is
    /// forgotten.
    #[inline]
    pub(in crate::proxy) fn observe_value(&mut self, len: usize) {
        let typical = &mut self.allowance.typical;
        *typical = len.max(*typical - *typical / 64);
    }

    /// A key that this client asked for was not found.
    #[inline]
    pub(in crate::proxy) fn observe_miss(&mut self, id: ClientId) {
        if let Some(client) = self.table.get_mut(id) {
            client.observe_miss();
        }
    }

    /// Has it flushed at the end of the tick.
    pub(in crate::proxy) fn mark_dirty(&mut self, id: ClientId) {
        if let Some(client) = self.table.get_mut(id) {
            mark(&mut client.dirty, id, &mut self.dirty);
        }
    }

    /// Has it served again in the next tick.
    pub(in crate::proxy) fn queue(&mut self, id: ClientId) {
        if let Some(client) = self.table.get_mut(id) {
            mark(&mut client.queued, id, &mut self.queued);
        }
    }

    /// Has it served again in the next tick, before those that were served in this one.
    pub(in crate::proxy) fn pass_over(&mut self, id: ClientId) {
        if let Some(client) = self.table.get_mut(id) {
            mark(&mut client.queued, id, &mut self.passed_over);
        }
    }

    /// It has something to do that was put off, if it may.
    pub(in crate::proxy) fn queue_if_behind(&mut self, id: ClientId) {
        if let Some(client) = self.table.get_mut(id)
            && client.is_behind(&self.allowance)
        {
            mark(&mut client.queued, id, &mut self.queued);
        }
    }

    /// The link that it waited for is gone.
    pub(in crate::proxy) fn unblock(&mut self, id: ClientId) {
        if let Some(client) = self.table.get_mut(id) {
            client.waits_on = None;
            mark(&mut client.queued, id, &mut self.queued);
        }
    }

    /// Whether clients wait to be served again, or to be flushed.
    pub(in crate::proxy) fn has_work(&self) -> bool {
        !self.queued.is_empty() || !self.passed_over.is_empty() || !self.dirty.is_empty()
    }

    /// Those to be served again.
    pub(in crate::proxy) fn take_queued(&mut self, into: &mut Vec<ClientId>) {
        into.clear();
        std::mem::swap(into, &mut self.passed_over);
        into.append(&mut self.queued);
        for id in into {
            if let Some(client) = self.table.get_mut(*id) {
                client.queued = false;
            }
        }
    }

    /// How many are to be flushed.
    #[inline]
    pub(in crate::proxy) fn dirty_len(&self) -> usize {
        self.dirty.len()
    }

    /// Those to be flushed: each has to be asked for by `leaving`.
    pub(in crate::proxy) fn take_dirty(&mut self, into: &mut Vec<ClientId>) {
        into.clear();
        std::mem::swap(into, &mut self.dirty);
    }

    /// Asserts its own accounting; for tests, between two ticks.
    pub(in crate::proxy) fn check(&self) {
        let held: usize = self.iter().map(|(_, client)| client.replies.held_outside()).sum();
        assert_eq!(self.held_outside, held, "bytes held over all clients");
        let owed = self.iter().filter(|(_, client)| client.owes).count();
        assert_eq!(self.owed, owed, "clients that are owed something");
        for (_, client) in self.iter() {
            client.replies.check();
            assert!(client.owes || client.replies.is_empty(), "who is owed is counted");
        }
    }

    /// Forgets memory that nobody needed lately.
    pub(in crate::proxy) fn trim(&mut self) {
        let most = self.spare_queues.len().saturating_sub(QUEUES_KEPT_MIN);
        self.spare_queues.drain(..self.queues_unneeded.min(most));
        self.queues_unneeded = self.spare_queues.len();
    }
}

/// Puts `id` on `list` unless it is there already.
#[inline]
fn mark<Id>(flag: &mut bool, id: Id, list: &mut Vec<Id>) {
    if !*flag {
        *flag = true;
        list.push(id);
    }
}
