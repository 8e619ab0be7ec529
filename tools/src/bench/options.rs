//! What a bench is asked to do.

use super::peers::Kind;
use super::pin::Pin;
use super::workloads::{self, Workload};
use crate::failure::{Failure, Result};
use crate::load::options::{number, optional};
use getopts::Matches;
use std::path::PathBuf;

/// Rounds of a run that is only to show that all works.
const QUICK_ROUNDS: usize = 1;
/// Seconds of each of its measurements.
const QUICK_SECONDS: f64 = 0.2;

/// What to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Rates, processor time, latency, memory.
    Time,
    /// Only user-space instructions for each operation, counted by valgrind's callgrind.
    Instructions,
    /// System calls for each operation, counted by strace.
    SystemCalls,
}

/// How instructions are counted when times are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instructions {
    /// By what works: `perf stat`, else callgrind.
    Any,
    /// By `perf stat`.
    Perf,
    /// By callgrind.
    Callgrind,
    /// Not at all.
    None,
}

/// Where results go as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// Into a file, besides the table.
    File(PathBuf),
    /// To standard output, and the table to standard error.
    Output,
}

/// Everything about a bench.
#[derive(Debug, Clone)]
pub struct Options {
    /// What to find out.
    pub mode: Mode,
    /// How to count instructions besides.
    pub instructions: Instructions,
    /// Whether it is only to show that all works: then targets are not judged.
    pub quick: bool,
    /// Whom to measure.
    pub peers: Vec<Kind>,
    /// Whether these were named: then none may be missing.
    pub peers_named: bool,
    /// What to measure.
    pub workloads: Vec<&'static Workload>,
    /// How often.
    pub rounds: usize,
    /// How long each time.
    pub seconds: f64,
    /// How long to leave out before that.
    pub warm_up: f64,
    /// Which process runs on which core.
    pub pin: Pin,
    /// The programs.
    pub programs: Programs,
    /// Worker threads of each memcached.
    pub memcached_threads: u32,
    /// The first of a range of ports; any that are free if absent.
    pub port_base: Option<u16>,
    /// Where to write results as JSON, if anywhere.
    pub json: Option<Json>,
    /// The folder for the chart and for logs.
    pub folder: PathBuf,
}

/// The programs to run: paths, or names in `PATH`.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The proxy that all this is about.
    pub nodeproxy: PathBuf,
    /// twemproxy.
    pub nutcracker: PathBuf,
    /// The backends.
    pub memcached: PathBuf,
}

/// The options as getopts knows them.
pub fn grammar() -> getopts::Options {
    let mut grammar = getopts::Options::new();
    grammar
        .optopt("", "nodeproxy", "its path (target/release/nodeproxy)", "PATH")
        .optopt("", "nutcracker", "twemproxy's path (nutcracker)", "PATH")
        .optopt("", "memcached", "its path (memcached)", "PATH")
        .optopt("", "peers", "some of direct,nodeproxy,twemproxy,relay (all)", "NAMES")
        .optmulti("", "only", "only this workload; can be repeated (all)", "NAME")
        .optopt("", "rounds", "how often each is measured; medians are shown (5)", "N")
        .optopt("", "seconds", "how long each time (0.6)", "SECONDS")
        .optopt("", "warm-up", "what is left out before that (0.15)", "SECONDS")
        .optflag("", "quick", "one short round, only to see that all works; targets are not judged")
        .optopt("", "pin", "together, apart or none: who runs on which core (together)", "HOW")
        .optopt("", "memcached-threads", "worker threads of each memcached (1)", "N")
        .optopt("", "port-base", "use the ports from here on (any that are free)", "PORT")
        .optopt("", "instructions", "who counts them: perf, callgrind or none (who works)", "WHO")
        .optflag("", "callgrind", "only count user-space instructions, with valgrind")
        .optflag("", "strace", "only count system calls, with strace")
        .optflagopt("", "json", "write the results there, or in place of the table", "FILE")
        .optopt("", "folder", "for the chart and for logs (target/bench)", "PATH")
        .optflag("", "list", "print the workloads")
        .optflag("h", "help", "print this");
    grammar
}

