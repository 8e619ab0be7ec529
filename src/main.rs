//! The nodeproxy binary.

fn main() {}
