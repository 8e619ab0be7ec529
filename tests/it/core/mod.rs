//! The program's parts without a network, the simulation, and what holds for the source itself.

mod allocations;
mod harness_itself;
mod parsers;
mod simulation;
mod tidy;
