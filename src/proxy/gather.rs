//! A retrieval of many keys, spread over backends: what each was asked, what each has answered, and
//! how the answers leave in the order of the keys.
//!
//! The keys of one backend go onto one line, a *part*. A part's values are kept as they came, one
//! behind the other, and a list says which of the part's keys each is for; so a key costs a few
//! bytes here and one copy on its way out.

use super::close::Close;
use super::ids::LinkId;
use super::limits::BATCH_BYTES_MAX;
use crate::buffer::{BufferPool, RingBuf};
use crate::memcache::op::Command;
use crate::memcache::text::reply;
use std::borrow::Cow;

/// A backend that has no part yet.
pub(super) const NO_PART: u16 = u16::MAX;

/// A run of keys of one retrieval.
#[derive(Debug)]
pub(super) struct Gather {
    pub(super) verb: Command,
    /// The part of each key, in the order of the keys.
    order: Vec<u16>,
    /// The parts; those behind `parts_len` are only memory.
    parts: Vec<Part>,
    parts_len: usize,
    /// Parts that have not been answered.
    waiting: usize,
    /// Keys that have left.
    left: usize,
    /// Bytes of the values that are kept.
    held: usize,
    /// A value that was dropped has been asked for again.
    asked_again: bool,
}

/// The keys of one line to one backend.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// The backend, among all.
    pub(super) backend: usize,
    /// Where the line goes; nowhere when the backend is down.
    pub(super) link: Option<LinkId>,
    /// Seconds that what is asked for may be kept, when this is not its usual place.
    pub(super) ttl: Option<u32>,
    /// The keys, each with a space before it, and where each ends.
    pub(super) asked: Vec<u8>,
    ends: Vec<u32>,
    /// How far the answers have come: bytes of `asked`, and keys.
    seen_bytes: usize,
    seen_keys: usize,
    /// What was found: the values as they came, and in place of those that there was no room for,
    /// their keys.
    bytes: Vec<u8>,
    blocks: Vec<Block>,
    /// Why what it has not answered is missing.
    pub(super) failure: Option<Cow<'static, [u8]>>,
    /// How far the part has left: keys, blocks, bytes.
    left: (u32, usize, usize),
}

/// One value.
#[derive(Debug, Clone, Copy)]
struct Block {
    /// Which of the part's keys it is for.
    key: u32,
    /// Where it ends in the part's bytes.
    end: u32,
    /// There was no room for it.
    dropped: bool,
}

impl Gather {
    /// One without keys.
    pub(super) fn new() -> Self {
        Self {
            verb: Command::Get,
            order: Vec::new(),
            parts: Vec::new(),
            parts_len: 0,
            waiting: 0,
            left: 0,
            held: 0,
            asked_again: false,
        }
    }

    /// Bytes of the memory that it has, used or not.
    pub(super) fn memory(&self) -> usize {
        let order = self.order.capacity() * size_of::<u16>();
        order + self.parts.iter().map(Part::memory).sum::<usize>()
    }

    /// Forgets all keys; the memory stays.
    pub(super) fn clear(&mut self) {
        self.order.clear();
        for part in &mut self.parts {
            part.clear();
        }
        (self.parts_len, self.waiting, self.left, self.held) = (0, 0, 0, 0);
        self.asked_again = false;
    }

    /// Adds a part, and names it.
    pub(super) fn open(&mut self, backend: usize, link: Option<LinkId>, ttl: Option<u32>) -> u16 {
        let at = self.parts_len;
        self.parts_len += 1;
        if self.parts.len() < self.parts_len {
            self.parts.push(Part::default());
        }
        let part = &mut self.parts[at];
        (part.backend, part.link, part.ttl) = (backend, link, ttl);
        at as u16
    }

    /// Adds a key, which has a space before it, to a part.
    #[inline]
    pub(super) fn add(&mut self, part: u16, key: &[u8]) {
        self.order.push(part);
        let part = &mut self.parts[usize::from(part)];
        part.asked.extend_from_slice(key);
        part.ends.push(part.asked.len() as u32);
    }

    /// The parts.
    pub(super) fn parts(&mut self) -> &mut [Part] {
        &mut self.parts[..self.parts_len]
    }

    /// A part.
    #[inline]
    pub(super) fn part(&mut self, at: u16) -> &mut Part {
        &mut self.parts[usize::from(at)]
    }

