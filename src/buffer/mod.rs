//! Where the bytes of connections stand: rings, and the pool that lends them their memory.

mod pool;
pub mod scan;

mod ring;

pub use pool::{BUFFER_BYTES_MIN, Buffer, BufferPool};
pub use ring::RingBuf;
