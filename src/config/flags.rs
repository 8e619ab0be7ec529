//! The command line, and the environment beside it. They describe one pool, or name the file that
//! describes several.

use super::address::Listen;
use super::endpoint::Endpoint;
use super::environment::Environment;
use super::global::Global;
use super::options::{self, BIND, CONFIG, PLACEMENT, PORT, REUSEPORT, SERVERS, Setting, VERBOSE};
use super::problems::{At, Problems, quoted};
use super::yaml::{Entry, Node, Value};
use super::{Config, Origins, Source, descriptors, file, lookup, pool, summary};
use crate::placement;
use getopts::{Fail, Matches};

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

/// Reads the arguments that follow the program's name, and for what they do not say the
/// environment.
pub fn parse(arguments: &[String], environment: &Environment) -> Result<Command, Wrong> {
    let options = options::options();
    let matches = options.parse(arguments).map_err(not_understood)?;
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
    let mut config = read(&Given { matches: &matches, environment }, test)?;
    config.warnings.extend(environment.warnings.iter().cloned());
    descriptors::check(&mut config, descriptors::limit()).map_err(|line| wrong(line, test))?;
    Ok(if test {
        Command::Print(summary::text(&config))
    } else if whereabouts {
        Command::Print(lookup::text(&config, &matches.free))
    } else {
        Command::Run(config)
    })
}

fn not_understood(error: Fail) -> Wrong {
    usage(match error {
        Fail::UnrecognizedOption(flag) => format!("unknown flag {}", dashed(&flag)),
        Fail::ArgumentMissing(flag) => format!("{} needs a value", dashed(&flag)),
        Fail::OptionDuplicated(flag) => format!("{} is given twice", dashed(&flag)),
        other @ (Fail::OptionMissing(_) | Fail::UnexpectedArgument(_)) => other.to_string(),
    })
}

fn usage(text: impl Into<String>) -> Wrong {
    Wrong::Usage(text.into())
}

/// A wrong value is a usage error, except with `-t`, which reports it as it reports a file's.
fn wrong(line: String, test: bool) -> Wrong {
    if test { Wrong::Config(vec![line]) } else { Wrong::Usage(line) }
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
     memcached's name, its address, and the hash of the key.\n\
     \n\
     Each flag that is a setting can be an environment variable too, NODEPROXY_SERVERS for\n\
     --servers, NODEPROXY_MAX_MEMORY for --max-memory; a flag wins. With a file (--config or\n\
     NODEPROXY_CONFIG) those that describe the one pool have no effect."
        .into()
}

/// The command line, and the environment for what it does not say.
struct Given<'a> {
    matches: &'a Matches,
    environment: &'a Environment,
}

impl Given<'_> {
    /// What is said of this setting, and the name of the flag or the variable that says it.
    fn get(&self, setting: &Setting) -> Option<(&'static str, String)> {
        match self.matches.opt_str(setting.long) {
            Some(text) => Some((setting.dashed, text)),
            None if self.is_set(setting) => Some((setting.dashed, "true".into())),
            None => Some((setting.variable, self.environment.get(setting)?.into())),
        }
    }

    /// The lists of servers. Those of the command line replace those of the environment.
    fn servers(&self) -> Option<(&'static str, Vec<String>)> {
        match self.matches.opt_strs(SERVERS.long) {
            lists if lists.is_empty() => self.get(&SERVERS).map(|(from, list)| (from, vec![list])),
            lists => Some((SERVERS.dashed, lists)),
        }
    }

    /// The keys of the whole process.
    fn process(&self) -> Vec<Entry> {
        let settings = options::PROCESS.iter();
        let given = settings.filter_map(|it| self.get(it).map(|(from, text)| (from, it, text)));
        let mut entries: Vec<_> =
            given.map(|(from, setting, text)| entry(from, setting.key, text)).collect();
        if let Some(text) = self.environment.get(&VERBOSE).filter(|_| !self.is_set(&VERBOSE)) {
            entries.push(entry(VERBOSE.variable, VERBOSE.key, text));
        }
        entries
    }

    /// The keys of the pool that are not defaults, each with the names of what says so.
    fn origins(&self) -> Origins {
        let mut origins = Origins::new();
        for setting in options::of_the_pool() {
            let unused = setting.long == PORT.long && self.has_needless_port();
            if let Some((from, _)) = self.get(setting).filter(|_| !unused) {
                let names: &mut String = origins.entry(setting.key.into()).or_default();
                *names = if names.is_empty() { from.into() } else { format!("{names}, {from}") };
            }
        }
        origins
    }

    /// A path by a flag, and a port of the environment, which is for whoever gives no path.
    fn has_needless_port(&self) -> bool {
        let path = self.matches.opt_str(BIND.long).is_some_and(|bind| bind.starts_with('/'));
        path && !self.is_set(&PORT) && self.environment.get(&PORT).is_some()
    }

    fn is_set(&self, setting: &Setting) -> bool {
        self.matches.opt_present(setting.long)
    }
}

fn entry(from: &'static str, key: &str, text: impl Into<String>) -> Entry {
    let at = At::Flag(from);
    Entry { at, key: key.into(), node: Node { at, value: Value::Text(text.into()) } }
}

