//! Rings and the pool of buffers they borrow from.

use divan::{Bencher, black_box};
use nodeproxy::buffer::{BufferPool, RingBuf};

/// A message comes into an empty ring and leaves it: a buffer is borrowed and given back.
#[divan::bench(args = [50, 10_000])]
fn ring_borrow_and_release(bencher: Bencher<'_, '_>, len: usize) {
    let (mut pool, mut ring) = (BufferPool::new(1 << 24), RingBuf::new());
    let message = vec![b'x'; len];
    bencher.bench_local(|| {
        ring.extend(&mut pool, black_box(&message));
        ring.clear();
        ring.release_if_empty(&mut pool);
    });
}

/// A message comes into a ring that is never empty.
#[divan::bench(args = [50, 10_000])]
fn ring_extend_and_consume(bencher: Bencher<'_, '_>, len: usize) {
    let (mut pool, mut ring) = (BufferPool::new(1 << 24), RingBuf::new());
    let message = vec![b'x'; len];
    ring.extend(&mut pool, &message);
    bencher.bench_local(|| {
        ring.extend(&mut pool, black_box(&message));
        ring.consume(len);
    });
}

/// A message goes from one ring to another; a large one takes its buffer along.
#[divan::bench(args = [50, 10_000, 100_000])]
fn ring_to_ring(bencher: Bencher<'_, '_>, len: usize) {
    let mut pool = BufferPool::new(1 << 24);
    let (mut one, mut other) = (RingBuf::new(), RingBuf::new());
    one.extend(&mut pool, &vec![b'x'; len]);
    bencher.bench_local(|| {
        other.take_from(&mut pool, black_box(&mut one), len);
        std::mem::swap(&mut one, &mut other);
    });
}

#[divan::bench(args = [50, 10_000])]
fn ring_find(bencher: Bencher<'_, '_>, len: usize) {
    let mut ring = RingBuf::new();
    ring.extend(&mut BufferPool::new(0), &[&vec![b'x'; len - 1][..], b"\n"].concat());
    bencher.bench_local(|| black_box(&ring).find(b'\n', 0));
}
