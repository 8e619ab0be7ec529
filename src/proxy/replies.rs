//! What a client is owed, in order. Replies arrive in any order, and leave in the order of the
//! requests: that of the oldest place at once, the others when their turn comes.
//!
//! Each key of a multi-get has a place of its own, and so has the `END` behind them: the order of
//! the places is the order of the keys, so gathering the parts of one reply from many backends
//! needs nothing but this queue.

use super::kind::Kind;
use super::limits::{QUEUES_KEPT_MAX, SLOTS_KEPT};
use crate::ring::Ring;
use crate::stock::Stock;
use std::borrow::Cow;
use std::collections::VecDeque;

/// A reply's turn, counted over all the client's replies; it wraps around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place(u32);

impl Place {
    /// Whether it comes after `other`.
    pub(super) const fn is_after(self, other: Self) -> bool {
        (self.0.wrapping_sub(other.0) as i32) > 0
    }
}

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
    /// There is nothing to say: a miss among many keys, or the client wanted no answer.
    Nothing,
    /// A part of a multi-get failed, or one of many backends; the end will say so.
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
    /// Its key.
    pub(super) key: Vec<u8>,
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
    /// What went wrong in the multi-get that is leaving at the moment.
    failure: Option<Cow<'static, [u8]>>,
}

impl Replies {
    /// Nothing is owed.
    pub(super) fn new() -> Self {
        Self { first: Place(0), slots: VecDeque::new(), held: 0, failure: None }
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

    /// Leaves its memory to others: nothing is owed. A little is kept, which is cheaper to keep than
    /// to hand around.
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
        let place = Place(self.first.0.wrapping_add(self.slots.len() as u32));
        self.slots.push_back(Slot::Waiting);
        place
    }

    /// Puts the reply at the head of `source`, `len` bytes, into its place.
    #[inline]
    pub(super) fn fulfil_from(
        &mut self,
        place: Place,
        source: &Ring,
        len: usize,
        output: &mut Ring,
        stock: &mut Stock,
    ) {
        if place == self.first {
            output.extend_from(stock, source, 0..len);
            self.take_first();
            self.settle(output, stock);
            return;
        }
        let (start, end) = source.pieces(0..len);
        let mut bytes = stock.aside();
        bytes.extend_from_slice(start);
        bytes.extend_from_slice(end);
        self.held += len;
        *self.slot(place) = Slot::Bytes(bytes);
    }

    /// Puts a reply into its place.
    #[inline]
    pub(super) fn fulfil(
        &mut self,
        place: Place,
        reply: Slot,
        output: &mut Ring,
        stock: &mut Stock,
    ) {
        if let Slot::Bytes(bytes) = &reply {
            self.held += bytes.len();
        }
        *self.slot(place) = reply;
        if place == self.first {
            self.settle(output, stock);
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
        matches!(self.slots.front(), Some(Slot::Dropped(_)))
    }

    /// The reply whose turn it is, when it was dropped; it is waited for again.
    pub(super) fn take_dropped(&mut self) -> Option<(Place, Box<Dropped>)> {
        let slot = self.slots.front_mut().filter(|slot| matches!(slot, Slot::Dropped(_)))?;
        let Slot::Dropped(dropped) = std::mem::replace(slot, Slot::Waiting) else {
            return None;
        };
        Some((self.first, dropped))
    }

    /// How many replies are owed.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
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
        let at = place.0.wrapping_sub(self.first.0) as usize;
        let slot = &mut self.slots[at];
        assert!(matches!(slot, Slot::Waiting), "one reply to a request");
        slot
    }

    /// Lets everything leave whose turn has come.
    #[inline]
    fn settle(&mut self, output: &mut Ring, stock: &mut Stock) {
        while !matches!(self.slots.front(), None | Some(Slot::Waiting | Slot::Dropped(_))) {
            if let Some(slot) = self.take_first() {
                self.leave(slot, output, stock);
            }
        }
    }

    fn take_first(&mut self) -> Option<Slot> {
        self.first.0 = self.first.0.wrapping_add(1);
        self.slots.pop_front()
    }

    fn leave(&mut self, slot: Slot, output: &mut Ring, stock: &mut Stock) {
        match slot {
            Slot::Bytes(bytes) => {
                output.extend(stock, &bytes);
                self.held -= bytes.len();
                stock.put_aside(bytes);
            }
            Slot::Text(text) => output.extend(stock, text),
            Slot::Nothing | Slot::Waiting | Slot::Dropped(_) => {}
            Slot::Failed(text) => {
                self.failure.get_or_insert(text);
            }
            Slot::End(text) => match self.failure.take() {
                Some(failure) if !text.is_empty() => output.extend(stock, &failure),
                _ => output.extend(stock, text),
            },
        }
    }
}
