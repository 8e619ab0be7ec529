//! What nodeproxy has to reach, and whether it does.

use super::figures::{Measured, Outcome, Ratios};
use super::workloads::{self, Workload};
use serde::Serialize;

/// nodeproxy's processor time for an operation over twemproxy's is at most this.
pub const CPU_OF_TWEMPROXY_MAX: [(&str, f64); 11] = [
    ("50x1", 0.60),
    ("500x1", 0.60),
    ("5000x1", 0.60),
    ("sets", 0.60),
    ("50x16", 0.45),
    ("1x1000", 0.45),
    ("mget20", 0.40),
    ("mget100", 0.40),
    ("10KB", 0.80),
    ("100KB", 0.90),
    ("900KB", 0.90),
];
const CPU_OF_RELAY_MAX: [(&str, f64); 1] = [("50x1", 0.65)];
/// Its processor time at one workload over that at another is at most this.
const GROWTH_MAX: [(&str, &str, f64); 3] =
    [("5000x1", "50x1", 1.3), ("50x1-100", "50x1", 1.3), ("1x1000", "50x16", 1.0)];
/// User-space instructions for each key.
const INSTRUCTIONS_MAX: [(&str, f64); 2] = [("50x1", 1_200.0), ("mget100", 350.0)];
const SYSTEM_CALLS_MAX: [(&str, f64); 1] = [("1x1", 6.0)];
const RESIDENT_OF_TWEMPROXY_MAX: f64 = 1.0 / 3.0;
/// Rates and latencies of equals differ by that much from one run to the next.
const RATE_NOISE: f64 = 0.03;
const LATENCY_NOISE: f64 = 0.10;

/// One target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// What it is about.
    pub what: String,
    /// What was found.
    pub found: f64,
    /// What was expected, in words.
    pub expected: String,
    /// Whether it is met.
    pub met: bool,
}

impl Check {
    /// A target that is met up to a limit.
    pub fn at_most(what: impl Into<String>, found: f64, limit: f64, noise: f64) -> Self {
        Self {
            what: what.into(),
            found,
            expected: format!("at most {limit:.2}{}", margin(noise)),
            met: found <= limit * (1.0 + noise),
        }
    }

    fn at_least(what: String, found: f64, limit: f64, noise: f64) -> Self {
        let expected = format!("at least {limit:.2}{}", margin(noise));
        Self { what, found, expected, met: found >= limit * (1.0 - noise) }
    }

    /// `ok`, or a word that is seen.
    pub fn verdict(&self) -> &'static str {
        if self.met { "ok" } else { "MISSED" }
    }
}

/// All targets that the outcomes say something about.
pub fn checks(outcomes: &[Outcome]) -> Vec<Check> {
    let mut all: Vec<Check> = outcomes.iter().flat_map(of_workload).collect();
    for (large, small, limit) in GROWTH_MAX {
        let cost =
            |name| Some(nodeproxy(outcomes.iter().find(|one| one.name == name)?)?.median.cpu_us);
        if let (Some(large_us), Some(small_us)) = (cost(large), cost(small)) {
            let what = format!("{large}: cpu / that of {small}");
            all.push(Check::at_most(what, large_us / small_us, limit, 0.0));
        }
    }
    all
}

/// Resident memory after a whole run.
pub fn memory_check(nodeproxy_mb: f64, twemproxy_mb: f64) -> Check {
    let what = "resident memory after the run / twemproxy's";
    Check::at_most(what, nodeproxy_mb / twemproxy_mb, RESIDENT_OF_TWEMPROXY_MAX, 0.0)
}

/// What nodeproxy executes for each operation.
pub fn instructions_check(workload: &Workload, each: f64) -> Option<Check> {
    let what = "user-space instructions for each key";
    per_key_check(&INSTRUCTIONS_MAX, workload, each, what)
}

/// What it asks of the system for each operation.
pub fn system_calls_check(workload: &Workload, each: f64) -> Option<Check> {
    per_key_check(&SYSTEM_CALLS_MAX, workload, each, "system calls for each key")
}

fn per_key_check(
    limits: &[(&str, f64)],
    workload: &Workload,
    each: f64,
    what: &str,
) -> Option<Check> {
    let (name, limit) = limits.iter().find(|(name, _)| *name == workload.name)?;
    let each = each / f64::from(workload.keys_per_get);
    Some(Check::at_most(format!("{name}: {what}"), each, *limit, 0.0))
}

