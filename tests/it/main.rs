//! The program as its users meet it: the real binary, in front of real memcacheds and of backends
//! that misbehave. `allocations`, `parsers` and `simulation` try its parts without any socket, and
//! `tidy` holds the source to what `src/lib.rs` promises.
//!
//! `NODEPROXY=PATH cargo test --test it` tries another build of the binary.

mod harness;

mod allocations;
mod config;
mod conformance;
mod crowds;
mod deaf_log;
mod descriptors;
mod differential;
mod fairness;
mod flags;
mod fragments;
mod harness_itself;
mod health;
mod hostile_bytes;
mod intruders;
mod large_replies;
mod log_lines;
mod misbehaving;
mod multiget;
mod on_down;
mod on_error;
mod ordering;
mod other_backends;
mod outage;
mod parity;
mod parsers;
mod resting;
mod rig;
mod run_script;
mod short_memory;
mod shutdown;
mod simulation;
mod slow_readers;
mod soak;
mod statistics;
mod tidy;
mod transparent;
mod unanswered;
mod unix_sockets;
mod unsent;
mod vanishing;
