//! Environment variables, beside flags and a file.

use crate::config::address::Server;
use crate::config::environment::Environment;
use crate::config::flags::{Command, Wrong, parse};
use crate::config::{Config, Source};
use std::path::PathBuf;

fn parsed(line: &str, variables: &[(&str, &str)]) -> Result<Command, Wrong> {
    let arguments: Vec<_> = line.split_whitespace().map(String::from).collect();
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    parse(&arguments, &Environment::read(variables).expect("text"))
}

#[track_caller]
fn run(line: &str, variables: &[(&str, &str)]) -> Config {
    match parsed(line, variables) {
        Ok(Command::Run(config)) => config,
        other => panic!("{line} {variables:?}: {other:?}"),
    }
}

/// A file with a pool and these lines, that goes with its test.
struct File(PathBuf);

impl File {
    fn new(name: &str, lines: &str) -> Self {
        let name = format!("nodeproxy-{name}-{}.yml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, format!("{lines}a: {{listen: l:1, servers: [s:1]}}\n"))
            .expect("space");
        Self(path)
    }

    fn name(&self) -> &str {
        self.0.to_str().expect("text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

const SERVERS: (&str, &str) = ("NODEPROXY_SERVERS", "a:1,b:2");

#[test]
fn variables_describe_the_pool_as_flags_do() {
    let config = run(
        "",
        &[
            SERVERS,
            ("NODEPROXY_BIND", "0.0.0.0"),
            ("NODEPROXY_PORT", "7"),
            ("NODEPROXY_CONNNUM", "3"),
            ("NODEPROXY_PLACEMENT", "libmemcached-modula"),
            ("NODEPROXY_HASH", "md5"),
            ("NODEPROXY_MAX_MEMORY", "1g"),
            ("NODEPROXY_REUSEPORT", "true"),
            ("NODEPROXY_VERBOSE", "2"),
        ],
    );
    assert_eq!(
        (config.source, config.verbosity, config.memory_max),
        (Source::Environment, 2, 1 << 30)
    );
    let pool = &config.pools[0];
    assert_eq!(pool.servers.iter().map(Server::label).collect::<Vec<_>>(), ["a:1", "b:2"]);
    assert_eq!((pool.listen.to_string().as_str(), pool.links), ("0.0.0.0:7", 3));
    assert_eq!(pool.scheme.to_string(), "libmemcached-modula, hash: md5");
    assert!(pool.reuseport && config.warnings.is_empty() && config.notes.is_empty());
}

#[test]
fn a_flag_wins() {
    let variables = [
        SERVERS,
        ("NODEPROXY_PORT", "7"),
        ("NODEPROXY_TIMEOUT", "9"),
        ("NODEPROXY_REUSEPORT", "false"),
        ("NODEPROXY_VERBOSE", "2"),
    ];
    let config = run("-s c:1 -s d:1 -p 8 --reuseport -v", &variables);
    let pool = &config.pools[0];
    assert_eq!(pool.servers.iter().map(Server::label).collect::<Vec<_>>(), ["c:1", "d:1"]);
    assert_eq!((pool.listen.to_string().as_str(), pool.timeout), ("127.0.0.1:8", 9));
    assert_eq!((config.source, config.verbosity, pool.reuseport), (Source::Flags, 1, true));
    let config = run("-b /run/n", &variables);
    assert_eq!(config.pools[0].listen.to_string(), "/run/n");
}

#[test]
fn what_is_wrong_is_told_of_the_variable() {
    for (line, variable, beginning) in [
        (
            "",
            ("NODEPROXY_SERVERS", "a"),
            "NODEPROXY_SERVERS: \"a\" has no port; expected HOST:PORT",
        ),
        ("-s a:1", ("NODEPROXY_TIMEOUT", "soon"), "NODEPROXY_TIMEOUT: \"soon\" is not a number"),
        ("-s a:1", ("NODEPROXY_PORT", "x"), "NODEPROXY_PORT: \"x\" is not a port"),
        ("-s a:1", ("NODEPROXY_BIND", "a,b"), "NODEPROXY_BIND: the host \"a,b\" contains ','"),
        ("-s a:1", ("NODEPROXY_HASH", "md5"), "NODEPROXY_HASH: placement ketama has no option"),
        ("-s a:1", ("NODEPROXY_REUSEPORT", "1"), "NODEPROXY_REUSEPORT: \"1\" is neither true nor"),
        ("-s a:1", ("NODEPROXY_VERBOSE", "3"), "NODEPROXY_VERBOSE: \"3\" is out of range"),
        ("-c f", ("NODEPROXY_MAX_MEMORY", "1"), "NODEPROXY_MAX_MEMORY: \"1\" is out of range"),
        (
            "--timeout 9",
            ("NODEPROXY_CONFIG", "f"),
            "--timeout cannot be used with NODEPROXY_CONFIG",
        ),
    ] {
        match parsed(line, &[variable]) {
            Err(Wrong::Usage(text)) => assert!(text.starts_with(beginning), "{line}: {text}"),
            other => panic!("{line} {variable:?}: {other:?}"),
        }
    }
}

#[test]
fn of_a_file_only_the_process_is_overridden() {
    let file = File::new("overridden", "global: {max_memory: 1g, verbosity: 1}\n");
    let variables = [
        SERVERS,
        ("NODEPROXY_BIND", "0.0.0.0"),
        ("NODEPROXY_MAX_MEMORY", "2g"),
        ("NODEPROXY_VERBOSE", "0"),
    ];
    let config = run(&format!("-c {}", file.name()), &variables);
    assert_eq!((config.memory_max, config.verbosity), (2 << 30, 0));
    assert_eq!(config.pools[0].name, "a");
    let unused =
        |name: &str| format!("{name} has no effect, since the pools are in {}", file.name());
    assert_eq!(config.notes, [unused("NODEPROXY_SERVERS"), unused("NODEPROXY_BIND")]);
    let config = run("", &[("NODEPROXY_CONFIG", file.name())]);
    assert_eq!((config.memory_max, config.verbosity), (1 << 30, 1));
    let config = run(&format!("-c {} --max-memory 3g -v -v", file.name()), &variables);
    assert_eq!((config.memory_max, config.verbosity), (3 << 30, 2));
}

#[test]
fn servers_on_the_command_line_win_over_a_file_of_the_environment() {
    let config = run("-s a:1", &[("NODEPROXY_CONFIG", "/nowhere")]);
    assert_eq!(config.source, Source::Flags);
    assert_eq!(config.notes, ["NODEPROXY_CONFIG has no effect, since --servers is given"]);
}

#[test]
fn t_tells_where_each_setting_was_written() {
    let variables = [SERVERS, ("NODEPROXY_BIND", "0.0.0.0"), ("NODEPROXY_TIMEOUT", "9")];
    let file = File::new("origins", "global: {max_memory: 1g}\n");
    let from_flags = "-t -p 7 --max-memory 2g -v";
    let from_file = format!("-t -c {}", file.name());
    for (line, row) in [
        (from_flags, "  listen                0.0.0.0:7  (NODEPROXY_BIND, --port)"),
        (from_flags, "  placement             ketama"),
        (from_flags, "  timeout               9 ms  (NODEPROXY_TIMEOUT)"),
        (from_flags, "  max_memory            2g  (--max-memory)"),
        (from_flags, "  verbosity             1  (--verbose)"),
        ("-t -b /run/n", "  listen                /run/n  (--bind)"),
        (&from_file, "  max_memory            1g  (line 1)"),
        (&from_file, "  verbosity             0"),
        (&from_file, "  listen                l:1  (line 2)"),
        (&from_file, "  timeout               1000 ms"),
    ] {
        let mut variables = variables.to_vec();
        if line == "-t -b /run/n" {
            variables.push(("NODEPROXY_PORT", "7"));
        }
        let Ok(Command::Print(text)) = parsed(line, &variables) else { panic!("{line}") };
        assert!(text.lines().any(|it| it == row), "{line}: {row:?} is not in\n{text}");
    }
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let config = run("-s a:1", &[("NODEPROXY_TIMEOUTS", "9")]);
    assert_eq!(
        config.warnings,
        ["\"NODEPROXY_TIMEOUTS\" in the environment has no effect, since there is no such \
             setting; did you mean \"NODEPROXY_TIMEOUT\"?"]
    );
}
