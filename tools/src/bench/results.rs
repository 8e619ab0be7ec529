//! What a bench found: as data, and as a table.

use super::figures::{Measured, Outcome, Ratios};
use super::targets::{self, Check};
use serde::Serialize;
use std::fmt::{self, Display, Write};

/// A load generator this busy may have been what limited the rate.
const LOAD_BUSY_MAX: f64 = 0.95;

/// All of it.
#[derive(Debug, Clone, Serialize)]
pub struct Results {
    /// Where and how it was measured.
    pub machine: Machine,
    /// Each workload.
    pub workloads: Vec<Outcome>,
    /// Memory when all workloads with few backends were done.
    pub memory: Vec<MemoryAfter>,
    /// The targets.
    pub checks: Vec<Check>,
}

/// Where and how it was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor.
    pub processor: String,
    /// How many cores could be used.
    pub cores: usize,
    /// The kernel.
    pub kernel: String,
    /// The arrangement of processes on cores.
    pub pin: String,
    /// Rounds.
    pub rounds: usize,
    /// Seconds of each measurement.
    pub seconds: f64,
    /// The program that counted instructions.
    pub instructions: Option<&'static str>,
}

/// Memory of a peer after the run.
#[derive(Debug, Clone, Serialize)]
pub struct MemoryAfter {
    /// The peer.
    pub peer: &'static str,
    /// Resident then.
    pub resident_mb: f64,
    /// The most there ever was.
    pub peak_mb: f64,
}

impl Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, kernel, pin, rounds, seconds, instructions } = self;
        writeln!(
            f,
            "{cores} x {processor}, Linux {kernel}; medians of {rounds} rounds of {seconds} s"
        )?;
        writeln!(
            f,
            "pinned: {pin}. busy, load: of one core, the measured process and the load generator;"
        )?;
        writeln!(f, "+-: half the range of cpu over the rounds; direct: memcached's own cpu")?;
        match instructions {
            Some(program) => writeln!(f, "instr/op: user-space instructions, as {program} counts"),
            None => {
                writeln!(f, "instr/op: not counted; it takes perf stat that works, or valgrind")
            }
        }
    }
}

impl Results {
    /// The end of the report: everything at a glance, memory, and every target.
    pub fn summary(&self) -> String {
        let mut text = self.overview();
        text += "memory after all workloads with few backends (resident, peak):\n";
        for MemoryAfter { peer, resident_mb, peak_mb } in &self.memory {
            text += &format!("  {peer:<10} {resident_mb:>8.1} MB {peak_mb:>8.1} MB\n");
        }
        if self.checks.is_empty() {
            text += "no targets: they need nodeproxy, and mostly twemproxy\n";
        } else {
            text += "targets:\n";
        }
        for check in &self.checks {
            text += &format!("  {}\n", check_line(check));
        }
        let (met, all) = (self.checks.iter().filter(|check| check.met).count(), self.checks.len());
        text += &format!("{met} of {all} targets are met\n");
        let failures = self.workloads.iter().flat_map(|outcome| &outcome.failures).count();
        if failures > 0 {
            text += &format!("FAILED: {failures} peers at some workload, see above\n");
        }
        text
    }

    /// nodeproxy at every workload, a row each, in Markdown.
    fn overview(&self) -> String {
        let mut text = format!(
            "| {:<8} | {:>8} | {:>8} | {:>8} | {:>8} | {:>8} | {:>5} | {:>5} | {:>5} | {:>5} |\n",
            "workload",
            "op/s",
            "CPU us",
            "instr",
            "p50 us",
            "p99 us",
            "CPU/t",
            "op/t",
            "p99/t",
            "CPU/r"
        );
        text += "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n";
        for outcome in &self.workloads {
            let ours = outcome.peers.iter().find(|measured| measured.peer == "nodeproxy");
            let Some(Measured { median, instructions, .. }) = ours else {
                continue;
            };
            let against = |peer| outcome.ratios.iter().find(|ratios| ratios.peer == peer);
            let ratio = |peer, of: fn(&Ratios) -> f64| figure(against(peer).map(of), 2);
            text += &format!(
                "| {:<8} | {:>8.0} | {:>8.2} | {:>8} | {:>8.0} | {:>8.0} | {:>5} | {:>5} | {:>5} \
                 | {:>5} |\n",
                outcome.name,
                median.rate,
                median.cpu_us,
                figure(*instructions, 0),
                median.p50_us,
                median.p99_us,
                ratio("twemproxy", |ratios| ratios.cpu),
                ratio("twemproxy", |ratios| ratios.rate),
                ratio("twemproxy", |ratios| ratios.p99),
                ratio("relay", |ratios| ratios.cpu),
            );
        }
        text + "nodeproxy's, for each operation; /t: over twemproxy's, /r: over the byte relay's\n"
    }

    /// Whether every peer answered rightly.
    pub fn is_right(&self) -> bool {
        self.workloads.iter().all(|outcome| outcome.failures.is_empty())
    }

    /// Whether every target is met.
    pub fn meets_all(&self) -> bool {
        self.checks.iter().all(|check| check.met)
    }
}

/// A few lines about one workload, for people.
pub fn table(outcome: &Outcome) -> String {
    let mut text = format!("{}: {}\n", outcome.name, outcome.about);
    let mut line = |arguments: fmt::Arguments<'_>| {
        text.write_fmt(arguments).expect("a string takes all that is written to it");
    };
    line(format_args!(
        "  {:<10} {:>9} {:>9} {:>9} {:>5} {:>5} {:>5} {:>9} {:>9} {:>9} {:>8} {:>8}\n",
        "",
        "op/s",
        "instr/op",
        "cpu us/op",
        "+-",
        "busy",
        "load",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "RSS MB",
        "peak MB"
    ));
    for Measured { peer, median: m, cpu_spread, instructions, .. } in &outcome.peers {
        line(format_args!(
            "  {peer:<10} {:>9.0} {:>9} {:>9.3} {:>4.0}% {:>4.0}% {:>4.0}%{}{:>9.1} {:>9.1} \
             {:>9.1} {:>8.1} {:>8.1}\n",
            m.rate,
            figure(*instructions, 0),
            m.cpu_us,
            cpu_spread * 100.0,
            m.busy * 100.0,
            m.load_busy * 100.0,
            if m.load_busy > LOAD_BUSY_MAX { "!" } else { " " },
            m.p50_us,
            m.p99_us,
            m.p999_us,
            m.resident_mb,
            m.peak_mb
        ));
    }
    for failure in &outcome.failures {
        line(format_args!("  FAILED {failure}\n"));
    }
    for Ratios { peer, rate, cpu, instructions, p50, p99 } in &outcome.ratios {
        line(format_args!(
            "  nodeproxy / {peer:<10} op/s {rate:.2}  instr {}  cpu {cpu:.2}  p50 {p50:.2}  \
             p99 {p99:.2}\n",
            figure(*instructions, 2)
        ));
    }
    for check in targets::of_workload(outcome) {
        line(format_args!("  {}\n", check_line(&check)));
    }
    text
}

/// A number, or a dash where there is none.
fn figure(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

/// A target and what became of it.
pub fn check_line(check: &Check) -> String {
    let Check { what, found, expected, .. } = check;
    format!("{:<6} {what} is {found:.3}, {expected}", check.verdict())
}
