//! Clients that speak the binary protocol.

mod faults;
mod mixed;
mod sessions;
mod vectors;
