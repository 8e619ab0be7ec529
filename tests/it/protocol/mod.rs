//! What clients ask and are answered, byte by byte, beside a real memcached wherever one can judge.

mod binary;
mod conformance;
mod differential;
mod fragments;
mod hostile_bytes;
mod intruders;
mod multiget;
mod ordering;
mod other_backends;
mod transparent;
