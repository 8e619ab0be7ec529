//! What an operation takes in instructions or in system calls: the same proxy, started twice
//! under the observer, answers a number of requests and then twice as many. The difference is what
//! the additional requests took; starting, connecting and ending cancel out.

use super::options::{Mode, Options};
use super::peers::Kind;
use super::results::check_line;
use super::stage::{Backend, Stage};
use super::targets::Check;
use super::workloads::{self, Workload};
use crate::failure::{Failure, Result, While};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// An observer is slow; so many keys are enough, because each run does exactly the same.
const KEYS: u32 = 8_000;
/// But each connection has to do something.
const REQUESTS_PER_CONNECTION_MIN: u32 = 4;
/// How long a proxy may take to end and to write down what was counted.
const END_MAX: Duration = Duration::from_secs(60);
/// What is counted unless other workloads are chosen.
const INSTRUCTIONS_OF: [&str; 6] = ["50x1", "50x16", "1x1000", "mget20", "mget100", "sets"];
const SYSTEM_CALLS_OF: [&str; 3] = ["1x1", "50x1", "mget20"];
/// nodeproxy's targets: the workload, whether for each key, the limit.
const INSTRUCTIONS_MAX: [(&str, f64); 2] = [("50x1", 1_200.0), ("mget100", 350.0)];
const SYSTEM_CALLS_MAX: [(&str, f64); 1] = [("1x1", 6.0)];

/// What watches a proxy, and how it is read.
#[derive(Clone, Copy)]
struct Observer {
    program: &'static str,
    counts: &'static str,
    workloads: &'static [&'static str],
    limits: &'static [(&'static str, f64)],
    /// Finds the total in what it wrote.
    total: fn(&str) -> Option<u64>,
}

const CALLGRIND: Observer = Observer {
    program: "valgrind",
    counts: "user-space instructions",
    workloads: &INSTRUCTIONS_OF,
    limits: &INSTRUCTIONS_MAX,
    total: callgrind_total,
};

const STRACE: Observer = Observer {
    program: "strace",
    counts: "system calls",
    workloads: &SYSTEM_CALLS_OF,
    limits: &SYSTEM_CALLS_MAX,
    total: strace_total,
};

/// Counts for each proxy and each workload. True if no target was missed.
pub fn run(options: &Options, say: &mut impl FnMut(&str)) -> Result<bool> {
    let observer = if options.mode == Mode::SystemCalls { STRACE } else { CALLGRIND };
    if !super::children::is_installed(observer.program) {
        let Observer { program, counts, .. } = observer;
        return Err(Failure::new(format!(
            "{program} is not installed, and only it counts {counts}"
        )));
    }
    let mut stage = Stage::new(options)?;
    let mut backends: Vec<Backend> = Vec::new();
    let mut all_met = true;
    say(&format!("{} for each operation\n", observer.counts));
    for workload in chosen(options, observer.workloads) {
        if backends.len() != workload.backends {
            backends = stage.start_backends(workload.backends)?;
        }
        say(&format!("{}: {}\n", workload.name, workload.about()));
        for kind in options.peers.iter().filter(|kind| **kind != Kind::Direct && kind.can(workload))
        {
            if let Some(why) = stage.absence(*kind) {
                say(&format!("  {why}\n"));
                continue;
            }
            let each = count(&mut stage, observer, *kind, workload, &backends)?;
            say(&format!("  {:<10} {each:>10.1}{}\n", kind.name(), per_key(workload, each)));
            if let Some(check) = check(observer, *kind, workload, each) {
                say(&format!("  {}\n", check_line(&check)));
                all_met &= check.met;
            }
        }
    }
    Ok(all_met)
}

fn chosen(options: &Options, default: &[&str]) -> Vec<&'static Workload> {
    if options.workloads.len() < workloads::ALL.len() {
        return options.workloads.clone();
    }
    workloads::ALL.iter().filter(|workload| default.contains(&workload.name)).collect()
}

fn per_key(workload: &Workload, each: f64) -> String {
    let keys = workload.keys_per_get;
    if keys == 1 { String::new() } else { format!(" ({:.1} for each key)", each / f64::from(keys)) }
}

fn check(observer: Observer, kind: Kind, workload: &Workload, each: f64) -> Option<Check> {
    let (_, limit) = observer.limits.iter().find(|(name, _)| *name == workload.name)?;
    let each = each / f64::from(workload.keys_per_get);
    let what = format!("{}: {} for each key", workload.name, observer.counts);
    (kind == Kind::Nodeproxy).then(|| Check::at_most(what, each, *limit, 0.0))
}

