//! A pool: the backends behind one listener, and what maps a key to one of them.

use crate::hash::Placement;

/// A pool.
pub(super) struct Pool {
    pub(super) placement: Placement,
    /// The first of its backends among all; the others follow it.
    pub(super) first_backend: usize,
}

impl Pool {
    /// The backend of a key, among all backends.
    #[inline]
    pub(super) fn backend(&self, key: &[u8]) -> usize {
        self.first_backend + self.placement.place(key)
    }
}
