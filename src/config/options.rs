//! The flags that are settings, and the environment variable that each of them has beside it.

use super::{draft, global};
use crate::placement::{self, Scheme};
use getopts::Options;

/// A flag that is a setting. What it means as a key of a pool, or of the whole process, the tables
/// of the keys know.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) short: &'static str,
    pub(super) long: &'static str,
    /// How an error names the flag.
    pub(super) dashed: &'static str,
    /// Its environment variable.
    pub(super) variable: &'static str,
    /// The key that it is; empty for what a file does not have.
    pub(super) key: &'static str,
    meaning: &'static str,
    hint: &'static str,
}

macro_rules! setting {
    (
        $short:literal, $long:literal, $variable:literal, $key:literal, $hint:literal,
        $meaning:literal
    ) => {
        Setting {
            short: $short,
            long: $long,
            dashed: concat!("--", $long),
            variable: concat!("NODEPROXY_", $variable),
            key: $key,
            meaning: $meaning,
            hint: $hint,
        }
    };
}

pub(super) static CONFIG: Setting =
    setting!("c", "config", "CONFIG", "", "FILE", "the file that describes the pools, in YAML");

pub(super) static SERVERS: Setting = setting!(
    "s",
    "servers",
    "SERVERS",
    "servers",
    "SERVER,...",
    "the memcacheds: HOST:PORT, HOST:PORT:WEIGHT, [IPV6]:PORT:WEIGHT, /PATH or /PATH:WEIGHT, \
     separated by commas"
);

pub(super) static BIND: Setting = setting!(
    "b",
    "bind",
    "BIND",
    "listen",
    "ADDR",
    "the address to listen on, or the path of a unix socket; 0.0.0.0 opens it to all (127.0.0.1)"
);

pub(super) static PORT: Setting = setting!(
    "p",
    "port",
    "PORT",
    "listen",
    "PORT",
    "the port to listen on; 0 takes a free one (11111)"
);

pub(super) static PLACEMENT: Setting =
    setting!("", "placement", "PLACEMENT", "placement", "NAME", "what maps keys to memcacheds");

/// The settings of the pool whose value is a key's, as it is.
#[rustfmt::skip]
pub(super) static POOL: [Setting; 9] = [
    setting!("n", "connnum", "CONNNUM", "server_connections", "N",
        "connections to each memcached"),
    setting!("", "hash", "HASH", "hash", "NAME", "the key hash, for placements with a choice"),
    setting!("", "timeout", "TIMEOUT", "timeout", "MS",
        "milliseconds until a memcached is given up for a request"),
    setting!("", "connect-timeout", "CONNECT_TIMEOUT", "connect_timeout", "MS",
        "milliseconds until an attempt to connect is given up; or --timeout, if less"),
    setting!("", "on-error", "ON_ERROR", "on_error", "WHAT",
        "what a get that failed is answered: error or miss"),
    setting!("", "on-down", "ON_DOWN", "on_down", "WHAT",
        "the keys of a memcached that is down: error, miss, or rehash to the others"),
    setting!("", "max-value-size", "MAX_VALUE_SIZE", "max_value_size", "BYTES",
        "the longest value, such as 512k or 4m; at most 1g"),
    setting!("", "max-client-memory", "MAX_CLIENT_MEMORY", "max_client_memory", "BYTES",
        "what one client may hold"),
    setting!("", "client-connections", "CLIENT_CONNECTIONS", "client_connections", "N",
        "clients at the same time; 0 for no limit"),
];

/// The settings of the whole process, which a file need not have: the flag, or the variable, wins.
#[rustfmt::skip]
pub(super) static PROCESS: [Setting; 2] = [
    setting!("", "max-memory", "MAX_MEMORY", "max_memory", "BYTES",
        "what all clients together may hold"),
    setting!("", "log-format", "LOG_FORMAT", "log_format", "FORMAT",
        "what a line of the log looks like: text or json"),
];

/// Without a value on the command line, where it means `true`.
pub(super) static REUSEPORT: Setting =
    setting!("", "reuseport", "REUSEPORT", "reuseport", "", "share the port with other processes");

/// Without a value, and repeated, on the command line; a number as a variable.
pub(super) static VERBOSE: Setting =
    setting!("v", "verbose", "VERBOSE", "verbosity", "", "log more; twice for all");

/// The settings that describe the pool of the command line: a file has its own.
pub(super) fn of_the_pool() -> impl Iterator<Item = &'static Setting> {
    [&SERVERS, &BIND, &PORT, &PLACEMENT, &REUSEPORT].into_iter().chain(&POOL)
}

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Setting> {
    of_the_pool().chain(&PROCESS).chain([&CONFIG, &VERBOSE])
}

/// The flags as `getopts` knows them, in the order of `--help`.
pub(super) fn options() -> Options {
    let mut options = Options::new();
    options.optopt(CONFIG.short, CONFIG.long, CONFIG.meaning, CONFIG.hint);
    options.optmulti(SERVERS.short, SERVERS.long, SERVERS.meaning, SERVERS.hint);
    for setting in [&BIND, &PORT] {
        options.optopt(setting.short, setting.long, setting.meaning, setting.hint);
    }
    let placements: Vec<_> = Scheme::names().skip(1).collect();
    let placement = format!(
        "{}: {} (the default), or as another program placed them: {}",
        PLACEMENT.meaning,
        placement::DEFAULT,
        placements.join(", ")
    );
    options.optopt(PLACEMENT.short, PLACEMENT.long, &placement, PLACEMENT.hint);
    for setting in POOL.iter().chain(&PROCESS) {
        let meaning = format!("{}{}", setting.meaning, default_of(setting.key));
        options.optopt(setting.short, setting.long, &meaning, setting.hint);
    }
    options
        .optflag(REUSEPORT.short, REUSEPORT.long, REUSEPORT.meaning)
        .optflag("t", "test-conf", "check the file, or the flags, and print what they mean")
        .optflag("", "where", "print which memcached has each KEY")
        .optflagmulti(VERBOSE.short, VERBOSE.long, VERBOSE.meaning)
        .optflag("h", "help", "print this")
        .optflag("V", "version", "print the version");
    options
}

/// The default of this key in parentheses, if it has one.
fn default_of(key: &str) -> String {
    let pools = draft::KEYS.iter().map(|it| (it.name, it.default));
    let mut all = pools.chain(global::KEYS.iter().map(|it| (it.name, it.default)));
    match all.find(|it| it.0 == key) {
        Some((_, default)) if !default.is_empty() => format!(" ({default})"),
        Some(_) | None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_a_flag_and_a_variable_of_the_same_name() {
        for setting in all() {
            let name = setting.long.to_uppercase().replace('-', "_");
            assert_eq!(setting.variable, format!("NODEPROXY_{name}"));
            assert!(options().usage("").contains(setting.dashed), "{}", setting.dashed);
        }
    }
}
