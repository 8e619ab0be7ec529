//! The program as its users meet it: the real binary, in front of real memcacheds and of backends
//! that misbehave; and its parts without any socket (`core`). `README.md` beside this file says
//! what is tested where.
//!
//! `NODEPROXY=PATH cargo test --test it` tries another build of the binary.

mod harness;

mod core;
mod faults;
mod limits;
mod ops;
mod protocol;
