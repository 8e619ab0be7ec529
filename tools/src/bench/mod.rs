//! The bench: nodeproxy and its peers side by side, in one run, on one machine.
//!
//! ```text
//! options -> Stage: memcacheds, a proxy in front of them -> load, a process of its own
//!         -> Figures of each round -> Measured, Ratios -> Outcome -> table, JSON, chart, targets
//! ```
//!
//! Modules are declared from leaf to root.

pub mod children;

pub mod pin;

pub mod workloads;

pub mod peers;

pub mod options;

pub mod figures;

pub mod targets;

pub mod results;

pub mod chart;

pub mod stage;

pub mod observer;

pub mod counts;

pub mod time;
