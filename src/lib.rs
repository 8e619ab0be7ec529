//! nodeproxy: a memcache reverse proxy. Clients speak to one address as if it were one memcached;
//! the proxy maps each key to one of many, forwards over a few persistent connections, and gives
//! each client its replies in the order of its requests.
//!
//! The words: a *client* is a connection from an application; a *backend* is a memcached of the
//! configuration, and outlives its connections; a *link* is one connection to a backend; a *slot*
//! is a reply's turn in its client's queue, and `ReplySeq` is its number; *in flight* is what was
//! asked on a link and has not been answered; a *pool* is the backends behind one listener; a
//! *tick* is one turn of the reactor.
//!
//! The modules, from leaf to root; each uses only those above it:
//!
//! - [`time`], [`logger`], [`buffer`], [`slab`]: moments, the log, byte rings and their pool of
//!   buffers, slabs with generations.
//! - [`memcache`]: the protocol as data. It knows nothing of proxying.
//! - [`placement`]: what maps a key to a backend.
//! - [`config`], [`metrics`]: what the operator asks for, and what is counted.
//! - [`proxy`]: the core. It owns all connections and does no I/O; `proxy/dispatch.rs` is the data
//!   path of requests, `proxy/complete.rs` that of replies.
//! - [`driver`]: one tick of the core, over whatever moves its bytes.
//! - [`reactor`]: the shell. It owns the event loop, and is the only one to touch sockets and
//!   clocks.
//!
//! The invariants, held by `tests/it/core/tidy/` where a machine can:
//!
//! 1. Only `reactor/` names mio, socket2 or `Instant::now`; only `slab.rs` names `Slab`; only
//!    `main.rs` exits.
//! 2. The core puts no bound on its socket type `S`: it can carry a socket and cannot touch it.
//! 3. No `Rc`, `RefCell`, `dyn`, `thread_local!`, `static mut` or `unsafe`.
//! 4. Every slot is filled exactly once, or its client is gone; what is in flight leaves from the
//!    front.
//! 5. Bytes from the network never panic. Nothing blocks once the proxy runs.
//! 6. No function over 60 lines, no file over 500.

pub mod logger;
pub mod time;

pub mod buffer;
pub mod slab;

pub mod memcache;

pub mod placement;

pub mod config;
pub mod metrics;

pub mod proxy;

pub mod driver;

pub mod reactor;
