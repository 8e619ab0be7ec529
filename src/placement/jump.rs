//! Jump consistent hash (Lamping and Veach 2014, <https://arxiv.org/abs/1406.2294>): no table at
//! all. It counts backends and does not know their names, so only the end of the list may grow or
//! shrink.

/// The bucket, below `count`, of this hash.
#[inline]
pub(super) fn jump(mut hash: u64, count: usize) -> usize {
    let (mut bucket, mut next) = (0, 0);
    while next < count {
        bucket = next;
        hash = hash.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let share = f64::from(1_u32 << 31) / ((hash >> 33) + 1) as f64;
        next = ((bucket + 1) as f64 * share) as usize;
    }
    bucket
}
