//! tests
mod parsers;
mod simulation;
