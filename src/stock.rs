//! The buffers that rings borrow, and the memory that replies are kept in while they wait for their
//! turn: taken once, used again and again, so that a steady request allocates nothing.

use memmap2::MmapMut;
use std::ops::{Deref, DerefMut};

/// The smallest buffer, bytes: room for a batch of small requests.
pub const BUFFER_BYTES_MIN: usize = 1 << 13;

/// Buffers above this size are not kept for later, bytes: they serve rare, large values.
const BUFFER_BYTES_KEPT_MAX: usize = 1 << 21;

/// Sizes come in steps of a quarter of a power of two, so that a value wastes little.
const STEPS: usize = 4;

/// So many buffers find the shelves full until these are looked through for what is not needed.
const REFUSALS: usize = 64;

/// Vectors of at most this capacity are kept for later, bytes.
const ASIDE_BYTES_KEPT_MAX: usize = 1 << 12;

/// How many vectors are kept for later.
const ASIDES_KEPT_MAX: usize = 1 << 12;

const SHELVES: usize = shelf(BUFFER_BYTES_KEPT_MAX) + 1;

/// Where buffers begin, bytes. The kernel copies a large value to an address that is no multiple of
/// a cache line at half the speed: 900 KB took 410 us of a processor 16 bytes behind one, 220 us on
/// one; and that is where glibc puts large allocations.
const ALIGNMENT: usize = 64;

/// Buffers begin on different lines of their pages, or else the first lines of all of them would
/// compete for the same few places in the cache.
const STARTS: usize = 4096 / ALIGNMENT;

/// Bytes on loan.
#[derive(Default)]
pub struct Buffer {
    /// Those before `start` are not used.
    pub(crate) bytes: Bytes,
    pub(crate) start: usize,
}

/// Memory that goes back to the system with its buffer. The allocator keeps what it gets back:
/// after 10,000 clients had each sent a part of a value, 170 MB stayed with a process that used 9.
///
/// In either case an address and a length stand at the same places, so that it costs nothing to
/// find out which case it is.
pub enum Bytes {
    /// The usual case.
    Mapped(MmapMut),
    /// When the system lets nothing more be mapped, and for no bytes at all.
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
struct Shelf {
    /// The last one given back is the first one lent: it is warm.
    buffers: Vec<Buffer>,
    /// So many have not been needed since the shelves were last looked through.
    unneeded: usize,
}

impl Shelf {
    #[inline]
    fn take(&mut self) -> Option<Buffer> {
        let buffer = self.buffers.pop()?;
        self.unneeded = self.unneeded.min(self.buffers.len());
        Some(buffer)
    }
}

/// What is lent, and what waits to be lent again.
pub struct Stock {
    /// Spare buffers, by size.
    shelves: [Shelf; SHELVES],
    /// How many could not be kept since the shelves were last looked through.
    refused: usize,
    asides: Vec<Vec<u8>>,
    /// Bytes of the spare buffers, and how many they may be.
    kept: usize,
    kept_max: usize,
    /// Bytes of the buffers that are in use.
    lent: usize,
    /// Buffers made so far.
    made: usize,
}

impl Stock {
    /// An empty stock, that will keep at most `kept_max` bytes for later.
    pub fn new(kept_max: usize) -> Self {
        Self {
            shelves: std::array::from_fn(|_| Shelf::default()),
            refused: 0,
            asides: Vec::new(),
            kept: 0,
            kept_max,
            lent: 0,
            made: 0,
        }
    }

    /// A buffer of at least `bytes`. Its content is whatever it was.
    #[inline]
    pub fn lend(&mut self, bytes: usize) -> Buffer {
        // Most are of the smallest size.
        if bytes <= BUFFER_BYTES_MIN
            && let Some(buffer) = self.shelves[0].take()
        {
            self.lent += BUFFER_BYTES_MIN;
            self.kept -= BUFFER_BYTES_MIN;
            return buffer;
        }
        self.lend_any(bytes)
    }

