//! A byte ring: the kernel writes into its spare space, parsers index it from its head, and whole
//! messages are copied from one ring to another in at most two pieces.
//!
//! A ring owns no memory while it is empty: it borrows a buffer from the [`BufferPool`] when bytes
//! come and gives it back when they are gone, so that ten thousand idle connections cost nothing,
//! and the buffers in use are few and warm in the cache.

use super::pool::{Buffer, BufferPool};
use super::scan;
use std::fmt;
use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;

/// Messages from this size on change rings with their buffer, bytes. Below it, copying costs less
/// than giving away a buffer that is warm.
const MOVED_BYTES_MIN: usize = 1 << 15;

/// The ring. Positions are counted from its head, the oldest byte.
#[derive(Default)]
pub struct RingBuf {
    /// Borrowed from the pool; empty while nothing is held.
    buffer: Buffer,
    /// An index of the buffer's bytes.
    head: usize,
    len: usize,
}

impl fmt::Debug for RingBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingBuf").field("len", &self.len).finish_non_exhaustive()
    }
}

impl RingBuf {
    /// An empty ring that holds no buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes held.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no byte is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the buffer that is borrowed at the moment.
    pub fn capacity(&self) -> usize {
        self.buffer.size()
    }

    /// Bytes that can be added before the ring has to grow.
    pub fn free(&self) -> usize {
        self.buffer.size() - self.len
    }

    /// The byte at `at`.
    #[inline]
    pub fn byte(&self, at: usize) -> u8 {
        debug_assert!(at < self.len);
        self.buffer.bytes[self.wrap(self.head + at)]
    }

    /// The bytes from the head on, as far as they do not wrap: nearly always all of them.
    #[inline]
    pub fn front(&self) -> &[u8] {
        let end = (self.head + self.len).min(self.buffer.bytes.len());
        &self.buffer.bytes[self.head..end]
    }

    /// The bytes of `range`, in one or two pieces.
    #[inline]
    pub fn pieces(&self, range: Range<usize>) -> (&[u8], &[u8]) {
        match self.front().get(range.clone()) {
            Some(whole) => (whole, &[]),
            None => self.wrapped(range),
        }
    }

    fn wrapped(&self, range: Range<usize>) -> (&[u8], &[u8]) {
        assert!(range.start <= range.end && range.end <= self.len);
        let start = self.wrap(self.head + range.start);
        let length = range.end - range.start;
        let first = length.min(self.buffer.bytes.len() - start);
        let second = self.buffer.start..self.buffer.start + length - first;
        (&self.buffer.bytes[start..start + first], &self.buffer.bytes[second])
    }