impl Options {
    /// Reads the command line.
    pub fn from_matches(found: &Matches) -> Result<Self> {
        let (json, words) = json(found);
        if let Some(word) = words.first() {
            return Err(Failure::new(format!("{word}: expected only options; see --help")));
        }
        let path =
            |name, default: &str| PathBuf::from(found.opt_str(name).unwrap_or(default.into()));
        let quick = found.opt_present("quick");
        let mode = match (found.opt_present("callgrind"), found.opt_present("strace")) {
            (false, false) => Mode::Time,
            (true, false) => Mode::Instructions,
            (false, true) => Mode::SystemCalls,
            (true, true) => return Err(Failure::new("expected --callgrind or --strace, not both")),
        };
        let named = found.opt_str("peers");
        Ok(Self {
            mode,
            instructions: instructions(found.opt_str("instructions"), quick)?,
            quick,
            peers_named: named.is_some(),
            peers: peers(named)?,
            workloads: chosen_workloads(&found.opt_strs("only"))?,
            rounds: number(found, "rounds", if quick { QUICK_ROUNDS } else { 5 }, 1..=1000)?,
            seconds: number(
                found,
                "seconds",
                if quick { QUICK_SECONDS } else { 0.6 },
                0.01..=3600.0,
            )?,
            warm_up: number(found, "warm-up", if quick { 0.05 } else { 0.15 }, 0.0..=3600.0)?,
            pin: Pin::parse(found.opt_str("pin").as_deref().unwrap_or("together"))?,
            programs: Programs {
                nodeproxy: path("nodeproxy", "target/release/nodeproxy"),
                nutcracker: path("nutcracker", "nutcracker"),
                memcached: path("memcached", "memcached"),
            },
            memcached_threads: number(found, "memcached-threads", 1, 1..=64)?,
            port_base: optional(found, "port-base", 1024..=65_000)?,
            json,
            folder: path("folder", "target/bench"),
        })
    }
}

/// Where results go, and the words that are no options. getopts takes what follows an option with
/// an optional value for such a word, unless there is a `=` between them.
fn json(found: &Matches) -> (Option<Json>, &[String]) {
    match (found.opt_str("json"), found.free.split_first()) {
        (Some(path), _) => (Some(Json::File(path.into())), &found.free),
        (None, Some((path, rest))) if found.opt_present("json") => {
            (Some(Json::File(path.into())), rest)
        }
        (None, _) => (found.opt_present("json").then_some(Json::Output), &found.free),
    }
}

fn instructions(who: Option<String>, quick: bool) -> Result<Instructions> {
    match who.as_deref() {
        None if quick => Ok(Instructions::None),
        None => Ok(Instructions::Any),
        Some("perf") => Ok(Instructions::Perf),
        Some("callgrind") => Ok(Instructions::Callgrind),
        Some("none") => Ok(Instructions::None),
        Some(other) => {
            Err(Failure::new(format!("--instructions {other}: expected perf, callgrind or none")))
        }
    }
}

fn peers(names: Option<String>) -> Result<Vec<Kind>> {
    let Some(names) = names else {
        return Ok(Kind::ALL.to_vec());
    };
    let kind = |name: &str| {
        let found = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| {
            Failure::new(format!(
                "--peers {name}: expected {}",
                Kind::ALL.map(Kind::name).join(",")
            ))
        })
    };
    names.split(',').map(kind).collect()
}

fn chosen_workloads(names: &[String]) -> Result<Vec<&'static Workload>> {
    let named = |name: &String| workloads::ALL.iter().any(|workload| workload.name == name);
    if let Some(name) = names.iter().find(|name| !named(name)) {
        let all: Vec<&str> = workloads::ALL.iter().map(|workload| workload.name).collect();
        return Err(Failure::new(format!("--only {name}: expected one of {}", all.join(" "))));
    }
    let chosen =
        |workload: &&Workload| names.is_empty() || names.iter().any(|name| name == workload.name);
    Ok(workloads::ALL.iter().filter(chosen).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options> {
        let words = line.split_ascii_whitespace();
        Options::from_matches(&grammar().parse(words).expect("known options"))
    }

    #[test]
    fn peers_and_workloads_are_chosen_by_name() {
        let all = parsed("").expect("valid");
        assert_eq!(all.peers, Kind::ALL);
        assert_eq!(all.workloads.len(), workloads::ALL.len());
        assert_eq!((all.rounds, all.mode), (5, Mode::Time));
        assert_eq!((all.instructions, all.peers_named), (Instructions::Any, false));
        let some =
            parsed("--only 50x1 --only 1x1 --peers relay,direct --quick --strace").expect("valid");
        assert_eq!(some.peers, [Kind::Relay, Kind::Direct]);
        assert_eq!(some.workloads.len(), 2);
        assert_eq!((some.rounds, some.mode), (1, Mode::SystemCalls));
        assert_eq!((some.instructions, some.peers_named), (Instructions::None, true));
    }

    #[test]
    fn json_goes_to_a_file_or_in_place_of_the_table() {
        let json = |line| parsed(line).expect("valid").json;
        assert_eq!(json("--quick"), None);
        assert_eq!(json("--json --quick"), Some(Json::Output));
        for line in ["--json x.json --quick", "--json=x.json", "--quick --json x.json"] {
            assert_eq!(json(line), Some(Json::File("x.json".into())), "{line}");
        }
    }

    #[test]
    fn a_wrong_option_is_refused_with_what_was_expected() {
        for (line, expected) in [
            ("--only 51x1", "one of 50x1 "),
            ("--peers squid", "direct,nodeproxy"),
            ("--pin everywhere", "together, apart or none"),
            ("--rounds 0", "from 1 to"),
            ("--instructions nobody", "perf, callgrind or none"),
            ("--strace --callgrind", "not both"),
            ("50x1", "only options"),
        ] {
            let error = parsed(line).expect_err(line).to_string();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
