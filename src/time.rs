//! Moments as plain numbers: the core is told the time, it never asks for it.

use std::time::Duration;

/// A moment: microseconds since an epoch that the shell chooses (its own start).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time(u64);

impl Time {
    /// The moment `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// The moment `micros` microseconds later.
    pub const fn after(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to here; 0 when it is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// How long to wait at `now` for this moment to come.
    pub const fn wait(self, now: Self) -> Duration {
        Duration::from_micros(self.since(now))
    }
}