/// Reads what the file, the flags and the environment say together. The command line decides
/// whether it is a file; if it does not, the environment does.
fn read(given: &Given<'_>, test: bool) -> Result<Config, Wrong> {
    let file = given.get(&CONFIG);
    let by_flags = given.is_set(&SERVERS) && !given.is_set(&CONFIG);
    let mut config = match file {
        Some((from, name)) if !by_flags => from_file(from, &name, given, test)?,
        Some(_) | None => from_flags(given, test)?,
    };
    if by_flags && given.environment.get(&CONFIG).is_some() {
        let note = format!("{} has no effect, since --servers is given", CONFIG.variable);
        config.notes.push(note);
    }
    let verbosity = given.matches.opt_count(VERBOSE.long);
    if verbosity > config.verbosity {
        config.verbosity = verbosity;
        config.origins.insert(VERBOSE.key.into(), VERBOSE.dashed.into());
    }
    Ok(config)
}

/// A flag that describes a pool contradicts a file. A variable does not: an image, or a host, sets
/// it for whoever comes without a file.
fn from_file(from: &str, name: &str, given: &Given<'_>, test: bool) -> Result<Config, Wrong> {
    if let Some(flag) = options::of_the_pool().find(|setting| given.is_set(setting)) {
        let flag = flag.dashed;
        let wrong = format!("{flag} cannot be used with {from}; expected it in the file");
        return Err(usage(wrong));
    }
    let process = given.process();
    let mut problems = Problems::new("flags");
    Global::read(&process, |_| None, &mut problems);
    if let Some(line) = problems.into_errors().into_iter().next() {
        return Err(wrong(line, test));
    }
    let mut config = file::load(name, &process).map_err(Wrong::Config)?;
    let unused = options::of_the_pool().filter(|it| given.environment.get(it).is_some());
    config.notes.extend(
        unused.map(|it| format!("{} has no effect, since the pools are in {name}", it.variable)),
    );
    Ok(config)
}

fn from_flags(given: &Given<'_>, test: bool) -> Result<Config, Wrong> {
    let Some((servers_from, lists)) = given.servers() else {
        let missing = "--servers is missing; expected -s HOST:PORT[,HOST:PORT...], or -c FILE";
        return Err(wrong(missing.into(), test));
    };
    let at = At::Flag(servers_from);
    let items = lists.iter().flat_map(|list| list.split(','));
    let items = items.map(|item| Node { at, value: Value::Text(item.into()) });
    let servers = Node { at, value: Value::List(items.collect()) };
    let mut entries = vec![Entry { at, key: SERVERS.key.into(), node: servers }];
    let (from, address) = listen(given).map_err(|line| wrong(line, test))?;
    entries.push(entry(from, BIND.key, address));
    let default = || (PLACEMENT.dashed, placement::DEFAULT.into());
    let (from, placement) = given.get(&PLACEMENT).unwrap_or_else(default);
    entries.push(entry(from, PLACEMENT.key, placement));
    for setting in options::POOL.iter().chain([&REUSEPORT]) {
        if let Some((from, text)) = given.get(setting) {
            entries.push(entry(from, setting.key, text));
        }
    }
    let mut problems = Problems::new("flags");
    let global = Global::read(&given.process(), |_| None, &mut problems);
    let mut pool = pool::read(POOL, at, &entries, true, &mut problems);
    pool.pool.origins = given.origins();
    let source = if given.is_set(&SERVERS) { Source::Flags } else { Source::Environment };
    // The first is enough: the operator is at the prompt.
    let first = |lines: Vec<String>| wrong(lines.into_iter().next().unwrap_or_default(), test);
    let mut config = file::assemble(source, global, vec![pool], true, problems).map_err(first)?;
    if given.has_needless_port() {
        config.notes.push(format!("{} has no effect, since --bind is a path", PORT.variable));
    }
    Ok(config)
}

/// The address to listen on, and the flag or the variable that it is from.
fn listen(given: &Given<'_>) -> Result<(&'static str, String), String> {
    let (from, bind) = given.get(&BIND).unwrap_or((BIND.dashed, "127.0.0.1".into()));
    let port = given.get(&PORT);
    if bind.starts_with('/') {
        return match port {
            Some((of_port, _)) if !given.has_needless_port() => Err(format!(
                "{of_port} cannot be used with the path of a socket; expected --bind /PATH, or \
                 --port"
            )),
            Some(_) | None => Ok((from, bind)),
        };
    }
    let (of_port, port) = port.unwrap_or((PORT.dashed, "11111".into()));
    Endpoint::of("host", &port)
        .map_err(|_| format!("{of_port}: {} is not a port; expected 0 to 65535", quoted(&port)))?;
    if let Some((host, port)) = bind.rsplit_once(':').filter(|_| Endpoint::parse(&bind).is_ok())
        && Endpoint::check_v6(&bind).is_err()
    {
        let meant = format!("expected --bind {host} --port {port}");
        return Err(format!("{from}: {} has a port; {meant}", quoted(&bind)));
    }
    Listen::of(&bind, &port)
        .map(|listen| (from, listen.to_string()))
        .map_err(|wrong| format!("{from}: {wrong}; expected an address, such as 127.0.0.1"))
}

fn dashed(flag: &str) -> String {
    let dashes = if flag.chars().count() == 1 { "-" } else { "--" };
    format!("{dashes}{flag}")
}
