//! The pool: buffers that rings borrow, and vectors for replies that wait for their turn. Each is
//! made once and used again and again, so that a steady request allocates nothing.

use memmap2::MmapMut;
use std::ops::{Deref, DerefMut};

/// The smallest buffer, bytes: room for a batch of small requests.
pub const BUFFER_BYTES_MIN: usize = 1 << 13;

/// Buffers above this size are not kept for later, bytes: they serve rare, large values.
const BUFFER_BYTES_KEPT_MAX: usize = 1 << 21;

/// Sizes come in steps of a quarter of a power of two, so that a value wastes little.
const STEPS: usize = 4;

/// So many buffers find no room in the pool before it is looked through for what is not needed.
const REFUSALS: usize = 64;

/// Vectors of at most this capacity are kept for later, bytes.
const REPLY_BUF_BYTES_KEPT_MAX: usize = 1 << 12;

/// What a new vector has room for, bytes: most replies never make it grow.
const REPLY_BUF_BYTES_MIN: usize = 1 << 8;

/// So many vectors are kept though nobody needs them: together they are small.
const REPLY_BUFS_KEPT_MIN: usize = 1 << 6;

/// How many vectors are kept for later.
const REPLY_BUFS_KEPT_MAX: usize = 1 << 12;

const SIZE_CLASSES: usize = size_class(BUFFER_BYTES_KEPT_MAX) + 1;

/// Where buffers begin, bytes. The kernel copies a large value to an address that is no multiple of
/// a cache line at half the speed: 900 KB took 410 us of a processor 16 bytes behind one, 220 us on
/// one; and that is where glibc puts large allocations.
const ALIGNMENT: usize = 64;

/// Buffers begin on different lines of their pages, or else the first lines of all of them would
/// compete for the same few places in the cache.
const STARTS: usize = 4096 / ALIGNMENT;

/// A piece of memory that a ring borrows from the pool.
#[derive(Default)]
pub struct Buffer {
    /// Those before `start` are not used.
    pub(super) bytes: Bytes,
    pub(super) start: usize,
}

/// Memory that goes back to the system with its buffer. The allocator keeps what it gets back:
/// after 10,000 clients had each sent a part of a value, 170 MB stayed with a process that used 9.
///
/// In either case an address and a length stand at the same places, so that it costs nothing to
/// find out which case it is.
pub(super) enum Bytes {
    /// The usual case.
    Mapped(MmapMut),
    /// When the system refuses to map more memory. An empty buffer, which needs none, is one too.
    Allocated(Vec<u8>),
}

impl Bytes {
    fn new(size: usize) -> Self {
        match MmapMut::map_anon(size) {
            Ok(mapped) => Self::Mapped(mapped),
            Err(_) => Self::Allocated(vec![0; size]),
        }
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self::Allocated(Vec::new())
    }
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(bytes) => bytes,
            Self::Allocated(bytes) => bytes,
        }
    }
}

impl DerefMut for Bytes {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Mapped(bytes) => bytes,
            Self::Allocated(bytes) => bytes,
        }
    }
}

impl Buffer {
    /// The `number`th buffer.
    fn new(size: usize, number: usize) -> Self {
        let start = number % STARTS * ALIGNMENT;
        Self { bytes: Bytes::new(start + size), start }
    }

    /// How many bytes it takes.
    #[inline]
    pub fn size(&self) -> usize {
        self.bytes.len() - self.start
    }
}

/// Spare buffers of one size.
#[derive(Default)]
struct SizeClass {
    /// The last one released is the first one acquired: it is warm.
    buffers: Vec<Buffer>,
    /// So many have not been needed since the pool was last looked through.
    unneeded: usize,
}

impl SizeClass {
    #[inline]
    fn take(&mut self) -> Option<Buffer> {
        let buffer = self.buffers.pop()?;
        self.unneeded = self.unneeded.min(self.buffers.len());
        Some(buffer)
    }
}

/// Counts the buffers that are in use, and keeps spare ones for later.
pub struct BufferPool {
    /// Spare buffers, by size.
    classes: [SizeClass; SIZE_CLASSES],
    /// How many could not be kept since the pool was last looked through.
    refused: usize,
    reply_bufs: Vec<Vec<u8>>,
    /// So many of them have not been needed since they were last looked through.
    reply_bufs_unneeded: usize,
    /// Bytes of the spare buffers, and how many they may be.
    kept: usize,
    kept_max: usize,
    /// Bytes of the buffers that are in use.
    in_use: usize,
    /// Buffers made so far.
    made: usize,
}

