//! All clients: what they are given, and what is to be done for which of them.

use super::asked::Asked;
use super::client::{Client, Fillable, Reading};
use super::gather::Gather;
use super::ids::{ClientId, Place};
use super::limits::{
    COMPANY, GATHER_BYTES_KEPT_MAX, GATHERS_KEPT_MAX, PLACES_MAX, PLACES_MAX_IN_COMPANY,
};
use super::replies::Slot;
use crate::buffer::{BufferPool, RingBuf};
use crate::metrics::Counters;
use crate::slab::SlotMap;
use crate::time::Time;
use std::borrow::Cow;

/// All clients, and what is to be done for which of them.
pub(super) struct Clients<S> {
    table: SlotMap<ClientId, Client<S>>,
    dirty: Vec<ClientId>,
    queued: Vec<ClientId>,
    /// Bytes of replies that came before their turn, over all clients.
    held: usize,
    /// Bytes that may be kept for one client, when memory is short.
    pub(super) allowance: usize,
    spare: Spare,
    /// Who was heard of last, and until when that is not all the company there is.
    heard_last: Option<ClientId>,
    company_until: Time,
    pub(super) counters: Counters,
}

/// Gatherings that have left, to be used again.
#[derive(Default)]
struct Spare {
    #[expect(clippy::vec_box, reason = "they are handed from queue to queue")]
    gathers: Vec<Box<Gather>>,
    /// Bytes of their memory.
    bytes: usize,
}

impl<S> Clients<S> {
    pub(super) fn new() -> Self {
        Self {
            table: SlotMap::new(),
            dirty: Vec::new(),
            queued: Vec::new(),
            held: 0,
            allowance: usize::MAX,
            spare: Spare::default(),
            heard_last: None,
            company_until: Time::default(),
            counters: Counters::default(),
        }
    }

    pub(super) fn insert(&mut self, client: Client<S>) -> ClientId {
        self.table.insert(client)
    }

    pub(super) fn remove(&mut self, id: ClientId) -> Option<Client<S>> {
        let client = self.table.remove(id)?;
        self.held -= client.replies.held();
        Some(client)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: ClientId) -> Option<&mut Client<S>> {
        self.table.get_mut(id)
    }

    /// A client is heard of. Says how many replies it may be owed.
    #[inline]
    pub(super) fn places_max(&mut self, id: ClientId, now: Time) -> usize {
        if self.heard_last.is_some_and(|last| last != id) {
            self.company_until = now.after(COMPANY);
        }
        self.heard_last = Some(id);
        if now < self.company_until { PLACES_MAX_IN_COMPANY } else { PLACES_MAX }
    }

