//! The bench driver: `bench [options]`. Ends with 1 when a target was missed or a peer answered
//! wrongly, with 2 when it could not run, and leaves no process behind.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use tools::bench::options::{self, Json, Mode, Options};
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
    let mut say: fn(&str) = if options.json == Some(Json::Output) { explain } else { print };
    if options.mode != Mode::Time {
        return counts::run(&options, &mut say);
    }
    let results = time::run(&options, &mut say)?;
    say(&results.summary());
    keep(&options, &results, say)?;
    Ok(results.is_right() && (options.quick || results.meets_all()))
}

/// Writes the files.
fn keep(options: &Options, results: &Results, say: fn(&str)) -> Result<()> {
    if let Some(json) = &options.json {
        let text = serde_json::to_string_pretty(results).doing(|| "results".into())? + "\n";
        match json {
            Json::File(path) => write(path, &text, say)?,
            Json::Output => print(&text),
        }
    }
    match chart::svg(results) {
        Some(text) => write(&options.folder.join("cpu.svg"), &text, say),
        None => Ok(()),
    }
}

fn write(path: &Path, text: &str, say: fn(&str)) -> Result<()> {
    fs::write(path, text).doing(|| path.display().to_string())?;
    say(&format!("written: {}\n", path.display()));
    Ok(())
}

/// Whoever closed the pipe does not want the rest.
fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// For people, while standard output is for programs.
fn explain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
