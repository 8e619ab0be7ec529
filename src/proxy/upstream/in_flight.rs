//! What has been asked on one connection and not been answered: a backend answers in the order that
//! it was asked in, so answers leave from the front.

use super::super::pending::Pending;
use crate::buffer::{BufferPool, RingBuf};
use std::collections::VecDeque;

/// Requests in flight for which the memory is kept while there are none. A window of this size is
/// enough for a memcached that is near; what a larger one took is given back when it is empty.
const KEPT_CAPACITY: usize = 1 << 9;

/// The requests in flight, oldest first, with what is kept of each.
#[derive(Default)]
pub(in crate::proxy) struct InFlight {
    queue: VecDeque<Pending>,
    /// Keys of retrievals, and lines of those that may be asked again, in the same order.
    kept: RingBuf,
    /// The most that there were since memory was given back last.
    peak: usize,
    /// Bytes of the requests, and of the replies that are expected.
    cost: usize,
    /// How many of them nobody waits for because they are late.
    late: usize,
}

impl InFlight {
    #[inline]
    pub(in crate::proxy) fn len(&self) -> usize {
        self.queue.len()
    }

    #[inline]
    pub(in crate::proxy) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes of the requests, and of the replies that are expected.
    #[inline]
    pub(in crate::proxy) fn cost(&self) -> usize {
        self.cost
    }

    /// Bytes of memory that it has, used or not.
    pub(in crate::proxy) fn memory(&self) -> usize {
        self.kept.capacity() + self.overhead()
    }

    /// Those of them that are in no buffer of the pool.
    pub(in crate::proxy) fn overhead(&self) -> usize {
        self.queue.capacity() * size_of::<Pending>()
    }

    /// The oldest request.
    #[inline]
    pub(in crate::proxy) fn front(&self) -> Option<&Pending> {
        self.queue.front()
    }

    pub(in crate::proxy) fn iter(&self) -> impl DoubleEndedIterator<Item = &Pending> {
        self.queue.iter()
    }

    /// Keeps what may be needed of the request that is pushed next: its key, or its line. Returns
    /// how long that is: nothing of what is longer than 255 bytes.
    #[inline]
    pub(in crate::proxy) fn keep(&mut self, bytes: &[u8], pool: &mut BufferPool) -> u8 {
        let kept = u8::try_from(bytes.len()).unwrap_or(0);
        if kept > 0 {
            self.kept.extend(pool, bytes);
        }
        kept
    }

    /// Adds a request.
    #[inline]
    pub(in crate::proxy) fn push(&mut self, pending: Pending) {
        self.cost += pending.cost();
        self.late += usize::from(pending.is_late());
        self.queue.push_back(pending);
        self.peak = self.peak.max(self.queue.len());
    }

    /// The line of the newest request goes on, or has got `more` bytes.
    #[inline]
    pub(in crate::proxy) fn extend_line(&mut self, goes_on: bool, more: u32) {
        if let Some(newest) = self.queue.back_mut() {
            newest.last = !goes_on;
            newest.len += more;
            self.cost += more as usize;
        }
    }

    /// The oldest request is done with.
    #[inline]
    pub(in crate::proxy) fn pop(&mut self) {
        if let Some(pending) = self.queue.pop_front() {
            if pending.kept > 0 {
                self.kept.consume(usize::from(pending.kept));
            }
            self.cost -= pending.cost();
            self.late -= usize::from(pending.is_late());
        }
    }

    /// The value of the oldest request has come; its line goes on.
    pub(in crate::proxy) fn answer_front(&mut self) {
        if let Some(front) = self.queue.front_mut() {
            front.answered = true;
        }
    }

    /// Whether what is kept of the oldest request is this.
    #[inline]
    pub(in crate::proxy) fn front_is(&self, first: &[u8], second: &[u8]) -> bool {
        let len = first.len() + second.len();
        self.front().is_some_and(|front| usize::from(front.kept) == len && !front.answered)
            && self.kept.has(0, first)
            && (second.is_empty() || self.kept.has(first.len(), second))
    }

    /// Which request of the oldest line it is of which this is kept, and that has no answer yet.
    pub(in crate::proxy) fn position_in_line(&self, first: &[u8], second: &[u8]) -> Option<usize> {
        let mut start = 0;
        for (at, pending) in self.queue.iter().enumerate() {
            let is_it = usize::from(pending.kept) == first.len() + second.len()
                && !pending.answered
                && self.kept.has(start, first)
                && self.kept.has(start + first.len(), second);
            if is_it || pending.last {
                return is_it.then_some(at);
            }
            start += usize::from(pending.kept);
        }
        None
    }

