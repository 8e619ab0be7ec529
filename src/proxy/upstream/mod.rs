//! The side of the backends: connections, what is in flight on them, who waits for them, and
//! whether a backend is asked at all. It knows clients by their ids only.

pub(super) mod turns;
pub(super) mod window;

pub(super) mod in_flight;

pub(super) mod backend;
pub(super) mod link;

mod unsent;

pub(super) mod links;

mod health;