    fn lend_any(&mut self, bytes: usize) -> Buffer {
        let size = rounded(bytes);
        self.lent += size;
        match self.shelves.get_mut(shelf(size)).and_then(Shelf::take) {
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

    /// Takes a buffer that `lend` gave.
    #[inline]
    pub fn give_back(&mut self, buffer: Buffer) {
        let size = buffer.size();
        if size == BUFFER_BYTES_MIN && self.kept + size <= self.kept_max {
            self.lent -= BUFFER_BYTES_MIN;
            self.kept += BUFFER_BYTES_MIN;
            return self.shelves[0].buffers.push(buffer);
        }
        self.take_back(buffer);
    }

    fn take_back(&mut self, buffer: Buffer) {
        let size = buffer.size();
        if size == 0 {
            return;
        }
        self.lent -= size;
        let Some(shelf) = self.shelves.get_mut(shelf(size)) else {
            return;
        };
        if self.kept + size <= self.kept_max {
            self.kept += size;
            shelf.buffers.push(buffer);
        } else {
            self.refuse();
        }
    }

    /// The shelves are full, perhaps of sizes that were once needed.
    #[cold]
    fn refuse(&mut self) {
        self.refused += 1;
        if self.refused < REFUSALS {
            return;
        }
        self.refused = 0;
        for Shelf { buffers, unneeded } in &mut self.shelves {
            self.kept -= buffers.drain(..*unneeded).map(|it| it.size()).sum::<usize>();
            *unneeded = buffers.len();
        }
    }

    /// Bytes of the buffers that are in use.
    pub fn lent(&self) -> usize {
        self.lent
    }

    /// An empty vector, for a reply that came before its turn.
    pub fn aside(&mut self) -> Vec<u8> {
        self.asides.pop().unwrap_or_default()
    }

    /// Takes the vector of a reply that has left.
    pub fn put_aside(&mut self, mut bytes: Vec<u8>) {
        if bytes.capacity() <= ASIDE_BYTES_KEPT_MAX && self.asides.len() < ASIDES_KEPT_MAX {
            bytes.clear();
            self.asides.push(bytes);
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

/// The shelf for buffers of `size`, which is rounded.
const fn shelf(size: usize) -> usize {
    let doublings = size.ilog2() - BUFFER_BYTES_MIN.ilog2();
    let power = BUFFER_BYTES_MIN << doublings;
    doublings as usize * STEPS + (size - power) / (power / STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_lent_again_up_to_the_limit() {
        let mut stock = Stock::new(2 * BUFFER_BYTES_MIN);
        let buffers: Vec<_> = (0..3).map(|_| stock.lend(1)).collect();
        assert_eq!(stock.lent(), 3 * BUFFER_BYTES_MIN);
        for buffer in buffers {
            stock.give_back(buffer);
        }
        assert_eq!((stock.lent(), stock.kept), (0, 2 * BUFFER_BYTES_MIN));
        assert_eq!(stock.lend(BUFFER_BYTES_MIN + 1).size(), BUFFER_BYTES_MIN / 4 * 5);
        assert_eq!(stock.kept, 2 * BUFFER_BYTES_MIN);
        stock.lend(1);
        assert_eq!(stock.kept, BUFFER_BYTES_MIN);
    }

    #[test]
    fn sizes_waste_little_and_have_shelves_of_their_own() {
        let mut sizes = Vec::new();
        for bytes in (1..BUFFER_BYTES_KEPT_MAX).step_by(97).chain([BUFFER_BYTES_KEPT_MAX]) {
            let size = rounded(bytes);
            assert!(size >= bytes && rounded(size) == size, "{bytes}: {size}");
            assert!(size <= BUFFER_BYTES_MIN || (size - bytes) * STEPS < bytes, "{bytes}: {size}");
            sizes.push(size);
        }
        sizes.dedup();
        let shelves: Vec<_> = sizes.iter().map(|size| shelf(*size)).collect();
        assert_eq!(shelves, (0..SHELVES).collect::<Vec<_>>());
    }

    /// Buffers of a size that nobody asks for any more took the place of those that were asked for
    /// all the time.
    #[test]
    fn sizes_that_are_not_needed_any_more_make_room() {
        let mut stock = Stock::new(4 * BUFFER_BYTES_MIN);
        let old: Vec<_> = (0..4).map(|_| stock.lend(1)).collect();
        for buffer in old {
            stock.give_back(buffer);
        }
        for _ in 0..2 * REFUSALS {
            let small = stock.lend(1);
            let large = stock.lend(2 * BUFFER_BYTES_MIN);
            stock.give_back(small);
            stock.give_back(large);
        }
        let kept = |stock: &Stock, shelf: usize| stock.shelves[shelf].buffers.len();
        assert_eq!((kept(&stock, 0), kept(&stock, STEPS)), (1, 0));
        let large = stock.lend(2 * BUFFER_BYTES_MIN);
        stock.give_back(large);
        assert_eq!((kept(&stock, 0), kept(&stock, STEPS)), (1, 1));
    }

    #[test]
    fn buffers_begin_on_a_cache_line() {
        let mut stock = Stock::new(0);
        for bytes in [1, BUFFER_BYTES_MIN + 1, 100_000, 900_000, 5_000_000] {
            let buffer = stock.lend(bytes);
            let first = buffer.bytes[buffer.start..].as_ptr();
            assert_eq!((first.align_offset(ALIGNMENT), buffer.size()), (0, rounded(bytes)));
        }
    }

    #[test]
    fn huge_buffers_are_not_kept() {
        let mut stock = Stock::new(usize::MAX);
        let buffer = stock.lend(BUFFER_BYTES_KEPT_MAX + 1);
        stock.give_back(buffer);
        assert_eq!((stock.lent(), stock.kept), (0, 0));
    }
}
