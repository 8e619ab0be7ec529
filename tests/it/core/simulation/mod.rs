//! The core under a seeded adversary: clients and connections come and go at the worst moments,
//! bytes arrive in any pieces, backends stall, refuse, close and babble, clients do not read,
//! memory is short, time jumps. A run is a pure function of its seed, which a failure prints:
//! `SEED=n cargo test simulation` replays it alone, `SEEDS=n` runs more.
//!
//! What must hold, always: a client only ever reads answers to its own questions, in the order it
//! asked, each whole; it reads what it wrote; nothing is written twice, nor after its client was
//! told that it was not sent; who reads is answered within the timeout; a client that does not read
//! costs no more than it may, and only the one that costs most is closed for it; backends are down
//! for a reason only, are then neither waited for nor pestered, and come back; the proxy does not
//! spin. And in the end nothing is left over.

mod answer;
mod beliefs;
mod finish;
mod frames;
mod outage;
mod peer;
mod pipe;
mod plan;
mod question;
mod scales;
mod shell;
mod store;
mod wire;
mod world;

use crate::harness::parallel::at_once;
use std::panic::catch_unwind;
use world::World;

/// Seeds in plain `cargo test`.
const SEEDS: u64 = 1000;
/// Steps of one run.
const STEPS: usize = 300;
/// Seeds are run so many at a time.
const LANES: u64 = 2;

fn run(seed: u64) {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
    }
    world.finish();
}

#[test]
fn every_seed_keeps_every_promise() {
    let from = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match from("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..from("SEEDS").unwrap_or(SEEDS),
    };
    at_once(0..LANES, |lane| {
        for seed in seeds.clone().filter(|seed| seed % LANES == lane) {
            let outcome = catch_unwind(|| run(seed));
            assert!(outcome.is_ok(), "seed {seed} failed; SEED={seed} replays it");
        }
    });
}
