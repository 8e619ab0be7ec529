//! Where the bytes of connections stand.

mod ring;

pub use ring::RingBuf;
