//! The figures of one measurement, their medians, and how peers compare.

use super::workloads::Workload;
use serde::Serialize;

/// What one measurement of one peer gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Requests a second.
    pub rate: f64,
    /// Processor time of the proxy for each request, in microseconds; 0 where there is none.
    pub cpu_us: f64,
    /// The same of all memcacheds together.
    pub memcacheds_us: f64,
    /// How busy the proxy was, of one core; without a proxy, the memcacheds.
    pub busy: f64,
    /// How busy the load generator was, of one core.
    pub load_busy: f64,
    /// Half of the requests took at most so many microseconds.
    pub p50_us: f64,
    /// 99 of 100.
    pub p99_us: f64,
    /// 999 of 1000.
    pub p999_us: f64,
    /// Resident memory of the proxy, or of the memcached that is asked directly, afterwards.
    pub resident_mb: f64,
    /// The most it ever had.
    pub peak_mb: f64,
}

/// All rounds of one peer at one workload.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// Its name.
    pub peer: &'static str,
    /// The median of each figure by itself.
    pub median: Figures,
    /// How far the rounds lie apart in processor time of the proxy and the memcacheds: half of the
    /// range, over the median.
    pub cpu_spread: f64,
    /// User-space instructions of the proxy for each request, if they were counted.
    pub instructions: Option<f64>,
    /// Each round.
    pub rounds: Vec<Figures>,
}

/// One workload.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Its name.
    pub name: &'static str,
    /// What is special about it.
    pub label: String,
    /// It in words.
    pub about: String,
    /// Each peer.
    pub peers: Vec<Measured>,
    /// Why a peer is missing that should not be.
    pub failures: Vec<String>,
}

impl Figures {
    /// Processor time of the proxy and the memcacheds for each request, in microseconds.
    pub fn sum_us(&self) -> f64 {
        self.cpu_us + self.memcacheds_us
    }

    fn medians(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure));
        Self {
            rate: of(|one| one.rate),
            cpu_us: of(|one| one.cpu_us),
            memcacheds_us: of(|one| one.memcacheds_us),
            busy: of(|one| one.busy),
            load_busy: of(|one| one.load_busy),
            p50_us: of(|one| one.p50_us),
            p99_us: of(|one| one.p99_us),
            p999_us: of(|one| one.p999_us),
            resident_mb: of(|one| one.resident_mb),
            peak_mb: of(|one| one.peak_mb),
        }
    }
}

impl Measured {
    /// The medians of some rounds.
    pub fn new(peer: &'static str, rounds: Vec<Figures>) -> Self {
        let costs = || rounds.iter().map(Figures::sum_us);
        let range = costs().fold(f64::MIN, f64::max) - costs().fold(f64::MAX, f64::min);
        let cpu_spread = range / 2.0 / median(costs()).max(1e-9);
        Self { peer, median: Figures::medians(&rounds), cpu_spread, instructions: None, rounds }
    }

    /// A figure of this one over another's: the median of the ratios of each round, in which both
    /// were measured one after the other, so that a slow drift of the machine does not count.
    pub fn over(&self, other: &Self, figure: fn(&Figures) -> f64) -> f64 {
        let pairs = self.rounds.iter().zip(&other.rounds);
        median(pairs.map(|(one, two)| figure(one) / figure(two).max(1e-9)))
    }
}

impl Outcome {
    /// What was found about a workload.
    pub fn new(workload: &Workload, peers: Vec<Measured>, failures: Vec<String>) -> Self {
        let (label, about) = (workload.label(), workload.about());
        Self { name: workload.name, label, about, peers, failures }
    }

    /// That of one peer.
    pub fn of(&self, peer: &str) -> Option<&Measured> {
        self.peers.iter().find(|measured| measured.peer == peer)
    }

    /// nodeproxy's figure over that of a peer, if both were measured.
    pub fn ratio(&self, peer: &str, figure: fn(&Figures) -> f64) -> Option<f64> {
        Some(self.of("nodeproxy")?.over(self.of(peer)?, figure))
    }
}

/// The one in the middle, or the mean of the two there.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    (sorted[last / 2] + sorted[last.div_ceil(2)]) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(costs: &[f64]) -> Vec<Figures> {
        let figures =
            |cost: &f64| Figures { cpu_us: *cost, memcacheds_us: *cost, ..Figures::default() };
        costs.iter().map(figures).collect()
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert!(median(std::iter::empty()).is_nan());
    }

    #[test]
    fn the_spread_is_half_the_range() {
        let measured = Measured::new("x", rounds(&[9.0, 10.0, 13.0]));
        assert_eq!((measured.median.cpu_us, measured.median.sum_us()), (10.0, 20.0));
        assert!((measured.cpu_spread - 0.2).abs() < 1e-9);
    }

    #[test]
    fn a_drift_that_hits_both_alike_does_not_change_a_ratio() {
        let ours = Measured::new("nodeproxy", rounds(&[1.0, 2.0, 40.0]));
        let theirs = Measured::new("twemproxy", rounds(&[2.0, 4.0, 80.0]));
        assert_eq!(ours.over(&theirs, Figures::sum_us), 0.5);
    }
}
