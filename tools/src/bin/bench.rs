//! The bench driver: `bench [options]`. Ends with 1 when a target was missed or a peer answered
//! wrongly, with 2 when it could not run, and leaves no process behind.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use tools::bench::options::{self, Mode, Options};
use tools::bench::results::Results;
use tools::bench::{chart, counts, time, workloads};
use tools::failure::{Failure, Result, While};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Whether all is well.
fn run() -> Result<bool> {
    let grammar = options::grammar();
    let found = grammar
        .parse(std::env::args().skip(1))
        .map_err(|error| Failure::new(format!("{error}; see --help")))?;
    if found.opt_present("help") {
        print(
            &grammar.usage("bench [options]: nodeproxy, its peers and its targets, side by side"),
        );
        return Ok(true);
    }
    if found.opt_present("list") {
        for workload in &workloads::ALL {
            print(&format!("{:<10} {}\n", workload.name, workload.about()));
        }
        return Ok(true);
    }
    let options = Options::from_matches(&found)?;
    if options.mode != Mode::Time {
        return counts::run(&options, &mut print);
    }
    let results = time::run(&options, &mut print)?;
    print(&results.summary());
    keep(&options, &results)?;
    Ok(results.is_all_well())
}

/// Writes the files.
fn keep(options: &Options, results: &Results) -> Result<()> {
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(results).doing(|| "results".into())?;
        write(path, &text)?;
    }
    match chart::svg(results) {
        Some(text) => write(&options.folder.join("cpu.svg"), &text),
        None => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).doing(|| path.display().to_string())?;
    print(&format!("written: {}\n", path.display()));
    Ok(())
}

/// Whoever closed the pipe does not want the rest.
fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}