impl BufferPool {
    /// An empty pool that will keep at most `kept_max` bytes for later.
    pub fn new(kept_max: usize) -> Self {
        Self {
            classes: std::array::from_fn(|_| SizeClass::default()),
            refused: 0,
            reply_bufs: Vec::new(),
            reply_bufs_unneeded: 0,
            kept: 0,
            kept_max,
            in_use: 0,
            made: 0,
        }
    }

    /// A buffer of at least `bytes`. Its content is whatever it was.
    #[inline]
    pub fn acquire(&mut self, bytes: usize) -> Buffer {
        // Most are of the smallest size.
        if bytes <= BUFFER_BYTES_MIN
            && let Some(buffer) = self.classes[0].take()
        {
            self.in_use += BUFFER_BYTES_MIN;
            self.kept -= BUFFER_BYTES_MIN;
            return buffer;
        }
        self.acquire_any(bytes)
    }

    fn acquire_any(&mut self, bytes: usize) -> Buffer {
        let size = rounded(bytes);
        self.in_use += size;
        match self.classes.get_mut(size_class(size)).and_then(SizeClass::take) {
            Some(buffer) => {
                self.kept -= size;
                buffer
            }
            None => {
                self.made += 1;
                Buffer::new(size, self.made)
            }
        }
    }

    /// Takes back a buffer that `acquire` gave.
    #[inline]
    pub fn release(&mut self, buffer: Buffer) {
        let size = buffer.size();
        if size == BUFFER_BYTES_MIN && self.kept + size <= self.kept_max {
            self.in_use -= BUFFER_BYTES_MIN;
            self.kept += BUFFER_BYTES_MIN;
            return self.classes[0].buffers.push(buffer);
        }
        self.release_any(buffer);
    }

    fn release_any(&mut self, buffer: Buffer) {
        let size = buffer.size();
        if size == 0 {
            return;
        }
        self.in_use -= size;
        let Some(class) = self.classes.get_mut(size_class(size)) else {
            return;
        };
        if self.kept + size <= self.kept_max {
            self.kept += size;
            class.buffers.push(buffer);
        } else {
            self.refuse();
        }
    }

    /// The pool is full, perhaps of sizes that were once needed.
    #[cold]
    fn refuse(&mut self) {
        self.refused += 1;
        if self.refused < REFUSALS {
            return;
        }
        self.refused = 0;
        self.drop_unneeded();
    }

    fn drop_unneeded(&mut self) {
        for SizeClass { buffers, unneeded } in &mut self.classes {
            self.kept -= buffers.drain(..*unneeded).map(|it| it.size()).sum::<usize>();
            *unneeded = buffers.len();
        }
    }

    /// Gives back to the system what has not been needed since the last time: to be called now and
    /// then, so that memory goes back after a burst.
    pub fn trim(&mut self) {
        self.drop_unneeded();
        let most = self.reply_bufs.len().saturating_sub(REPLY_BUFS_KEPT_MIN);
        self.reply_bufs.drain(..self.reply_bufs_unneeded.min(most));
        self.reply_bufs_unneeded = self.reply_bufs.len();
        self.reply_bufs.shrink_to(REPLY_BUFS_KEPT_MIN.max(2 * self.reply_bufs.len()));
    }

    /// Whether nothing is kept for later.
    pub fn is_empty(&self) -> bool {
        self.kept == 0 && self.reply_bufs.len() <= REPLY_BUFS_KEPT_MIN
    }

    /// Bytes of the buffers that are in use.
    pub fn in_use(&self) -> usize {
        self.in_use
    }

    /// An empty vector, for a reply that came before its turn.
    pub fn reply_buf(&mut self) -> Vec<u8> {
        let new = || Vec::with_capacity(REPLY_BUF_BYTES_MIN);
        let bytes = self.reply_bufs.pop().unwrap_or_else(new);
        self.reply_bufs_unneeded = self.reply_bufs_unneeded.min(self.reply_bufs.len());
        bytes
    }

