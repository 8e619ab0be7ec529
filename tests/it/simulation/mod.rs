//! The core under a seeded adversary: clients and connections come and go at the worst moments,
//! bytes arrive in any pieces, backends stall, refuse, close and babble, time jumps. A run is a
//! pure function of its seed, which a failure prints: `SEED=n cargo test simulation` replays it
//! alone,
//! `SEEDS=n` runs more.
//!
//! What must hold: a client only ever reads answers to its own questions, in the order it asked,
//! each whole; it reads what it wrote; nothing is written twice; nothing is left unanswered; and in
//! the end nothing is left over.

mod backend;
mod peer;
mod rng;
mod world;

use world::World;

/// Seeds in plain `cargo test`.
const SEEDS: u64 = 1000;
/// Steps of one run.
const STEPS: usize = 600;

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
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| run(seed));
        assert!(outcome.is_ok(), "seed {seed} failed; SEED={seed} replays it");
    }
}
