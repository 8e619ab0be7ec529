//! What a run found, for people and for programs.

use super::options::Options;
use super::tally::Tally;
use crate::failure::{Result, While};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Display};

/// The findings of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How long was measured.
    pub seconds: f64,
    /// Requests answered in that time.
    pub requests: u64,
    /// Keys they named.
    pub keys: u64,
    /// Requests answered a second.
    pub rate: f64,
    /// Requests a second that were asked for, in an open loop.
    pub rate_intended: Option<f64>,
    /// Latency, from the time a request was meant to be sent to the end of its reply.
    pub latency_us: Latency,
    /// Keys not found.
    pub misses: u64,
    /// Kinds of wrong replies, and how many of each; of the whole run, fill and warm-up included.
    pub mistakes: BTreeMap<String, u64>,
    /// The first few, described.
    pub examples: Vec<String>,
    /// How much of one processor this program used: near 1, it was the bottleneck.
    pub own_cpu_share: f64,
    /// Processor time of each group of processes that was watched.
    pub watched: Vec<Watched>,
}

/// Latencies in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The mean.
    pub mean: f64,
    /// Half of the requests took at most so long.
    pub p50: f64,
    /// 90 of 100.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
    /// 999 of 1000.
    pub p999: f64,
    /// All.
    pub max: f64,
}

/// Processor time of the processes that were watched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// Microseconds for each request answered.
    pub cpu_us_per_request: f64,
    /// How much of one processor they used.
    pub cpu_share: f64,
}

impl Report {
    /// Puts together what was counted while `seconds` went by. `cpu_ns` is the processor time of
    /// this process, and then of each group of those that were watched.
    pub fn new(options: &Options, tally: &Tally, seconds: f64, cpu_ns: &[u64]) -> Self {
        let requests = tally.requests;
        let share = |cpu_ns: u64| cpu_ns as f64 / 1e9 / seconds.max(1e-9);
        let watched = |cpu_ns: &u64| Watched {
            cpu_us_per_request: *cpu_ns as f64 / 1e3 / requests.max(1) as f64,
            cpu_share: share(*cpu_ns),
        };
        let made = tally.mistakes_made().map(|(kind, count)| (kind.name().to_owned(), count));
        Self {
            seconds,
            requests,
            keys: tally.keys,
            rate: requests as f64 / seconds.max(1e-9),
            rate_intended: options.rate.map(f64::from),
            latency_us: Latency {
                mean: tally.latency_mean_us(),
                p50: tally.latency_us(0.5),
                p90: tally.latency_us(0.9),
                p99: tally.latency_us(0.99),
                p999: tally.latency_us(0.999),
                max: tally.latency_us(1.0),
            },
            misses: tally.misses,
            mistakes: made.collect(),
            examples: tally.examples.clone(),
            own_cpu_share: share(cpu_ns.first().copied().unwrap_or(0)),
            watched: cpu_ns.iter().skip(1).map(watched).collect(),
        }
    }

    /// All of it for programs.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self).doing(|| "report".into())? + "\n")
    }

    /// Whether every reply was right.
    pub fn is_right(&self) -> bool {
        self.mistakes.is_empty()
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} requests of {} keys in {:.3} s", self.requests, self.keys, self.seconds)?;
        write!(f, "{:.0} requests a second", self.rate)?;
        if let Some(intended) = self.rate_intended {
            write!(f, " of {intended:.0} intended")?;
        }
        let Latency { mean, p50, p90, p99, p999, max } = self.latency_us;
        writeln!(f, "; this program used {:.0} % of a processor", self.own_cpu_share * 100.0)?;
        write!(f, "latency in us: mean {mean:.1}, p50 {p50:.1}, p90 {p90:.1}, p99 {p99:.1}, ")?;
        writeln!(f, "p99.9 {p999:.1}, max {max:.1}")?;
        for Watched { cpu_us_per_request, cpu_share } in &self.watched {
            write!(f, "watched processes: {cpu_us_per_request:.3} us a request, ")?;
            writeln!(f, "{:.0} % of a processor", cpu_share * 100.0)?;
        }
        if self.misses > 0 {
            writeln!(f, "{} keys not found", self.misses)?;
        }
        for (kind, count) in &self.mistakes {
            writeln!(f, "WRONG: {kind}: {count}")?;
        }
        self.examples.iter().try_for_each(|example| writeln!(f, "  {example}"))
    }
}
