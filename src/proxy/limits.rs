//! The ceilings of everything that grows, and the paces of everything that repeats. Figures were
//! measured on 2 virtual cores of x86-64, Linux 6.18, in November 2026, unless they say otherwise.

/// Requests of one client that are taken up in one visit, so that a long pipeline leaves room for
/// the other clients: 128 small ones take about 50 us.
pub const REQUESTS_PER_VISIT: usize = 128;

/// Keys of one retrieval that are taken up in one visit.
pub const KEYS_PER_VISIT: usize = 256;

/// What the proxy answers by itself at some cost (`stats`) is counted in units of a thousand bytes;
/// so many units are worked on in one tick, and the rest in the next. Without it, 50 clients that
/// pipeline `stats` put 75 ms between a request and its turn; a unit takes about 5 us.
pub const OWN_WORK_PER_TICK: usize = 256;

/// Replies that one client may be owed, each key counted; it is not read from while it is owed
/// more. It bounds the memory of its queue: 32 bytes a reply.
pub const REPLIES_MAX: usize = 1024;

/// Bytes of replies, those that are expected included, that all clients together are owed; each
/// client's share is its window. A share of 1.3 MB keeps 50 clients of 900 KB values busy.
pub const REPLY_BUDGET_BYTES: usize = 64 << 20;

/// No client's window is larger, bytes: it is enough for 100 MB a second over 20 ms.
pub const REPLY_WINDOW_MAX: usize = 2 << 20;

/// Nor smaller, bytes: it is 600 replies of 100 bytes, and some of 10 KB. One reply may always be
/// asked for, however long.
pub const REPLY_WINDOW_MIN: usize = 64 << 10;

/// What a value of a client that has had none yet is expected to be at least, bytes, when it is
/// about the memory that it may take.
pub const TYPICAL_REPLY_BYTES: usize = 1 << 14;

/// The same when it is about what a link should carry: 50 clients that each ask for their first
/// values of 900 KB at once then hold it up for 28 ms, and not for 250 ms.
pub const FIRST_REPLY_BYTES: usize = 4 << 10;

/// Each of so many keys that are not found halves what a link expects for a client that has had no
/// value yet.
pub const EARLY_MISSES_MAX: u32 = 2;

/// A value may be so many times longer than those that came lately: so much room is left for it,
/// lest it had to be asked for again.
pub const REPLY_GROWTH_MAX: usize = 16;

/// A reply that cannot be asked for again is kept up to so many times the bytes that may be kept
/// for a client.
pub const OVERDRAFT: usize = 4;

/// A value of at most so many bytes, its line counted, is kept even when its client has no room: to
/// drop it would save nothing.
pub const SHORT_REPLY_BYTES: usize = 64;

/// So many bytes of the values of a retrieval of many keys, or all of them, are written to its
/// client at once: a get of 250 keys over 300 memcacheds was written in 24 pieces.
pub const PARTIAL_REPLY_BYTES: usize = 16 << 10;

/// While more bytes than this are in use, little is kept for a client that can be asked for again:
/// 130 clients that never read what they asked then hold 110 MB and not 350 MB.
pub const REFETCHABLE_BYTES_MAX: usize = 96 << 20;

/// Bytes of replies that can be asked for again which are kept for one client when memory is short.
pub const REFETCHABLE_BYTES_WHEN_SHORT: usize = 1 << 16;

/// Slots of its reply queue that a client keeps while it is owed nothing.
pub const SLOTS_KEPT: usize = 8;

/// So many reply queues are kept though nobody needs them.
pub const QUEUES_KEPT_MIN: usize = 16;

/// Reply queues kept for later.
pub const QUEUES_KEPT_MAX: usize = 256;

/// A client that is not closed for idling though it says nothing is looked at again after this,
/// microseconds.
pub const IDLE_RECHECK: u64 = 1_000_000;

/// Timers of clients that are gone, beyond as many as there are clients.
pub const STALE_TIMERS_MAX: usize = 1 << 10;

/// Keys of one line to a backend. memcached 1.6.18 needs 5.5 us for a line of one key, 0.9 us a key
/// for 16 of them and 0.5 us for 64; beyond, nothing is gained.
pub const LINE_KEYS_MAX: usize = 64;

/// Bytes of the keys on one line: a memcached takes a longer one only when it begins with `get`.
pub const LINE_BYTES_MAX: usize = 1_900;

/// Keys share a line while values are not longer than this on average, bytes. A longer value is
/// moved with its buffer when it comes alone, and what its line costs does not count beside it.
pub const SHARED_REPLY_BYTES_MAX: usize = 16 << 10;

/// Bytes read from a client at once.
pub const CLIENT_READ_BYTES: usize = 1 << 13;

/// Bytes read from all clients in one tick, about; who is ready later is read in the next one. So
/// much takes 2 ms to be copied.
pub const TICK_READ_BYTES: usize = 4 << 20;

/// A client that has sent so much of a long value is believed to send all of it, and gets room for
/// it at once, as long as there is plenty of memory.
pub const TRUSTED_BYTES: usize = 1 << 16;

/// Clients whose replies wait for the end of the tick; when there are more, these leave at once:
/// their buffers are then used again while they are warm.
pub const DIRTY_CLIENTS_MAX: usize = 256;

/// Bytes read from a link at once.
pub const LINK_READ_BYTES: usize = 1 << 16;

/// Room is made at once for a reply of up to so many bytes that a backend announces; a longer one
/// is believed in as it comes.
pub const ANNOUNCED_BYTES_MAX: usize = 1 << 21;

/// Spare buffers kept for later, bytes.
pub const SPARE_BYTES_MAX: usize = 16 << 20;

/// Memory that was not needed lately is given back, and what is used is counted, after this,
/// microseconds.
pub const TRIM_PAUSE: u64 = 500_000;

/// When memory is used up, clients are closed until so many sixteenths of it are in use.
pub const MEMORY_RELIEF_SIXTEENTHS: usize = 15;

/// The first pause before a backend that is down is probed, microseconds.
pub const PROBE_PAUSE_MIN: u64 = 1_000_000;

/// A backend that has never been reached is tried again after this, microseconds: it is being
/// started at the same moment as the proxy.
pub const FIRST_CONTACT_PAUSE: u64 = 50_000;

/// A backend that stayed up for so long, microseconds, has its earlier failures forgotten.
pub const STABLE_AFTER: u64 = 60_000_000;

/// A link that lived shorter than this, microseconds, is not opened again before this time is up.
pub const LINK_PAUSE: u64 = 1_000_000;

/// Failures in a row after which a link is not opened again at once.
pub const RETRIES_AT_ONCE: u32 = 16;

/// The log tells no more often of what happens again and again, microseconds.
pub const WARNING_PAUSE: u64 = 1_000_000;

/// A link that has been silent for so many timeouts while replies are due is given up.
pub const SILENT_TIMEOUTS: u64 = 3;
