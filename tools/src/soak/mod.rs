//! The soak: load and random faults together, for as long as one likes, before the real program.
//!
//! ```text
//! talkers (ask, and check every reply) --+             +-- memcacheds, stopped, killed by Faults
//! vandals (vanish, never read, babble) --+- nodeproxy -+
//!                                                      +-- Saboteur (cuts, dribbles) -- memcached
//! Vitals of nodeproxy before, and after all has healed: what is left over is a leak
//! ```
//!
//! Modules are declared from leaf to root.

pub mod chance;

pub mod options;

mod findings;

mod wire;

mod beliefs;

mod talker;

mod vandal;

mod saboteur;

mod stage;

mod faults;

mod vitals;

mod report;

pub use options::Options;
pub use report::Report;

use crate::failure::Result;
use chance::Chance;
use faults::Faults;
use findings::Findings;
use saboteur::Saboteur;
use stage::Stage;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use talker::Talker;
use vandal::Vandal;
use vitals::Vitals;

/// Clients that check every reply.
const TALKERS: u64 = 8;
/// Clients that misbehave.
const VANDALS: u64 = 4;
/// How long everything may take to heal: the longest pause before a probe, twice, and then some.
const HEALING_MAX: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs a soak: what it found.
pub fn run(options: &Options) -> Result<Report> {
    crate::process::raise_descriptor_limit();
    let mut chance = Chance::new(options.seed);
    let findings = Arc::new(Findings::default());
    let mut stage = Stage::new(options)?;
    let saboteur = Saboteur::start(stage.start_memcached()?, chance.fork())?;
    stage.start_nodeproxy(&saboteur)?;
    let before = healed(&stage, None)?;
    let ends_at = Instant::now() + Duration::from_secs_f64(options.seconds);
    thread::scope(|scope| {
        for number in 0..TALKERS {
            let mut talker = Talker::new(number, stage.proxy(), findings.clone(), chance.fork());
            scope.spawn(move || talker.talk_until(ends_at));
        }
        for number in 0..VANDALS {
            let mut vandal = Vandal::new(number, stage.proxy(), findings.clone(), chance.fork());
            scope.spawn(move || vandal.rage_until(ends_at));
        }
        let mut faults = Faults::new(&mut stage, &saboteur, findings.clone(), chance.fork());
        faults.strike_until(ends_at)
    })?;
    saboteur.rest();
    let after = healed(&stage, Some(before))?;
    let ended = stage.end_nodeproxy();
    Ok(Report::new(options, &findings, before, after, ended))
}

/// The vitals once all backends are up and nothing is left over, or, when that does not come, as
/// they are.
fn healed(stage: &Stage<'_>, before: Option<Vitals>) -> Result<Vitals> {
    let deadline = Instant::now() + HEALING_MAX;
    loop {
        let vitals = Vitals::of(stage.proxy(), stage.proxy_pid())?;
        let is_well =
            vitals.is_whole(stage.links()) && before.is_none_or(|it| vitals.leaks(&it).is_empty());
        if is_well || Instant::now() > deadline {
            return Ok(vitals);
        }
        thread::sleep(LOOK_EVERY);
    }
}
