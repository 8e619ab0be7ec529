//! What an operation takes in instructions or in system calls: the same proxy, started twice
//! under the observer, answers a number of requests and then twice as many. The difference is what
//! the additional requests took; starting, connecting and ending cancel out.

use super::observer::{Before, Observer, STRACE};
use super::options::{Instructions, Mode, Options};
use super::peers::Kind;
use super::results::check_line;
use super::stage::{Backend, Stage};
use super::targets::{self, Check};
use super::workloads::{self, Workload};
use crate::failure::{Failure, Result, While};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// An observer is slow; so many keys are enough, because each run does exactly the same.
const KEYS: u32 = 8_000;
/// Fewer of large values: a run moves at most so many bytes.
const VALUE_BYTES: u32 = 500_000_000;
/// But each connection has to come to a steady state, in which its buffers do not grow any more.
const REQUESTS_PER_CONNECTION_MIN: u32 = 20;
/// How long a proxy may take to end and to write down what was counted.
const END_MAX: Duration = Duration::from_secs(60);

/// Counts for each proxy and each workload. True if no target was missed.
pub fn run(options: &Options, say: &mut impl FnMut(&str)) -> Result<bool> {
    let observer = observer(options.mode)?;
    let mut stage = Stage::new(options)?;
    let mut backends: Vec<Backend> = Vec::new();
    let mut all_met = true;
    say(&format!("{} for each operation\n", observer.counts));
    for workload in chosen(options, observer) {
        if backends.len() != workload.backends {
            backends = stage.start_backends(workload.backends)?;
        }
        say(&format!("{}: {}\n", workload.name, workload.about()));
        for kind in options.peers.iter().filter(|kind| is_counted(observer, **kind, workload)) {
            if let Some(why) = stage.absence(*kind) {
                say(&format!("  {why}; left out\n"));
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

fn observer(mode: Mode) -> Result<Observer> {
    let found = match mode {
        Mode::SystemCalls => Some(STRACE).filter(|strace| strace.works()),
        Mode::Time | Mode::Instructions => Observer::of_instructions(Instructions::Callgrind)?,
    };
    found.ok_or_else(|| Failure::new("strace is not installed, and only it counts system calls"))
}

/// Whether that peer is watched. Whoever is put before a proxy has none with `direct`.
pub fn is_counted(observer: Observer, kind: Kind, workload: &Workload) -> bool {
    kind.can(workload) && (kind != Kind::Direct || observer.before == Before::Load)
}

fn chosen(options: &Options, observer: Observer) -> Vec<&'static Workload> {
    if options.workloads.len() < workloads::ALL.len() {
        return options.workloads.clone();
    }
    workloads::ALL.iter().filter(|workload| observer.is_for(workload.name)).collect()
}

fn per_key(workload: &Workload, each: f64) -> String {
    let keys = workload.keys_per_get;
    if keys == 1 { String::new() } else { format!(" ({:.1} for each key)", each / f64::from(keys)) }
}

fn check(observer: Observer, kind: Kind, workload: &Workload, each: f64) -> Option<Check> {
    let of = if observer.program == STRACE.program {
        targets::system_calls_check
    } else {
        targets::instructions_check
    };
    (kind == Kind::Nodeproxy).then(|| of(workload, each)).flatten()
}

/// What each operation of a workload takes a peer.
pub fn count(
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
    let requests = (KEYS / workload.keys_per_get)
        .min(VALUE_BYTES / workload.value_bytes as u32)
        .max(REQUESTS_PER_CONNECTION_MIN * in_flight);
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
    let prefix = |before, pid| {
        if before == observer.before { observer.prefix(&file, pid) } else { Vec::new() }
    };
    let peer = stage.start_peer(kind, backends, &prefix(Before::Proxy, 0))?;
    let mut words = workload.load_words();
    words.extend(
        ["--requests", "--warm-up", "--patience"]
            .into_iter()
            .zip([requests.to_string(), "0".to_owned(), END_MAX.as_secs().to_string()])
            .flat_map(|(name, value)| [name.to_owned(), value]),
    );
    stage.load(&prefix(Before::Load, peer.pid), &words, &peer)?;
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