    /// The parts have been sent: each that has a link is waited for.
    pub(super) fn sent(&mut self) {
        self.waiting = self.parts().iter().filter(|part| part.link.is_some()).count();
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Bytes of the values that are kept.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Keeps values of a part: `bytes`, whose ends have been noted.
    pub(super) fn keep(&mut self, part: u16, pieces: [&[u8]; 2]) {
        let part = &mut self.parts[usize::from(part)];
        for bytes in pieces {
            part.bytes.extend_from_slice(bytes);
            self.held += bytes.len();
        }
    }

    /// A part has been answered, or has failed.
    pub(super) fn finish(&mut self, part: u16, failure: Option<Cow<'static, [u8]>>) {
        self.parts[usize::from(part)].failure = failure;
        self.waiting -= 1;
    }

    /// Keys of a part that were misses, once it has been answered.
    pub(super) fn misses(&self, part: u16) -> usize {
        let part = &self.parts[usize::from(part)];
        part.ends.len() - part.blocks.len()
    }

    /// Whether it waits for nothing but to be asked again for a value that was dropped.
    pub(super) fn is_stuck(&self) -> bool {
        self.waiting == 0 && !self.asked_again
    }

    /// Lets the values leave, in the order of the keys. Returns false when that has to stop.
    pub(super) fn leave(
        &mut self,
        output: &mut RingBuf,
        buffers: &mut BufferPool,
        failure: &mut Option<Cow<'static, [u8]>>,
    ) -> bool {
        if self.waiting > 0 || self.asked_again {
            return false;
        }
        for part in &self.order[self.left..] {
            if !self.parts[usize::from(*part)].leave_one(output, buffers) {
                return false;
            }
            self.left += 1;
        }
        for part in &mut self.parts[..self.parts_len] {
            if let Some(text) = part.failure.take() {
                failure.get_or_insert(text);
            }
        }
        true
    }

    /// The key of the value that was dropped and whose turn it is.
    pub(super) fn ask_again(&mut self) -> Option<Vec<u8>> {
        let part = &self.parts[usize::from(*self.order.get(self.left)?)];
        let (_, block, start) = part.left;
        let end = part.blocks.get(block)?.end as usize;
        self.asked_again = true;
        Some(part.bytes[start..end].to_vec())
    }

    /// The value that was asked for again has left, or is not to be had: the others go on.
    pub(super) fn answered_again(&mut self, failure: Option<Cow<'static, [u8]>>) {
        self.asked_again = false;
        if let Some(part) = self.order.get(self.left) {
            let part = &mut self.parts[usize::from(*part)];
            part.pass_block();
            part.left.0 += 1;
            part.failure = part.failure.take().or(failure);
            self.left += 1;
        }
    }
}

impl Part {
    /// Takes the value at the head of `input` for one of its keys, when it is all there and has no
    /// more than `room` bytes; those are the caller's to keep.
    #[inline]
    pub(super) fn take_value(&mut self, input: &[u8], room: usize) -> Result<Option<usize>, Close> {
        // Mostly there are no misses.
        let next = self.next_key();
        if !next.is_empty()
            && let Some(len) = reply::whole_value_of(input, next)
        {
            if len > room {
                return Ok(None);
            }
            self.pass_key();
            self.note(len, false)?;
            return Ok(Some(len));
        }
        match reply::whole_value(input) {
            Some((key, len)) if len <= room => {
                self.found(&input[key], len, false)?;
                Ok(Some(len))
            }
            _ => Ok(None),
        }
    }

    /// Notes that the next value, of `len` bytes, is for `key`: keys that are passed over were
    /// misses.
    pub(super) fn found(&mut self, key: &[u8], len: usize, dropped: bool) -> Result<(), Close> {
        while self.seen_keys < self.ends.len() {
            let is_next = self.next_key() == key;
            self.pass_key();
            if is_next {
                return self.note(len, dropped);
            }
        }
        Err(Close::Unsolicited)
    }

    /// A value of `len` bytes is for the key that was passed last.
    #[inline]
    fn note(&mut self, len: usize, dropped: bool) -> Result<(), Close> {
        let before = self.blocks.last().map_or(0, |block| block.end);
        let end = u32::try_from(before as usize + len).map_err(|_| Close::Malformed)?;
        self.blocks.push(Block { key: self.seen_keys as u32 - 1, end, dropped });
        Ok(())
    }

    /// The key that is answered next, unless it is a miss; empty when there is none.
    #[inline]
    pub(super) fn next_key(&self) -> &[u8] {
        match self.ends.get(self.seen_keys) {
            Some(end) => self.asked.get(self.seen_bytes + 1..*end as usize).unwrap_or_default(),
            None => &[],
        }
    }

    #[inline]
    fn pass_key(&mut self) {
        if let Some(end) = self.ends.get(self.seen_keys) {
            self.seen_bytes = *end as usize;
            self.seen_keys += 1;
        }
    }

    /// Whether further keys go onto a line of their own.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.asked.len() > BATCH_BYTES_MAX
    }

    /// Lets the next key leave, which may be a miss. Returns false when its value was dropped.
    #[inline]
    fn leave_one(&mut self, output: &mut RingBuf, buffers: &mut BufferPool) -> bool {
        let (key, block, start) = self.left;
        if let Some(found) = self.blocks.get(block)
            && found.key == key
        {
            if found.dropped {
                return false;
            }
            output.extend(buffers, &self.bytes[start..found.end as usize]);
            self.pass_block();
        }
        self.left.0 += 1;
        true
    }

    fn pass_block(&mut self) {
        if let Some(block) = self.blocks.get(self.left.1) {
            self.left.2 = block.end as usize;
            self.left.1 += 1;
        }
    }

    fn memory(&self) -> usize {
        let keys = self.ends.capacity() * size_of::<u32>();
        let blocks = self.blocks.capacity() * size_of::<Block>();
        size_of::<Self>() + keys + blocks + self.asked.capacity() + self.bytes.capacity()
    }

    fn clear(&mut self) {
        self.asked.clear();
        self.bytes.clear();
        self.blocks.clear();
        self.ends.clear();
        (self.seen_bytes, self.seen_keys) = (0, 0);
        self.failure = None;
        self.left = (0, 0, 0);
    }
}