    /// The bytes of `range` as one slice; copied together in `scratch` only when they wrap.
    #[inline]
    pub fn slice<'a>(&'a self, range: Range<usize>, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        match self.front().get(range.clone()) {
            Some(whole) => whole,
            None => self.joined(range, scratch),
        }
    }

    fn joined<'a>(&'a self, range: Range<usize>, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let (first, second) = self.wrapped(range);
        scratch.clear();
        scratch.extend_from_slice(first);
        scratch.extend_from_slice(second);
        scratch
    }

    /// Whether the bytes at `at` are there and equal to `expected`.
    #[inline]
    pub fn has(&self, at: usize, expected: &[u8]) -> bool {
        if at + expected.len() > self.len {
            return false;
        }
        let (first, second) = self.pieces(at..at + expected.len());
        let (start, end) = expected.split_at(first.len());
        first == start && second == end
    }

    /// The position of the first `wanted` at `from` or after it.
    #[inline]
    pub fn find(&self, wanted: u8, from: usize) -> Option<usize> {
        let (first, second) = self.pieces(from..self.len);
        if let Some(at) = scan::find(first, wanted) {
            return Some(from + at);
        }
        scan::find(second, wanted).map(|at| from + first.len() + at)
    }

    /// All bytes, for a vectored write; `consume` says how many of them were taken.
    pub fn io_slices(&self) -> [IoSlice<'_>; 2] {
        let (first, second) = self.pieces(0..self.len);
        [IoSlice::new(first), IoSlice::new(second)]
    }

    /// The spare space, for a vectored read; `commit` says how much of it was filled.
    pub fn spare(&mut self) -> [IoSliceMut<'_>; 2] {
        let tail = self.wrap(self.head + self.len);
        let free = self.free();
        let first = free.min(self.buffer.bytes.len() - tail);
        let (low, high) = self.buffer.bytes.split_at_mut(tail);
        let second = self.buffer.start..self.buffer.start + free - first;
        [IoSliceMut::new(&mut high[..first]), IoSliceMut::new(&mut low[second])]
    }

    /// Counts `count` bytes of the spare space as held.
    pub fn commit(&mut self, count: usize) {
        assert!(count <= self.free());
        self.len += count;
    }

    /// Forgets the oldest `count` bytes.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.len);
        self.len -= count;
        self.head = match self.len {
            0 => self.buffer.start,
            _ => self.wrap(self.head + count),
        };
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.consume(self.len);
    }

    /// Appends `source`.
    #[inline]
    pub fn extend(&mut self, pool: &mut BufferPool, source: &[u8]) {
        let tail = self.head + self.len;
        match self.buffer.bytes.get_mut(tail..tail + source.len()) {
            Some(room) => {
                room.copy_from_slice(source);
                self.len += source.len();
            }
            None => self.extend_around(pool, source),
        }
    }

    /// Appends what does not fit behind the tail: some of it goes before the head, or into a larger
    /// buffer.
    fn extend_around(&mut self, pool: &mut BufferPool, source: &[u8]) {
        if self.buffer.bytes.is_empty() {
            self.borrow(pool, source.len());
            let tail = self.head;
            self.buffer.bytes[tail..tail + source.len()].copy_from_slice(source);
            self.len = source.len();
            return;
        }
        self.reserve(pool, self.len + source.len());
        let tail = self.wrap(self.head + self.len);
        let first = source.len().min(self.buffer.bytes.len() - tail);
        self.buffer.bytes[tail..tail + first].copy_from_slice(&source[..first]);
        let start = self.buffer.start;
        self.buffer.bytes[start..start + source.len() - first].copy_from_slice(&source[first..]);
        self.len += source.len();
    }

    /// Appends the bytes of `range` of another ring.
    #[inline]
    pub fn extend_from(&mut self, pool: &mut BufferPool, source: &Self, range: Range<usize>) {
        let (first, second) = source.pieces(range);
        self.extend(pool, first);
        if !second.is_empty() {
            self.extend(pool, second);
        }
    }

    /// Appends the first `len` bytes of another ring, which loses them. A large message is not
    /// copied if it can bring its buffer along: then it is what little follows it that is copied.
    #[inline]
    pub fn take_from(&mut self, pool: &mut BufferPool, source: &mut Self, len: usize) {
        if self.buffer.bytes.is_empty() && len < MOVED_BYTES_MIN {
            self.borrow(pool, len);
        }
        let tail = self.head + self.len;
        if len < MOVED_BYTES_MIN
            && let Some(bytes) = source.front().get(..len)
            && let Some(room) = self.buffer.bytes.get_mut(tail..tail + len)
        {
            room.copy_from_slice(bytes);
            self.len += len;
            return source.consume(len);
        }
        self.take_any_from(pool, source, len);
    }

    fn take_any_from(&mut self, pool: &mut BufferPool, source: &mut Self, len: usize) {
        if len >= MOVED_BYTES_MIN && self.is_empty() && source.is_mostly(len) {
            return self.take_over(pool, source, len);
        }
        self.extend_from(pool, source, 0..len);
        source.consume(len);
    }

    /// Appends `head`, and behind it the first `len` bytes of another ring, which loses them. A
    /// large message brings its buffer along here too: then it is the head that is put before it.
    #[inline]
    pub fn take_behind(
        &mut self,
        pool: &mut BufferPool,
        head: [&[u8]; 2],
        source: &mut Self,
        len: usize,
    ) {
        if len >= MOVED_BYTES_MIN && self.is_empty() {
            self.take_from(pool, source, len);
            self.prepend(pool, head[1]);
            return self.prepend(pool, head[0]);
        }
        self.extend(pool, head[0]);
        self.extend(pool, head[1]);
        self.take_from(pool, source, len);
    }

    /// Puts `bytes` before the oldest one.
    fn prepend(&mut self, pool: &mut BufferPool, bytes: &[u8]) {
        self.reserve(pool, self.len + bytes.len());
        let before = self.head - self.buffer.start;
        self.head = match before.checked_sub(bytes.len()) {
            Some(at) => self.buffer.start + at,
            None => self.head + self.buffer.size() - bytes.len(),
        };
        self.len += bytes.len();
        let first = bytes.len().min(self.buffer.bytes.len() - self.head);
        self.buffer.bytes[self.head..self.head + first].copy_from_slice(&bytes[..first]);
        let start = self.buffer.start;
        self.buffer.bytes[start..start + bytes.len() - first].copy_from_slice(&bytes[first..]);
    }

    /// Whether its first `len` bytes are most of what it holds, and of what it could hold.
    fn is_mostly(&self, len: usize) -> bool {
        self.capacity() / 2 <= len && self.len / 2 <= len
    }

    fn take_over(&mut self, pool: &mut BufferPool, source: &mut Self, len: usize) {
        let mut rest = Self::new();
        rest.extend_from(pool, source, len..source.len);
        source.len = len;
        self.release_if_empty(pool);
        *self = std::mem::replace(source, rest);
    }

    /// Makes room for `total` bytes, those that are held included.
    #[inline]
    pub fn reserve(&mut self, pool: &mut BufferPool, total: usize) {
        if total <= self.capacity() {
            return;
        }
        if self.buffer.bytes.is_empty() {
            self.borrow(pool, total);
        } else {
            self.grow(pool, total);
        }
    }

    fn borrow(&mut self, pool: &mut BufferPool, total: usize) {
        self.buffer = pool.acquire(total);
        self.head = self.buffer.start;
    }

    #[cold]
    fn grow(&mut self, pool: &mut BufferPool, total: usize) {
        let mut buffer = pool.acquire(total);
        let (first, second) = self.pieces(0..self.len);
        let room = &mut buffer.bytes[buffer.start..];
        room[..first.len()].copy_from_slice(first);
        room[first.len()..self.len].copy_from_slice(second);
        self.head = buffer.start;
        pool.release(std::mem::replace(&mut self.buffer, buffer));
    }

    /// Gives the buffer back when nothing is held.
    #[inline]
    pub fn release_if_empty(&mut self, pool: &mut BufferPool) {
        if self.len == 0 && !self.buffer.bytes.is_empty() {
            pool.release(std::mem::take(&mut self.buffer));
            self.head = 0;
        }
    }

    /// `at` is never more than one round ahead.
    #[inline]
    fn wrap(&self, at: usize) -> usize {
        if at < self.buffer.bytes.len() { at } else { at - self.buffer.size() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    fn held(ring: &RingBuf) -> Vec<u8> {
        let (first, second) = ring.pieces(0..ring.len());
        [first, second].concat()
    }

    /// The ring against a queue of bytes, over a long run of random operations.
    #[test]
    fn it_holds_what_a_plain_queue_holds() {
        let mut pool = BufferPool::new(1 << 20);
        let mut ring = RingBuf::new();
        let mut oracle = VecDeque::new();
        let mut seed = 1u64;
        let mut next = |bound: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as usize % bound
        };
        for round in 0..20_000 {
            let source: Vec<u8> = (0..next(40)).map(|_| next(7) as u8).collect();
            match next(4) {
                0 => {
                    ring.extend(&mut pool, &source);
                    oracle.extend(source);
                }
                1 => {
                    let room = ring.len() + source.len();
                    ring.reserve(&mut pool, room);
                    let mut left = &source[..];
                    for piece in &mut ring.spare() {
                        let count = piece.len().min(left.len());
                        piece[..count].copy_from_slice(&left[..count]);
                        left = &left[count..];
                    }
                    ring.commit(source.len());
                    oracle.extend(source);
                }
                _ => {
                    let count = next(60).min(oracle.len());
                    ring.consume(count);
                    oracle.drain(..count);
                    ring.release_if_empty(&mut pool);
                }
            }
            let expected: Vec<u8> = oracle.iter().copied().collect();
            assert_eq!(held(&ring), expected, "round {round}");
            let from = next(expected.len() + 1);
            let found = expected[from..].iter().position(|byte| *byte == 3).map(|at| from + at);
            assert_eq!(ring.find(3, from), found);
            let end = from + next(expected.len() - from + 1);
            assert_eq!(ring.slice(from..end, &mut Vec::new()), &expected[from..end]);
            assert!(ring.has(from, &expected[from..end]));
            assert!(!ring.has(from, &[&expected[from..], b"x"].concat()));
        }
    }

    /// Messages of all sizes from one ring to another, those that are copied and those that move.
    #[test]
    fn messages_arrive_whole_whether_they_are_copied_or_moved() {
        let mut pool = BufferPool::new(1 << 20);
        let (mut source, mut target) = (RingBuf::new(), RingBuf::new());
        let mut moved = 0;
        for size in (0..4 * MOVED_BYTES_MIN).step_by(4_099) {
            for (before, behind) in [(0, 0), (0, 7), (7, 0), (0, 3 * size), (size + 9, 1)] {
                let message: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
                let rest = vec![b'r'; behind];
                source.extend(&mut pool, &vec![b'o'; before]);
                source.extend(&mut pool, &message);
                source.extend(&mut pool, &rest);
                let first = source.front().as_ptr();
                target.take_from(&mut pool, &mut source, before);
                target.clear();
                target.take_from(&mut pool, &mut source, size);
                moved += usize::from(target.front().as_ptr() == first);
                assert_eq!((held(&target), held(&source)), (message, rest));
                for ring in [&mut source, &mut target] {
                    ring.clear();
                    ring.release_if_empty(&mut pool);
                }
                assert_eq!(pool.in_use(), 0);
            }
        }
        assert!(moved > 20, "{moved}");
    }

    #[test]
    fn a_head_comes_before_what_is_copied_and_what_is_moved() {
        let mut pool = BufferPool::new(1 << 20);
        for (size, skipped) in [(0, 0), (9, 3), (1 << 16, 0), (1 << 16, 3), (1 << 16, 40)] {
            for held_before in [&b""[..], b"before"] {
                let (mut source, mut target) = (RingBuf::new(), RingBuf::new());
                let message: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
                source.extend(&mut pool, &vec![b'o'; skipped]);
                source.extend(&mut pool, &message);
                source.extend(&mut pool, b"rest");
                source.consume(skipped);
                target.extend(&mut pool, held_before);
                target.take_behind(&mut pool, [b"a head of ten", b"and more"], &mut source, size);
                let expected = [held_before, b"a head of tenand more", &message].concat();
                assert_eq!((held(&target), held(&source)), (expected, b"rest".to_vec()));
            }
        }
    }

    #[test]
    fn an_empty_ring_holds_no_memory() {
        let mut pool = BufferPool::new(1 << 20);
        let mut ring = RingBuf::new();
        ring.extend(&mut pool, b"abc");
        ring.consume(3);
        ring.release_if_empty(&mut pool);
        assert_eq!((ring.capacity(), pool.in_use()), (0, 0));
        assert_eq!(ring.pieces(0..0), (&b""[..], &b""[..]));
        assert_eq!(ring.find(b'a', 0), None);
    }
}
