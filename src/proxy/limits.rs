//! The ceilings of everything that grows, and the paces of everything that repeats.

/// Requests of one client that are taken up in one tick, so that a long pipeline leaves room for
/// the other clients.
pub const REQUESTS_PER_TICK: usize = 128;

/// Keys of one retrieval that are taken up at once.
pub const KEYS_PER_TURN: usize = 256;

/// Replies that one client may be owed, each key counted; it is not read from while it is owed
/// more.
pub const PLACES_MAX: usize = 1024;

/// The same while other clients are heard of. What they ask of the same backend waits behind all
/// that is in flight there: this is enough to keep a backend busy, and no more.
pub const PLACES_MAX_IN_COMPANY: usize = 256;

/// For so long after another client was heard of a client is in company, microseconds.
pub const COMPANY: u64 = 100_000;

/// Bytes of replies that wait for one client, or are to be expected; no further request of it is
/// taken up beyond.
pub const REPLY_BYTES_MAX: usize = 1 << 21;

/// What a reply is expected to be before one has come, bytes. A new client is owed few replies
/// until it is known that they are small: what others ask waits behind them.
pub const TYPICAL_REPLY_BYTES: usize = 1 << 16;

/// A reply may be so many times larger than those that came lately before its client has to do
/// without it.
pub const SURPRISE: usize = 16;

/// A reply that cannot be asked for again is kept up to so many times the bytes that may be kept
/// for a client.
pub const OVERDRAFT: usize = 4;

/// A value of at most so many bytes, its line counted, is kept even when its client has no room: to
/// drop it would save nothing.
pub const SHORT_REPLY_BYTES: usize = 64;

/// Bytes that may be kept for one client when memory is short.
pub const ALLOWANCE_WHEN_SHORT: usize = 1 << 16;

/// Slots of its reply queue that a client keeps while it is owed nothing.
pub const SLOTS_KEPT: usize = 8;

/// Requests in flight on a link for which it keeps the memory while there are none.
pub const IN_FLIGHT_KEPT: usize = 1 << 13;

/// Gatherings of many keys kept for later.
pub const GATHERS_KEPT_MAX: usize = 64;

/// Bytes of the gatherings that are kept for later.
pub const GATHER_BYTES_KEPT_MAX: usize = 4 << 20;

/// Reply queues kept for later.
pub const QUEUES_KEPT_MAX: usize = 256;

/// A client that is not closed for idling though it says nothing is looked at again after this,
/// microseconds.
pub const IDLE_RECHECK: u64 = 1_000_000;

/// Timers of clients that are gone, beyond as many as there are clients.
pub const STALE_TIMERS_MAX: usize = 1 << 10;

/// Bytes that wait to be written to one link; requests for it wait beyond.
pub const LINK_BYTES_MAX: usize = 1 << 20;

/// Bytes of the keys on one line to a backend; more keys go onto a further line. A memcached takes
/// a line of any length for `get`, but not for `gat`.
pub const BATCH_BYTES_MAX: usize = 1 << 10;

/// Bytes read from a client at once.
pub const CLIENT_READ_BYTES: usize = 1 << 13;

/// Clients whose replies wait for the end of the tick; when there are more, these leave at once.
pub const DIRTY_CLIENTS_MAX: usize = 256;

/// Bytes read from a link at once.
pub const LINK_READ_BYTES: usize = 1 << 16;

/// Room is made at once for a reply of up to so many bytes that a backend announces; a longer one
/// is believed in as it comes.
pub const ANNOUNCED_BYTES_MAX: usize = 1 << 21;

/// Bytes that a link needs for its work; one that holds more may be what memory is short of.
pub const LINK_BYTES_MODEST: usize = 4 * LINK_READ_BYTES;

/// Spare buffers kept for later, bytes.
pub const SPARE_BYTES_MAX: usize = 16 << 20;

/// The first pause before a backend that is down is probed, microseconds.
pub const PROBE_PAUSE_MIN: u64 = 1_000_000;

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
