//! What an operation takes in instructions or in system calls: the same proxy, started twice under
//! a program that counts, answers a number of requests and then twice as many. The difference is
//! what the additional requests took; starting, connecting and ending cancel out.

use super::options::{Kind, Options};
use super::stage::{Backend, Stage};
use super::workloads::{self, Workload};
use crate::children::is_installed;
use crate::failure::{Failure, Result, While};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Counting is slow; so many keys are enough, because each run does exactly the same.
const KEYS: u32 = 8_000;
/// Fewer of large values: a run moves at most so many bytes.
const VALUE_BYTES: u32 = 500_000_000;
/// But each connection has to come to a steady state, in which its buffers do not grow any more.
const REQUESTS_PER_CONNECTION_MIN: u32 = 20;
/// How long a proxy may take to end and to write down what was counted.
const END_MAX: Duration = Duration::from_secs(60);

/// A program that counts what another one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Counts instructions, fifty times slower. It takes each byte that `rep movsb` copies for one,
    /// which is how glibc copies more than 2 KB; so it is not asked about large values.
    Callgrind,
    /// Counts system calls.
    Strace,
}

impl Counter {
    /// Its name in `PATH`.
    pub fn program(self) -> &'static str {
        match self {
            Self::Callgrind => "valgrind",
            Self::Strace => "strace",
        }
    }

    /// Whether it is asked about that workload, unless others are chosen.
    pub fn is_for(self, workload: &Workload) -> bool {
        let names: &[&str] = match self {
            Self::Callgrind => &["50x1", "50x16", "1x1000", "mget20", "mget100", "sets"],
            Self::Strace => &["1x1", "50x1", "mget20"],
        };
        names.contains(&workload.name)
    }

    /// The words to put before a command. What was counted is written to `file`.
    fn prefix(self, file: &Path) -> Vec<String> {
        let file = file.display();
        let line = match self {
            Self::Callgrind => {
                format!("valgrind -q --tool=callgrind --callgrind-out-file={file}")
            }
            // Detached, so that the process that was started is the proxy itself.
            Self::Strace => format!("strace -D -f -c -o {file}"),
        };
        line.split(' ').map(str::to_owned).collect()
    }

    /// Finds the total in what it wrote.
    fn total(self, text: &str) -> Option<u64> {
        match self {
            // `summary: 123`, or `totals: 123`.
            Self::Callgrind => {
                let of = |line: &str| {
                    let total = line.strip_prefix("summary: ").or(line.strip_prefix("totals: "));
                    total?.trim().parse().ok()
                };
                text.lines().filter_map(of).max()
            }
            // `100.00 0.001234 4 1234 12 total`: the calls are the fourth; errors may be missing.
            Self::Strace => {
                let line = text.lines().rfind(|line| line.ends_with(" total"))?;
                line.split_ascii_whitespace().nth(3)?.parse().ok()
            }
        }
    }
}

/// Counts for each proxy and each workload, and nothing else.
pub fn run(options: &Options, counter: Counter, say: &mut impl FnMut(&str)) -> Result<()> {
    if !is_installed(counter.program()) {
        return Err(Failure::new(format!("{} is not installed", counter.program())));
    }
    let mut stage = Stage::new(options)?;
    let mut backends: Vec<Backend> = Vec::new();
    let all = || workloads::ALL.iter().filter(|workload| counter.is_for(workload)).collect();
    for workload in options.chosen().unwrap_or_else(all) {
        if backends.len() != workload.backends {
            backends = stage.start_backends(workload.backends)?;
        }
        say(&format!("{}: {}\n", workload.name, workload.about()));
        for kind in options.peers() {
            if kind == Kind::Direct || !kind.can(workload) {
                continue;
            }
            if let Some(why) = stage.absence(kind) {
                say(&format!("  {why}; left out\n"));
                continue;
            }
            let each = count(&mut stage, counter, kind, workload, &backends)?;
            let per_key = each / f64::from(workload.keys_per_get);
            say(&format!("  {:<10} {each:>10.1} ({per_key:.1} for each key)\n", kind.name()));
        }
    }
    Ok(())
}

/// What each operation of a workload takes a proxy.
pub fn count(
    stage: &mut Stage<'_>,
    counter: Counter,
    kind: Kind,
    workload: &Workload,
    backends: &[Backend],
) -> Result<f64> {
    // Filled without the counter: that would take longest.
    let plain = stage.start_peer(kind, backends, &[])?;
    stage.fill(&workload.keyspace_words(), &plain)?;
    drop(plain);
    let in_flight = (workload.connections * workload.pipeline) as u32;
    let requests = (KEYS / workload.keys_per_get)
        .min(VALUE_BYTES / workload.value_bytes as u32)
        .max(REQUESTS_PER_CONNECTION_MIN * in_flight);
    let mut total = |requests: u32| {
        // Kept, for callgrind_annotate.
        let name = format!("{}-{}-{}", counter.program(), kind.name(), workload.name);
        let file = stage.options.folder.join(format!("{name}-{requests}.count"));
        let _ = fs::remove_file(&file);
        let peer = stage.start_peer(kind, backends, &counter.prefix(&file))?;
        let mut words = workload.load_words();
        let end = END_MAX.as_secs();
        let more = format!("--requests {requests} --warm-up 0 --patience {end}");
        words.extend(more.split(' ').map(str::to_owned));
        stage.load(&words, &peer)?;
        if let Some(running) = peer.running {
            running.end(END_MAX)?;
        }
        total_in(&file, counter)
    };
    let (few, many) = (total(requests)?, total(2 * requests)?);
    Ok((many as f64 - few as f64) / f64::from(requests))
}

/// What was counted. A detached program writes it a little after the proxy has ended.
fn total_in(file: &Path, counter: Counter) -> Result<u64> {
    let deadline = Instant::now() + END_MAX;
    loop {
        let text = fs::read_to_string(file);
        if let Some(total) = text.as_deref().ok().and_then(|text| counter.total(text)) {
            return Ok(total);
        }
        if Instant::now() > deadline {
            let text = text.doing(|| file.display().to_string())?;
            let say = format!("{}: no total in {} bytes", file.display(), text.len());
            return Err(Failure::new(say));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_found_in_what_the_counters_write() {
        let callgrind = |text| Counter::Callgrind.total(text);
        assert_eq!(callgrind("events: Ir\nfn=(1)\n1 5\nsummary: 12345\n"), Some(12_345));
        assert_eq!(callgrind("events: Ir\nsummary: 7\n\ntotals: 9\n"), Some(9));
        assert_eq!(callgrind("events: Ir\n"), None);
        let text = "% time     seconds  usecs/call     calls    errors syscall\n\
                    ------ ----------- ----------- --------- --------- ----------------\n\
                    100.00    0.000178           1       152        10 total\n";
        let strace = |text| Counter::Strace.total(text);
        assert_eq!(strace(text), Some(152));
        assert_eq!(strace("100.00    0.000178           1       152           total\n"), Some(152));
        assert_eq!(strace("strace: Process 1 attached\n"), None);
    }

    #[test]
    fn what_is_counted_by_default_exists() {
        let count =
            |counter: Counter| workloads::ALL.iter().filter(|it| counter.is_for(it)).count();
        assert_eq!((count(Counter::Callgrind), count(Counter::Strace)), (6, 3));
    }
}
