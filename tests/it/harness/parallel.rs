//! Many small checks at once: a proxy that has lost a link takes its time before it opens another.

use std::thread;

/// Checks each case in a thread of its own, and fails when one of them does.
pub(crate) fn at_once<T: Send>(cases: impl IntoIterator<Item = T>, check: impl Fn(T) + Sync) {
    let check = &check;
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || check(case));
        }
    });
}
