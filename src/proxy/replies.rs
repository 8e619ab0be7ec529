//! What a client is owed, in order. Replies arrive in any order, and leave in the order of the
//! requests: that of the oldest place at once, the others when their turn comes.
//!
//! A retrieval of many keys has a place for each run of keys that is asked for at once, and one for
//! the `END` behind them all.

use super::gather::Gather;
use super::ids::Place;
use super::kind::Kind;
use super::limits::{QUEUES_KEPT_MAX, SLOTS_KEPT};
use crate::buffer::{BufferPool, RingBuf};
use std::borrow::Cow;
use std::collections::VecDeque;

/// One reply, or one part of one.
#[derive(Debug)]
pub(super) enum Slot {
    /// It has not come yet.
    Waiting,
    /// It came before its turn.
    Bytes(Vec<u8>),
    /// It came when there was no room for it, and was dropped; when its turn comes it is asked for
    /// again.
    Dropped(Box<Dropped>),
    /// It is known word for word.
    Text(&'static [u8]),
    /// There is nothing to say: the client wanted no answer.
    Nothing,
    /// A run of keys of one retrieval.
    Gather(Box<Gather>),
    /// One of many backends failed; the end will say so.
    Failed(Cow<'static, [u8]>),
    /// The end of what has many parts: this text, or what went wrong in place of it. An empty text
    /// says nothing in either case.
    End(&'static [u8]),
}

/// A value that there was no room for.
#[derive(Debug)]
pub(super) struct Dropped {
    /// How it was asked for.
    pub(super) kind: Kind,
    /// Whether its client wants to know of no miss.
    pub(super) quiet: bool,
    /// The line that asks for it.
    pub(super) text: Vec<u8>,
}

/// The memory of a queue.
pub(super) type Queue = VecDeque<Slot>;

/// The queue.
#[derive(Debug)]
pub(super) struct Replies {
    first: Place,
    slots: Queue,
    /// Bytes that are kept for places whose turn has not come.
    held: usize,
    /// What went wrong in the reply of many parts that is leaving at the moment.
    failure: Option<Cow<'static, [u8]>>,
    /// Keys in the gatherings.
    keys: usize,
    /// Gatherings that have left; their memory can be used again.
    #[expect(clippy::vec_box, reason = "they are handed from queue to queue")]
    pub(super) done: Vec<Box<Gather>>,
}

impl Replies {
    /// Nothing is owed.
    pub(super) fn new() -> Self {
        Self {
            first: Place::default(),
            slots: VecDeque::new(),
            held: 0,
            failure: None,
            keys: 0,
            done: Vec::new(),
        }
    }

    /// Takes memory that another queue has left, unless it has some.
    #[inline]
    pub(super) fn wake(&mut self, spare: &mut Vec<Queue>) {
        if self.slots.capacity() == 0
            && let Some(queue) = spare.pop()
        {
            self.slots = queue;
        }
    }

    /// Leaves its memory to others: nothing is owed. A little is kept, which is cheaper to keep
    /// than to hand around.
    #[inline]
    pub(super) fn rest(&mut self, spare: &mut Vec<Queue>) {
        if self.slots.capacity() > SLOTS_KEPT {
            let queue = std::mem::take(&mut self.slots);
            if spare.len() < QUEUES_KEPT_MAX {
                spare.push(queue);
            }
        }
    }

    /// Reserves the place of the next reply.
    #[inline]
    pub(super) fn expect(&mut self) -> Place {
        let place = self.first.behind(self.slots.len());
        self.slots.push_back(Slot::Waiting);
        place
    }

    /// The place that is reserved next.
    pub(super) fn next_place(&self) -> Place {
        self.first.behind(self.slots.len())
    }

    /// Reserves the place of a run of keys.
    pub(super) fn expect_all(&mut self, gather: Box<Gather>) -> Place {
        let place = self.first.behind(self.slots.len());
        self.keys += gather.len();
        self.slots.push_back(Slot::Gather(gather));
        place
    }

    /// The run of keys that has this place.
    #[inline]
    pub(super) fn gather(&mut self, place: Place) -> Option<&mut Gather> {
        let slot = self.slots.get_mut(place.from(self.first))?;
        if let Slot::Gather(gather) = slot { Some(gather) } else { None }
    }

    /// A part of this place has come, or has failed.
    pub(super) fn settle_at(
        &mut self,
        place: Place,
        output: &mut RingBuf,
        buffers: &mut BufferPool,
    ) {
        if place == self.first {
            self.settle(output, buffers);
        }
    }

    /// Counts bytes that are kept in a gathering.
    #[inline]
    pub(super) fn hold(&mut self, bytes: usize) {
        self.held += bytes;
    }

    /// Moves the reply at the head of `source`, `len` bytes, into its place.
    #[inline]
    pub(super) fn fulfil_from(
        &mut self,
        place: Place,
        source: &mut RingBuf,
        len: usize,
        output: &mut RingBuf,
        buffers: &mut BufferPool,
    ) {
        if place == self.first {
            output.take_from(buffers, source, len);
            self.take_first();
            self.settle(output, buffers);
            return;
        }
        let (start, end) = source.pieces(0..len);
        let mut bytes = buffers.reply_buf();
        bytes.extend_from_slice(start);
        bytes.extend_from_slice(end);
        source.consume(len);
        self.held += len;
        *self.slot(place) = Slot::Bytes(bytes);
    }

    /// Puts a reply into its place.
    #[inline]
    pub(super) fn fulfil(
        &mut self,
        place: Place,
        reply: Slot,
        output: &mut RingBuf,
        buffers: &mut BufferPool,
    ) {
        if let Slot::Bytes(bytes) = &reply {
            self.held += bytes.len();
        }
        *self.slot(place) = reply;
        if place == self.first {
            self.settle(output, buffers);
        }
    }

    /// Whether it is this place's turn.
    #[inline]
    pub(super) fn is_first(&self, place: Place) -> bool {
        place == self.first
    }

    /// Whether the reply whose turn it is was dropped.
    #[inline]
    pub(super) fn has_dropped(&self) -> bool {
        if let Some(Slot::Gather(gather)) = self.slots.front() {
            return gather.is_stuck();
        }
        matches!(self.slots.front(), Some(Slot::Dropped(_)))
    }

    /// What was dropped and whose turn it is; it is waited for again.
    pub(super) fn take_dropped(&mut self) -> Option<(Place, Dropped)> {
        let slot = self.slots.front_mut()?;
        if let Slot::Gather(gather) = slot {
            let kind = Kind::Again(gather.verb);
            let text = kind.again(&gather.ask_again()?)?;
            return Some((self.first, Dropped { kind, quiet: false, text }));
        }
        if !matches!(slot, Slot::Dropped(_)) {
            return None;
        }
        let Slot::Dropped(dropped) = std::mem::replace(slot, Slot::Waiting) else {
            return None;
        };
        Some((self.first, *dropped))
    }

    /// The value that was asked for again: `len` bytes of `source`, when there are any.
    pub(super) fn resume(
        &mut self,
        value: Option<(&RingBuf, usize)>,
        failure: Option<Cow<'static, [u8]>>,
        output: &mut RingBuf,
        buffers: &mut BufferPool,
    ) {
        if let Some((source, len)) = value {
            output.extend_from(buffers, source, 0..len);
        }
        if let Some(Slot::Gather(gather)) = self.slots.front_mut() {
            gather.answered_again(failure);
        }
        self.settle(output, buffers);
    }

    /// How many replies are owed, each key counted.
    #[inline]
    pub(super) fn owed(&self) -> usize {
        self.slots.len() + self.keys
    }

    /// Whether this place, which was reserved, is still owed.
    pub(super) fn owes(&self, place: Place) -> bool {
        place.from(self.first) < self.slots.len()
    }

    /// Whether nothing is owed.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Bytes that are kept for places whose turn has not come.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    fn slot(&mut self, place: Place) -> &mut Slot {
        let slot = &mut self.slots[place.from(self.first)];
        assert!(matches!(slot, Slot::Waiting), "one reply to a request");
        slot
    }

    /// Lets everything leave whose turn has come.
    #[inline]
    fn settle(&mut self, output: &mut RingBuf, buffers: &mut BufferPool) {
        loop {
            match self.slots.front_mut() {
                None | Some(Slot::Waiting | Slot::Dropped(_)) => return,
                Some(Slot::Gather(gather)) => {
                    if !gather.leave(output, buffers, &mut self.failure) {
                        return;
                    }
                }
                Some(_) => {}
            }
            if let Some(slot) = self.take_first() {
                self.leave(slot, output, buffers);
            }
        }
    }

    #[inline]
    fn take_first(&mut self) -> Option<Slot> {
        self.first = self.first.behind(1);
        self.slots.pop_front()
    }

    fn leave(&mut self, slot: Slot, output: &mut RingBuf, buffers: &mut BufferPool) {
        match slot {
            Slot::Bytes(bytes) => {
                output.extend(buffers, &bytes);
                self.held -= bytes.len();
                buffers.recycle_reply_buf(bytes);
            }
            Slot::Text(text) => output.extend(buffers, text),
            Slot::Nothing | Slot::Waiting | Slot::Dropped(_) => {}
            Slot::Gather(gather) => {
                self.held -= gather.held();
                self.keys -= gather.len();
                self.done.push(gather);
            }
            Slot::Failed(text) => {
                self.failure.get_or_insert(text);
            }
            Slot::End(text) => match self.failure.take() {
                Some(failure) if !text.is_empty() => output.extend(buffers, &failure),
                _ => output.extend(buffers, text),
            },
        }
    }
}
