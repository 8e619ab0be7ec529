//! What a soak has found, for people.

use super::findings::Findings;
use super::options::Options;
use super::vitals::Vitals;
use crate::failure::Result;
use std::fmt;

/// Memory may grow by so much: spare buffers and tables, which have their ceilings. The limit of
/// what clients may hold is lower.
const GROWTH_MAX_KB: u64 = 48 << 10;
/// The most that the process may ever hold.
const PEAK_MAX_KB: u64 = 96 << 10;

/// What was found.
#[derive(Debug)]
pub struct Report {
    seed: u64,
    figures: Vec<(&'static str, String)>,
    /// What is wrong, a line each.
    faults: Vec<String>,
}

impl Report {
    pub(super) fn new(
        options: &Options,
        findings: &Findings,
        before: Vitals,
        after: Vitals,
        ended: Result<()>,
    ) -> Self {
        let mut faults = findings.examples();
        for (what, count) in [
            ("wrong replies", &findings.wrong),
            ("requests that hung", &findings.hung),
            ("connections closed for nothing", &findings.closed),
        ] {
            faults.extend((count.get() > 0).then(|| format!("{what}: {}", count.get())));
        }
        if findings.requests.get() == 0 {
            faults.push("nothing was asked".into());
        }
        faults.extend(after.leaks(&before));
        let (start, end) = (before.memory.resident_kb, after.memory.resident_kb);
        if end > start + GROWTH_MAX_KB || after.memory.peak_kb > PEAK_MAX_KB {
            let peak = after.memory.peak_kb;
            faults.push(format!("memory: {start} kB before, {end} kB now, {peak} kB at most"));
        }
        faults.extend(ended.err().map(|failure| failure.to_string()));
        Self { seed: options.seed, figures: figures(options, findings, before, after), faults }
    }

    /// Whether nothing is wrong.
    pub fn is_well(&self) -> bool {
        self.faults.is_empty()
    }
}

fn figures(
    options: &Options,
    findings: &Findings,
    before: Vitals,
    after: Vitals,
) -> Vec<(&'static str, String)> {
    let Findings { requests, errors, misses, wrong, hung, closed, .. } = findings;
    let Findings { stops, kills, sabotages, vandalism, .. } = findings;
    let kept = |before: u64, after: u64| format!("{before} before, {after} after");
    let (start, end) = (before.memory.resident_kb, after.memory.resident_kb);
    vec![
        ("time", format!("{} s", options.seconds)),
        ("requests", requests.get().to_string()),
        ("errors, misses", format!("{}, {}", errors.get(), misses.get())),
        ("stops, kills", format!("{}, {}", stops.get(), kills.get() / 2)),
        ("sabotage, vandalism", format!("{}, {}", sabotages.get(), vandalism.get())),
        ("slowest reply", format!("{:.2} s", findings.slowest().as_secs_f64())),
        ("wrong replies", wrong.get().to_string()),
        ("hung requests", hung.get().to_string()),
        ("closed for nothing", closed.get().to_string()),
        ("clients", kept(before.clients, after.clients)),
        ("buffer bytes", kept(before.buffer_bytes, after.buffer_bytes)),
        ("in flight", kept(before.in_flight, after.in_flight)),
        ("links", kept(before.links, after.links)),
        ("descriptors", kept(before.descriptors, after.descriptors)),
        ("memory, kB", format!("{}, {} at most", kept(start, end), after.memory.peak_kb)),
    ]
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, figure) in &self.figures {
            writeln!(f, "{what:22} {figure}")?;
        }
        for fault in &self.faults {
            writeln!(f, "WRONG: {fault}")?;
        }
        match self.faults.len() {
            0 => writeln!(f, "soak: nothing is wrong"),
            _ => writeln!(f, "soak: something is wrong; --seed {} begins the same way", self.seed),
        }
    }
}
