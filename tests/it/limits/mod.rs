//! Crowds, floods, slow readers and full memory: what is bounded, and on whom it falls.

mod crowds;
mod descriptors;
mod fairness;
mod large_replies;
mod resting;
mod short_memory;
mod slow_readers;
