//! Rates, processor time, latency and memory: every peer at every workload, round after round.

use super::counts::{self, Counter};
use super::figures::{Figures, Measured, Outcome};
use super::options::{Kind, Options};
use super::results::{self, Machine, Results};
use super::stage::{Backend, Peer, Stage};
use super::workloads::{self, BACKENDS, Workload};
use crate::children::is_installed;
use crate::failure::{Failure, Result};
use crate::load::Report;
use crate::process::Memory;
use std::collections::HashSet;
use std::fs;

/// Measures all that `options` ask for; tells `say` each workload as soon as it is done.
pub fn run(options: &Options, say: &mut impl FnMut(&str)) -> Result<Results> {
    let mut stage = Stage::new(options)?;
    let counter = Counter::Callgrind;
    let counts = !options.quick && is_installed(counter.program());
    let machine = machine(&stage);
    say(&machine.to_string());
    let present = present(&stage, say)?;
    let (mut workloads, mut memory) = (Vec::new(), Vec::new());
    let chosen = options.chosen().unwrap_or_else(|| workloads::ALL.iter().collect());
    for same_backends in chosen.chunk_by(|one, other| one.backends == other.backends) {
        let count = same_backends[0].backends;
        let backends = stage.start_backends(count)?;
        let (peers, failures) = start_peers(&mut stage, &present, &backends);
        let mut filled = HashSet::new();
        for workload in same_backends {
            let rounds = measure(&stage, workload, &peers, &mut filled, failures.clone());
            let (mut measured, mut failures) = rounds;
            if counts && counter.is_for(workload) {
                failures.extend(instructions(&mut stage, workload, &backends, &mut measured));
            }
            let outcome = Outcome::new(workload, measured, failures);
            say(&results::table(&outcome));
            workloads.push(outcome);
        }
        if count == BACKENDS {
            memory = peers.iter().filter_map(memory_after).collect();
        }
    }
    Ok(Results { machine, workloads, memory })
}

/// Those of the peers whose programs are there.
fn present(stage: &Stage<'_>, say: &mut impl FnMut(&str)) -> Result<Vec<Kind>> {
    let mut present = Vec::new();
    for kind in stage.options.peers() {
        match stage.absence(kind) {
            Some(why) if stage.options.has_to_be_there(kind) => return Err(Failure::new(why)),
            Some(why) => say(&format!("{why}; left out\n")),
            None => present.push(kind),
        }
    }
    Ok(present)
}

/// Adds the instructions of each proxy to what was measured. Returns why that failed, if it did.
fn instructions(
    stage: &mut Stage<'_>,
    workload: &Workload,
    backends: &[Backend],
    measured: &mut [Measured],
) -> Vec<String> {
    let mut failures = Vec::new();
    for one in measured {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == one.peer);
        let Some(kind) = kind.filter(|kind| *kind != Kind::Direct) else {
            continue;
        };
        match counts::count(stage, Counter::Callgrind, kind, workload, backends) {
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
    let (seconds, warm_up) = stage.options.times();
    let mut words = workload.load_words();
    words.extend(["--seconds".into(), seconds.to_string()]);
    words.extend(["--warm-up".into(), warm_up.to_string()]);
    let count = runners.len();
    for (round, turn) in
        (0..stage.options.rounds()).flat_map(|round| (0..count).map(move |turn| (round, turn)))
    {
        runners[(round + turn) % count].attempt(|peer, rounds| {
            let report = stage.load(&words, peer)?;
            rounds.push(figures(&report, Memory::of(peer.pid)?));
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

/// Puts together what the load generator and the kernel say.
fn figures(report: &Report, memory: Memory) -> Figures {
    let cpu_us = |at: usize| report.watched.get(at).map_or(0.0, |it| it.cpu_us_per_request);
    Figures {
        rate: report.rate,
        cpu_us: cpu_us(1),
        memcacheds_us: cpu_us(0),
        busy: report.watched.last().map_or(0.0, |it| it.cpu_share),
        load_busy: report.own_cpu_share,
        p50_us: report.latency_us.p50,
        p99_us: report.latency_us.p99,
        p999_us: report.latency_us.p999,
        resident_mb: memory.resident_kb as f64 / 1024.0,
        peak_mb: memory.peak_kb as f64 / 1024.0,
    }
}

/// Nothing, of a peer that has died.
fn memory_after(peer: &Peer) -> Option<(&'static str, f64, f64)> {
    let Memory { resident_kb, peak_kb } = Memory::of(peer.pid).ok()?;
    Some((peer.kind.name(), resident_kb as f64 / 1024.0, peak_kb as f64 / 1024.0))
}

fn machine(stage: &Stage<'_>) -> Machine {
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
        pin: stage.pin().name(),
        rounds: stage.options.rounds(),
        seconds: stage.options.times().0,
    }
}
