//! What the operating system says about a process: the processor time it used, the memory it holds.

use crate::failure::{Failure, Result, While};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;

/// Resident memory of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// `VmRSS`: resident now.
    pub resident_kb: u64,
    /// `VmHWM`: the most that ever was.
    pub peak_kb: u64,
}

impl Memory {
    /// What the process `pid` holds.
    pub fn of(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/status");
        let text = fs::read_to_string(&path).doing(|| path.clone())?;
        parse_status(&text)
            .ok_or_else(|| Failure::new(format!("{path}: no VmRSS; did the process end?")))
    }
}

/// Nanoseconds that all threads of the process `pid` spent on a processor so far: the first number
/// of their `schedstat`. The kernel brings it up to date at each tick and each switch, so it can be
/// a few milliseconds late, never wrong by a clock tick as `stat` is.
pub fn cpu_ns(pid: u32) -> Result<u64> {
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

/// Lets this process, and those that it starts, open as many descriptors as it is allowed to.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // A refusal is no failure yet: whoever then runs out says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

fn parse_status(text: &str) -> Option<Memory> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    };
    Some(Memory { resident_kb: field("VmRSS:")?, peak_kb: field("VmHWM:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_gives_resident_and_peak_memory() {
        let text = "Name:\tx\nVmHWM:\t    5120 kB\nVmRSS:\t    4096 kB\n";
        assert_eq!(parse_status(text), Some(Memory { resident_kb: 4096, peak_kb: 5120 }));
        assert_eq!(parse_status("Name:\tzombie\n"), None);
    }

    #[test]
    fn this_process_has_used_time_and_memory() {
        let pid = std::process::id();
        let before = cpu_ns(pid).expect("own figures");
        let mut sum = 0u64;
        while cpu_ns(pid).expect("own figures") < before + 5_000_000 {
            sum = std::hint::black_box((0..100_000).fold(sum, u64::wrapping_add));
        }
        let memory = Memory::of(pid).expect("own figures");
        assert!(memory.resident_kb > 0 && memory.peak_kb >= memory.resident_kb);
    }
}
