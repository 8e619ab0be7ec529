//! What a bench found: as data, as a table, and beside what was recorded before.

use super::figures::{Figures, Measured, Outcome};
use serde::Serialize;
use std::fmt::{self, Display};

/// A load generator this busy may have been what limited the rate.
const LOAD_BUSY_MAX: f64 = 0.95;
/// What an overview tells of nodeproxy: the name of each column, and its decimals.
const COLUMNS: [(&str, usize); 12] = [
    ("op/s", 0),
    ("CPU us", 2),
    ("mc us", 2),
    ("instr", 0),
    ("p50 us", 0),
    ("p99 us", 0),
    ("CPU/t", 2),
    ("op/t", 2),
    ("p99/t", 2),
    ("mc/t", 2),
    ("sum/m", 2),
    ("CPU/r", 2),
];
const WIDTH: usize = 7;

/// All of it.
#[derive(Debug, Clone, Serialize)]
pub struct Results {
    /// Where and how it was measured.
    pub machine: Machine,
    /// Each workload.
    pub workloads: Vec<Outcome>,
    /// Resident memory in MB, and the most there ever was, when all workloads with few backends
    /// were done.
    pub memory: Vec<(&'static str, f64, f64)>,
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
    pub pin: &'static str,
    /// Rounds.
    pub rounds: usize,
    /// Seconds of each measurement.
    pub seconds: f64,
}

impl Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, kernel, pin, rounds, seconds } = self;
        write!(f, "{cores} x {processor}, Linux {kernel}; medians of {rounds} rounds of ")?;
        writeln!(f, "{seconds} s; pinned: {pin}")
    }
}

impl Results {
    /// nodeproxy at every workload, a row each, in Markdown.
    pub fn overview(&self) -> String {
        let names = COLUMNS.map(|(name, _)| format!("{name:>WIDTH$}")).join(" | ");
        let mut text = format!("| {:<8} | {names} |\n|---|{}\n", "workload", "--:|".repeat(12));
        for outcome in &self.workloads {
            if let Some(values) = row(outcome) {
                let cell = |(value, (_, decimals)): (Option<f64>, (&str, usize))| {
                    format!("{:>WIDTH$}", figure(value, decimals))
                };
                let cells: Vec<String> = values.into_iter().zip(COLUMNS).map(cell).collect();
                text += &format!("| {:<8} | {} |\n", outcome.name, cells.join(" | "));
            }
        }
        text
    }

    /// What stands in the overview, and the memory.
    pub fn legend(&self) -> String {
        let mut text = "nodeproxy's CPU and its memcacheds' (mc) for each operation; /t: over \
                        twemproxy's, /r: over the byte relay's;\nsum/m: both together over \
                        memcached's that is asked directly\n"
            .to_owned();
        text += "memory after all workloads with few backends (resident, peak):\n";
        for (peer, resident, peak) in &self.memory {
            text += &format!("  {peer:<10} {resident:>8.1} MB {peak:>8.1} MB\n");
        }
        let failures: usize = self.workloads.iter().map(|outcome| outcome.failures.len()).sum();
        if failures > 0 {
            text += &format!("FAILED: {failures} peers at some workload, see above\n");
        }
        text
    }

    /// Whether every peer answered rightly.
    pub fn is_right(&self) -> bool {
        self.workloads.iter().all(|outcome| outcome.failures.is_empty())
    }
}

/// In the order of the columns.
fn row(outcome: &Outcome) -> Option<[Option<f64>; 12]> {
    let Measured { median, instructions, .. } = outcome.of("nodeproxy")?;
    let over_twemproxy = |figure| outcome.ratio("twemproxy", figure);
    Some([
        Some(median.rate),
        Some(median.cpu_us),
        Some(median.memcacheds_us),
        *instructions,
        Some(median.p50_us),
        Some(median.p99_us),
        over_twemproxy(|it| it.cpu_us),
        over_twemproxy(|it| it.rate),
        over_twemproxy(|it| it.p99_us),
        over_twemproxy(|it| it.memcacheds_us),
        outcome.ratio("direct", Figures::sum_us),
        outcome.ratio("relay", |it| it.cpu_us),
    ])
}

