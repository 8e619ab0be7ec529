//! How much may be in flight on one connection: just enough to keep its memcached busy.
//!
//! What is beyond the window waits with its clients, in the kernel's buffers, where TCP tells the
//! sender; so nobody's request waits behind more than one window of others, and a queue at a
//! memcached is short. The window is found by looking at how long answers take, as TCP Vegas does
//! (Brakmo and Peterson, 1995): in each round trip in which it was the limit it grows while answers
//! take about as long as the fastest ones did lately, and shrinks when they take much longer, for
//! then requests only stand in a queue. The fastest answer of the last ten seconds stands for the
//! way without a queue, as in BBR (Cardwell and others, 2016), so that 20 ms of network distance
//! are not taken for one. Every five seconds the window is small for one round trip, for else a
//! queue that is always there would come to look like the way.

use crate::time::Time;

/// A window is never smaller: requests. Below it a line of many keys could not be filled.
const REQUESTS_MIN: usize = 64;
/// Nor smaller than this, bytes: what one read of a socket takes.
const BYTES_MIN: usize = 64 << 10;
/// A window begins with this, until answers tell more.
const REQUESTS_START: usize = 256;
const BYTES_START: usize = 256 << 10;
/// A window never grows beyond this: 200,000 requests a second over 20 ms, both ways.
const REQUESTS_MAX: usize = 1 << 13;
/// 200 MB a second over 20 ms.
const BYTES_MAX: usize = 4 << 20;
/// Answers that take this much longer than the fastest ones, microseconds, have stood in a queue.
/// It is about a time slice: on a busy machine everything takes so long now and then.
const QUEUE_TIME: u64 = 3_000;
/// The fastest answer is that of the last one to two of these, microseconds.
const FASTEST_FOR: u64 = 5_000_000;

/// The window of one connection.
#[derive(Debug)]
pub(in crate::proxy) struct Window {
    requests: usize,
    bytes: usize,
    /// The fastest answer of this period and of the one before, microseconds.
    fastest: u64,
    fastest_before: u64,
    period_ends: Time,
    /// The fastest answer of the round trip that is under way.
    round_fastest: u64,
    /// The round trip ends when a request is answered that was sent after this.
    round_began: Time,
    /// Somebody had to wait because of the window since the round trip began.
    was_limit: bool,
    /// It was full, and is not half empty yet.
    was_full: bool,
    /// The window, requests and bytes, that comes back after the round trip in which it is small.
    draining: Option<(usize, usize)>,
}

impl Window {
    pub(in crate::proxy) fn new() -> Self {
        Self {
            requests: REQUESTS_START,
            bytes: BYTES_START,
            fastest: u64::MAX,
            fastest_before: u64::MAX,
            period_ends: Time::default(),
            round_fastest: u64::MAX,
            round_began: Time::default(),
            was_limit: false,
            was_full: false,
            draining: None,
        }
    }

    /// Whether another request may be sent while so many are in flight, that cost so many bytes
    /// together. One always may, however large it is. Once it was full it opens when it is half
    /// empty: if each answer let one request go, each would be a line of its own for ever (as TCP
    /// senders knew it, RFC 813).
    #[inline]
    pub(in crate::proxy) fn is_open(&self, requests: usize, bytes: usize) -> bool {
        let half = u32::from(self.was_full);
        requests == 0 || requests < self.requests >> half && bytes < self.bytes >> half
    }

    /// It was found open, or full.
    #[inline]
    pub(in crate::proxy) fn found(&mut self, is_open: bool) {
        self.was_full = !is_open;
    }

    /// Somebody has to wait.
    pub(in crate::proxy) fn limits(&mut self) {
        self.was_limit = true;
    }

    /// A request that was sent at `sent_at` has been answered: the newest one of those whose
    /// answers were read together.
    pub(in crate::proxy) fn answered(&mut self, sent_at: Time, now: Time) {
        let took = now.since(sent_at);
        if now >= self.period_ends {
            self.begin_period(now);
        }
        self.fastest = self.fastest.min(took);
        self.round_fastest = self.round_fastest.min(took);
        if sent_at >= self.round_began {
            self.end_round(now);
        }
    }

    fn begin_period(&mut self, now: Time) {
        self.fastest_before = std::mem::replace(&mut self.fastest, u64::MAX);
        self.period_ends = now.after(FASTEST_FOR);
        self.draining = Some((self.requests, self.bytes));
        (self.requests, self.bytes) = (REQUESTS_MIN, BYTES_MIN);
        self.round_began = now;
    }

    fn end_round(&mut self, now: Time) {
        if let Some(window) = self.draining.take() {
            (self.requests, self.bytes) = window;
            self.was_limit = false;
        }
        let fastest = self.fastest.min(self.fastest_before);
        if self.round_fastest > fastest.saturating_mul(2).saturating_add(QUEUE_TIME) {
            self.requests = (self.requests - self.requests / 8).max(REQUESTS_MIN);
            self.bytes = (self.bytes - self.bytes / 8).max(BYTES_MIN);
        } else if self.was_limit {
            self.requests = (self.requests + self.requests / 4).min(REQUESTS_MAX);
            self.bytes = (self.bytes + self.bytes / 4).min(BYTES_MAX);
        }
        self.was_limit = false;
        self.round_fastest = u64::MAX;
        self.round_began = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A memcached that answers `rate` requests a second, `way` microseconds away: what window is
    /// found when there is always more to ask.
    fn settled(rate: u64, way: u64) -> (Window, u64) {
        let mut window = Window::new();
        let mut now = Time::from_micros(1_000_000);
        let mut took = way;
        for _ in 0..5_000 {
            let sent = now;
            let is_small = window.draining.is_some();
            let answers = way.max(window.requests as u64 * 1_000_000 / rate);
            now = now.after(answers);
            took = if is_small { took } else { answers };
            window.limits();
            window.answered(sent, now);
        }
        if let Some((requests, _)) = window.draining {
            window.requests = requests;
        }
        (window, took)
    }

    #[test]
    fn a_near_memcached_is_kept_busy_and_has_a_short_queue() {
        let (window, took) = settled(200_000, 50);
        assert!(window.requests >= REQUESTS_MIN && took <= 6_000, "{window:?} {took}");
    }

    #[test]
    fn twenty_milliseconds_of_distance_get_the_full_rate() {
        let (window, took) = settled(200_000, 20_000);
        assert!(window.requests as u64 >= 200_000 / 50 && took <= 45_000, "{window:?} {took}");
    }

    #[test]
    fn without_anybody_who_waits_it_stays_as_it_is() {
        let mut window = Window::new();
        for at in 1..1_000 {
            let now = Time::from_micros(at * 1_000);
            window.answered(now, now.after(100));
        }
        assert!([REQUESTS_START, REQUESTS_MIN].contains(&window.requests), "{window:?}");
    }

    #[test]
    fn one_request_may_always_be_sent() {
        let window = Window::new();
        assert!(window.is_open(0, usize::MAX) && !window.is_open(1, usize::MAX));
    }

    #[test]
    fn a_full_window_opens_when_it_is_half_empty() {
        let mut window = Window::new();
        assert!(window.is_open(REQUESTS_START - 1, 0));
        assert!(!window.is_open(REQUESTS_START, 0));
        window.found(false);
        assert!(!window.is_open(REQUESTS_START / 2, 0));
        assert!(window.is_open(REQUESTS_START / 2 - 1, 0));
        window.found(true);
        assert!(window.is_open(REQUESTS_START - 1, 0));
    }
}
