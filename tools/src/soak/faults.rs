//! What goes wrong with the memcacheds, one thing after the other.

use super::chance::Chance;
use super::findings::Findings;
use super::saboteur::{Mischief, Saboteur};
use super::stage::Stage;
use crate::failure::Result;
use rustix::process::Signal;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Milliseconds between two faults, and that one of them lasts, at most.
const PAUSE_MAX: u64 = 600;
const FAULT_MAX: u64 = 1200;
/// A moment in which all is well comes so often.
const REST_EVERY: u64 = 8;
const REST: Duration = Duration::from_millis(1500);

pub(super) struct Faults<'a, 'b> {
    stage: &'a mut Stage<'b>,
    saboteur: &'a Saboteur,
    findings: Arc<Findings>,
    chance: Chance,
    ends_at: Instant,
}

impl<'a, 'b> Faults<'a, 'b> {
    pub(super) fn new(
        stage: &'a mut Stage<'b>,
        saboteur: &'a Saboteur,
        findings: Arc<Findings>,
        chance: Chance,
    ) -> Self {
        Self { stage, saboteur, findings, chance, ends_at: Instant::now() }
    }

    /// Faults until `end`; then all memcacheds run.
    pub(super) fn strike_until(&mut self, end: Instant) -> Result<()> {
        self.ends_at = end;
        while Instant::now() < end {
            self.wait(PAUSE_MAX);
            match self.chance.below(REST_EVERY) {
                0 => {
                    self.saboteur.rest();
                    thread::sleep(REST.min(end.saturating_duration_since(Instant::now())));
                }
                1..4 => self.stop(),
                4..6 => self.kill()?,
                _ => {
                    self.findings.sabotages.add(1);
                    let which = self.chance.below(Mischief::ALL.len() as u64) as usize;
                    self.saboteur.act(Mischief::ALL[which]);
                }
            }
        }
        Ok(())
    }

    fn wait(&mut self, most: u64) {
        let pause = Duration::from_millis(self.chance.below(most));
        thread::sleep(pause.min(self.ends_at.saturating_duration_since(Instant::now())));
    }

    fn any(&mut self) -> usize {
        self.chance.below(self.stage.memcacheds_len() as u64) as usize
    }

    fn stop(&mut self) {
        let memcached = self.any();
        self.findings.stops.add(1);
        self.stage.signal(memcached, Signal::STOP);
        self.wait(FAULT_MAX);
        self.stage.signal(memcached, Signal::CONT);
    }

    fn kill(&mut self) -> Result<()> {
        let memcached = self.any();
        let pause = Duration::from_millis(self.chance.below(FAULT_MAX));
        let pause = pause.min(self.ends_at.saturating_duration_since(Instant::now()));
        self.findings.kills.add(1);
        let result = self.stage.replace(memcached, || thread::sleep(pause));
        self.findings.kills.add(1);
        result
    }
}
