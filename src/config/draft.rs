//! One pool while it is read: its keys.

use super::address::{Bare, Listen, Server};
use super::endpoint::Endpoint;
use super::global;
use super::keys::{self, Key, Read, named, set};
use super::problems::{At, Problems, quoted};
use super::units::{number, size, truth};
use super::yaml::{Entry, Node, Value};
use super::{GUTTER_TTL_MAX, LINKS_MAX, OnDown, OnError, Origins, PoolConfig};
use super::{TIMEOUT_MS_MAX, VALUE_BYTES_LIMIT};
use crate::placement::{self, Scheme};
use std::collections::HashMap;

/// A pool that is being read.
pub(super) struct Draft {
    pub(super) pool: PoolConfig,
    /// The servers, each with the place where it is written.
    pub(super) servers: Vec<(At, Server)>,
    pub(super) placement: Option<String>,
    pub(super) options: placement::Options,
    pub(super) on_down: Wanted,
    pub(super) auto_eject_hosts: bool,
    /// `timeout` was given as 0 or -1, which is none in twemproxy.
    pub(super) timeout_off: bool,
    /// The keys that were given, and where their values are.
    given: HashMap<String, At>,
}

/// What `on_down` asks for.
pub(super) enum Wanted {
    Plain(OnDown),
    /// The pool of this name, written here.
    Gutter(At, String),
}

const fn text(
    name: &'static str,
    default: &'static str,
    expected: &'static str,
    read: fn(&mut Draft, &str) -> Result<(), String>,
) -> Key<Draft> {
    Key { name, default, expected, read: Read::Text(read) }
}

const fn node(
    name: &'static str,
    default: &'static str,
    expected: &'static str,
    read: fn(&mut Draft, &Node, &mut Problems),
) -> Key<Draft> {
    Key { name, default, expected, read: Read::Node(read) }
}

/// The syntax of a server in a file.
const SERVER: &str = "HOST:PORT:WEIGHT [NAME], [IPV6]:PORT:WEIGHT [NAME] or /PATH:WEIGHT [NAME]";

pub(super) const MS: &str = "milliseconds from 1 to 86400000 (a day)";
const TRUTH: &str = "true or false";
const TEXT: &str = "a text";

/// The keys of a pool.
#[rustfmt::skip]
pub(super) const KEYS: &[Key<Draft>] = &[
    text("listen", "", "HOST:PORT, or /PATH and an optional mode, such as /run/n.sock 0770",
        |it, text| set(&mut it.pool.listen, Listen::parse(text))),
    node("servers", "", "a list of HOST:PORT:WEIGHT [NAME]", servers),
    text("placement", "", "the name of a placement",
        |it, text| set(&mut it.placement, Ok(Some(text.into())))),
    text("hash", "", TEXT, |it, text| set(&mut it.options.hash, Ok(Some(text.into())))),
    text("distribution", "", TEXT,
        |it, text| set(&mut it.options.distribution, Ok(Some(text.into())))),
    text("hash_tag", "", "two characters, in quotes, such as \"{}\"",
        |it, text| set(&mut it.options.hash_tag, Ok(Some(text.into())))),
    text("hash_strip_prefix", "", TEXT,
        |it, text| set(&mut it.options.hash_strip_prefix, Ok(Some(text.into())))),
    text("salt", "", TEXT, |it, text| set(&mut it.options.salt, Ok(Some(text.into())))),
    text("seed", "", TEXT, |it, text| set(&mut it.options.seed, Ok(Some(text.into())))),
    text("filter", "", TEXT, |it, text| set(&mut it.options.filter, Ok(Some(text.into())))),
    text("filter_conf", "", TEXT,
        |it, text| set(&mut it.options.filter_conf, Ok(Some(text.into())))),
    text("omode", "", TEXT, |it, text| set(&mut it.options.omode, Ok(Some(text.into())))),
    text("points", "", "a number from 1 to 1000000",
        |it, text| set(&mut it.options.points, number(text, 1..=1_000_000).map(Some))),
    text("timeout", "1000", MS, timeout),
    text("connect_timeout", "1000", MS,
        |it, text| set(&mut it.pool.connect_timeout, milliseconds(text))),
    text("server_connections", "1", "a number from 1 to 1000",
        |it, text| set(&mut it.pool.links, number(text, 1..=LINKS_MAX))),
    text("preconnect", "false", TRUTH, |it, text| set(&mut it.pool.preconnect, truth(text))),
    // To twemproxy 0 is the same as 1.
    text("server_failure_limit", "2", "a number from 1", |it, text| {
        set(&mut it.pool.server_failure_limit, number(text, 0..=u32::MAX).map(|it| it.max(1)))
    }),
    text("server_retry_timeout", "30000", "milliseconds from 100 to 86400000 (a day)",
        |it, text| set(&mut it.pool.server_retry_timeout, number(text, 0..=TIMEOUT_MS_MAX))),
    node("on_down", "error", ON_DOWN, on_down),
    text("auto_eject_hosts", "false", TRUTH, |it, text| set(&mut it.auto_eject_hosts, truth(text))),
    text("gutter_ttl", "60", "seconds from 1 to 2592000 (30 days)",
        |it, text| set(&mut it.pool.gutter_ttl, number(text, 1..=GUTTER_TTL_MAX))),
    text("on_error", "error", "error or miss", on_error),
    text("backlog", "1024", "a number",
        |it, text| set(&mut it.pool.backlog, number(text, 0..=i32::MAX))),
    text("reuseport", "false", TRUTH, |it, text| set(&mut it.pool.reuseport, truth(text))),
    text("tcpkeepalive", "true", TRUTH, |it, text| set(&mut it.pool.tcpkeepalive, truth(text))),
    text("client_connections", "0", "a number, or 0 (no limit)",
        |it, text| set(&mut it.pool.client_connections, number(text, 0..=usize::MAX))),
    text("client_idle_timeout", "0", "milliseconds up to 86400000 (a day), or 0 (never)",
        |it, text| set(&mut it.pool.client_idle_timeout, number(text, 0..=TIMEOUT_MS_MAX))),
    text("max_value_size", "1m", "a size from 1 to 1g, such as 512k or 4m",
        |it, text| set(&mut it.pool.value_bytes_max, size(text, 1..=VALUE_BYTES_LIMIT))),
    text("max_client_memory", "4m", "a size of at least 64k, such as 16m",
        |it, text| set(&mut it.pool.client_memory_max, size(text, 1 << 16..=usize::MAX))),
    text("redis", "false", "false, or a pool without this key", not_redis),
    text("redis_auth", "", "a pool without this key", no_redis),
    text("redis_db", "", "a pool without this key", no_redis),
];