/// An overview over one that was recorded: each figure that both have, divided.
pub fn compare(now: &str, recorded: &str) -> String {
    let then = cells(recorded);
    let names: Vec<String> = COLUMNS.iter().map(|(name, _)| format!("{name:>WIDTH$}")).collect();
    let mut text = format!("over the baseline:\n  {:<8} {}\n", "", names.join(" "));
    for workload in cells(now).chunk_by(|one, other| one.0 == other.0) {
        let ratio = |column: &str| {
            let of = |all: &[(&str, &str, f64)]| {
                all.iter().find(|it| it.0 == workload[0].0 && it.1 == column).map(|it| it.2)
            };
            Some(of(workload)? / of(&then)?)
        };
        let ratios = COLUMNS.map(|(name, _)| format!("{:>WIDTH$}", figure(ratio(name), 2)));
        text += &format!("  {:<8} {}\n", workload[0].0, ratios.join(" "));
    }
    text
}

/// The numbers of a table in Markdown, each with the first cell of its row and its column's name.
fn cells(table: &str) -> Vec<(&str, &str, f64)> {
    let mut rows = table
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let names = rows.next().unwrap_or_default();
    let number = |row: &[&str], at: usize| row.get(at)?.parse::<f64>().ok();
    let mut all = Vec::new();
    for row in rows {
        for (at, name) in names.iter().enumerate().skip(2) {
            all.extend(number(&row, at).map(|number| (row[1], *name, number)));
        }
    }
    all
}

/// A few lines about one workload, for people.
pub fn table(outcome: &Outcome) -> String {
    let mut text = format!("{}: {}\n", outcome.name, outcome.about);
    text += &format!(
        "  {:<10} {:>9} {:>9} {:>9} {:>9} {:>5} {:>5} {:>5} {:>9} {:>9} {:>9} {:>8} {:>8}\n",
        "",
        "op/s",
        "instr/op",
        "cpu us/op",
        "mc us/op",
        "+-",
        "busy",
        "load",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "RSS MB",
        "peak MB"
    );
    for Measured { peer, median: m, cpu_spread, instructions, .. } in &outcome.peers {
        text += &format!(
            "  {peer:<10} {:>9.0} {:>9} {:>9.3} {:>9.3} {:>4.0}% {:>4.0}% {:>4.0}%{}{:>9.1} \
             {:>9.1} {:>9.1} {:>8.1} {:>8.1}\n",
            m.rate,
            figure(*instructions, 0),
            m.cpu_us,
            m.memcacheds_us,
            cpu_spread * 100.0,
            m.busy * 100.0,
            m.load_busy * 100.0,
            if m.load_busy > LOAD_BUSY_MAX { "!" } else { " " },
            m.p50_us,
            m.p99_us,
            m.p999_us,
            m.resident_mb,
            m.peak_mb
        );
    }
    for failure in &outcome.failures {
        text += &format!("  FAILED {failure}\n");
    }
    text
}

/// A number, or a dash where there is none.
fn figure(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::super::workloads;
    use super::*;

    fn overview(ours: f64) -> String {
        let measured = |peer, cpu_us, memcacheds_us| {
            let figures = Figures { cpu_us, memcacheds_us, rate: 100.0, ..Figures::default() };
            Measured::new(peer, vec![figures])
        };
        let peers = vec![
            measured("direct", 0.0, 4.0),
            measured("nodeproxy", ours, 5.0),
            measured("twemproxy", 6.0, 10.0),
        ];
        let workloads = vec![Outcome::new(&workloads::ALL[0], peers, Vec::new())];
        let machine = Machine {
            processor: "x".into(),
            cores: 2,
            kernel: "6".into(),
            pin: "together",
            rounds: 1,
            seconds: 1.0,
        };
        Results { machine, workloads, memory: Vec::new() }.overview()
    }

    #[test]
    fn memcacheds_count_beside_the_proxy() {
        let overview = overview(3.0);
        let cell = |column| cells(&overview).into_iter().find(|it| it.1 == column).map(|it| it.2);
        assert_eq!((cell("CPU us"), cell("mc us")), (Some(3.0), Some(5.0)));
        assert_eq!((cell("CPU/t"), cell("mc/t"), cell("sum/m")), (Some(0.5), Some(0.5), Some(2.0)));
        assert_eq!((cell("instr"), cell("CPU/r")), (None, None));
    }

    #[test]
    fn a_baseline_may_lack_columns_and_rows() {
        let recorded = "| workload | CPU us | old | op/s |\n|---|--:|--:|--:|\n\
                        | 50x1 | 6.00 | 7 | - |\n| gone | 1 | 1 | 1 |\n";
        let text = compare(&overview(3.0), recorded);
        let row: Vec<&str> = text.lines().last().expect("one").split_whitespace().collect();
        assert_eq!(row[..4], ["50x1", "-", "0.50", "-"], "{text}");
        assert_eq!(text.lines().count(), 3, "{text}");
    }
}
