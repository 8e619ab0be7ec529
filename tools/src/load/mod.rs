//! The load generator: asks, checks every reply, and measures how long each took.
//!
//! ```text
//! Schedule: what is due -> Asked -> Connection.out -> socket      (write once per connection and
//! turn) socket -> one big buffer -> Checker -> Tally                    (nothing is copied,
//! nothing allocated)
//! ```
//!
//! Modules are declared from leaf to root.

pub mod keyspace;

pub mod request;

pub mod tally;

pub mod reply;

pub mod options;

pub mod report;

mod schedule;

mod connection;

mod engine;

pub use engine::run;
pub use options::Options;
pub use report::Report;
