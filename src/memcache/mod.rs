//! The memcache protocol, as data: no sockets, no clock, no proxying.

pub mod base64;
pub mod op;

pub mod text;

pub mod binary;

/// The longest key, bytes (memcached's `KEY_MAX_LENGTH`).
pub const KEY_BYTES_MAX: usize = 250;

/// The longest value that the protocol can announce, bytes: its length and the two bytes behind it
/// have to fit into an `int`.
pub const VALUE_BYTES_MAX: usize = (1 << 31) - 3;

/// Bytes that are not the protocol: whatever follows them cannot be trusted either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;
