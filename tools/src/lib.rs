//! What measures nodeproxy: a load generator that checks every reply (`load`), a bare byte relay
//! that is the floor of any proxy which does not batch (`relay`), and a driver that runs nodeproxy
//! and its peers side by side (`bench`).
//!
//! Modules are declared from leaf to root, and each uses only those above it.

pub mod failure;

pub mod options;

pub mod process;

pub mod children;

pub mod address;

pub mod load;

pub mod relay;

pub mod bench;
