//! The command line.

use crate::config::address::Server;
use crate::config::environment::Environment;
use crate::config::flags::{Command, Wrong, parse};
use crate::config::{Config, OnDown, OnError, Source};
use crate::logger::Format;

fn parsed(line: &str) -> Result<Command, Wrong> {
    parse(&line.split_whitespace().map(String::from).collect::<Vec<_>>(), &Environment::default())
}

#[track_caller]
fn run(line: &str) -> Config {
    match parsed(line) {
        Ok(Command::Run(config)) => config,
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn printed(line: &str) -> String {
    match parsed(line) {
        Ok(Command::Print(text)) => text,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn flags_describe_one_pool() {
    let config = run("-s a:1,b:2:7 --servers [::1]:3,/run/m:4 -s ::1:5 -b :: -p 0 -n 4 -v -v");
    assert_eq!((config.source, config.verbosity, config.pools.len()), (Source::Flags, 2, 1));
    let pool = &config.pools[0];
    let servers: Vec<_> = pool.servers.iter().map(Server::label).collect();
    assert_eq!(servers, ["a:1", "b:2", "[::1]:3", "/run/m", "[::1]:5"]);
    assert_eq!(pool.servers.iter().map(|it| it.weight).collect::<Vec<_>>(), [1, 7, 1, 4, 1]);
    assert_eq!((pool.listen.to_string().as_str(), pool.links), ("[::]:0", 4));
    assert_eq!((pool.scheme.to_string().as_str(), pool.scheme_implied), ("ketama", false));
}

#[test]
fn each_flag_sets_its_key() {
    let pool = |line: &str| run(&format!("-s a:1 {line}")).pools.remove(0);
    assert_eq!(pool("--timeout 250").timeout, 250);
    assert_eq!(pool("--connect-timeout 90").connect_timeout, 90);
    assert_eq!(pool("--on-error miss").on_error, OnError::Miss);
    assert_eq!(pool("--on-down rehash").on_down, OnDown::Rehash);
    assert_eq!(pool("--max-value-size 4m").value_bytes_max, 4 << 20);
    assert_eq!(pool("--max-client-memory 9m").client_memory_max, 9 << 20);
    assert_eq!(pool("--client-connections 8").client_connections, 8);
    assert!(pool("--reuseport").reuseport);
    assert_eq!(run("-s a:1 --max-memory 1g").memory_max, 1 << 30);
    assert_eq!(run("-s a:1 --log-format json").log_format, Format::Json);
    let placement = "--placement libmemcached-modula --hash md5";
    assert_eq!(pool(placement).scheme.to_string(), "libmemcached-modula, hash: md5");
    assert_eq!(pool("-b /run/n.sock").listen.to_string(), "/run/n.sock");
    assert_eq!(pool("-b [::1]").listen.to_string(), "[::1]:11111");
}

#[test]
fn the_defaults_are_safe() {
    let config = run("-sa:1");
    let pool = &config.pools[0];
    assert_eq!(pool.listen.to_string(), "127.0.0.1:11111");
    assert_eq!((pool.links, pool.timeout, pool.connect_timeout), (1, 1000, 1000));
    assert_eq!((pool.on_down, pool.on_error), (OnDown::Error, OnError::Error));
    assert_eq!((config.memory_max, pool.client_memory_max), (512 << 20, 4 << 20));
}

/// It is wrong, and one line begins with this.
#[track_caller]
fn refused(line: &str, beginning: &str) {
    match parsed(line) {
        Err(Wrong::Usage(text)) => {
            assert!(text.starts_with(beginning), "{line}: {text}");
            assert!(!text.contains('\n'));
        }
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn a_wrong_flag_is_named() {
    for (line, named) in [
        ("", "--servers is missing; expected -s HOST:PORT"),
        ("-s a", "--servers: \"a\" has no port; expected HOST:PORT or /PATH"),
        ("-s a:1,", "--servers: \"\" is not a server"),
        ("-s a:1,a:1", "--servers: \"a:1\" is already listed; expected each server once"),
        ("-s a:1:0", "--servers: weight 0 would leave the server without keys"),
        ("-s a:70000", "--servers: port \"70000\" is not a number from 1 to 65535"),
        ("-s a:1 -p 70000", "--port: \"70000\" is not a port; expected 0 to 65535"),
        ("-s a:1 -p x", "--port: \"x\" is not a port"),
        ("-s a:1 -b a,b", "--bind: the host \"a,b\" contains ','"),
        (
            "-s a:1 -b 127.0.0.1:22099",
            "--bind: \"127.0.0.1:22099\" has a port; expected --bind 127.0.0.1 --port 22099",
        ),
        (
            "-s a:1 -b [::1]:80 -p 0",
            "--bind: \"[::1]:80\" has a port; expected --bind [::1] --port 80",
        ),
        ("-s a:1 -b a:b:c", "--bind: \"a:b:c\" is not an IPv6 address; expected an address"),
        ("-s a:1 -b *", "--bind: \"*\" is not an address; 0.0.0.0 is every IPv4 address"),
        ("-s *:1", "--servers: the host \"*\" contains '*'; expected HOST:PORT or /PATH"),
        ("-s a:1 -b /run/n -p 1", "--port cannot be used with the path of a socket"),
        ("-s a:1 -x", "unknown flag -x"),
        ("-s a:1 --placemint k", "unknown flag --placemint"),
        ("-s a:1 -p", "-p needs a value"),
        ("-s a:1 -p 1 -p 2", "--port is given twice"),
        ("-s a:1 extra", "\"extra\" is not a flag"),
        ("-c f -p 1", "--port cannot be used with --config"),
        ("-c f -s a:1", "--servers cannot be used with --config"),
        ("-c f --max-memory 1", "--max-memory: \"1\" is out of range"),
        ("-c f --reuseport", "--reuseport cannot be used with --config"),
        ("-s a:1 --where", "--where needs a key"),
        ("-s a:1 --where -t k", "--where and --test-conf cannot be used together"),
    ] {
        refused(line, named);
    }
}

#[test]
fn a_wrong_value_is_named_with_its_flag() {
    for (line, named) in [
        ("-s a:1 -n 0", "--connnum: \"0\" is out of range; expected a number from 1 to 1000"),
        ("-s a:1 --timeout 0", "--timeout: waiting without a timeout (0 or -1) is not supported"),
        ("-s a:1 --timeout -5", "--timeout: \"-5\" is not a number"),
        ("-s a:1 --on-error never", "--on-error: \"never\" is unknown; expected error or miss"),
        (
            "-s a:1 --on-down gutter",
            "--on-down: a gutter is another pool, which only a file has (--config); expected \
             error, miss or rehash",
        ),
        ("-s a:1 --on-down gutter:b", "--on-down: a gutter is another pool, which only a file"),
        (
            "-s a:1 --on-down never",
            "--on-down: \"never\" is unknown; expected error, miss or rehash",
        ),
        ("-s a:1 --max-value-size 2g", "--max-value-size: \"2g\" is out of range"),
        ("-s a:1 --max-value-size m", "--max-value-size: \"m\" is not a size"),
        ("-s a:1 --log-format xml", "--log-format: \"xml\" is unknown; expected text or json"),
        ("-s a:1 --max-memory 1", "--max-memory: \"1\" is out of range"),
        (
            "-s a:1 --max-memory 1m",
            "--max-memory: 1m is less than one client may hold, 4m; expected at least 4m, or a \
             smaller --max-client-memory",
        ),
        (
            "-s a:1 --max-memory 1m --max-client-memory 2m",
            "--max-client-memory: 2m is more than --max-memory, 1m; expected at most that",
        ),
        ("-s a:1 --placement ketma", "--placement: \"ketma\" is unknown; expected one of ketama,"),
        (
            "-s a:1 --hash md5",
            "--hash: placement ketama has no option hash; expected another --placement, or no \
             --hash",
        ),
    ] {
        refused(line, named);
    }
}

fn parsed_servers(list: &str) -> Result<Command, Wrong> {
    parse(&["-s".into(), list.into()], &Environment::default())
}

#[test]
fn a_space_where_a_comma_was_meant_is_an_error() {
    for (list, shown, meant) in [
        ("a:1 b:2", "a:1 b:2", "a:1,b:2"),
        ("c:1,a:1:5 [::1]:2:3,d:1", "a:1:5 [::1]:2:3", "a:1:5,[::1]:2:3"),
        ("a:1\t/run/m", "a:1\\t/run/m", "a:1,/run/m"),
        ("a:1 b:2 c:3", "a:1 b:2 c:3", "a:1,b:2"),
    ] {
        let expected = format!(
            "--servers: \"{shown}\" has a space between two addresses; expected a comma, as in \
             \"{meant}\""
        );
        assert_eq!(parsed_servers(list), Err(Wrong::Usage(expected)));
    }
    let Ok(Command::Run(config)) = parsed_servers("a:1 one, b:1") else { panic!("a name") };
    let labels: Vec<_> = config.pools[0].servers.iter().map(Server::label).collect();
    assert_eq!(labels, ["one", "b:1"]);
}

#[test]
fn a_key_that_cannot_be_is_no_question() {
    let long = "k".repeat(251);
    for key in ["", "a b", "a\tb", &long] {
        let arguments = ["-s", "a:1", "--where", key].map(String::from);
        assert!(
            matches!(parse(&arguments, &Environment::default()), Err(Wrong::Usage(_))),
            "{key}"
        );
    }
}

#[test]
fn with_t_a_wrong_value_is_a_wrong_configuration() {
    let expected = "--connnum: \"0\" is out of range; expected a number from 1 to 1000";
    assert_eq!(parsed("-t -s a:1 -n 0"), Err(Wrong::Config(vec![expected.into()])));
}

#[test]
fn t_tells_what_is_in_force() {
    let text = printed("-t -s a:1,b:2:3 --placement rendezvous --timeout 250");
    for line in [
        "the flags: this is a valid configuration",
        "  listen                127.0.0.1:11111",
        "  placement             rendezvous  (--placement)",
        "  timeout               250 ms  (--timeout)",
        "  servers, and the share of the keys that each gets:  (--servers)",
        "  connect_timeout       250 ms",
    ] {
        assert!(text.lines().any(|it| it == line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn where_tells_who_has_a_key() {
    let text = printed("-s /run/m:2,127.0.0.1:11213 --placement twemproxy --where foo bar");
    let lines: Vec<Vec<_>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines.len(), 2);
    for (line, (key, hash)) in lines.iter().zip([("foo", "4275688823"), ("bar", "322520602")]) {
        assert_eq!((line.len(), line[0], line[1], line[4]), (5, key, "default", hash));
        assert!(["/run/m", "127.0.0.1:11213"].contains(&line[3]));
    }
}

#[test]
fn help_and_version_are_printed() {
    let help = printed("-h");
    for holds in ["--servers", "--where", "libmemcached-modula", "(1000)", "(512m)"] {
        assert!(help.contains(holds), "{help}");
    }
    assert!(help.lines().all(|line| line.len() <= 100), "{help}");
    assert_eq!(printed("--help"), help);
    assert!(printed("-V").starts_with("nodeproxy "));
}
