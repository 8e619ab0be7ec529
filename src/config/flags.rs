//! The command line. Its flags describe one pool, or name the file that describes several.

use super::address::Listen;
use super::draft;
use super::endpoint::Endpoint;
use super::global::{self, Global};
use super::problems::{At, Problems, quoted};
use super::yaml::{Entry, Node, Value};
use super::{Config, Source, descriptors, file, lookup, pool, summary};
use crate::placement::{self, Scheme};
use getopts::{Matches, Options};

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// To run.
    Run(Config),
    /// To print this and exit.
    Print(String),
}

/// Why there is nothing to run.
#[derive(Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The command line is wrong: one line, which names the flag.
    Usage(String),
    /// The configuration is: a line for each error.
    Config(Vec<String>),
}

/// What the pool of the command line is called.
const POOL: &str = "default";

/// A flag that is a key of a pool, or of the whole process.
struct Flag {
    short: &'static str,
    long: &'static str,
    /// How the flag is named in an error.
    dashed: &'static str,
    key: &'static str,
    meaning: &'static str,
    hint: &'static str,
}

const fn flag(
    dashed: &'static str,
    key: &'static str,
    meaning: &'static str,
    hint: &'static str,
) -> Flag {
    Flag { short: "", long: dashed.split_at(2).1, dashed, key, meaning, hint }
}

/// The flags with a value that is a key's.
#[rustfmt::skip]
const FLAGS: &[Flag] = &[
    Flag { short: "n", ..flag("--connnum", "server_connections",
        "connections to each memcached", "N") },
    flag("--hash", "hash", "the key hash, for placements with a choice", "NAME"),
    flag("--timeout", "timeout", "milliseconds until a memcached is given up for a request", "MS"),
    flag("--connect-timeout", "connect_timeout",
        "milliseconds until an attempt to connect is given up; or --timeout, if less", "MS"),
    flag("--on-error", "on_error", "what a get that failed is answered: error or miss", "WHAT"),
    flag("--on-down", "on_down",
        "the keys of a memcached that is down: error, miss, or rehash to the others", "WHAT"),
    flag("--max-value-size", "max_value_size",
        "the longest value, such as 512k or 4m; at most 1g", "BYTES"),
    flag("--max-client-memory", "max_client_memory", "what one client may hold", "BYTES"),
    flag("--client-connections", "client_connections",
        "clients at the same time; 0 for no limit", "N"),
];

/// The flag that is a key of the whole process.
const MAX_MEMORY: Flag =
    flag("--max-memory", "max_memory", "what all clients together may hold", "BYTES");

/// Reads the arguments that follow the program's name.
pub fn parse(arguments: &[String]) -> Result<Command, Wrong> {
    let options = options();
    let matches = options.parse(arguments).map_err(|error| match error {
        getopts::Fail::UnrecognizedOption(flag) => usage(format!("unknown flag {}", dashed(&flag))),
        getopts::Fail::ArgumentMissing(flag) => usage(format!("{} needs a value", dashed(&flag))),
        getopts::Fail::OptionDuplicated(flag) => usage(format!("{} is given twice", dashed(&flag))),
        other @ (getopts::Fail::OptionMissing(_) | getopts::Fail::UnexpectedArgument(_)) => {
            usage(other.to_string())
        }
    })?;
    if matches.opt_present("help") {
        return Ok(Command::Print(options.usage(&brief())));
    }
    if matches.opt_present("version") {
        return Ok(Command::Print(concat!("nodeproxy ", env!("CARGO_PKG_VERSION"), "\n").into()));
    }
    let (test, whereabouts) = (matches.opt_present("test-conf"), matches.opt_present("where"));
    match (whereabouts, matches.free.first()) {
        (true, _) if test => return Err(usage("--where and --test-conf cannot be used together")),
        (true, None) => return Err(usage("--where needs a key; expected --where KEY ...")),
        (true, Some(_)) => lookup::check(&matches.free).map_err(usage)?,
        (false, None) => {}
        (false, Some(stray)) => {
            let stray = quoted(stray);
            return Err(usage(format!(
                "{stray} is not a flag; expected -s HOST:PORT,... or -c FILE"
            )));
        }
    }
    let mut config = match matches.opt_str("config") {
        Some(name) => from_file(&name, &matches)?,
        None => from_flags(&matches, test)?,
    };
    config.verbosity = config.verbosity.max(matches.opt_count("verbose"));
    descriptors::check(&mut config, descriptors::limit())
        .map_err(|line| if test { Wrong::Config(vec![line]) } else { Wrong::Usage(line) })?;
    Ok(if test {
        Command::Print(summary::text(&config))
    } else if whereabouts {
        Command::Print(lookup::text(&config, &matches.free))
    } else {
        Command::Run(config)
    })
}