    /// What is kept of the oldest request.
    pub(in crate::proxy) fn front_kept(&self) -> Vec<u8> {
        let len = self.front().map_or(0, |front| usize::from(front.kept));
        let (first, second) = self.kept.pieces(0..len);
        [first, second].concat()
    }

    /// Calls `with` for each request that waits since before `began`: it is late, and nobody waits
    /// for it any more. Returns how many there were.
    pub(in crate::proxy) fn expire(
        &mut self,
        is_due: impl Fn(&Pending) -> bool,
        mut with: impl FnMut(&Pending),
    ) -> usize {
        let before = self.late;
        for pending in self.queue.iter_mut().filter(|it| it.client.is_some() && is_due(it)) {
            with(pending);
            pending.client = None;
            self.late += usize::from(pending.is_late());
        }
        self.late - before
    }

    /// Gives back the memory that nothing needs.
    #[inline]
    pub(in crate::proxy) fn rest(&mut self, pool: &mut BufferPool) {
        self.kept.release_if_empty(pool);
    }

    /// Gives back what has not been needed since the last time.
    pub(in crate::proxy) fn trim(&mut self) {
        if self.queue.capacity() > KEPT_CAPACITY.max(4 * self.peak) {
            self.queue.shrink_to(KEPT_CAPACITY.max(2 * self.peak));
        }
        self.peak = self.queue.len();
    }

    /// Where the newest one is that was asked a second time.
    pub(in crate::proxy) fn last_moved(&self) -> Option<usize> {
        self.queue.iter().rposition(|pending| pending.moved)
    }

    /// Takes out the requests from `first` on, with what is kept of each.
    pub(in crate::proxy) fn split_off(&mut self, first: usize) -> Vec<(Pending, Vec<u8>)> {
        let mut at = self.queue.iter().take(first).map(|it| usize::from(it.kept)).sum();
        let mut taken = Vec::new();
        for pending in self.queue.drain(first..) {
            let end = at + usize::from(pending.kept);
            let (start, rest) = self.kept.pieces(at..end);
            self.cost -= pending.cost();
            self.late -= usize::from(pending.is_late());
            taken.push((pending, [start, rest].concat()));
            at = end;
        }
        taken
    }

    /// The reads among the oldest `count` that can be asked again elsewhere, with what is kept of
    /// each; nobody waits for them here any more.
    pub(in crate::proxy) fn take_repeatable(
        &mut self,
        count: usize,
        mut is_current: impl FnMut(&Pending) -> bool,
    ) -> Vec<(Pending, Vec<u8>)> {
        let (mut at, mut taken) = (0, Vec::new());
        for pending in self.queue.iter_mut().take(count) {
            let end = at + usize::from(pending.kept);
            let may_be = !pending.answered && !pending.moved && pending.kept > 0;
            if may_be && pending.kind.is_repeatable() && is_current(pending) {
                let (first, second) = self.kept.pieces(at..end);
                taken.push((*pending, [first, second].concat()));
                pending.client = None;
                self.late += 1;
            }
            at = end;
        }
        taken
    }

    /// Forgets everything.
    pub(in crate::proxy) fn clear(&mut self, pool: &mut BufferPool) {
        self.queue = VecDeque::new();
        self.kept.clear();
        self.kept.release_if_empty(pool);
        (self.cost, self.late) = (0, 0);
    }

    /// Asserts its own accounting; for tests, at any moment between two ticks.
    pub(in crate::proxy) fn check(&self) {
        let cost: usize = self.queue.iter().map(Pending::cost).sum();
        let kept: usize = self.queue.iter().map(|it| usize::from(it.kept)).sum();
        assert_eq!(self.cost, cost, "bytes in flight");
        assert!(kept <= self.kept.len(), "keys are kept: {kept} of {}", self.kept.len());
        assert_eq!(self.late, self.queue.iter().filter(|it| it.is_late()).count(), "late");
        for (older, newer) in self.queue.iter().zip(self.queue.iter().skip(1)) {
            assert_eq!(older.last, newer.first, "a line ends where the next one begins");
        }
    }
}
