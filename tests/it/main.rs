//! tests
mod parsers;
mod simulation;
fn harness_placement(n: usize) -> nodeproxy::hash::Placement {
    nodeproxy::hash::Placement(n)
}
