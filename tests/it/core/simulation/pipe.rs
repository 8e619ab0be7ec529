//! Bytes on their way, which leave at the front.

/// So many bytes that have left are kept before the others move up.
const LEFT_BYTES_MAX: usize = 1 << 14;

#[derive(Default)]
pub(super) struct Pipe {
    bytes: Vec<u8>,
    /// Those before this have left.
    at: usize,
}

impl Pipe {
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn front(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The first `count` bytes have left.
    pub(super) fn consume(&mut self, count: usize) {
        self.at += count;
        assert!(self.at <= self.bytes.len(), "no more leaves than came");
        if self.at == self.bytes.len() || self.at > LEFT_BYTES_MAX.max(self.bytes.len() / 2) {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
    }

    /// Moves the first `count` bytes to another.
    pub(super) fn pour(&mut self, count: usize, into: &mut Self) {
        into.push(&self.front()[..count]);
        self.consume(count);
    }

    /// Loses all but the first `len` bytes.
    pub(super) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(self.at + len);
    }
}