fn usage(text: impl Into<String>) -> Wrong {
    Wrong::Usage(text.into())
}

fn brief() -> String {
    "nodeproxy: one memcache address in front of many memcacheds\n\
     \n\
     Usage: nodeproxy -s HOST:PORT[,HOST:PORT...] [flags]     one pool\n       \
     nodeproxy -c FILE [-v]                            pools from a file\n       \
     nodeproxy -t (-c FILE | -s ...)                   check it, and tell what it means\n       \
     nodeproxy --where (-c FILE | -s ...) KEY ...      which memcached has the key\n\
     \n\
     --where prints for each key and pool, with tabs between them: the key, the pool, the\n\
     memcached's name, its address, and the hash of the key."
        .into()
}

fn options() -> Options {
    let mut options = Options::new();
    let placements: Vec<_> = Scheme::names().skip(1).collect();
    let placement = format!(
        "what maps keys to memcacheds: {} (the default), or as another program placed them: {}",
        placement::DEFAULT,
        placements.join(", ")
    );
    options
        .optopt("c", "config", "the file that describes the pools, in YAML", "FILE")
        .optmulti(
            "s",
            "servers",
            "the memcacheds: HOST:PORT, HOST:PORT:WEIGHT, \
             [IPV6]:PORT:WEIGHT, /PATH or /PATH:WEIGHT, separated by commas",
            "SERVER,...",
        )
        .optopt(
            "b",
            "bind",
            "the address to listen on, or the path of a unix socket; 0.0.0.0 \
             opens it to all (127.0.0.1)",
            "ADDR",
        )
        .optopt("p", "port", "the port to listen on; 0 takes a free one (11111)", "PORT")
        .optopt("", "placement", &placement, "NAME");
    for flag in FLAGS.iter().chain([&MAX_MEMORY]) {
        let pools = draft::KEYS.iter().map(|key| (key.name, key.default));
        let all = pools.chain(global::KEYS.iter().map(|key| (key.name, key.default)));
        let default = all.filter(|key| key.0 == flag.key && !key.1.is_empty()).map(|key| key.1);
        let default: String = default.map(|default| format!(" ({default})")).collect();
        let meaning = format!("{}{default}", flag.meaning);
        options.optopt(flag.short, flag.long, &meaning, flag.hint);
    }
    options
        .optflag("", "reuseport", "share the port with other processes")
        .optflag("t", "test-conf", "check the file, or the flags, and print what they mean")
        .optflag("", "where", "print which memcached has each KEY")
        .optflagmulti("v", "verbose", "log more; twice for all")
        .optflag("h", "help", "print this")
        .optflag("V", "version", "print the version");
    options
}

fn from_file(name: &str, matches: &Matches) -> Result<Config, Wrong> {
    let flags = FLAGS.iter().chain([&MAX_MEMORY]).map(|flag| flag.dashed);
    for flag in
        ["--servers", "--bind", "--port", "--placement", "--reuseport"].into_iter().chain(flags)
    {
        if matches.opt_present(flag.trim_start_matches('-')) {
            let wrong = format!("{flag} cannot be used with --config; expected it in the file");
            return Err(usage(wrong));
        }
    }
    file::load(name).map_err(Wrong::Config)
}

