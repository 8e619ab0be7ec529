//! The binary protocol, as clients speak it. Backends are spoken to in text: a frame becomes one
//! command of the classic or of the meta protocol, and the reply to that becomes a frame.
//!
//! A frame has a header of 24 bytes: magic, opcode, key length (16 bits), length of the extras,
//! data type, vbucket or status (16 bits), length of all that follows (32 bits), opaque (32 bits),
//! cas (64 bits), all big-endian; then extras, key, value. Where memcached's documents and its
//! behaviour (1.6.18 to 1.6.45) differ, this follows the behaviour.

pub mod opcode;

pub mod command;
pub mod reply;
pub mod request;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 24;

/// The first byte of a reply.
const REPLY_MAGIC: u8 = 0x81;

/// A big-endian number.
#[inline]
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
