//! Rates, processor time, latency and memory: every peer at every workload, round after round.

use super::counts;
use super::figures::{Figures, Measured, Outcome};
use super::observer::Observer;
use super::options::Options;
use super::peers::{Kind, Peer};
use super::results::{self, Machine, MemoryAfter, Results};
use super::stage::{Backend, Stage};
use super::targets::{self, Check};
use super::workloads::{BACKENDS, Workload};
use crate::failure::{Failure, Result};
use crate::process::Memory;
use std::collections::HashSet;
use std::fs;

/// Measures all that `options` ask for; tells `say` each workload as soon as it is done.
pub fn run(options: &Options, say: &mut impl FnMut(&str)) -> Result<Results> {
    let mut stage = Stage::new(options)?;
    let observer = Observer::of_instructions(options.instructions)?;
    let machine = machine(&stage, observer);
    say(&machine.to_string());
    let present = present(&stage, say)?;
    let (mut workloads, mut memory) = (Vec::new(), Vec::new());
    for same_backends in options.workloads.chunk_by(|one, other| one.backends == other.backends) {
        let count = same_backends[0].backends;
        let backends = stage.start_backends(count)?;
        let (peers, failures) = start_peers(&mut stage, &present, &backends);
        let mut filled = HashSet::new();
        for workload in same_backends {
            let rounds = measure(&stage, workload, &peers, &mut filled, failures.clone());
            let (mut measured, mut failures) = rounds;
            if let Some(observer) = observer.filter(|observer| observer.is_for(workload.name)) {
                let stage = &mut stage;
                failures.extend(count_instructions(
                    stage,
                    observer,
                    workload,
                    &backends,
                    &mut measured,
                ));
            }
            let outcome = Outcome::new(workload, measured, failures);
            say(&results::table(&outcome));
            workloads.push(outcome);
        }
        if count == BACKENDS {
            memory = peers.iter().filter_map(memory_after).collect();
        }
    }
    let mut checks = targets::checks(&workloads);
    checks.extend(memory_check(&memory));
    Ok(Results { machine, workloads, memory, checks })
}

/// Those of the peers whose programs are there. Who was named has to be.
fn present(stage: &Stage<'_>, say: &mut impl FnMut(&str)) -> Result<Vec<Kind>> {
    let mut present = Vec::new();
    for kind in &stage.options.peers {
        match stage.absence(*kind) {
            Some(why) if stage.options.peers_named || *kind == Kind::Nodeproxy => {
                return Err(Failure::new(why));
            }
            Some(why) => say(&format!("{why}; left out\n")),
            None => present.push(*kind),
        }
    }
    Ok(present)
}

/// Adds the instructions of each peer to what was measured. Returns why that failed, if it did.
fn count_instructions(
    stage: &mut Stage<'_>,
    observer: Observer,
    workload: &Workload,
    backends: &[Backend],
    measured: &mut [Measured],
) -> Vec<String> {
    let mut failures = Vec::new();
    for one in measured {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == one.peer);
        let Some(kind) = kind.filter(|kind| counts::is_counted(observer, *kind, workload)) else {
            continue;
        };
        match counts::count(stage, observer, kind, workload, backends) {
            Ok(each) => one.instructions = Some(each),
            Err(failure) => failures.push(failure.to_string()),
        }
    }
    failures
}

/// Those that start, and why the others do not.
fn start_peers(
    stage: &mut Stage<'_>,
    kinds: &[Kind],
    backends: &[Backend],
) -> (Vec<Peer>, Vec<String>) {
    let (mut peers, mut failures) = (Vec::new(), Vec::new());
    for kind in kinds {
        match stage.start_peer(*kind, backends, &[]) {
            Ok(peer) => peers.push(peer),
            Err(failure) => failures.push(failure.to_string()),
        }
    }
    (peers, failures)
}

/// All rounds of one workload. Peers take turns, and each round another one begins, so that
/// nobody always comes after the same neighbour. Who fails is left out, and the failure kept.
fn measure(
    stage: &Stage<'_>,
    workload: &Workload,
    peers: &[Peer],
    filled: &mut HashSet<(&'static str, Vec<String>)>,
    mut failures: Vec<String>,
) -> (Vec<Measured>, Vec<String>) {
    let mut runners: Vec<Runner<'_>> = peers
        .iter()
        .filter(|peer| peer.kind.can(workload))
        .map(|peer| Runner { peer, rounds: Ok(Vec::new()) })
        .collect();
    for runner in &mut runners {
        if filled.insert((runner.peer.kind.name(), workload.keyspace_words())) {
            runner.attempt(|peer, _| stage.fill(&workload.keyspace_words(), peer));
        }
    }
    let mut words = workload.load_words();
    words.extend(["--seconds".into(), stage.options.seconds.to_string()]);
    words.extend(["--warm-up".into(), stage.options.warm_up.to_string()]);
    let count = runners.len();
    for (round, turn) in
        (0..stage.options.rounds).flat_map(|round| (0..count).map(move |turn| (round, turn)))
    {
        runners[(round + turn) % count].attempt(|peer, rounds| {
            let report = stage.load(&[], &words, peer)?;
            rounds.push(Figures::new(&report, Memory::of(peer.pid)?));
            Ok(())
        });
    }
    let mut measured = Vec::new();
    for Runner { peer, rounds } in runners {
        match rounds {
            Ok(rounds) => measured.push(Measured::new(peer.kind.name(), rounds)),
            Err(failure) => failures.push(failure.to_string()),
        }
    }
    (measured, failures)
}

/// A peer and its rounds at one workload, up to its first failure.
struct Runner<'p> {
    peer: &'p Peer,
    rounds: Result<Vec<Figures>>,
}

impl Runner<'_> {
    fn attempt(&mut self, what: impl FnOnce(&Peer, &mut Vec<Figures>) -> Result<()>) {
        if let Ok(rounds) = &mut self.rounds
            && let Err(failure) = what(self.peer, rounds)
        {
            self.rounds = Err(failure);
        }
    }
}

/// Nothing, of a peer that has died.
fn memory_after(peer: &Peer) -> Option<MemoryAfter> {
    let Memory { resident_kb, peak_kb } = Memory::of(peer.pid).ok()?;
    Some(MemoryAfter {
        peer: peer.kind.name(),
        resident_mb: resident_kb as f64 / 1024.0,
        peak_mb: peak_kb as f64 / 1024.0,
    })
}

fn memory_check(memory: &[MemoryAfter]) -> Option<Check> {
    let of = |name| memory.iter().find(|one| one.peer == name).map(|one| one.resident_mb);
    Some(targets::memory_check(of("nodeproxy")?, of("twemproxy")?))
}

fn machine(stage: &Stage<'_>, observer: Option<Observer>) -> Machine {
    let first = |path: &str, prefix: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(prefix)).unwrap_or("unknown");
        line.trim_start_matches([' ', '\t', ':']).trim().to_owned()
    };
    Machine {
        processor: first("/proc/cpuinfo", "model name"),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        // Without what a distribution adds to the version.
        kernel: first("/proc/sys/kernel/osrelease", "").split('-').take(1).collect(),
        pin: format!("{:?}", stage.pin()).to_lowercase(),
        rounds: stage.options.rounds,
        seconds: stage.options.seconds,
        instructions: observer.map(|observer| observer.program),
    }
}
