//! What the shell needs of a connection to move its bytes.

use crate::buffer::RingBuf;

/// What the shell knows of a socket. An event comes once; what it said holds until the socket says
/// otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub struct Readiness {
    /// It has bytes that were not read, or has ended.
    pub readable: bool,
    /// It takes bytes.
    pub writable: bool,
    /// Its peer will send no more: a short read is not the last one.
    pub ended: bool,
}

/// What the shell needs to read.
pub struct Fillable<'a, S> {
    /// Where from.
    pub socket: &'a mut S,
    /// Where to.
    pub input: &'a mut RingBuf,
    /// What is to be noted.
    pub readiness: &'a mut Readiness,
    /// What counts the bytes.
    pub bytes: &'a mut u64,
}