/// A wrong value is a usage error, except with `-t`, which reports it as it reports a file's.
fn from_flags(matches: &Matches, test: bool) -> Result<Config, Wrong> {
    let wrong = |lines: Vec<String>| match lines.into_iter().next() {
        Some(line) if !test => Wrong::Usage(line),
        line => Wrong::Config(line.into_iter().collect()),
    };
    let mut problems = Problems::new("flags");
    let mut entries = Vec::new();
    let mut add = |at: &'static str, key: &str, value: Value| {
        let at = At::Flag(at);
        entries.push(Entry { at, key: key.into(), node: Node { at, value } });
    };
    if matches.opt_present("servers") {
        let at = At::Flag("--servers");
        let lists = matches.opt_strs("servers");
        let items = lists.iter().flat_map(|list| list.split(','));
        let items = items.map(|item| Node { at, value: Value::Text(item.into()) });
        add("--servers", "servers", Value::List(items.collect()));
    } else {
        let missing = "--servers is missing; expected -s HOST:PORT[,HOST:PORT...], or -c FILE";
        return Err(wrong(vec![missing.into()]));
    }
    let (at, listen) = listen(matches).map_err(|line| wrong(vec![line]))?;
    add(at, "listen", Value::Text(listen));
    let placement = matches.opt_str("placement").unwrap_or_else(|| placement::DEFAULT.into());
    add("--placement", "placement", Value::Text(placement));
    for flag in FLAGS {
        if let Some(text) = matches.opt_str(flag.long) {
            add(flag.dashed, flag.key, Value::Text(text));
        }
    }
    if matches.opt_present("reuseport") {
        add("--reuseport", "reuseport", Value::Text("true".into()));
    }
    let at = At::Flag(MAX_MEMORY.dashed);
    let memory = matches.opt_str(MAX_MEMORY.long).map(|text| Entry {
        at,
        key: MAX_MEMORY.key.into(),
        node: Node { at, value: Value::Text(text) },
    });
    let global = Global::read(memory.as_slice(), |_| None, &mut problems);
    let pool = pool::read(POOL, At::Flag("--servers"), &entries, true, &mut problems);
    file::assemble(Source::Flags, global, vec![pool], true, problems).map_err(wrong)
}

/// The address to listen on, and the flag that it is from.
fn listen(matches: &Matches) -> Result<(&'static str, String), String> {
    let bind = matches.opt_str("bind").unwrap_or_else(|| "127.0.0.1".into());
    let port = matches.opt_str("port");
    if bind.starts_with('/') {
        return match port {
            None => Ok(("--bind", bind)),
            Some(_) => {
                Err("--port cannot be used with the path of a socket; expected --bind /PATH, or \
                 --port"
                    .into())
            }
        };
    }
    let port = port.unwrap_or_else(|| "11111".into());
    Endpoint::of("host", &port)
        .map_err(|_| format!("--port: {} is not a port; expected 0 to 65535", quoted(&port)))?;
    if let Some((host, port)) = bind.rsplit_once(':').filter(|_| Endpoint::parse(&bind).is_ok())
        && Endpoint::check_v6(&bind).is_err()
    {
        let meant = format!("expected --bind {host} --port {port}");
        return Err(format!("--bind: {} has a port; {meant}", quoted(&bind)));
    }
    Listen::of(&bind, &port)
        .map(|listen| ("--bind", listen.to_string()))
        .map_err(|wrong| format!("--bind: {wrong}; expected an address, such as 127.0.0.1"))
}

fn dashed(flag: &str) -> String {
    let dashes = if flag.chars().count() == 1 { "-" } else { "--" };
    format!("{dashes}{flag}")
}
