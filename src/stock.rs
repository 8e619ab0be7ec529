//! The buffers that rings borrow, and the memory that replies are kept in while they wait for their
//! turn: taken once, used again and again, so that a steady request allocates nothing.

/// The smallest buffer, bytes: room for a batch of small requests.
pub const BUFFER_BYTES_MIN: usize = 1 << 14;

/// Buffers above this size are not kept for later, bytes: they serve rare, large values.
const BUFFER_BYTES_KEPT_MAX: usize = 1 << 21;

/// Sizes come in steps of a quarter of a power of two, so that a value wastes little.
const STEPS: usize = 4;

/// Vectors of at most this capacity are kept for later, bytes.
const ASIDE_BYTES_KEPT_MAX: usize = 1 << 12;

/// How many vectors are kept for later.
const ASIDES_KEPT_MAX: usize = 1 << 12;

const SHELVES: usize = shelf(BUFFER_BYTES_KEPT_MAX) + 1;

/// What is lent, and what waits to be lent again.
pub struct Stock {
    /// Spare buffers, by size: the last one given back is the first one lent, it is warm.
    shelves: [Vec<Box<[u8]>>; SHELVES],
    asides: Vec<Vec<u8>>,
    /// Bytes of the spare buffers, and how many they may be.
    kept: usize,
    kept_max: usize,
    /// Bytes of the buffers that are in use.
    lent: usize,
}

impl Stock {
    /// An empty stock, that will keep at most `kept_max` bytes for later.
    pub fn new(kept_max: usize) -> Self {
        Self { shelves: Default::default(), asides: Vec::new(), kept: 0, kept_max, lent: 0 }
    }

    /// A buffer of at least `bytes`. Its content is whatever it was.
    #[inline]
    pub fn lend(&mut self, bytes: usize) -> Box<[u8]> {
        // Most are of the smallest size.
        if bytes <= BUFFER_BYTES_MIN
            && let Some(buffer) = self.shelves[0].pop()
        {
            self.lent += BUFFER_BYTES_MIN;
            self.kept -= BUFFER_BYTES_MIN;
            return buffer;
        }
        self.lend_any(bytes)
    }

    fn lend_any(&mut self, bytes: usize) -> Box<[u8]> {
        let size = rounded(bytes);
        self.lent += size;
        match self.shelves.get_mut(shelf(size)).and_then(Vec::pop) {
            Some(buffer) => {
                self.kept -= size;
                buffer
            }
            None => vec![0; size].into_boxed_slice(),
        }
    }

    /// Takes a buffer that `lend` gave.
    #[inline]
    pub fn give_back(&mut self, buffer: Box<[u8]>) {
        let size = buffer.len();
        if size == 0 {
            return;
        }
        self.lent -= size;
        if self.kept + size <= self.kept_max
            && let Some(shelf) = self.shelves.get_mut(shelf(size))
        {
            self.kept += size;
            shelf.push(buffer);
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
        assert_eq!(stock.lend(BUFFER_BYTES_MIN + 1).len(), BUFFER_BYTES_MIN / 4 * 5);
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

    #[test]
    fn huge_buffers_are_not_kept() {
        let mut stock = Stock::new(usize::MAX);
        let buffer = stock.lend(BUFFER_BYTES_KEPT_MAX + 1);
        stock.give_back(buffer);
        assert_eq!((stock.lent(), stock.kept), (0, 0));
    }
}
