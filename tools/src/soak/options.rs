//! What a soak is asked to do.

use crate::failure::{Failure, Result};
use crate::load::options::{number, optional};
use getopts::Matches;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Everything about a soak.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long it lasts, what starts and heals not counted.
    pub seconds: f64,
    /// What chance begins with.
    pub seed: u64,
    /// Memcacheds, that behind the saboteur not counted.
    pub memcacheds: usize,
    /// The program that all this is about.
    pub nodeproxy: PathBuf,
    /// The backends.
    pub memcached: PathBuf,
    /// The folder for the configuration and for logs.
    pub folder: PathBuf,
}

/// The options as getopts knows them.
pub fn grammar() -> getopts::Options {
    let mut grammar = getopts::Options::new();
    grammar
        .optopt("", "seconds", "how long it lasts (60)", "SECONDS")
        .optopt("", "seed", "what chance begins with (another each time)", "NUMBER")
        .optopt("", "memcacheds", "how many, besides one behind a saboteur (4)", "NUMBER")
        .optopt("", "nodeproxy", "its path (target/release/nodeproxy)", "PATH")
        .optopt("", "memcached", "its path (memcached)", "PATH")
        .optopt("", "folder", "for the configuration and for logs (target/soak)", "PATH")
        .optflag("h", "help", "print this");
    grammar
}

impl Options {
    /// Reads the command line.
    pub fn from_matches(found: &Matches) -> Result<Self> {
        if let Some(word) = found.free.first() {
            return Err(Failure::new(format!("{word}: expected only options; see --help")));
        }
        let path =
            |name, default: &str| PathBuf::from(found.opt_str(name).unwrap_or(default.into()));
        Ok(Self {
            seconds: number(found, "seconds", 60.0, 0.1..=1_000_000.0)?,
            seed: optional(found, "seed", 0..=u64::MAX)?.unwrap_or_else(any_seed),
            memcacheds: number(found, "memcacheds", 4, 1..=100)?,
            nodeproxy: path("nodeproxy", "target/release/nodeproxy"),
            memcached: path("memcached", "memcached"),
            folder: path("folder", "target/soak"),
        })
    }
}

fn any_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(since.subsec_nanos()) + since.as_secs() % 1000 * 1_000_000_000
}
