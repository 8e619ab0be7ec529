//! The identities that the proxy's parts are known by to each other. Each carries a generation, so
//! that one kept too long finds nothing, even when its slot is used again.

use crate::define_id;

define_id! {
    /// A client's identity.
    ClientId
}
define_id! {
    /// The identity of a connection to a backend.
    LinkId
}
define_id! {
    /// The identity of a backend.
    BackendId
}
define_id! {
    /// The identity of a pool.
    PoolId
}

/// A reply's turn in its client's queue. It wraps around after 2^32 replies, long after whatever
/// held the same number is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ReplySeq(u32);

impl ReplySeq {
    /// The turn `count` places behind this one.
    #[inline]
    pub(super) const fn behind(self, count: usize) -> Self {
        Self(self.0.wrapping_add(count as u32))
    }

    /// How many places it is behind `first`.
    #[inline]
    pub(super) const fn from(self, first: Self) -> usize {
        self.0.wrapping_sub(first.0) as usize
    }

    /// Whether it comes after the other, which is not very much older.
    pub(super) const fn is_after(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0).wrapping_sub(1) < u32::MAX / 2
    }
}
