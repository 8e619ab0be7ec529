//! What a client that speaks the binary protocol is owed: replies are kept as backends and the
//! proxy say them, in text, and become frames as they leave.

use crate::buffer::{BufferPool, RingBuf};
use crate::memcache::binary::opcode::Asked;
use crate::memcache::binary::reply::{self, Announced};
use std::collections::VecDeque;
use std::ops::Range;

/// Replies owed for which the memory is kept while there are none.
const KEPT_CAPACITY: usize = 1 << 8;

/// Bytes of keys for which it is.
const KEPT_KEY_BYTES: usize = 1 << 12;

/// What the frames of replies have to repeat, in the order of their turns.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Frames {
    /// Of the request that is being taken up; its key, if the answer repeats it, is the last one.
    current: Asked,
    /// Of each reply that is owed, and how long its key is.
    owed: VecDeque<(Asked, u8)>,
    /// Their keys, behind those of replies that have left.
    keys: Vec<u8>,
    /// Bytes of keys of replies that have left.
    keys_left: usize,
    /// Bytes before the key of the request that is being taken up.
    keys_owed: usize,
    /// Where a line is put together that wraps around the end of its ring.
    line: Vec<u8>,
}

impl Frames {
    /// The next turn that is reserved is that of the reply to this request.
    #[inline]
    pub(super) fn begin(&mut self, asked: Asked, key: &[u8]) {
        self.current = asked;
        self.keys.truncate(self.keys_owed);
        let mostly_left = self.keys_left > KEPT_KEY_BYTES.max(self.keys.len() / 2);
        if mostly_left || self.keys_left == self.keys_owed {
            self.drop_keys();
        }
        self.keys.extend_from_slice(key);
    }

    /// Forgets keys of replies that have left.
    fn drop_keys(&mut self) {
        self.keys.drain(..self.keys_left);
        self.keys_owed -= self.keys_left;
        self.keys_left = 0;
    }

    /// A turn is reserved. A request of several turns has no key.
    #[inline]
    pub(super) fn reserve(&mut self) {
        self.owed.push_back((self.current, (self.keys.len() - self.keys_owed) as u8));
        self.keys_owed = self.keys.len();
    }

    /// How many replies are owed.
    pub(super) fn len(&self) -> usize {
        self.owed.len()
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        let owed = self.owed.capacity() * size_of::<(Asked, u8)>();
        size_of::<Self>() + owed + self.keys.capacity() + self.line.capacity()
    }

    /// Gives memory back: nothing is owed.
    pub(super) fn rest(&mut self) {
        if self.owed.capacity() > KEPT_CAPACITY {
            self.owed = VecDeque::new();
        }
        if self.keys.capacity() > KEPT_KEY_BYTES && self.keys_owed == self.keys_left {
            let key = self.keys.split_off(self.keys_owed);
            (self.keys, self.keys_owed, self.keys_left) = (key, 0, 0);
        }
    }

    /// What the reply repeats whose turn it is, and where its key stands.
    #[inline]
    fn leave(&mut self) -> (Asked, Range<usize>) {
        let (asked, key_len) = self.owed.pop_front().unwrap_or_default();
        let start = self.keys_left;
        self.keys_left += usize::from(key_len);
        (asked, start..self.keys_left)
    }

    /// Writes the reply whose turn it is: the first `len` bytes of `source`, which loses them.
    pub(super) fn write_from(
        &mut self,
        (source, len): (&mut RingBuf, usize),
        output: &mut RingBuf,
        pool: &mut BufferPool,
    ) {
        let (asked, key) = self.leave();
        let Self { keys, line, .. } = self;
        let key = &keys[key];
        let announced = Announced::read(source.front()).or_else(|| {
            let line_len = source.find(b'\n', 0).map_or(len, |at| at + 1);
            Announced::read(source.slice(0..line_len, line))
        });
        let Some(announced) = announced.filter(|it| it.line_len + it.value_len <= len) else {
            reply::write_text(output, pool, asked, key, source.slice(0..len, line));
            return source.consume(len);
        };
        let Announced { line_len, value_len, .. } = announced;
        source.consume(line_len);
        if reply::is_counted(asked) {
            let digits = source.slice(0..value_len, line);
            reply::write_number(output, pool, asked, announced, digits);
            return source.consume(len - line_len);
        }
        output.take_behind(pool, [&announced.head(asked, key), key], source, value_len);
        source.consume(len - line_len - value_len);
    }

    /// Writes the reply whose turn it is, which is this text.
    pub(super) fn write_text(&mut self, text: &[u8], output: &mut RingBuf, pool: &mut BufferPool) {
        let (asked, key) = self.leave();
        let key = &self.keys[key];
        let value = |it: &Announced| text.get(it.line_len..it.line_len + it.value_len);
        let Some((announced, value)) = Announced::read(text).and_then(|it| Some((it, value(&it)?)))
        else {
            return reply::write_text(output, pool, asked, key, text);
        };
        if reply::is_counted(asked) {
            return reply::write_number(output, pool, asked, announced, value);
        }
        output.extend(pool, &announced.head(asked, key));
        output.extend(pool, key);
        output.extend(pool, value);
    }
}
