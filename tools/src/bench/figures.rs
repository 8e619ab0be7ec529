//! The figures of one measurement, their medians, and how peers compare.

use super::workloads::Workload;
use crate::load::Report;
use crate::process::Memory;
use serde::Serialize;

/// What one measurement of one peer gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Requests a second.
    pub rate: f64,
    /// Processor time of the measured process for each request, in microseconds.
    pub cpu_us: f64,
    /// The part of it in user space, from 0 to 1 (coarse).
    pub user_share: f64,
    /// How busy that process was, of one core.
    pub busy: f64,
    /// How busy the load generator was, of one core.
    pub load_busy: f64,
    /// Half of the requests took at most so many microseconds.
    pub p50_us: f64,
    /// 99 of 100.
    pub p99_us: f64,
    /// 999 of 1000.
    pub p999_us: f64,
    /// Resident memory of that process afterwards.
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
    /// How far the rounds lie apart in processor time: half of the range, over the median.
    pub cpu_spread: f64,
    /// User-space instructions for each request, if they were counted.
    pub instructions: Option<f64>,
    /// Each round.
    pub rounds: Vec<Figures>,
}

/// nodeproxy's figures over a peer's: the median of the ratios of each round, in which both were
/// measured one after the other, so that a slow drift of the machine does not count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratios {
    /// The peer.
    pub peer: &'static str,
    /// Of requests a second.
    pub rate: f64,
    /// Of processor time for each request.
    pub cpu: f64,
    /// Of user-space instructions for each request.
    pub instructions: Option<f64>,
    /// Of the median latency.
    pub p50: f64,
    /// Of the latency that 99 of 100 do not exceed.
    pub p99: f64,
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
    /// Whether the rate was given.
    pub is_open_loop: bool,
    /// Each peer.
    pub peers: Vec<Measured>,
    /// nodeproxy over each other peer.
    pub ratios: Vec<Ratios>,
    /// Why a peer is missing that should not be.
    pub failures: Vec<String>,
}

impl Figures {
    /// Puts together what the load generator and the kernel say.
    pub fn new(report: &Report, memory: Memory) -> Self {
        let watched = report.watched.unwrap_or_default();
        Self {
            rate: report.rate,
            cpu_us: watched.cpu_us_per_request,
            user_share: watched.user_share,
            busy: watched.cpu_share,
            load_busy: report.own_cpu_share,
            p50_us: report.latency_us.p50,
            p99_us: report.latency_us.p99,
            p999_us: report.latency_us.p999,
            resident_mb: memory.resident_kb as f64 / 1024.0,
            peak_mb: memory.peak_kb as f64 / 1024.0,
        }
    }

    fn medians(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure));
        Self {
            rate: of(|one| one.rate),
            cpu_us: of(|one| one.cpu_us),
            user_share: of(|one| one.user_share),
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
        let median = Figures::medians(&rounds);
        let costs = || rounds.iter().map(|one| one.cpu_us);
        let range = costs().fold(f64::MIN, f64::max) - costs().fold(f64::MAX, f64::min);
        let cpu_spread = range / 2.0 / median.cpu_us.max(1e-9);
        Self { peer, median, cpu_spread, instructions: None, rounds }
    }

    /// This one's figures over another's.
    pub fn over(&self, other: &Self) -> Ratios {
        let of = |figure: fn(&Figures) -> f64| {
            let pairs = self.rounds.iter().zip(&other.rounds);
            median(pairs.map(|(one, two)| figure(one) / figure(two).max(1e-9)))
        };
        let instructions = self.instructions.zip(other.instructions);
        Ratios {
            peer: other.peer,
            rate: of(|one| one.rate),
            cpu: of(|one| one.cpu_us),
            instructions: instructions.map(|(one, two)| one / two.max(1e-9)),
            p50: of(|one| one.p50_us),
            p99: of(|one| one.p99_us),
        }
    }
}

impl Outcome {
    /// Compares the peers.
    pub fn new(workload: &Workload, peers: Vec<Measured>, failures: Vec<String>) -> Self {
        let ours = peers.iter().find(|measured| measured.peer == "nodeproxy");
        let others = peers.iter().filter(|measured| measured.peer != "nodeproxy");
        let ratios = ours.map_or(Vec::new(), |ours| others.map(|other| ours.over(other)).collect());
        Self {
            name: workload.name,
            label: workload.label(),
            about: workload.about(),
            is_open_loop: workload.rate.is_some(),
            ratios,
            peers,
            failures,
        }
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
        costs
            .iter()
            .map(|cost| Figures { cpu_us: *cost, rate: 1.0 / cost, ..Figures::default() })
            .collect()
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert_eq!(median([7.0].into_iter()), 7.0);
        assert!(median(std::iter::empty()).is_nan());
    }

    #[test]
    fn the_spread_is_half_the_range() {
        let measured = Measured::new("x", rounds(&[9.0, 10.0, 13.0]));
        assert_eq!(measured.median.cpu_us, 10.0);
        assert!((measured.cpu_spread - 0.2).abs() < 1e-9);
    }

    #[test]
    fn a_drift_that_hits_both_alike_does_not_change_a_ratio() {
        let ours = Measured::new("nodeproxy", rounds(&[1.0, 2.0, 40.0]));
        let theirs = Measured::new("twemproxy", rounds(&[2.0, 4.0, 80.0]));
        let ratios = ours.over(&theirs);
        assert_eq!((ratios.peer, ratios.cpu, ratios.rate), ("twemproxy", 0.5, 2.0));
    }
}
