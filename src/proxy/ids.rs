//! What the proxy's parts call each other.

crate::define_id! {
    /// Names a client.
    ClientId
}

crate::define_id! {
    /// Names a link.
    LinkId
}

/// A reply's turn, counted over all the client's replies; it wraps around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place(u32);

impl Place {
    /// The place so many behind this one.
    pub(super) const fn behind(self, count: usize) -> Self {
        Self(self.0.wrapping_add(count as u32))
    }

    /// How many places it is behind `first`.
    pub(super) const fn from(self, first: Self) -> usize {
        self.0.wrapping_sub(first.0) as usize
    }

    /// Whether it comes after `other`.
    pub(super) const fn is_after(self, other: Self) -> bool {
        (self.0.wrapping_sub(other.0) as i32) > 0
    }
}