    /// Takes the vector of a reply that has left.
    pub fn recycle_reply_buf(&mut self, mut bytes: Vec<u8>) {
        if bytes.capacity() <= REPLY_BUF_BYTES_KEPT_MAX
            && self.reply_bufs.len() < REPLY_BUFS_KEPT_MAX
        {
            bytes.clear();
            self.reply_bufs.push(bytes);
        }
    }
}

/// The size of the buffer for so many bytes.
fn rounded(bytes: usize) -> usize {
    if bytes <= BUFFER_BYTES_MIN {
        return BUFFER_BYTES_MIN;
    }
    bytes.next_multiple_of((1 << bytes.ilog2()) / STEPS)
}

/// The size class of buffers of `size` bytes, which is rounded.
const fn size_class(size: usize) -> usize {
    let doublings = size.ilog2() - BUFFER_BYTES_MIN.ilog2();
    let power = BUFFER_BYTES_MIN << doublings;
    doublings as usize * STEPS + (size - power) / (power / STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_released_is_acquired_again_up_to_the_limit() {
        let mut pool = BufferPool::new(2 * BUFFER_BYTES_MIN);
        let buffers: Vec<_> = (0..3).map(|_| pool.acquire(1)).collect();
        assert_eq!(pool.in_use(), 3 * BUFFER_BYTES_MIN);
        for buffer in buffers {
            pool.release(buffer);
        }
        assert_eq!((pool.in_use(), pool.kept), (0, 2 * BUFFER_BYTES_MIN));
        assert_eq!(pool.acquire(BUFFER_BYTES_MIN + 1).size(), BUFFER_BYTES_MIN / 4 * 5);
        assert_eq!(pool.kept, 2 * BUFFER_BYTES_MIN);
        pool.acquire(1);
        assert_eq!(pool.kept, BUFFER_BYTES_MIN);
    }

    #[test]
    fn sizes_waste_little_and_have_classes_of_their_own() {
        let mut sizes = Vec::new();
        for bytes in (1..BUFFER_BYTES_KEPT_MAX).step_by(97).chain([BUFFER_BYTES_KEPT_MAX]) {
            let size = rounded(bytes);
            assert!(size >= bytes && rounded(size) == size, "{bytes}: {size}");
            assert!(size <= BUFFER_BYTES_MIN || (size - bytes) * STEPS < bytes, "{bytes}: {size}");
            sizes.push(size);
        }
        sizes.dedup();
        let classes: Vec<_> = sizes.iter().map(|size| size_class(*size)).collect();
        assert_eq!(classes, (0..SIZE_CLASSES).collect::<Vec<_>>());
    }

    /// Buffers of a size that nobody asks for any more took the place of those that were asked for
    /// all the time.
    #[test]
    fn sizes_that_are_not_needed_any_more_make_room() {
        let mut pool = BufferPool::new(4 * BUFFER_BYTES_MIN);
        let old: Vec<_> = (0..4).map(|_| pool.acquire(1)).collect();
        for buffer in old {
            pool.release(buffer);
        }
        for _ in 0..2 * REFUSALS {
            let small = pool.acquire(1);
            let large = pool.acquire(2 * BUFFER_BYTES_MIN);
            pool.release(small);
            pool.release(large);
        }
        let kept = |pool: &BufferPool, class: usize| pool.classes[class].buffers.len();
        assert_eq!((kept(&pool, 0), kept(&pool, STEPS)), (1, 0));
        let large = pool.acquire(2 * BUFFER_BYTES_MIN);
        pool.release(large);
        assert_eq!((kept(&pool, 0), kept(&pool, STEPS)), (1, 1));
    }

    #[test]
    fn buffers_begin_on_a_cache_line() {
        let mut pool = BufferPool::new(0);
        for bytes in [1, BUFFER_BYTES_MIN + 1, 100_000, 900_000, 5_000_000] {
            let buffer = pool.acquire(bytes);
            let first = buffer.bytes[buffer.start..].as_ptr();
            assert_eq!((first.align_offset(ALIGNMENT), buffer.size()), (0, rounded(bytes)));
        }
    }

    #[test]
    fn huge_buffers_are_not_kept() {
        let mut pool = BufferPool::new(usize::MAX);
        let buffer = pool.acquire(BUFFER_BYTES_KEPT_MAX + 1);
        pool.release(buffer);
        assert_eq!((pool.in_use(), pool.kept), (0, 0));
    }
}
