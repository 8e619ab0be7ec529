//! Configurations and what becomes of them.

mod documented;
mod environment;
mod errors;
mod flags;
mod hostile;
mod meaning;

use super::{Config, PoolConfig, file};

/// A file of this text.
#[track_caller]
fn config(text: &str) -> Config {
    file::parse("f", text.as_bytes()).unwrap_or_else(|errors| panic!("{}", errors.join("\n")))
}

/// The only pool of a file.
#[track_caller]
fn pool(text: &str) -> PoolConfig {
    let mut pools = config(text).pools;
    assert_eq!(pools.len(), 1);
    pools.remove(0)
}

/// A pool with these lines beside what each needs.
fn with(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    format!("a:\n  listen: l:1\n  servers: [s:1]\n{lines}")
}
