//! Programs that watch a process and count what it does.

use super::children::is_installed;
use super::options::Instructions;
use crate::failure::{Failure, Result};
use std::path::Path;
use std::process::Command;

/// One of them, and how it is used.
#[derive(Debug, Clone, Copy)]
pub struct Observer {
    /// Its name in `PATH`.
    pub program: &'static str,
    /// What it counts, in words.
    pub counts: &'static str,
    /// The workloads that it is asked about unless others are chosen; none for all of them.
    pub workloads: &'static [&'static str],
    /// What it is put before.
    pub before: Before,
    /// Finds the total in what it wrote.
    pub total: fn(&str) -> Option<u64>,
}

/// What an observer is put before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// The proxy, which it starts and watches from its start to its end.
    Proxy,
    /// The load generator: it watches the proxy, which runs already, as long as that runs.
    Load,
}

/// Hardware counters: exact, and for nothing.
pub const PERF: Observer = Observer {
    program: "perf",
    counts: "user-space instructions",
    workloads: &[],
    before: Before::Load,
    total: perf_total,
};

/// Works everywhere, fifty times slower. It takes each byte that `rep movsb` copies for an
/// instruction, which is how glibc copies more than 2 KB; so it is not asked about large values.
pub const CALLGRIND: Observer = Observer {
    program: "valgrind",
    counts: "user-space instructions",
    workloads: &["50x1", "50x16", "1x1000", "mget20", "mget100", "sets"],
    before: Before::Proxy,
    total: callgrind_total,
};

/// System calls.
pub const STRACE: Observer = Observer {
    program: "strace",
    counts: "system calls",
    workloads: &["1x1", "50x1", "mget20"],
    before: Before::Proxy,
    total: strace_total,
};

impl Observer {
    /// The one that counts instructions: what was asked for, or the best that works here.
    pub fn of_instructions(how: Instructions) -> Result<Option<Self>> {
        let usable = |observer: Self| if observer.works() { Ok(Some(observer)) } else { Err(()) };
        match how {
            Instructions::None => Ok(None),
            Instructions::Any => Ok([PERF, CALLGRIND].into_iter().find(|one| one.works())),
            Instructions::Perf => usable(PERF).map_err(|()| {
                Failure::new("--instructions perf: `perf stat -e instructions:u` counts none here")
            }),
            Instructions::Callgrind => usable(CALLGRIND)
                .map_err(|()| Failure::new("--instructions callgrind: valgrind is not installed")),
        }
    }

    /// Whether it is installed, and counts: on many virtual machines `perf stat` does not.
    pub fn works(self) -> bool {
        if self.program != PERF.program {
            return is_installed(self.program);
        }
        let words = ["stat", "-x,", "-e", "instructions:u", "true"];
        let output = Command::new(self.program).args(words).output();
        output.is_ok_and(|output| {
            perf_total(&String::from_utf8_lossy(&output.stderr)).is_some_and(|total| total > 0)
        })
    }

    /// Whether it is asked about that workload.
    pub fn is_for(self, workload: &str) -> bool {
        self.workloads.is_empty() || self.workloads.contains(&workload)
    }

    /// The words to put before a command. It writes to `file`; `pid` is the process to watch if it
    /// runs already.
    pub fn prefix(self, file: &Path, pid: u32) -> Vec<String> {
        let file = file.display().to_string();
        let words: Vec<String> = match (self.before, self.program) {
            (Before::Load, _) => {
                let pid = pid.to_string();
                return [
                    "perf",
                    "stat",
                    "-x,",
                    "-e",
                    "instructions:u",
                    "-o",
                    &file,
                    "-p",
                    &pid,
                    "--",
                ]
                .map(str::to_owned)
                .to_vec();
            }
            // Detached, so that the process that was started is the proxy itself.
            (Before::Proxy, "strace") => {
                ["strace", "-D", "-f", "-c", "-o", &file].map(str::to_owned).to_vec()
            }
            (Before::Proxy, _) => {
                let out = format!("--callgrind-out-file={file}");
                ["valgrind", "-q", "--tool=callgrind", &out].map(str::to_owned).to_vec()
            }
        };
        words
    }
}

/// `123,,instructions:u,...`
fn perf_total(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains("instructions:u"))?;
    line.split(',').next()?.parse().ok()
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
    use super::super::workloads;
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
        let text = "# started on Thu\n\n2412345,,instructions:u,1000000,100.00,,\n";
        assert_eq!(perf_total(text), Some(2_412_345));
        assert_eq!(perf_total("<not supported>,,instructions:u,0,100.00,,\n"), None);
    }

    #[test]
    fn what_is_counted_by_default_exists() {
        for name in CALLGRIND.workloads.iter().chain(STRACE.workloads) {
            assert!(workloads::ALL.iter().any(|workload| workload.name == *name), "{name}");
        }
    }
}
