//! What all threads of a soak find.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Of each kind of fault so many are told in words.
const EXAMPLES_MAX: usize = 20;

/// A figure that counts up.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::SeqCst);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// What was counted, and what was wrong.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Requests that were answered.
    pub(super) requests: Count,
    /// Those of them that were answered with an error, as they may be.
    pub(super) errors: Count,
    /// Keys that were missing, as they may be.
    pub(super) misses: Count,
    /// Replies that are not to the request, or hold what the key cannot hold.
    pub(super) wrong: Count,
    /// Requests that were not answered at all.
    pub(super) hung: Count,
    /// Connections of clients that did nothing wrong and were closed.
    pub(super) closed: Count,
    /// Memcacheds that were stopped for a while.
    pub(super) stops: Count,
    /// Memcacheds that were killed, and with them what they kept: each counts once before and once
    /// when it is over, so that an odd number says that it is happening.
    pub(super) kills: Count,
    /// What the saboteur was told to do.
    pub(super) sabotages: Count,
    /// What vandals did.
    pub(super) vandalism: Count,
    /// Microseconds that the slowest reply took.
    slowest: AtomicU64,
    examples: Mutex<Vec<String>>,
}

impl Findings {
    /// A reply took so long.
    pub(super) fn took(&self, time: Duration) {
        self.slowest.fetch_max(time.as_micros() as u64, Ordering::SeqCst);
    }

    pub(super) fn slowest(&self) -> Duration {
        Duration::from_micros(self.slowest.load(Ordering::SeqCst))
    }

    /// Something is wrong: counts it, and tells it unless enough has been told.
    pub(super) fn blame(&self, count: &Count, what: impl FnOnce() -> String) {
        count.add(1);
        let mut examples = self.examples.lock().unwrap_or_else(PoisonError::into_inner);
        if examples.len() < EXAMPLES_MAX {
            examples.push(what());
        }
    }

    pub(super) fn examples(&self) -> Vec<String> {
        self.examples.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
