//! What a bench is asked to do.

use super::counts::Counter;
use super::pin::Pin;
use super::workloads::{self, Workload};
use crate::failure::{Failure, Result};
use crate::load::request::Protocol;
use crate::options::{duration, list, one_of, within};
use argh::FromArgs;
use std::path::PathBuf;
use std::time::Duration;

/// Measures nodeproxy and its peers side by side; Linux only.
#[derive(Debug, Clone, FromArgs)]
#[argh(subcommand, name = "bench")]
pub struct Options {
    /// its path (target/release/nodeproxy)
    #[argh(option, default = "\"target/release/nodeproxy\".into()")]
    pub nodeproxy: PathBuf,
    /// twemproxy's path (nutcracker)
    #[argh(option, default = "\"nutcracker\".into()")]
    pub nutcracker: PathBuf,
    /// its path (memcached)
    #[argh(option, default = "\"memcached\".into()")]
    pub memcached: PathBuf,
    /// some of direct,nodeproxy,twemproxy,relay (all)
    #[argh(option, from_str_fn(read_peers))]
    peers: Option<Vec<Kind>>,
    /// only this workload; can be repeated (all)
    #[argh(option, from_str_fn(workload))]
    only: Vec<&'static Workload>,
    /// how often each is measured; medians are shown (5)
    #[argh(option, from_str_fn(within::<_, 1, 1000>))]
    rounds: Option<usize>,
    /// how long each time, seconds (0.6)
    #[argh(option, from_str_fn(duration))]
    seconds: Option<Duration>,
    /// what is left out before that, seconds (0.15)
    #[argh(option, from_str_fn(duration))]
    warm_up: Option<Duration>,
    /// one short round without instructions, only to see that all works
    #[argh(switch)]
    pub quick: bool,
    /// together, apart or none: who runs on which core (together)
    #[argh(option, default = "Pin::Together", from_str_fn(Pin::parse))]
    pub pin: Pin,
    /// worker threads of each memcached (1)
    #[argh(option, default = "1", from_str_fn(within::<_, 1, 64>))]
    pub memcached_threads: u32,
    /// only count user-space instructions, with valgrind
    #[argh(switch)]
    callgrind: bool,
    /// only count system calls, with strace
    #[argh(switch)]
    strace: bool,
    /// write the results there (results.json in the folder)
    #[argh(option)]
    json: Option<PathBuf>,
    /// what was recorded before, to compare with (tools/baseline.md)
    #[argh(option, default = "\"tools/baseline.md\".into()")]
    pub baseline: PathBuf,
    /// record this run as the baseline
    #[argh(switch)]
    pub record: bool,
    /// for results and logs (target/bench)
    #[argh(option, default = "\"target/bench\".into()")]
    pub folder: PathBuf,
    /// print the workloads
    #[argh(switch)]
    pub list: bool,
}

/// A way from the load generator to a memcached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// None: the first memcached is asked directly.
    Direct,
    /// The proxy that all this is about.
    Nodeproxy,
    /// Its best known rival.
    Twemproxy,
    /// The floor of a proxy that gathers nothing, in front of the first memcached.
    Relay,
}

impl Kind {
    /// All, in the order in which they are measured.
    pub const ALL: [Self; 4] = [Self::Direct, Self::Nodeproxy, Self::Twemproxy, Self::Relay];

    /// The name in options and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nodeproxy => "nodeproxy",
            Self::Twemproxy => "twemproxy",
            Self::Relay => "relay",
        }
    }

    /// Whether it can do that work at all.
    pub fn can(self, workload: &Workload) -> bool {
        self != Self::Twemproxy || workload.protocol == Protocol::Text
    }
}

impl Options {
    /// Whom to measure.
    pub fn peers(&self) -> Vec<Kind> {
        self.peers.clone().unwrap_or(Kind::ALL.to_vec())
    }

    /// Whether a peer that is missing is a failure: of those that were named none may be.
    pub fn has_to_be_there(&self, kind: Kind) -> bool {
        self.peers.is_some() || kind == Kind::Nodeproxy
    }

    /// What to measure, in the order of all workloads; none if all of them.
    pub fn chosen(&self) -> Option<Vec<&'static Workload>> {
        let chosen = |it: &&Workload| self.only.iter().any(|only| only.name == it.name);
        (!self.only.is_empty()).then(|| workloads::ALL.iter().filter(chosen).collect())
    }

    /// How often.
    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 })
    }

    /// How long each time, and what to leave out before, in seconds.
    pub fn times(&self) -> (f64, f64) {
        let (seconds, warm_up) = if self.quick { (0.2, 0.05) } else { (0.6, 0.15) };
        let or = |given: Option<Duration>, other| given.map_or(other, |it| it.as_secs_f64());
        (or(self.seconds, seconds), or(self.warm_up, warm_up))
    }

    /// What to count, if nothing is to be timed.
    pub fn counter(&self) -> Result<Option<Counter>> {
        match (self.callgrind, self.strace) {
            (false, false) => Ok(None),
            (true, false) => Ok(Some(Counter::Callgrind)),
            (false, true) => Ok(Some(Counter::Strace)),
            (true, true) => Err(Failure::new("expected --callgrind or --strace, not both")),
        }
    }

    /// Where results go for programs.
    pub fn json_path(&self) -> PathBuf {
        self.json.clone().unwrap_or_else(|| self.folder.join("results.json"))
    }
}

fn read_peers(text: &str) -> Result<Vec<Kind>, String> {
    list(text, |word| one_of(word, &Kind::ALL, Kind::name))
}

fn workload(text: &str) -> Result<&'static Workload, String> {
    one_of(text, &workloads::ALL.each_ref(), |it| it.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, String> {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        Options::from_args(&["bench"], &words).map_err(|early| early.output)
    }

    #[test]
    fn peers_and_workloads_are_chosen_by_name() {
        let all = parsed("").expect("valid");
        assert_eq!((all.peers(), all.chosen(), all.rounds()), (Kind::ALL.to_vec(), None, 5));
        let some = parsed("--only 1x1 --only 50x1 --peers relay,direct --quick").expect("valid");
        assert_eq!(some.peers(), [Kind::Relay, Kind::Direct]);
        let names: Vec<_> = some.chosen().expect("two").iter().map(|it| it.name).collect();
        assert_eq!((names, some.rounds()), (vec!["50x1", "1x1"], 1));
    }

    #[test]
    fn a_wrong_option_is_refused_with_what_was_expected() {
        for (line, expected) in [
            ("--only 51x1", "one of 50x1 "),
            ("--peers squid", "direct nodeproxy"),
            ("--pin everywhere", "together apart none"),
            ("--rounds 0", "from 1 to"),
            ("50x1", "Unrecognized"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(expected), "{line}: {error}");
        }
        assert!(parsed("--strace --callgrind").expect("read").counter().is_err());
    }
}
