//! The soak: `soak [options]`. Ends with 1 when anything was wrong, with 2 when it could not run.

use std::io::{self, Write};
use std::process::ExitCode;
use tools::failure::{Failure, Result};
use tools::soak::{self, Options, options};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("soak: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Whether all was well.
fn run() -> Result<bool> {
    let grammar = options::grammar();
    let found = grammar
        .parse(std::env::args().skip(1))
        .map_err(|error| Failure::new(format!("{error}; see --help")))?;
    if found.opt_present("help") {
        print(&grammar.usage("soak [options]: load and random faults before a real nodeproxy"));
        return Ok(true);
    }
    let options = Options::from_matches(&found)?;
    let Options { seconds, seed, memcacheds, .. } = &options;
    print(&format!("soak: {seconds} s, {memcacheds} memcacheds and one sabotaged, seed {seed}\n"));
    let report = soak::run(&options)?;
    print(&report.to_string());
    Ok(report.is_well())
}

/// Whoever closed the pipe does not want the rest.
fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}