/// The targets of one workload.
pub fn of_workload(outcome: &Outcome) -> Vec<Check> {
    let name = outcome.name;
    let mut all = Vec::new();
    let limit_in = |table: &[(&str, f64)]| table.iter().find(|row| row.0 == name).map(|row| row.1);
    if let Some(ratios) = against(outcome, "twemproxy") {
        if let Some(limit) = limit_in(&CPU_OF_TWEMPROXY_MAX) {
            all.push(Check::at_most(format!("{name}: cpu / twemproxy's"), ratios.cpu, limit, 0.0));
        }
        if !outcome.is_open_loop {
            all.push(Check::at_least(
                format!("{name}: rate / twemproxy's"),
                ratios.rate,
                1.0,
                RATE_NOISE,
            ));
        }
        if name == "1x1" {
            let what = format!("{name}: p50 / twemproxy's");
            all.push(Check::at_most(what, ratios.p50, 1.0, RATE_NOISE));
        }
        all.push(Check::at_most(
            format!("{name}: p99 / twemproxy's"),
            ratios.p99,
            1.0,
            LATENCY_NOISE,
        ));
    }
    if let (Some(ratios), Some(limit)) = (against(outcome, "relay"), limit_in(&CPU_OF_RELAY_MAX)) {
        all.push(Check::at_most(format!("{name}: cpu / relay's"), ratios.cpu, limit, 0.0));
    }
    if let Some(workload) = workloads::ALL.iter().find(|workload| workload.name == name)
        && let Some(each) = nodeproxy(outcome).and_then(|measured| measured.instructions)
    {
        all.extend(instructions_check(workload, each));
    }
    all
}

fn against<'a>(outcome: &'a Outcome, peer: &str) -> Option<&'a Ratios> {
    outcome.ratios.iter().find(|ratios| ratios.peer == peer)
}

fn nodeproxy(outcome: &Outcome) -> Option<&Measured> {
    outcome.peers.iter().find(|measured| measured.peer == "nodeproxy")
}

fn margin(noise: f64) -> String {
    if noise > 0.0 { format!(" (give or take {:.0} %)", noise * 100.0) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::super::figures::Figures;
    use super::*;

    fn workload(name: &str) -> &'static Workload {
        workloads::ALL.iter().find(|one| one.name == name).expect("known")
    }

    fn outcome(name: &str, ours_us: f64, theirs_us: f64) -> Outcome {
        let figures =
            |cpu_us| Figures { cpu_us, rate: 1.0, p50_us: 1.0, p99_us: 1.0, ..Figures::default() };
        let measured = |peer, cpu_us| Measured::new(peer, vec![figures(cpu_us)]);
        Outcome::new(
            workload(name),
            vec![measured("nodeproxy", ours_us), measured("twemproxy", theirs_us)],
            Vec::new(),
        )
    }

    #[test]
    fn every_target_is_about_a_workload_that_exists() {
        for (name, _) in CPU_OF_TWEMPROXY_MAX.iter().chain(&CPU_OF_RELAY_MAX) {
            assert!(workloads::ALL.iter().any(|one| one.name == *name), "{name}");
        }
        for (large, small, _) in GROWTH_MAX {
            assert_ne!(workload(large), workload(small));
        }
    }

    #[test]
    fn a_target_is_met_or_missed() {
        let met = of_workload(&outcome("50x1", 0.6, 1.0));
        assert!(met.iter().all(|check| check.met), "{met:?}");
        assert_eq!(met[0].what, "50x1: cpu / twemproxy's");
        let missed = of_workload(&outcome("50x1", 0.61, 1.0));
        assert_eq!((missed[0].verdict(), missed[0].expected.as_str()), ("MISSED", "at most 0.60"));
        assert!(missed[1..].iter().all(|check| check.met));
    }

    #[test]
    fn growth_is_checked_between_workloads() {
        let both = [outcome("50x1", 1.0, 2.0), outcome("5000x1", 1.4, 9.0)];
        let growth =
            checks(&both).into_iter().find(|check| check.what.contains("that of")).expect("there");
        assert_eq!((growth.met, growth.found), (false, 1.4));
    }
}