impl Draft {
    /// A pool with these keys, and the defaults of all others.
    pub(super) fn read(name: &str, entries: &[Entry], problems: &mut Problems) -> Self {
        let mut draft = Self::empty(name);
        keys::apply_defaults(KEYS, &mut draft);
        let elsewhere =
            |key: &str| keys::holds(global::KEYS, key).then_some("in the section global");
        keys::apply(KEYS, "a pool", elsewhere, entries, &mut draft, problems);
        draft.given = entries.iter().map(|it| (it.key.clone(), it.node.at)).collect();
        draft
    }

    /// The keys that were given, as `-t` tells of them.
    pub(super) fn origins(&self) -> Origins {
        self.given.iter().map(|(key, at)| (key.clone(), at.to_string())).collect()
    }

    /// Where the value of this key is, if the key was given.
    pub(super) fn at(&self, key: &str) -> Option<At> {
        self.given.get(key).copied()
    }

    /// A pool before its keys are read: no value here is a default.
    fn empty(name: &str) -> Self {
        let placement = Scheme::new(placement::DEFAULT, &placement::Options::default());
        let pool = PoolConfig {
            name: name.into(),
            listen: Listen::Tcp(Endpoint { host: String::new(), port: 0 }),
            servers: Vec::new(),
            scheme: placement.expect("our own placement needs no option"),
            scheme_implied: false,
            links: 0,
            timeout: 0,
            connect_timeout: 0,
            backlog: 0,
            reuseport: false,
            tcpkeepalive: false,
            preconnect: false,
            client_connections: 0,
            client_idle_timeout: 0,
            server_failure_limit: 0,
            server_retry_timeout: 0,
            on_down: OnDown::Error,
            gutter_ttl: 0,
            on_error: OnError::Error,
            value_bytes_max: 0,
            client_memory_max: 0,
            origins: Origins::new(),
            notes: Vec::new(),
        };
        Self {
            pool,
            servers: Vec::new(),
            placement: None,
            options: placement::Options::default(),
            on_down: Wanted::Plain(OnDown::Error),
            auto_eject_hosts: false,
            timeout_off: false,
            given: HashMap::new(),
        }
    }
}

fn milliseconds(text: &str) -> Result<u64, String> {
    number(text, 1..=TIMEOUT_MS_MAX)
}

fn timeout(draft: &mut Draft, text: &str) -> Result<(), String> {
    if text == "0" || text == "-1" {
        draft.timeout_off = true;
        return Ok(());
    }
    set(&mut draft.pool.timeout, milliseconds(text))
}

