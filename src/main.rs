//! The nodeproxy binary: flags, logger, run. The only place that exits.

use log::LevelFilter;
use nodeproxy::config::environment::Environment;
use nodeproxy::config::flags::{self, Command, Wrong};
use nodeproxy::logger;
use nodeproxy::reactor::Reactor;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// The command line was wrong.
const EXIT_USAGE: u8 = 2;
/// The proxy could not start, or could not go on.
const EXIT_FAILURE: u8 = 1;

fn main() -> ExitCode {
    let arguments: Result<Vec<_>, _> =
        std::env::args_os().skip(1).map(OsString::into_string).collect();
    let arguments = match arguments {
        Ok(arguments) => arguments,
        // A lossy conversion would look up another key, and --where would name the wrong server.
        Err(wrong) => {
            let expected = "expected UTF-8; for a key with other bytes ask a running nodeproxy: \
                            stats route KEY";
            return fail(EXIT_USAGE, &format!("{wrong:?} is not UTF-8; {expected}"));
        }
    };
    let environment = match Environment::read(std::env::vars_os()) {
        Ok(environment) => environment,
        Err(wrong) => return fail(EXIT_USAGE, &wrong),
    };
    let config = match flags::parse(&arguments, &environment) {
        Ok(Command::Run(config)) => config,
        Ok(Command::Print(text)) => return print(&text),
        Err(Wrong::Usage(wrong)) => {
            return fail(EXIT_USAGE, &format!("{wrong} (nodeproxy --help tells more)"));
        }
        Err(Wrong::Config(lines)) => return fail_at(&lines),
    };
    let level = match config.verbosity {
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    if let Err(error) = logger::start(level, config.log_format) {
        return fail(EXIT_FAILURE, &error.to_string());
    }
    let ended = Reactor::new(&config)
        .map_err(|error| error.0)
        .and_then(|mut reactor| reactor.run().map_err(|error| error.to_string()));
    log::logger().flush();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(EXIT_FAILURE, &why),
    }
}

/// Writes to standard output. A pipe that was closed is an exit code, not a panic.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(EXIT_FAILURE),
    }
}

/// Prints errors that begin with FILE:LINE:COLUMN. Editors parse that, so there is no prefix.
fn fail_at(lines: &[String]) -> ExitCode {
    let _ = writeln!(
        std::io::stderr(),
        "{}",
        lines.iter().map(|line| logger::fatal(line)).collect::<Vec<_>>().join("\n")
    );
    ExitCode::from(EXIT_FAILURE)
}

fn fail(code: u8, why: &str) -> ExitCode {
    // When standard error is closed too, there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "{}", logger::fatal(&format!("nodeproxy: {why}")));
    ExitCode::from(code)
}
