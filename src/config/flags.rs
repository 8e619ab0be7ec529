//! The command line.

use super::endpoint::{self, Endpoint};
use super::{
    Config, LINKS, LINKS_MAX, OnError, PoolConfig, SERVER_FAILURE_LIMIT, TIMEOUT_MS,
    TIMEOUT_MS_MAX, VALUE_BYTES_LIMIT, VALUE_BYTES_MAX,
};
use getopts::{Matches, Options};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// To run.
    Run(Config),
    /// To print this and exit.
    Print(String),
}

/// Reads the arguments that follow the program's name. The error is one line.
pub fn parse(arguments: &[String]) -> Result<Command, String> {
    let options = options();
    let matches = options.parse(arguments).map_err(|error| match error {
        getopts::Fail::UnrecognizedOption(flag) => format!("unknown flag {}", dashed(&flag)),
        getopts::Fail::ArgumentMissing(flag) => format!("{} needs a value", dashed(&flag)),
        getopts::Fail::OptionDuplicated(flag) => format!("{} is given twice", dashed(&flag)),
        other @ (getopts::Fail::OptionMissing(_) | getopts::Fail::UnexpectedArgument(_)) => {
            other.to_string()
        }
    })?;
    if matches.opt_present("help") {
        return Ok(Command::Print(options.usage(BRIEF)));
    }
    if matches.opt_present("version") {
        return Ok(Command::Print(concat!("nodeproxy ", env!("CARGO_PKG_VERSION"), "\n").into()));
    }
    if let Some(stray) = matches.free.first() {
        return Err(format!("\"{stray}\" is not a flag; expected -s HOST:PORT[,HOST:PORT...]"));
    }
    let pools = vec![pool(&matches)?];
    Ok(Command::Run(Config { pools, verbosity: matches.opt_count("verbose") }))
}

const BRIEF: &str = "nodeproxy: one memcache address in front of many memcacheds

Usage: nodeproxy -s HOST:PORT[,HOST:PORT...] [flags]";

fn options() -> Options {
    let mut options = Options::new();
    options
        .optmulti("s", "servers", "the memcacheds, separated by commas", "HOST:PORT,...")
        .optopt(
            "b",
            "bind",
            "the address to listen on; 0.0.0.0 opens it to all (127.0.0.1)",
            "ADDR",
        )
        .optopt("p", "port", "the port to listen on; 0 takes a free one (11111)", "PORT")
        .optopt("n", "connnum", "connections to each memcached (1)", "N")
        .optopt(
            "",
            "timeout",
            "milliseconds until a memcached is given up for a request (1000)",
            "MS",
        )
        .optopt("", "on-error", "what a get that failed is answered: error or miss (error)", "WHAT")
        .optopt(
            "",
            "max-value-size",
            "the longest value, as in 512k or 4m; at most 1g (1m)",
            "BYTES",
        )
        .optflagmulti("v", "verbose", "log more; twice for all")
        .optflag("h", "help", "print this")
        .optflag("V", "version", "print the version");
    options
}

fn pool(matches: &Matches) -> Result<PoolConfig, String> {
    let bind = matches.opt_str("bind").unwrap_or_else(|| "127.0.0.1".into());
    if bind.is_empty() || bind.chars().any(char::is_whitespace) {
        return Err(format!("--bind: {bind:?} is no address; expected one as in 127.0.0.1"));
    }
    let port = match matches.opt_str("port") {
        None => 11111,
        Some(text) => endpoint::parse_port(&text)
            .ok_or_else(|| format!("--port: \"{text}\" is no port; expected 0 to 65535"))?,
    };
    let timeout = number(matches, "timeout", TIMEOUT_MS, 1..=TIMEOUT_MS_MAX)?;
    Ok(PoolConfig {
        listen: Endpoint { host: bind.trim_matches(['[', ']']).into(), port },
        servers: servers(matches)?,
        links: number(matches, "connnum", LINKS, 1..=LINKS_MAX)?,
        timeout,
        connect_timeout: timeout,
        server_failure_limit: SERVER_FAILURE_LIMIT,
        value_bytes_max: value_size(matches)?,
        on_error: on_error(matches)?,
    })
}

fn servers(matches: &Matches) -> Result<Vec<Endpoint>, String> {
    let mut servers = Vec::new();
    for text in matches.opt_strs("servers").iter().flat_map(|list| list.split(',')) {
        let server = Endpoint::parse(text).map_err(|error| format!("--servers: {error}"))?;
        if servers.contains(&server) {
            return Err(format!("--servers: {server} is listed twice"));
        }
        servers.push(server);
    }
    if servers.is_empty() {
        return Err("--servers is missing; expected -s HOST:PORT[,HOST:PORT...]".into());
    }
    Ok(servers)
}

