//! What the replies were like: how many, how late, and how many were wrong.

use super::request::Asked;
use hdrhistogram::Histogram;

/// Latencies are kept up to this long, to three digits; a longer one counts as this long.
const LATENCY_NS_MAX: u64 = 100_000_000_000;
/// So many wrong replies are described; the others are only counted.
const EXAMPLES_MAX: usize = 10;

/// The ways in which a reply can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// A key that was stored was not found.
    Miss,
    /// A value of a key that was not asked for.
    WrongKey,
    /// A reply, or a value of a multi-get, that is not the one whose turn it was.
    WrongOrder,
    /// Not the flags that were stored.
    WrongFlags,
    /// A value of another length than was stored.
    WrongLength,
    /// A value that is not the one stored under its key.
    WrongValue,
    /// `ERROR`, `CLIENT_ERROR` or `SERVER_ERROR`.
    ErrorLine,
    /// A set that was refused.
    NotStored,
    /// Bytes that are no reply to such a request. The connection is given up.
    Unexpected,
    /// A reply when nothing had been asked. The connection is given up.
    Unasked,
    /// The connection ended with the request unanswered.
    Lost,
    /// No reply within the time allowed.
    Unanswered,
}

impl Mistake {
    const ALL: [Self; 12] = [
        Self::Miss,
        Self::WrongKey,
        Self::WrongOrder,
        Self::WrongFlags,
        Self::WrongLength,
        Self::WrongValue,
        Self::ErrorLine,
        Self::NotStored,
        Self::Unexpected,
        Self::Unasked,
        Self::Lost,
        Self::Unanswered,
    ];

    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Miss => "miss",
            Self::WrongKey => "wrong key",
            Self::WrongOrder => "wrong order",
            Self::WrongFlags => "wrong flags",
            Self::WrongLength => "wrong length",
            Self::WrongValue => "wrong value",
            Self::ErrorLine => "error line",
            Self::NotStored => "not stored",
            Self::Unexpected => "unexpected reply",
            Self::Unasked => "reply to nothing",
            Self::Lost => "connection lost",
            Self::Unanswered => "unanswered",
        }
    }
}

/// Counters of one run. Mistakes are counted in every phase of it, all else only while measuring.
#[derive(Debug)]
pub struct Tally {
    /// Requests answered, rightly or wrongly.
    pub requests: u64,
    /// Keys named by those requests.
    pub keys: u64,
    /// Keys that were asked for and not found.
    pub misses: u64,
    /// Descriptions of the first mistakes.
    pub examples: Vec<String>,
    latency_ns: Histogram<u64>,
    mistakes: [u64; Mistake::ALL.len()],
    misses_allowed: bool,
    counting: bool,
    samples_from_ns: u64,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(misses_allowed: bool) -> Self {
        let latency_ns = Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3);
        Self {
            requests: 0,
            keys: 0,
            misses: 0,
            examples: Vec::new(),
            latency_ns: latency_ns.expect("constant bounds are valid"),
            mistakes: [0; _],
            misses_allowed,
            counting: false,
            samples_from_ns: u64::MAX,
        }
    }

    /// From now on replies count; and the latency of each request that is meant to be sent from
    /// now on, whenever its reply comes.
    pub fn start(&mut self, now_ns: u64) {
        self.counting = true;
        self.samples_from_ns = now_ns;
    }

    /// Replies no longer count, but the latency of those that are owed still does: a server that
    /// stalls at the end of a run must not look fast for it.
    pub fn stop(&mut self) {
        self.counting = false;
    }

    /// A request is answered.
    pub fn answered(&mut self, asked: &Asked, now_ns: u64) {
        if self.counting {
            self.requests += 1;
            self.keys += u64::from(asked.keys);
        }
        if asked.intended_ns >= self.samples_from_ns {
            self.latency_ns.saturating_record(now_ns.saturating_sub(asked.intended_ns));
        }
    }

    /// Some keys were not found.
    pub fn missed(&mut self, count: u32, example: impl FnOnce() -> String) {
        if self.counting {
            self.misses += u64::from(count);
        }
        if !self.misses_allowed && count > 0 {
            self.mistakes(Mistake::Miss, u64::from(count), example);
        }
    }

    /// Something is wrong.
    pub fn mistake(&mut self, kind: Mistake, example: impl FnOnce() -> String) {
        self.mistakes(kind, 1, example);
    }

    /// So many things are wrong in the same way.
    pub fn mistakes(&mut self, kind: Mistake, count: u64, example: impl FnOnce() -> String) {
        self.mistakes[kind as usize] += count;
        if count > 0 && self.examples.len() < EXAMPLES_MAX {
            self.examples.push(format!("{}: {}", kind.name(), example()));
        }
    }

    /// Each kind of mistake that was made, and how often.
    pub fn mistakes_made(&self) -> impl Iterator<Item = (Mistake, u64)> {
        Mistake::ALL.into_iter().zip(self.mistakes).filter(|(_, count)| *count > 0)
    }

    /// The latency that this share of the requests did not exceed, in microseconds.
    pub fn latency_us(&self, quantile: f64) -> f64 {
        self.latency_ns.value_at_quantile(quantile) as f64 / 1e3
    }

    /// The mean of all latencies, in microseconds.
    pub fn latency_mean_us(&self) -> f64 {
        self.latency_ns.mean() / 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::Verb;
    use super::*;

    fn asked(intended_ns: u64) -> Asked {
        Asked { intended_ns, first: 0, keys: 2, number: 0, verb: Verb::Get }
    }

    #[test]
    fn latency_runs_from_the_intended_time_and_only_of_the_measured_part() {
        let mut tally = Tally::new(false);
        tally.answered(&asked(0), 900);
        tally.start(1_000);
        tally.answered(&asked(999), 50_000);
        for (intended, answer) in [(1_000, 11_000), (2_000, 12_000), (3_000, 1_003_000)] {
            tally.answered(&asked(intended), answer);
        }
        tally.stop();
        tally.answered(&asked(4_000), 8_004_000);
        assert_eq!((tally.requests, tally.keys), (4, 8), "counted while measuring");
        let near = |quantile, wanted: f64| {
            let is = tally.latency_us(quantile);
            assert!((is / wanted - 1.0).abs() < 0.002, "{is} instead of {wanted}");
        };
        near(0.5, 10.0);
        near(0.75, 1_000.0);
        near(1.0, 8_000.0);
    }

    #[test]
    fn a_latency_beyond_the_range_counts_as_the_longest() {
        let mut tally = Tally::new(false);
        tally.start(0);
        tally.answered(&asked(0), u64::MAX);
        assert!(tally.latency_us(1.0) >= LATENCY_NS_MAX as f64 / 1e3);
    }

    #[test]
    fn mistakes_are_counted_by_kind_and_the_first_described() {
        let mut tally = Tally::new(true);
        tally.missed(3, || "allowed".into());
        assert_eq!(tally.mistakes_made().count(), 0);
        for at in 0..20 {
            tally.mistake(Mistake::WrongValue, || format!("number {at}"));
        }
        tally.mistake(Mistake::Lost, || "too late to be described".into());
        let made: Vec<_> = tally.mistakes_made().collect();
        assert_eq!(made, [(Mistake::WrongValue, 20), (Mistake::Lost, 1)]);
        assert_eq!(tally.examples.len(), EXAMPLES_MAX);
        assert_eq!(tally.examples[9], "wrong value: number 9");
    }

    #[test]
    fn every_kind_has_its_own_counter() {
        for (at, kind) in Mistake::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at);
        }
    }
}
