//! The side of the clients: what each has sent, what it is owed and in what order, and how much of
//! it there may be. It knows nothing of backends.

mod frames;

pub(super) mod replies;

pub(super) mod client;

pub(super) mod clients;
