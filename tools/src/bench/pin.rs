//! Which process runs on which core.
//!
//! `together` is the default because it gives the steadiest figures. When nothing runs at the same
//! time as anything else, how many requests a proxy finds at each turn does not depend on a race
//! between cores, waking a process costs no signal to an idle core (which on a virtual machine is
//! dear, and is charged to whoever wakes), and the scheduler's clock of the measured process stands
//! still while it is read. Half the range of processor time per operation over 9 rounds of 0.4 s,
//! on two virtual cores with other work going on:
//!
//! ```text
//! twemproxy, relay     50x1        1x1         50x16       mget100     10KB
//! together              1 %  0 %    1 %  1 %   14 %  2 %   10 %  2 %    3 %  1 %
//! apart                 5 %  3 %   15 % 15 %   22 % 50 %   21 % 15 %    1 %  1 %
//! none                 12 % 10 %   19 % 19 %   12 % 30 %    4 % 12 %    4 %  9 %
//! ```
//!
//! Its price: rates are those of all processes on one core, so a proxy's rate says what an
//! operation costs altogether, and not how much the proxy could do with a core of its own. And who
//! shares a core finds whole batches waiting: a proxy that does badly when its work comes in
//! crumbs, because it is awake at every single event, is found out only by `apart`. So that is
//! worth a run of its own, on a machine that does nothing else.

use crate::children::is_installed;
use crate::options::one_of;
use std::fs;

/// An arrangement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pin {
    /// The proxy has the last core for itself, the others share the rest.
    Apart,
    /// All on the last core: nothing runs at the same time as anything else.
    Together,
    /// Wherever the kernel likes.
    None,
}

/// What a process does in a bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It asks.
    Load,
    /// It is measured.
    Proxy,
    /// It answers.
    Backend,
}

impl Pin {
    /// Reads an arrangement.
    pub fn parse(text: &str) -> Result<Self, String> {
        one_of(text, &[Self::Together, Self::Apart, Self::None], Self::name)
    }

    /// Its name in options and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Apart => "apart",
            Self::Together => "together",
            Self::None => "none",
        }
    }

    /// What is known of this machine: without `taskset`, or with one core, nothing is pinned.
    pub fn on_this_machine(self) -> (Self, Vec<u32>) {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let cores = list.map(parse_list).unwrap_or_default();
        if cores.len() < 2 || !is_installed("taskset") {
            (Self::None, cores)
        } else {
            (self, cores)
        }
    }

    /// The words to put before a command.
    pub fn prefix(self, role: Role, cores: &[u32]) -> Vec<String> {
        let (Some(last), Some(others)) = (cores.last(), cores.len().checked_sub(1)) else {
            return Vec::new();
        };
        let chosen = match (self, role) {
            (Self::None, _) => return Vec::new(),
            (Self::Together, _) | (Self::Apart, Role::Proxy) => last.to_string(),
            (Self::Apart, Role::Load) => cores[0].to_string(),
            // With three cores or more the load has one for itself too.
            (Self::Apart, Role::Backend) if others == 1 => cores[0].to_string(),
            (Self::Apart, Role::Backend) => {
                cores[1..others].iter().map(u32::to_string).collect::<Vec<_>>().join(",")
            }
        };
        vec!["taskset".into(), "-c".into(), chosen]
    }
}

/// `0-2,5` is 0, 1, 2, 5.
fn parse_list(text: &str) -> Vec<u32> {
    let range = |part: &str| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        Some(low.trim().parse::<u32>().ok()?..=high.trim().parse::<u32>().ok()?)
    };
    text.split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores_are_read() {
        assert_eq!(parse_list("\t0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(parse_list("3"), [3]);
        assert_eq!(parse_list(""), [0u32; 0]);
    }

    #[test]
    fn the_proxy_has_a_core_for_itself_when_apart() {
        let core = |pin: Pin, role, cores: &[u32]| pin.prefix(role, cores).last().cloned();
        for (cores, load, backend, proxy) in [
            (&[0, 1][..], "0", "0", "1"),
            (&[0, 1, 2], "0", "1", "2"),
            (&[2, 3, 6, 7], "2", "3,6", "7"),
        ] {
            assert_eq!(core(Pin::Apart, Role::Load, cores).as_deref(), Some(load));
            assert_eq!(core(Pin::Apart, Role::Backend, cores).as_deref(), Some(backend));
            assert_eq!(core(Pin::Apart, Role::Proxy, cores).as_deref(), Some(proxy));
            assert_eq!(core(Pin::Together, Role::Load, cores).as_deref(), Some(proxy));
            assert_eq!(core(Pin::None, Role::Load, cores), None);
        }
        assert_eq!(core(Pin::Apart, Role::Load, &[]), None);
    }
}
