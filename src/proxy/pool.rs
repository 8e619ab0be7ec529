//! A pool: the backends behind one listener, and what maps a key to one of them.

use crate::hash::Placement;
use crate::memcache::KEY_BYTES_MAX;
use crate::memcache::line::Line;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::ops::Range;

/// A pool.
pub(super) struct Pool {
    pub(super) placement: Placement,
    /// The first of its backends among all; the others follow it.
    pub(super) first_backend: usize,
    pub(super) backends_len: usize,
}

impl Pool {
    /// The backend of a key, among all backends.
    #[inline]
    pub(super) fn backend(&self, key: &[u8]) -> usize {
        self.first_backend + self.placement.place(key)
    }

    /// The backend of the key of a line. A key in base64 is placed by what it stands for, so that
    /// `ms Zm9v b` and `get foo` meet; one that stands for nothing is refused by any backend.
    #[inline]
    pub(super) fn backend_of(&self, line: &Line, key: &[u8]) -> usize {
        if !line.base64 {
            return self.backend(key);
        }
        let mut decoded = [0; KEY_BYTES_MAX];
        match BASE64_STANDARD.decode_slice(key, &mut decoded) {
            Ok(len) => self.backend(&decoded[..len]),
            Err(_) => self.backend(key),
        }
    }

    /// Its backends, among all.
    pub(super) fn backends(&self) -> Range<usize> {
        self.first_backend..self.first_backend + self.backends_len
    }
}
