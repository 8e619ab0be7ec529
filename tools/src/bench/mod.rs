//! The bench: nodeproxy and its peers side by side, in one run, on one machine.
//!
//! ```text
//! Options -> Stage: memcacheds, a proxy in front of them -> load, a process of its own
//!         -> Figures of each round -> Measured -> Outcome -> table, JSON, what was recorded before
//! ```
//!
//! Modules are declared from leaf to root.

pub mod pin;

pub mod workloads;

pub mod options;

pub mod figures;

pub mod results;

pub mod stage;

pub mod counts;

pub mod time;

pub use options::Options;

use crate::failure::{Result, While};
use std::fs;
use std::path::Path;

/// Does what `options` ask for, and tells `say` of it. Whether every peer answered rightly.
pub fn run(options: &Options, say: &mut impl FnMut(&str)) -> Result<bool> {
    if options.list {
        for workload in &workloads::ALL {
            say(&format!("{:<10} {}\n", workload.name, workload.about()));
        }
        return Ok(true);
    }
    if let Some(counter) = options.counter()? {
        return counts::run(options, counter, say).map(|()| true);
    }
    let results = time::run(options, say)?;
    let overview = results.overview();
    say(&format!("{overview}{}", results.legend()));
    match fs::read_to_string(&options.baseline) {
        Ok(baseline) => say(&results::compare(&overview, &baseline)),
        Err(error) => say(&format!("no baseline: {}: {error}\n", options.baseline.display())),
    }
    let json = serde_json::to_string_pretty(&results).doing(|| "results".into())? + "\n";
    write(&options.json_path(), &json, say)?;
    if options.record && results.is_right() {
        write(&options.baseline, &format!("{}\n{overview}", results.machine), say)?;
    }
    Ok(results.is_right())
}

fn write(path: &Path, text: &str, say: &mut impl FnMut(&str)) -> Result<()> {
    fs::write(path, text).doing(|| path.display().to_string())?;
    say(&format!("written: {}\n", path.display()));
    Ok(())
}