fn on_error(draft: &mut Draft, text: &str) -> Result<(), String> {
    draft.pool.on_error = match text {
        "error" => OnError::Error,
        "miss" => OnError::Miss,
        _ => return Err(format!("{} is unknown", quoted(text))),
    };
    Ok(())
}

fn not_redis(_: &mut Draft, text: &str) -> Result<(), String> {
    if truth(text)? { Err("nodeproxy speaks memcache, not redis".into()) } else { Ok(()) }
}

fn no_redis(_: &mut Draft, _: &str) -> Result<(), String> {
    Err("nodeproxy speaks memcache, not redis".into())
}

const ON_DOWN: &str = "error, miss, rehash or {gutter: POOL}";

fn on_down(draft: &mut Draft, node: &Node, problems: &mut Problems) {
    let expected = match node.at {
        At::Flag(_) => "error, miss or rehash",
        At::File { .. } => ON_DOWN,
    };
    let wanted = match &node.value {
        Value::Text(text) => on_down_text(node.at, text).map_err(|wrong| {
            let near = problems.suggestion(text, ["error", "miss", "rehash"]);
            format!("{wrong}; expected {expected}{near}")
        }),
        Value::Map(entries) => match entries.as_slice() {
            [Entry { key, node: Node { at, value: Value::Text(pool) }, .. }] if key == "gutter" => {
                Ok(Wanted::Gutter(*at, pool.clone()))
            }
            _ => Err(format!("unknown keys; expected {expected}")),
        },
        Value::List(_) => Err(format!("the value is a list; expected {expected}")),
        Value::Nothing | Value::Refused => return,
    };
    match wanted {
        Ok(wanted) => draft.on_down = wanted,
        Err(wrong) => problems.error(node.at, named(node.at, "on_down", &wrong)),
    }
}

fn on_down_text(at: At, text: &str) -> Result<Wanted, String> {
    let gutter = text.strip_prefix("gutter").filter(|it| it.is_empty() || it.starts_with(':'));
    match (text, gutter.map(|it| it.trim_start_matches(':').trim())) {
        (_, Some(_)) if matches!(at, At::Flag(_)) => {
            Err("a gutter is another pool, which only a file has (--config)".into())
        }
        ("error", _) => Ok(Wanted::Plain(OnDown::Error)),
        ("miss", _) => Ok(Wanted::Plain(OnDown::Miss)),
        ("rehash", _) => Ok(Wanted::Plain(OnDown::Rehash)),
        (_, Some("")) => Err("gutter needs the name of a pool".into()),
        (_, Some(pool)) => Ok(Wanted::Gutter(at, pool.into())),
        (_, None) => Err(format!("{} is unknown", quoted(text))),
    }
}

fn servers(draft: &mut Draft, node: &Node, problems: &mut Problems) {
    let Value::List(items) = &node.value else {
        let wrong = format!("this is not a list; expected a line \"- SERVER\" for each: {SERVER}");
        return problems.error(node.at, named(node.at, "servers", &wrong));
    };
    if items.is_empty() {
        let wrong = "the list is empty; expected at least one server";
        problems.error(node.at, named(node.at, "servers", wrong));
    }
    for Node { at, value } in items {
        let (expected, bare) = match at {
            At::Flag(_) => ("HOST:PORT or /PATH, with an optional :WEIGHT", Bare::Port),
            At::File { .. } => (SERVER, Bare::PortAndWeight),
        };
        let wrong = match value {
            Value::Text(text) => {
                if let Some(wrong) = two_in_one(*at, text) {
                    problems.error(*at, wrong);
                    continue;
                }
                match Server::parse(text, bare) {
                    Ok(server) => {
                        draft.servers.push((*at, server));
                        continue;
                    }
                    Err(wrong) => wrong,
                }
            }
            Value::Refused => continue,
            Value::Nothing => "there is nothing after the \"-\"".into(),
            Value::List(_) => "this is a list; an IPv6 address in brackets needs quotes".into(),
            Value::Map(_) => "the value has keys of its own".into(),
        };
        problems.error(*at, named(*at, "servers", &format!("{wrong}; expected {expected}")));
    }
}

/// What is wrong with `-s 'a:1 b:2'`: a comma was meant, and without one `b:2` would be the name of
/// `a:1`. A file is not asked: there each server has its own line, and an address as a name is how
/// one machine takes over for another.
fn two_in_one(at: At, text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let first = words.next().filter(|_| matches!(at, At::Flag(_)))?;
    let second = words.find(|word| Server::parse(word, Bare::Port).is_ok())?;
    let meant = quoted(format!("{first},{second}"));
    Some(format!(
        "{} has a space between two addresses; expected a comma, as in {meant}",
        quoted(text)
    ))
}