fn count(
    stage: &mut Stage<'_>,
    observer: Observer,
    kind: Kind,
    workload: &Workload,
    backends: &[Backend],
) -> Result<f64> {
    // Filled without the observer: that would take longest.
    let plain = stage.start_peer(kind, backends, &[])?;
    stage.fill(&workload.keyspace_words(), &plain)?;
    drop(plain);
    let in_flight = (workload.connections * workload.pipeline) as u32;
    let requests = (KEYS / workload.keys_per_get).max(REQUESTS_PER_CONNECTION_MIN * in_flight);
    let few = observe(stage, observer, kind, workload, backends, requests)?;
    let many = observe(stage, observer, kind, workload, backends, 2 * requests)?;
    Ok((many as f64 - few as f64) / f64::from(requests))
}

/// One run of so many requests.
fn observe(
    stage: &mut Stage<'_>,
    observer: Observer,
    kind: Kind,
    workload: &Workload,
    backends: &[Backend],
    requests: u32,
) -> Result<u64> {
    // Kept, for callgrind_annotate.
    let name = format!("{}-{}-{}-{requests}", observer.program, kind.name(), workload.name);
    let file = stage.options.folder.join(name + ".count");
    let _ = fs::remove_file(&file);
    let path = file.display().to_string();
    let under: Vec<String> = if observer.program == "strace" {
        // Detached, so that the process that was started is the proxy itself.
        ["strace", "-D", "-f", "-c", "-o", &path].map(str::to_owned).to_vec()
    } else {
        let out = format!("--callgrind-out-file={path}");
        ["valgrind", "-q", "--tool=callgrind", &out].map(str::to_owned).to_vec()
    };
    let peer = stage.start_peer(kind, backends, &under)?;
    let mut words = workload.load_words();
    words.extend(
        ["--requests", "--warm-up", "--patience"]
            .into_iter()
            .zip([requests.to_string(), "0".to_owned(), END_MAX.as_secs().to_string()])
            .flat_map(|(name, value)| [name.to_owned(), value]),
    );
    stage.load(&words, &peer)?;
    if let Some(running) = peer.running {
        running.end(END_MAX)?;
    }
    total_in(&file, observer)
}

/// What was counted. A detached observer writes it a little after the proxy has ended.
fn total_in(file: &Path, observer: Observer) -> Result<u64> {
    let deadline = Instant::now() + END_MAX;
    loop {
        let text = fs::read_to_string(file);
        if let Some(total) = text.as_deref().ok().and_then(observer.total) {
            return Ok(total);
        }
        if Instant::now() > deadline {
            let text = text.doing(|| file.display().to_string())?;
            return Err(Failure::new(format!(
                "{}: no total in {} bytes",
                file.display(),
                text.len()
            )));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `summary: 123`, or `totals: 123`.
fn callgrind_total(text: &str) -> Option<u64> {
    let total = |line: &str| {
        line.strip_prefix("summary: ").or(line.strip_prefix("totals: "))?.trim().parse().ok()
    };
    text.lines().filter_map(total).max()
}

/// `100.00 0.001234 4 1234 12 total`: the calls are the fourth; errors, the fifth, may be missing.
fn strace_total(text: &str) -> Option<u64> {
    let line = text.lines().rfind(|line| line.ends_with(" total"))?;
    line.split_ascii_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_found_in_what_the_observers_write() {
        assert_eq!(callgrind_total("events: Ir\nfn=(1)\n1 5\nsummary: 12345\n"), Some(12_345));
        assert_eq!(callgrind_total("events: Ir\nsummary: 7\n\ntotals: 9\n"), Some(9));
        assert_eq!(callgrind_total("events: Ir\n"), None);
        let text = "% time     seconds  usecs/call     calls    errors syscall\n\
                    ------ ----------- ----------- --------- --------- ----------------\n\
                    \x2056.20    0.000100           1       100        10 read\n\
                    ------ ----------- ----------- --------- --------- ----------------\n\
                    100.00    0.000178           1       152        10 total\n";
        assert_eq!(strace_total(text), Some(152));
        let flawless = "100.00    0.000178           1       152           total\n";
        assert_eq!(strace_total(flawless), Some(152));
        assert_eq!(strace_total("strace: Process 1 attached\n"), None);
    }

    #[test]
    fn what_is_counted_by_default_exists() {
        for name in INSTRUCTIONS_OF.iter().chain(&SYSTEM_CALLS_OF) {
            assert!(workloads::ALL.iter().any(|workload| workload.name == *name), "{name}");
        }
    }
}
