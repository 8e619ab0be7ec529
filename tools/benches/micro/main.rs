//! Micro benchmarks: what a parser, a ring, a hash, a placement and the whole core take, without a
//! network. `make microbench`, and `make microbench ONLY=parse` for those whose path holds that
//! word. One iteration is one request, reply, key, or message.

mod buffers;
mod keys;
mod parsers;
mod placement;
mod proxy;

use divan::Divan;

/// So many iterations are timed together: the clock, and the first of them, weigh little then.
const SAMPLE_ITERATIONS: u32 = 1_000;
const SAMPLES: u32 = 100;

fn main() {
    Divan::default().sample_size(SAMPLE_ITERATIONS).sample_count(SAMPLES).config_with_args().main();
}