fn on_error(matches: &Matches) -> Result<OnError, String> {
    match matches.opt_str("on-error").as_deref() {
        None | Some("error") => Ok(OnError::Error),
        Some("miss") => Ok(OnError::Miss),
        Some(other) => Err(format!("--on-error: \"{other}\" is neither error nor miss")),
    }
}

fn value_size(matches: &Matches) -> Result<usize, String> {
    let Some(text) = matches.opt_str("max-value-size") else {
        return Ok(VALUE_BYTES_MAX);
    };
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 1 << 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 1 << 30),
        _ => (text.as_str(), 1),
    };
    match digits.parse::<usize>().ok().and_then(|count| count.checked_mul(unit)) {
        Some(bytes) if (1..=VALUE_BYTES_LIMIT).contains(&bytes) => Ok(bytes),
        _ => {
            Err(format!("--max-value-size: \"{text}\" is no size from 1 to 1g; expected as in 4m"))
        }
    }
}

fn number<T: FromStr + PartialOrd + Display>(
    matches: &Matches,
    flag: &str,
    default: T,
    range: RangeInclusive<T>,
) -> Result<T, String> {
    let Some(text) = matches.opt_str(flag) else {
        return Ok(default);
    };
    let (least, most) = (range.start(), range.end());
    match text.parse() {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => Err(format!("--{flag}: \"{text}\" is not a number from {least} to {most}")),
    }
}

fn dashed(flag: &str) -> String {
    let dashes = if flag.chars().count() == 1 { "-" } else { "--" };
    format!("{dashes}{flag}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(&line.split_whitespace().map(String::from).collect::<Vec<_>>())
    }

    fn run(line: &str) -> Config {
        match parsed(line) {
            Ok(Command::Run(config)) => config,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn flags_describe_one_pool() {
        let config = run("-s a:1,b:2 --servers [::1]:3 -b :: -p 0 -n 4 --timeout 250 -v -v");
        let pool = &config.pools[0];
        let servers: Vec<_> = pool.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["a:1", "b:2", "[::1]:3"]);
        assert_eq!(pool.listen, Endpoint { host: "::".into(), port: 0 });
        assert_eq!((pool.links, pool.timeout, config.verbosity), (4, 250, 2));
        assert_eq!(run("-s a:1 --on-error miss").pools[0].on_error, OnError::Miss);
        assert_eq!(run("-s a:1 --max-value-size 4m").pools[0].value_bytes_max, 4 << 20);
    }

    #[test]
    fn the_defaults_are_safe() {
        let pool = run("-sa:1").pools.remove(0);
        assert_eq!(pool.listen.to_string(), "127.0.0.1:11111");
        assert_eq!((pool.links, pool.timeout), (1, 1000));
    }

    #[test]
    fn a_wrong_flag_is_named() {
        for (line, named) in [
            ("", "--servers is missing"),
            ("-s a", "--servers: \"a\" has no port"),
            ("-s a:1,", "--servers: \"\" has no port"),
            ("-s a:1,a:1", "--servers: a:1 is listed twice"),
            ("-s a:1 -p 70000", "--port: \"70000\""),
            ("-s a:1 -p x", "--port: \"x\""),
            ("-s a:1 -n 0", "--connnum: \"0\" is not a number from 1"),
            ("-s a:1 --timeout 0", "--timeout: \"0\""),
            ("-s a:1 --timeout -5", "--timeout: \"-5\""),
            ("-s a:1 --on-error never", "--on-error: \"never\""),
            ("-s a:1 --max-value-size 2g", "--max-value-size: \"2g\""),
            ("-s a:1 --max-value-size m", "--max-value-size: \"m\""),
            ("-s a:1 -x", "unknown flag -x"),
            ("-s a:1 --placemint k", "unknown flag --placemint"),
            ("-s a:1 -p", "-p needs a value"),
            ("-s a:1 -p 1 -p 2", "--port is given twice"),
            ("-s a:1 extra", "\"extra\" is not a flag"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(named), "{line}: {error}");
            assert!(!error.contains('\n'));
        }
    }

    #[test]
    fn help_and_version_are_printed() {
        for (line, holds) in [("-h", "--servers"), ("--help", "--timeout"), ("-V", "nodeproxy ")] {
            let Ok(Command::Print(text)) = parsed(line) else { panic!("{line}") };
            assert!(text.contains(holds), "{text}");
        }
    }
}