    pub(super) fn has(&self, id: ClientId) -> bool {
        self.table.get(id).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Bytes of replies that came before their turn, over all clients.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// The client that costs the most memory, and how much that is.
    pub(super) fn worst(&self) -> Option<(usize, ClientId)> {
        let memory = |id: ClientId| Some((self.table.get(id)?.memory(), id));
        self.table.ids().filter_map(memory).max()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ClientId> {
        self.table.ids()
    }

    /// The client that is to be written to, and what counts the bytes.
    #[inline]
    pub(super) fn leaving(&mut self, id: ClientId) -> Option<(&mut Client<S>, &mut u64)> {
        let client = self.table.get_mut(id)?;
        client.dirty = false;
        Some((client, &mut self.counters.bytes_written))
    }

    /// The socket and the ring to fill from it, when there is something to read and it may be.
    pub(super) fn fillable(
        &mut self,
        id: ClientId,
        buffers: &mut BufferPool,
    ) -> Option<Fillable<'_, S>> {
        let client = self.table.get_mut(id)?;
        let may_send = client.reading == Reading::Open && client.may_ask();
        if !client.readiness.readable || !may_send {
            return None;
        }
        client.input.reserve(buffers, client.room_wanted());
        let Client { socket, input, readiness, .. } = client;
        Some(Fillable { socket, input, readiness, bytes: &mut self.counters.bytes_read })
    }

    /// Moves the reply at the head of `source` into its place, unless the client is gone. Returns
    /// false when it is a value that there is no room for; other replies are short.
    #[inline]
    pub(super) fn answer_from(
        &mut self,
        id: ClientId,
        asked: &Asked,
        source: &mut RingBuf,
        len: usize,
        is_value: bool,
        buffers: &mut BufferPool,
    ) -> bool {
        let Some(client) = self.table.get_mut(id) else {
            return true;
        };
        client.saw(len, 1);
        if is_value && !client.has_room(len, asked, self.allowance) {
            return false;
        }
        let before = client.replies.held();
        client.replies.fulfil_from(asked.place, source, len, &mut client.output, buffers);
        self.held = self.held + client.replies.held() - before;
        mark(&mut client.dirty, id, &mut self.dirty);
        self.spare.take_all(&mut client.replies.done);
        true
    }

    /// The client that waits for a part, and the bytes that may be kept for it.
    #[inline]
    pub(super) fn gathering(&mut self, asked: &Asked) -> Option<(&mut Client<S>, usize)> {
        let client = self.table.get_mut(asked.client?)?;
        let room = client.room(asked, self.allowance);
        Some((client, room))
    }

    /// Bytes of values have been kept for a client, in a gathering.
    #[inline]
    pub(super) fn hold(&mut self, bytes: usize) {
        self.held += bytes;
    }

    /// A part of a place has been answered, or has failed.
    pub(super) fn finish_part(
        &mut self,
        id: ClientId,
        place: Place,
        part: u16,
        failure: Option<Cow<'static, [u8]>>,
        buffers: &mut BufferPool,
    ) {
        if let Some(client) = self.table.get_mut(id)
            && let Some(gather) = client.replies.gather(place)
        {
            gather.finish(part, failure);
            let before = client.replies.held();
            client.replies.settle_at(place, &mut client.output, buffers);
            self.held = self.held + client.replies.held() - before;
            mark(&mut client.dirty, id, &mut self.dirty);
            self.spare.take_all(&mut client.replies.done);
        }
    }

    /// Counts the keys of a part that has been answered without them.
    pub(super) fn count_misses(&mut self, id: ClientId, place: Place, part: u16) {
        if let Some(client) = self.table.get_mut(id)
            && let Some(gather) = client.replies.gather(place)
        {
            self.counters.miss(gather.verb, gather.misses(part));
        }
    }

    /// What was asked for again has come, or has failed: the gathering goes on.
    pub(super) fn resume(
        &mut self,
        id: ClientId,
        value: Option<(&RingBuf, usize)>,
        failure: Option<Cow<'static, [u8]>>,
        buffers: &mut BufferPool,
    ) {
        if let Some(client) = self.table.get_mut(id) {
            let before = client.replies.held();
            client.replies.resume(value, failure, &mut client.output, buffers);
            self.held = self.held + client.replies.held() - before;
            mark(&mut client.dirty, id, &mut self.dirty);
            self.spare.take_all(&mut client.replies.done);
        }
    }

    /// A gathering without keys.
    pub(super) fn take_gather(&mut self) -> Box<Gather> {
        self.spare.give()
    }

    /// Reserves a place for a gathering whose parts have been sent.
    pub(super) fn expect_all(
        &mut self,
        id: ClientId,
        gather: Box<Gather>,
        buffers: &mut BufferPool,
    ) {
        if let Some(client) = self.table.get_mut(id) {
            let place = client.replies.expect_all(gather);
            client.replies.settle_at(place, &mut client.output, buffers);
            mark(&mut client.dirty, id, &mut self.dirty);
            self.spare.take_all(&mut client.replies.done);
        }
    }

    /// Takes back a gathering that is not needed.
    pub(super) fn put_gather(&mut self, gather: Box<Gather>) {
        self.spare.take(gather);
    }

    /// Notes how long a reply was that its client is not given as it is.
    pub(super) fn saw(&mut self, id: ClientId, len: usize) {
        if let Some(client) = self.table.get_mut(id) {
            client.saw(len, 1);
        }
    }

    /// Puts a reply into its place, unless the client is gone.
    pub(super) fn answer(
        &mut self,
        id: ClientId,
        place: Place,
        reply: Slot,
        buffers: &mut BufferPool,
    ) {
        if let Some(client) = self.table.get_mut(id) {
            let before = client.replies.held();
            client.replies.fulfil(place, reply, &mut client.output, buffers);
            self.held = self.held + client.replies.held() - before;
            mark(&mut client.dirty, id, &mut self.dirty);
            self.spare.take_all(&mut client.replies.done);
        }
    }

    /// Has it flushed at the end of the tick.
    pub(super) fn mark_dirty(&mut self, id: ClientId) {
        if let Some(client) = self.table.get_mut(id) {
            mark(&mut client.dirty, id, &mut self.dirty);
        }
    }

    /// Has it served again in the next tick.
    pub(super) fn queue(&mut self, id: ClientId) {
        if let Some(client) = self.table.get_mut(id) {
            mark(&mut client.queued, id, &mut self.queued);
        }
    }

    /// The link that it waited for has room again.
    pub(super) fn unblock(&mut self, id: ClientId) {
        if let Some(client) = self.table.get_mut(id) {
            client.blocked = false;
            mark(&mut client.queued, id, &mut self.queued);
        }
    }

    /// Whether clients wait to be served again, or to be flushed.
    pub(super) fn has_work(&self) -> bool {
        !self.queued.is_empty() || !self.dirty.is_empty()
    }

    /// Those to be served again.
    pub(super) fn take_queued(&mut self, into: &mut Vec<ClientId>) {
        into.clear();
        std::mem::swap(into, &mut self.queued);
        for id in into {
            if let Some(client) = self.table.get_mut(*id) {
                client.queued = false;
            }
        }
    }

    /// How many are to be flushed.
    #[inline]
    pub(super) fn dirty_len(&self) -> usize {
        self.dirty.len()
    }

    /// Those to be flushed: each has to be asked for by `leaving`.
    pub(super) fn take_dirty(&mut self, into: &mut Vec<ClientId>) {
        into.clear();
        std::mem::swap(into, &mut self.dirty);
    }
}

impl Spare {
    fn give(&mut self) -> Box<Gather> {
        let Some(gather) = self.gathers.pop() else {
            return Box::new(Gather::new());
        };
        self.bytes -= gather.memory();
        gather
    }

    /// Keeps it, unless there are enough.
    fn take(&mut self, mut gather: Box<Gather>) {
        let memory = gather.memory();
        if self.gathers.len() < GATHERS_KEPT_MAX && self.bytes + memory <= GATHER_BYTES_KEPT_MAX {
            gather.clear();
            self.bytes += memory;
            self.gathers.push(gather);
        }
    }

    #[inline]
    #[expect(clippy::vec_box, reason = "they are handed from queue to queue")]
    fn take_all(&mut self, done: &mut Vec<Box<Gather>>) {
        while let Some(gather) = done.pop() {
            self.take(gather);
        }
    }
}

/// Puts `id` on `list` unless it is there already.
#[inline]
pub(super) fn mark<Id>(flag: &mut bool, id: Id, list: &mut Vec<Id>) {
    if !*flag {
        *flag = true;
        list.push(id);
    }
}
