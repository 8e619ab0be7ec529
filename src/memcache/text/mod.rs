//! The text protocol: its lines taken apart and put together.
//!
//! Both parsers are state machines that resume where they stopped: a byte is looked at once to find
//! the end of its line, and a line once to understand it, however small the pieces are that it came
//! in. The facts are memcached's own (`doc/protocol.txt` of memcached, and its behaviour, 1.6.18 to
//! 1.6.45).

pub mod number;
pub mod words;

pub mod line;

pub mod encode;

mod classic;

mod admin;
mod meta;

pub mod expiry;
pub mod grammar;

mod fast;

pub mod reply;
pub mod request;

/// A line that is not a retrieval must end within so many bytes (as memcached has it).
pub const LINE_BYTES_MAX: usize = 2048;

/// A `get` line, which may name thousands of keys, must end within so many bytes.
pub const GET_LINE_BYTES_MAX: usize = 1 << 20;

/// A reply's line must end within so many bytes; memcached's own longest is below 1,100.
pub const REPLY_LINE_BYTES_MAX: usize = 8192;

/// The first byte of a request of the binary protocol, with which no line begins.
pub const BINARY_MAGIC: u8 = 0x80;
