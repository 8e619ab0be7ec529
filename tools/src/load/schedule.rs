//! What is to be sent, and when.

use super::options::Options;
use super::request::{Asked, Verb};

/// What the requests of a phase do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Store every key once.
    Fill,
    /// Keys at random, gets and sets mixed as asked.
    Mix,
}

/// The requests of one phase of a run, in a closed loop (each as soon as a connection is free) or
/// in an open one (each at its time).
#[derive(Debug)]
pub(crate) struct Schedule {
    work: Work,
    /// Requests not yet sent.
    left: u64,
    sent: u64,
    started_ns: u64,
    /// No request is meant to be sent from then on.
    until_ns: u64,
    /// Open loop: the time from one request to the next.
    gap_ns: Option<f64>,
    sets_percent: u32,
    keys: u32,
    keys_per_get: u32,
    random: fastrand::Rng,
}

impl Schedule {
    pub(crate) fn fill(options: &Options, now_ns: u64) -> Self {
        let left = u64::from(options.keys);
        Self { work: Work::Fill, left, gap_ns: None, ..Self::mix(options, now_ns) }
    }

    /// Has no end until `limit` sets one.
    pub(crate) fn mix(options: &Options, now_ns: u64) -> Self {
        Self {
            work: Work::Mix,
            left: u64::MAX,
            sent: 0,
            started_ns: now_ns,
            until_ns: u64::MAX,
            gap_ns: options.rate.map(|rate| 1e9 / f64::from(rate)),
            sets_percent: options.sets,
            keys: options.keys,
            keys_per_get: options.keys_per_get,
            random: fastrand::Rng::with_seed(options.seed),
        }
    }

    /// So many more requests, and none from `until_ns` on.
    pub(crate) fn limit(&mut self, left: u64, until_ns: u64) {
        self.left = left;
        self.until_ns = until_ns;
    }

    pub(crate) fn is_open_loop(&self) -> bool {
        self.gap_ns.is_some()
    }

    /// Whether nothing more will be sent. In an open loop what was due before the end still is,
    /// however late.
    pub(crate) fn is_over(&self, now_ns: u64) -> bool {
        self.left == 0 || self.intended_ns(now_ns) >= self.until_ns
    }

    /// In an open loop, when the next request is meant to be sent.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        (self.is_open_loop() && !self.is_over(0)).then(|| self.intended_ns(0))
    }

    /// The next request, if it is due: to be sent as the `number`th of a connection.
    pub(crate) fn take(&mut self, now_ns: u64, number: u32) -> Option<Asked> {
        let intended_ns = self.intended_ns(now_ns);
        if self.left == 0 || intended_ns > now_ns || intended_ns >= self.until_ns {
            return None;
        }
        let asked = match self.work {
            Work::Fill => {
                Asked { intended_ns, first: self.sent as u32, keys: 1, number, verb: Verb::Set }
            }
            Work::Mix => self.any(intended_ns, number),
        };
        self.left -= 1;
        self.sent += 1;
        Some(asked)
    }

    fn any(&mut self, intended_ns: u64, number: u32) -> Asked {
        let first = self.random.u32(..self.keys);
        if self.random.u32(..100) < self.sets_percent {
            return Asked { intended_ns, first, keys: 1, number, verb: Verb::Set };
        }
        Asked { intended_ns, first, keys: self.keys_per_get, number, verb: Verb::Get }
    }

    fn intended_ns(&self, now_ns: u64) -> u64 {
        match self.gap_ns {
            Some(gap) => self.started_ns + (self.sent as f64 * gap) as u64,
            None => now_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::Options;
    use super::*;
    use argh::FromArgs;

    fn options() -> Options {
        Options::from_args(&["load"], &["--keys", "10", "/"]).expect("valid")
    }

    #[test]
    fn a_fill_sets_every_key_once() {
        let mut schedule = Schedule::fill(&Options { rate: Some(1), ..options() }, 5);
        let all: Vec<u32> =
            std::iter::from_fn(|| schedule.take(5, 0)).map(|asked| asked.first).collect();
        assert_eq!(all, Vec::from_iter(0..10));
        assert!(schedule.is_over(5));
    }

    #[test]
    fn an_open_loop_keeps_its_times_however_late_it_is() {
        let mut schedule = Schedule::mix(&Options { rate: Some(1_000_000), ..options() }, 10_000);
        schedule.limit(u64::MAX, 14_000);
        assert_eq!(schedule.take(9_999, 0), None);
        assert_eq!(schedule.next_ns(), Some(10_000));
        let late: Vec<u64> = std::iter::from_fn(|| schedule.take(99_000, 0))
            .map(|asked| asked.intended_ns)
            .collect();
        assert_eq!(late, [10_000, 11_000, 12_000, 13_000], "and the one at the end is not sent");
        assert!(schedule.is_over(0));
        assert_eq!(schedule.next_ns(), None);
    }

    #[test]
    fn a_closed_loop_sends_at_once_and_stops_in_time() {
        let mut schedule = Schedule::mix(&options(), 0);
        schedule.limit(2, 100);
        assert_eq!(
            schedule.take(99, 3).map(|asked| (asked.intended_ns, asked.number)),
            Some((99, 3))
        );
        assert_eq!(schedule.take(100, 0), None);
        assert!(schedule.take(98, 0).is_some());
        assert_eq!(schedule.take(98, 0), None, "two were allowed");
    }

    #[test]
    fn gets_and_sets_are_mixed_as_asked_and_the_same_for_a_seed() {
        let mixed = Options { sets: 30, keys_per_get: 4, ..options() };
        let all = || -> Vec<Asked> {
            let mut schedule = Schedule::mix(&mixed, 0);
            schedule.limit(10_000, u64::MAX);
            std::iter::from_fn(|| schedule.take(0, 0)).collect()
        };
        let asked = all();
        let sets = asked.iter().filter(|asked| asked.verb == Verb::Set).count();
        assert!((2_800..3_200).contains(&sets), "{sets} sets");
        assert!(asked.iter().all(|asked| asked.first < 10));
        assert!(
            asked.iter().all(|asked| asked.keys == if asked.verb == Verb::Set { 1 } else { 4 })
        );
        assert_eq!(asked, all());
    }
}
