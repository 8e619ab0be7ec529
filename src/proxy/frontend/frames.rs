//! What a client that speaks the binary protocol is owed: replies are kept as backends and the
//! proxy say them, in text, and become frames as they leave.

use crate::buffer::{BufferPool, RingBuf};
use crate::memcache::binary::opcode::Asked;
use crate::memcache::binary::reply::{self, Announced};
use std::collections::VecDeque;

/// Replies owed for which the memory is kept while there are none.
const KEPT_CAPACITY: usize = 1 << 8;

/// Bytes of keys for which it is.
const KEPT_KEY_BYTES: usize = 1 << 12;

/// What the frames of replies have to repeat, in the order of their turns.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Frames {
    /// Of the request that is being taken up, and its key if the answer repeats it.
    current: Asked,
    current_key: Vec<u8>,
    /// Of each reply that is owed, and how long its key is.
    owed: VecDeque<(Asked, u8)>,
    keys: VecDeque<u8>,
    /// Where a line is put together that wraps around the end of its ring; and the key of the reply
    /// that is leaving.
    line: Vec<u8>,
    key: Vec<u8>,
}

impl Frames {
    /// The turns that are reserved from now on are those of replies to this request.
    #[inline]
    pub(super) fn begin(&mut self, asked: Asked, key: &[u8]) {
        self.current = asked;
        self.current_key.clear();
        if asked.opcode.repeats_key() {
            self.current_key.extend_from_slice(key);
        }
    }

    /// A turn is reserved.
    #[inline]
    pub(super) fn reserve(&mut self) {
        self.owed.push_back((self.current, self.current_key.len() as u8));
        self.keys.extend(&self.current_key);
    }

    /// How many replies are owed.
    pub(super) fn len(&self) -> usize {
        self.owed.len()
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        let bytes = self.current_key.capacity() + self.line.capacity() + self.key.capacity();
        let owed = self.owed.capacity() * size_of::<(Asked, u8)>();
        size_of::<Self>() + bytes + owed + self.keys.capacity()
    }

    /// Gives memory back: nothing is owed.
    pub(super) fn rest(&mut self) {
        if self.owed.capacity() > KEPT_CAPACITY {
            self.owed = VecDeque::new();
        }
        if self.keys.capacity() > KEPT_KEY_BYTES {
            self.keys = VecDeque::new();
        }
    }

    /// What the reply repeats whose turn it is; its key is in `key`.
    #[inline]
    fn leave(&mut self) -> Asked {
        let (asked, key_len) = self.owed.pop_front().unwrap_or_default();
        self.key.clear();
        if key_len > 0 {
            self.key.extend(self.keys.drain(..usize::from(key_len)));
        }
        asked
    }

    /// Writes the reply whose turn it is: the first `len` bytes of `source`, which loses them.
    pub(super) fn write_from(
        &mut self,
        (source, len): (&mut RingBuf, usize),
        output: &mut RingBuf,
        pool: &mut BufferPool,
    ) {
        let asked = self.leave();
        let line_len = source.find(b'\n', 0).map_or(len, |at| (at + 1).min(len));
        let line = source.slice(0..line_len, &mut self.line);
        match Announced::read(line).filter(|it| it.line_len + it.value_len <= len) {
            None => {
                reply::write_text(output, pool, asked, &self.key, line);
                source.consume(len);
            }
            Some(announced) => {
                self.write_value(asked, announced, (source, len), output, pool);
            }
        }
    }

    fn write_value(
        &mut self,
        asked: Asked,
        announced: Announced,
        (source, len): (&mut RingBuf, usize),
        output: &mut RingBuf,
        pool: &mut BufferPool,
    ) {
        let Announced { line_len, value_len, .. } = announced;
        source.consume(line_len);
        let rest = len - line_len - value_len;
        if reply::is_counted(asked) {
            let digits = source.slice(0..value_len, &mut self.line);
            reply::write_number(output, pool, asked, announced, digits);
            return source.consume(value_len + rest);
        }
        let head = announced.head(asked, &self.key);
        output.take_behind(pool, [&head, &self.key], source, value_len);
        source.consume(rest);
    }

    /// Writes the reply whose turn it is, which is this text.
    pub(super) fn write_text(&mut self, text: &[u8], output: &mut RingBuf, pool: &mut BufferPool) {
        let asked = self.leave();
        let line_len = text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| at + 1);
        let (line, rest) = text.split_at(line_len);
        let announced = Announced::read(line).filter(|it| it.value_len <= rest.len());
        let Some(announced) = announced else {
            return reply::write_text(output, pool, asked, &self.key, text);
        };
        let value = &rest[..announced.value_len];
        if reply::is_counted(asked) {
            return reply::write_number(output, pool, asked, announced, value);
        }
        for piece in [&announced.head(asked, &self.key)[..], &self.key, value] {
            output.extend(pool, piece);
        }
    }
}
