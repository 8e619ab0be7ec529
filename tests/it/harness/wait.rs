//! Waiting for something to happen: by asking again and again, and never for ever.

use std::thread;
use std::time::{Duration, Instant};

/// The limit for whatever should happen at once. It only has to be shorter than patience: a test
/// that passes never waits for it, so a slow machine does not make the tests fail.
pub(crate) const SOON: Duration = Duration::from_secs(15);

const PAUSE: Duration = Duration::from_millis(2);

/// Asks `probe` until it has something, and fails the test when it still has nothing at the limit.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {SOON:?}");
        thread::sleep(PAUSE);
    }
}

/// Whether `probe` becomes true before the limit.
pub(crate) fn within(limit: Duration, mut probe: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if probe() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(PAUSE);
    }
}
