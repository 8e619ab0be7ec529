//! What a client is owed, in order. Replies arrive in any order, and leave in the order of the
//! requests: the oldest one that is owed at once, the others when their turn comes.
//!
//! A retrieval of many keys has a turn for each key, and one for the `END` behind them all.

use super::super::ids::ReplySeq;
use super::super::limits::{QUEUES_KEPT_MAX, SLOTS_KEPT};
use super::super::request_kind::RequestKind;
use super::frames::Frames;
use crate::buffer::{BufferPool, RingBuf};
use crate::memcache::binary::opcode::Asked;
use crate::memcache::text::encode;
use std::borrow::Cow;
use std::collections::VecDeque;

/// Replies from this size on are held in a buffer of their own, bytes: it goes back to the system,
/// and the value moves there and out of it without being copied.
const BUFFERED_BYTES_MIN: usize = 1 << 12;

/// One reply, or one part of one.
#[derive(Debug)]
pub(in crate::proxy) enum Slot {
    /// It has not come yet.
    Waiting,
    /// It came before its turn.
    Bytes(Vec<u8>),
    /// It came before its turn, and is long.
    Buffer(Box<RingBuf>),
    /// It came when there was no room for it, and was dropped; when its turn comes it is asked for
    /// again.
    Evicted(Box<Evicted>),
    /// It is known word for word.
    Text(&'static [u8]),
    /// There is nothing to say: the client wanted no answer, or a key of many was not found.
    Nothing,
    /// One key of many, or one backend of all, failed; the end will say so.
    Failed(Cow<'static, [u8]>),
    /// The end of what has many parts: this text, or what went wrong in place of it. An empty text
    /// says nothing in either case.
    End(&'static [u8]),
}

/// A value that there was no room for.
#[derive(Debug)]
pub(in crate::proxy) struct Evicted {
    /// How it was asked for.
    pub(in crate::proxy) kind: RequestKind,
    /// Whether its client wants to know of no miss.
    pub(in crate::proxy) quiet: bool,
    /// Its key, or the line that asks for it when it is a meta command.
    pub(in crate::proxy) kept: Vec<u8>,
}

/// The memory of a queue.
pub(in crate::proxy) type Queue = VecDeque<Slot>;

/// The queue.
#[derive(Debug)]
pub(in crate::proxy) struct Replies {
    first: ReplySeq,
    slots: Queue,
    /// Bytes that are kept for replies whose turn has not come, and those of them that are in no
    /// buffer of the pool, which counts its own.
    held: usize,
    held_outside: usize,
    /// Rings of long replies that have left, to be used again while anything is owed.
    #[expect(clippy::vec_box, reason = "they are handed from slot to slot")]
    spare_buffers: Vec<Box<RingBuf>>,
    /// What went wrong in the reply of many parts that is leaving at the moment.
    failure: Option<Cow<'static, [u8]>>,
    /// A key's value has left, and the end of its retrieval has not.
    is_within_retrieval: bool,
    /// Of a client that speaks the binary protocol.
    frames: Option<Box<Frames>>,
}

/// What comes behind a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Tail {
    /// `END`: it is all that was asked for.
    End,
    /// The other keys of a retrieval, which has its end for itself.
    Keys,
    /// Nothing.
    Nothing,
}

impl Replies {
    /// Nothing is owed.
    pub(super) fn new() -> Self {
        Self {
            first: ReplySeq::default(),
            slots: VecDeque::new(),
            held: 0,
            held_outside: 0,
            spare_buffers: Vec::new(),
            failure: None,
            is_within_retrieval: false,
            frames: None,
        }
    }

    /// What leaves from now on leaves as frames; the turns that are reserved next are those of
    /// replies to this request, which has this key.
    #[inline]
    pub(super) fn begin_frame(&mut self, asked: Asked, key: &[u8]) {
        self.frames.get_or_insert_default().begin(asked, key);
    }

    /// Takes memory that another queue has left, unless it has some.
    #[inline]
    pub(in crate::proxy) fn reacquire_memory(&mut self, spare: &mut Vec<Queue>) {
        if self.slots.capacity() == 0
            && let Some(queue) = spare.pop()
        {
            self.slots = queue;
        }
    }

    /// Leaves its memory to others: nothing is owed. A little is kept, which is cheaper to keep
    /// than to hand around.
    #[inline]
    pub(in crate::proxy) fn release_memory(&mut self, spare: &mut Vec<Queue>) {
        if let Some(frames) = &mut self.frames {
            frames.rest();
        }
        if self.slots.capacity() > SLOTS_KEPT {
            let queue = std::mem::take(&mut self.slots);
            if spare.len() < QUEUES_KEPT_MAX {
                spare.push(queue);
            }
        }
    }

    /// Reserves the turn of the next reply.
    #[inline]
    pub(in crate::proxy) fn reserve(&mut self) -> ReplySeq {
        let seq = self.first.behind(self.slots.len());
        self.slots.push_back(Slot::Waiting);
        if let Some(frames) = &mut self.frames {
            frames.reserve();
        }
        seq
    }

    /// The turn that is reserved next.
    pub(in crate::proxy) fn next_seq(&self) -> ReplySeq {
        self.first.behind(self.slots.len())
    }

    /// Moves the value at the head of `source`, `len` bytes, into its turn.
    #[inline]
    pub(in crate::proxy) fn complete_from(
        &mut self,
        seq: ReplySeq,
        (source, len): (&mut RingBuf, usize),
        tail: Tail,
        output: &mut RingBuf,
        pool: &mut BufferPool,
    ) {
        if seq == self.first {
            match &mut self.frames {
                None => {
                    output.take_from(pool, source, len);
                    match tail {
                        Tail::End => output.extend(pool, encode::END),
                        Tail::Keys => self.is_within_retrieval = true,
                        Tail::Nothing => {}
                    }
                }
                Some(frames) => frames.write_from((source, len), output, pool),
            }
            self.take_first();
            return self.drain_ready(output, pool);
        }
        let slot = hold((source, len), tail, &mut self.spare_buffers, pool);
        self.count(&slot);
        *self.slot(seq) = slot;
    }

    /// Puts a reply into its turn.
    #[inline]
    pub(in crate::proxy) fn complete(
        &mut self,
        seq: ReplySeq,
        reply: Slot,
        output: &mut RingBuf,
        pool: &mut BufferPool,
    ) {
        self.count(&reply);
        *self.slot(seq) = reply;
        if seq == self.first {
            self.drain_ready(output, pool);
        }
    }

    /// Whether it is this one's turn.
    #[inline]
    pub(in crate::proxy) fn is_first(&self, seq: ReplySeq) -> bool {
        seq == self.first
    }

    /// Whether the reply whose turn it is was evicted.
    #[inline]
    pub(in crate::proxy) fn has_evicted_first(&self) -> bool {
        matches!(self.slots.front(), Some(Slot::Evicted(_)))
    }

    /// What was evicted and whose turn it is; it is waited for again.
    pub(in crate::proxy) fn take_evicted(&mut self) -> Option<(ReplySeq, Evicted)> {
        let slot = self.slots.front_mut()?;
        if !matches!(slot, Slot::Evicted(_)) {
            return None;
        }
        let Slot::Evicted(evicted) = std::mem::replace(slot, Slot::Waiting) else {
            return None;
        };
        Some((self.first, *evicted))
    }

    /// How many replies are owed, each key counted.
    #[inline]
    pub(in crate::proxy) fn owed(&self) -> usize {
        self.slots.len()
    }

    /// Whether this turn, which was reserved, is still owed.
    pub(in crate::proxy) fn owes(&self, seq: ReplySeq) -> bool {
        seq.from(self.first) < self.slots.len()
    }

    /// Whether values have left whose retrieval goes on, and a reply is on its way that will have
    /// them looked at again.
    #[inline]
    pub(in crate::proxy) fn is_within_retrieval(&self) -> bool {
        self.is_within_retrieval && matches!(self.slots.front(), Some(Slot::Waiting))
    }

    /// Whether nothing is owed.
    pub(in crate::proxy) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Bytes that are kept for replies whose turn has not come.
    pub(in crate::proxy) fn held(&self) -> usize {
        self.held
    }

    /// Those of them that are in no buffer of the pool.
    pub(in crate::proxy) fn held_outside(&self) -> usize {
        self.held_outside
    }

    /// Bytes that the queue and what it holds take.
    pub(in crate::proxy) fn memory(&self) -> usize {
        let frames = self.frames.as_ref().map_or(0, |frames| frames.memory());
        self.held + self.slots.capacity() * size_of::<Slot>() + frames
    }

    /// Gives back what is held: nobody will read it.
    pub(in crate::proxy) fn clear(&mut self, pool: &mut BufferPool) {
        for slot in self.slots.drain(..) {
            if let Slot::Buffer(mut buffer) = slot {
                buffer.clear();
                buffer.release_if_empty(pool);
            }
        }
        (self.held, self.held_outside) = (0, 0);
    }

    /// Asserts its own accounting; for tests, between two ticks.
    pub(in crate::proxy) fn check(&self) {
        let held: usize = self.slots.iter().map(held_bytes).sum();
        assert_eq!(self.held, held, "bytes of replies that wait for their turn");
        let frames = self.frames.as_ref().map_or(self.slots.len(), |frames| frames.len());
        assert_eq!(self.slots.len(), frames, "frames that are owed");
        let first = self.slots.front();
        assert!(
            matches!(first, None | Some(Slot::Waiting | Slot::Evicted(_))),
            "what has its turn leaves: {first:?}"
        );
    }

    fn count(&mut self, slot: &Slot) {
        self.held += held_bytes(slot);
        self.held_outside += outside_bytes(slot);
    }

    fn slot(&mut self, seq: ReplySeq) -> &mut Slot {
        let slot = &mut self.slots[seq.from(self.first)];
        assert!(matches!(slot, Slot::Waiting), "one reply to a request");
        slot
    }

    /// Lets everything leave whose turn has come.
    #[inline]
    fn drain_ready(&mut self, output: &mut RingBuf, pool: &mut BufferPool) {
        while !matches!(self.slots.front(), None | Some(Slot::Waiting | Slot::Evicted(_))) {
            if let Some(slot) = self.take_first() {
                self.leave(slot, output, pool);
            }
        }
    }

    #[inline]
    fn take_first(&mut self) -> Option<Slot> {
        self.first = self.first.behind(1);
        self.slots.pop_front()
    }

    fn leave(&mut self, slot: Slot, output: &mut RingBuf, pool: &mut BufferPool) {
        self.held -= held_bytes(&slot);
        self.held_outside -= outside_bytes(&slot);
        match slot {
            Slot::Bytes(bytes) => {
                self.say(&bytes, output, pool);
                pool.recycle_reply_buf(bytes);
            }
            Slot::Buffer(mut buffer) => {
                let len = buffer.len();
                match &mut self.frames {
                    None => output.take_from(pool, &mut buffer, len),
                    Some(frames) => frames.write_from((&mut buffer, len), output, pool),
                }
                buffer.release_if_empty(pool);
                self.spare_buffers.push(buffer);
            }
            Slot::Text(text) => self.say(text, output, pool),
            Slot::Nothing | Slot::Waiting | Slot::Evicted(_) => self.say(b"", output, pool),
            Slot::Failed(text) => {
                self.failure.get_or_insert(text);
                self.say(b"", output, pool);
            }
            Slot::End(text) => {
                self.is_within_retrieval = false;
                match self.failure.take() {
                    Some(failure) if !text.is_empty() => self.say(&failure, output, pool),
                    _ => self.say(text, output, pool),
                }
            }
        }
    }

    /// Writes the reply whose turn it is, or that part of it; nothing when there is nothing to say.
    #[inline]
    fn say(&mut self, text: &[u8], output: &mut RingBuf, pool: &mut BufferPool) {
        match &mut self.frames {
            None => output.extend(pool, text),
            Some(frames) => frames.write_text(text, output, pool),
        }
    }
}

/// Takes a value out of `source` that has to wait for its turn.
#[expect(clippy::vec_box, reason = "they are handed from slot to slot")]
fn hold(
    (source, len): (&mut RingBuf, usize),
    tail: Tail,
    spare: &mut Vec<Box<RingBuf>>,
    pool: &mut BufferPool,
) -> Slot {
    let end = if tail == Tail::End { encode::END } else { b"" };
    if len >= BUFFERED_BYTES_MIN {
        let mut buffer = spare.pop().unwrap_or_default();
        buffer.take_from(pool, source, len);
        buffer.extend(pool, end);
        return Slot::Buffer(buffer);
    }
    let (first, second) = source.pieces(0..len);
    let mut bytes = pool.reply_buf();
    bytes.extend_from_slice(first);
    bytes.extend_from_slice(second);
    bytes.extend_from_slice(end);
    source.consume(len);
    Slot::Bytes(bytes)
}

fn outside_bytes(slot: &Slot) -> usize {
    if let Slot::Bytes(bytes) = slot { bytes.len() } else { 0 }
}

/// Bytes that a reply takes which waits for its turn.
fn held_bytes(slot: &Slot) -> usize {
    match slot {
        Slot::Bytes(bytes) => bytes.len(),
        Slot::Buffer(buffer) => buffer.len(),
        Slot::Waiting | Slot::Evicted(_) | Slot::Text(_) | Slot::Nothing => 0,
        Slot::Failed(_) | Slot::End(_) => 0,
    }
}
