//! A byte ring: the kernel writes into its spare space, parsers index it from its head, and whole
//! messages are copied from one ring to another in at most two pieces.
//!
//! A ring owns no memory while it is empty: it borrows a buffer from the [`Stock`] when bytes come
//! and gives it back when they are gone, so that ten thousand idle connections cost nothing, and
//! the buffers in use are few and warm in the cache.

use crate::scan;
use crate::stock::Stock;
use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;

/// The ring. Positions are counted from its head, the oldest byte.
#[derive(Default)]
pub struct Ring {
    /// What the stock has lent; empty while nothing is held.
    bytes: Box<[u8]>,
    head: usize,
    len: usize,
}

impl Ring {
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
        self.bytes.len()
    }

    /// Bytes that can be added before the ring has to grow.
    pub fn free(&self) -> usize {
        self.bytes.len() - self.len
    }

    /// The byte at `at`.
    #[inline]
    pub fn byte(&self, at: usize) -> u8 {
        debug_assert!(at < self.len);
        self.bytes[self.wrap(self.head + at)]
    }

    /// The bytes from the head on, as far as they do not wrap: nearly always all of them.
    #[inline]
    pub fn front(&self) -> &[u8] {
        let end = (self.head + self.len).min(self.bytes.len());
        &self.bytes[self.head..end]
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
        let first = length.min(self.bytes.len() - start);
        (&self.bytes[start..start + first], &self.bytes[..length - first])
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
        let first = free.min(self.bytes.len() - tail);
        let (low, high) = self.bytes.split_at_mut(tail);
        [IoSliceMut::new(&mut high[..first]), IoSliceMut::new(&mut low[..free - first])]
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
        self.head = if self.len == 0 { 0 } else { self.wrap(self.head + count) };
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.consume(self.len);
    }

    /// Appends `source`.
    #[inline]
    pub fn extend(&mut self, stock: &mut Stock, source: &[u8]) {
        let tail = self.head + self.len;
        match self.bytes.get_mut(tail..tail + source.len()) {
            Some(room) => {
                room.copy_from_slice(source);
                self.len += source.len();
            }
            None => self.extend_around(stock, source),
        }
    }

    /// Appends what does not fit behind the tail: some of it goes before the head, or into a larger
    /// buffer.
    fn extend_around(&mut self, stock: &mut Stock, source: &[u8]) {
        if self.bytes.is_empty() {
            self.bytes = stock.lend(source.len());
            self.bytes[..source.len()].copy_from_slice(source);
            self.len = source.len();
            return;
        }
        self.reserve(stock, self.len + source.len());
        let tail = self.wrap(self.head + self.len);
        let first = source.len().min(self.bytes.len() - tail);
        self.bytes[tail..tail + first].copy_from_slice(&source[..first]);
        self.bytes[..source.len() - first].copy_from_slice(&source[first..]);
        self.len += source.len();
    }

    /// Appends the bytes of `range` of another ring.
    #[inline]
    pub fn extend_from(&mut self, stock: &mut Stock, source: &Self, range: Range<usize>) {
        let (first, second) = source.pieces(range);
        self.extend(stock, first);
        if !second.is_empty() {
            self.extend(stock, second);
        }
    }

    /// Makes room for `total` bytes, those that are held included.
    #[inline]
    pub fn reserve(&mut self, stock: &mut Stock, total: usize) {
        if total <= self.bytes.len() {
            return;
        }
        if self.bytes.is_empty() {
            self.bytes = stock.lend(total);
        } else {
            self.grow(stock, total);
        }
    }

    #[cold]
    fn grow(&mut self, stock: &mut Stock, total: usize) {
        let mut bytes = stock.lend(total);
        let (first, second) = self.pieces(0..self.len);
        bytes[..first.len()].copy_from_slice(first);
        bytes[first.len()..self.len].copy_from_slice(second);
        stock.give_back(std::mem::replace(&mut self.bytes, bytes));
        self.head = 0;
    }

    /// Gives the buffer back when nothing is held.
    #[inline]
    pub fn release(&mut self, stock: &mut Stock) {
        if self.len == 0 && !self.bytes.is_empty() {
            stock.give_back(std::mem::take(&mut self.bytes));
            self.head = 0;
        }
    }

    /// `at` is never more than one round ahead.
    #[inline]
    fn wrap(&self, at: usize) -> usize {
        if at < self.bytes.len() { at } else { at - self.bytes.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    fn held(ring: &Ring) -> Vec<u8> {
        let (first, second) = ring.pieces(0..ring.len());
        [first, second].concat()
    }

    /// The ring against a queue of bytes, over a long run of random operations.
    #[test]
    fn it_holds_what_a_plain_queue_holds() {
        let mut stock = Stock::new(1 << 20);
        let mut ring = Ring::new();
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
                    ring.extend(&mut stock, &source);
                    oracle.extend(source);
                }
                1 => {
                    let room = ring.len() + source.len();
                    ring.reserve(&mut stock, room);
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
                    ring.release(&mut stock);
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

    #[test]
    fn an_empty_ring_holds_no_memory() {
        let mut stock = Stock::new(1 << 20);
        let mut ring = Ring::new();
        ring.extend(&mut stock, b"abc");
        ring.consume(3);
        ring.release(&mut stock);
        assert_eq!((ring.capacity(), stock.lent()), (0, 0));
        assert_eq!(ring.pieces(0..0), (&b""[..], &b""[..]));
        assert_eq!(ring.find(b'a', 0), None);
    }
}
