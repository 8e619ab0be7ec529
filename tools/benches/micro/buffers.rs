//! Rings and the stock that lends them their buffers.

use divan::{Bencher, black_box};
use nodeproxy::buffer::RingBuf;
use nodeproxy::stock::Stock;

/// A message comes into an empty ring and leaves it: a buffer is borrowed and given back.
#[divan::bench(args = [50, 10_000])]
fn ring_borrow_and_release(bencher: Bencher<'_, '_>, len: usize) {
    let (mut stock, mut ring) = (Stock::new(1 << 24), RingBuf::new());
    let message = vec![b'x'; len];
    bencher.bench_local(|| {
        ring.extend(&mut stock, black_box(&message));
        ring.clear();
        ring.release_if_empty(&mut stock);
    });
}

/// A message comes into a ring that is never empty.
#[divan::bench(args = [50, 10_000])]
fn ring_extend_and_consume(bencher: Bencher<'_, '_>, len: usize) {
    let (mut stock, mut ring) = (Stock::new(1 << 24), RingBuf::new());
    let message = vec![b'x'; len];
    ring.extend(&mut stock, &message);
    bencher.bench_local(|| {
        ring.extend(&mut stock, black_box(&message));
        ring.consume(len);
    });
}

/// A message goes from one ring to another; a large one takes its buffer along.
#[divan::bench(args = [50, 10_000, 100_000])]
fn ring_to_ring(bencher: Bencher<'_, '_>, len: usize) {
    let mut stock = Stock::new(1 << 24);
    let (mut one, mut other) = (RingBuf::new(), RingBuf::new());
    one.extend(&mut stock, &vec![b'x'; len]);
    bencher.bench_local(|| {
        other.take_from(&mut stock, black_box(&mut one), len);
        std::mem::swap(&mut one, &mut other);
    });
}

#[divan::bench(args = [50, 10_000])]
fn ring_find(bencher: Bencher<'_, '_>, len: usize) {
    let mut ring = RingBuf::new();
    ring.extend(&mut Stock::new(0), &[&vec![b'x'; len - 1][..], b"\n"].concat());
    bencher.bench_local(|| black_box(&ring).find(b'\n', 0));
}
