//! What the operating system says about a process: the processor time it used, the memory it holds.

use crate::failure::{Failure, Result, While};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use std::path::Path;

/// Processor time of a process, all its threads together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// Nanoseconds on a processor, as the scheduler counts them.
    pub total_ns: u64,
    /// Clock ticks (10 ms each on Linux) in user space; coarse, good for a share and no more.
    pub user_ticks: u64,
    /// Clock ticks in the kernel.
    pub system_ticks: u64,
}

/// Resident memory of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// `VmRSS`: resident now.
    pub resident_kb: u64,
    /// `VmHWM`: the most that ever was.
    pub peak_kb: u64,
}

impl CpuTime {
    /// The time used so far by the process `pid`.
    pub fn of(pid: u32) -> Result<Self> {
        let (user_ticks, system_ticks) = parse_stat(&read(format!("/proc/{pid}/stat"))?)
            .ok_or_else(|| Failure::new(format!("/proc/{pid}/stat: unknown format")))?;
        Ok(Self { total_ns: scheduled_ns(pid)?, user_ticks, system_ticks })
    }

    /// What was used between `earlier` and this.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            total_ns: self.total_ns.saturating_sub(earlier.total_ns),
            user_ticks: self.user_ticks.saturating_sub(earlier.user_ticks),
            system_ticks: self.system_ticks.saturating_sub(earlier.system_ticks),
        }
    }

    /// The share of it that was spent in user space, from 0 to 1.
    pub fn user_share(self) -> f64 {
        self.user_ticks as f64 / (self.user_ticks + self.system_ticks).max(1) as f64
    }
}

impl Memory {
    /// What the process `pid` holds.
    pub fn of(pid: u32) -> Result<Self> {
        parse_status(&read(format!("/proc/{pid}/status"))?)
            .ok_or_else(|| Failure::new(format!("/proc/{pid}/status: no VmRSS; did it end?")))
    }
}

/// The name of the program that runs as `pid`, if any does.
pub fn name_of(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|name| name.trim_end().to_owned())
}

/// Lets this process, and those that it starts, open as many descriptors as it is allowed to.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // A refusal is no failure yet: whoever then runs out says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// The first number of `schedstat` of every thread. The kernel brings it up to date at each tick
/// and each switch, so it can be a few milliseconds late, never wrong by a clock tick of `stat`.
fn scheduled_ns(pid: u32) -> Result<u64> {
    let folder = format!("/proc/{pid}/task");
    let mut sum = 0;
    for thread in fs::read_dir(&folder).doing(|| folder.clone())? {
        let path = thread.doing(|| folder.clone())?.path().join("schedstat");
        // A thread can end between the listing and the reading.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let first = text.split_ascii_whitespace().next().and_then(|word| word.parse::<u64>().ok());
        sum += first.ok_or_else(|| Failure::new(format!("{}: unknown format", path.display())))?;
    }
    Ok(sum)
}

/// User and system clock ticks out of `/proc/PID/stat`. The name, second, can hold blanks and
/// parentheses, so fields are counted from the last parenthesis.
fn parse_stat(text: &str) -> Option<(u64, u64)> {
    let (_, after_name) = text.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn parse_status(text: &str) -> Option<Memory> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    };
    Some(Memory { resident_kb: field("VmRSS:")?, peak_kb: field("VmHWM:")? })
}

fn read(path: impl AsRef<Path>) -> Result<String> {
    fs::read_to_string(path.as_ref()).doing(|| path.as_ref().display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_counted_from_the_last_parenthesis() {
        let text =
            "42 (a ) b) S 1 42 42 0 -1 4194304 100 0 0 0 77 33 0 0 20 0 1 0 100 1000 10 1844";
        assert_eq!(parse_stat(text), Some((77, 33)));
        assert_eq!(parse_stat("42 (cut off"), None);
        assert_eq!(parse_stat("42 (short) S 1 2"), None);
    }

    #[test]
    fn status_gives_resident_and_peak_memory() {
        let text = "Name:\tx\nVmHWM:\t    5120 kB\nVmRSS:\t    4096 kB\n";
        assert_eq!(parse_status(text), Some(Memory { resident_kb: 4096, peak_kb: 5120 }));
        assert_eq!(parse_status("Name:\tzombie\n"), None);
    }

    #[test]
    fn this_process_has_used_time_and_memory() {
        let pid = std::process::id();
        let before = CpuTime::of(pid).expect("own figures");
        let mut sum = 0u64;
        while CpuTime::of(pid).expect("own figures").since(before).total_ns < 5_000_000 {
            sum = std::hint::black_box((0..100_000).fold(sum, u64::wrapping_add));
        }
        let memory = Memory::of(pid).expect("own figures");
        assert!(memory.resident_kb > 0 && memory.peak_kb >= memory.resident_kb);
        assert!(name_of(pid).is_some());
    }
}
