//! The load generator: `load [options] host:port`. Ends with 1 when any reply was wrong, with 2
//! when it could not run.

use std::io::{self, Write};
use std::process::ExitCode;
use tools::failure::{Failure, Result};
use tools::load::{self, Options, options};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("load: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Whether every reply was right.
fn run() -> Result<bool> {
    let grammar = options::grammar();
    let found = grammar
        .parse(std::env::args().skip(1))
        .map_err(|error| Failure::new(format!("{error}; see --help")))?;
    if found.opt_present("help") {
        print(
            &grammar.usage(
                "load [options] ADDRESS: asks a memcache server, checks and times every reply",
            ),
        );
        return Ok(true);
    }
    let report = load::run(&Options::from_matches(&found)?)?;
    if found.opt_present("json") {
        let text = serde_json::to_string_pretty(&report);
        print(&(text.map_err(|error| Failure::new(error.to_string()))? + "\n"));
    } else {
        print(&report.to_string());
    }
    Ok(report.is_right())
}

/// Whoever closed the pipe does not want the rest.
fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}
