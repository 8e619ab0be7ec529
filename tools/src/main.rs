//! `tools load`, `tools relay` and `tools bench`; each tells with `--help` what it takes. Ends with
//! 1 when something was found to be wrong, with 2 when it could not run.

use argh::FromArgs;
use std::io::{self, Write};
use std::process::ExitCode;
use tools::failure::Result;
use tools::{bench, load, relay};

/// What measures nodeproxy.
#[derive(FromArgs)]
struct Arguments {
    #[argh(subcommand)]
    tool: Tool,
}

#[derive(FromArgs)]
#[argh(subcommand)]
enum Tool {
    Load(load::Options),
    Relay(relay::Options),
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match Arguments::from_args(&["tools"], &words) {
        Ok(Arguments { tool: Tool::Load(options) }) => load(&options),
        Ok(Arguments { tool: Tool::Relay(options) }) => relay::run(&options).map(|()| true),
        Ok(Arguments { tool: Tool::Bench(options) }) => bench::run(&options, &mut print),
        Err(early) if early.status.is_ok() => {
            print(&early.output);
            Ok(true)
        }
        Err(early) => {
            eprintln!("{}", early.output.trim_end());
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("tools: {failure}");
            ExitCode::from(2)
        }
    }
}

fn load(options: &load::Options) -> Result<bool> {
    let report = load::run(options)?;
    print(&if options.json { report.to_json()? } else { report.to_string() });
    Ok(report.is_right())
}

/// Whoever closed the pipe does not want the rest.
fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}
