//! What the keys of a pool mean together.

use super::address::{Address, Listen, Server};
use super::draft::{Draft, MS, Wanted};
use super::keys::named;
use super::problems::{At, Problems, quoted};
use super::yaml::Entry;
use super::{OnDown, PoolConfig};
use crate::placement::{self, BuildError, Problem, Scheme, SchemeError};
use std::collections::HashMap;

/// The placement of a pool that names none, so that twemproxy's files work unchanged.
const TWEMPROXY: &str = "twemproxy";

/// The smallest `server_retry_timeout`, milliseconds. A server that is probed is in trouble
/// already, and more frequent probes would add to its load.
const RETRY_MS_MIN: u64 = 100;

/// A pool as it was read, and what can only be checked together with the other pools.
pub(super) struct ReadPool {
    pub(super) pool: PoolConfig,
    /// Where `listen` is written, unless it is missing.
    pub(super) listen_at: Option<At>,
    pub(super) on_down: Wanted,
    /// Where `max_client_memory` is written, unless it is the default.
    pub(super) memory_at: Option<At>,
}

/// Reads a pool. `whole` says whether all of its keys are there, or the file broke off.
pub(super) fn read(
    name: &str,
    at: At,
    entries: &[Entry],
    whole: bool,
    problems: &mut Problems,
) -> ReadPool {
    let mut draft = Draft::read(name, entries, problems);
    if whole {
        for (key, expected) in [("listen", "HOST:PORT"), ("servers", "and a list below it")] {
            if draft.at(key).is_none() {
                let name = quoted(name);
                let wrong = format!("the pool {name} has no {key}; expected {key}: {expected}");
                problems.error(at, wrong);
            }
        }
    }
    check_sharing(&draft, problems);
    check_timeouts(&mut draft, problems);
    check_memory(&mut draft, problems);
    check_servers(&draft.servers, problems);
    draft.pool.servers = draft.servers.iter().map(|(_, server)| server.clone()).collect();
    choose_placement(&mut draft, at, problems);
    check_weights(&draft, problems);
    choose_on_down(&mut draft, problems);
    draft.pool.notes = notes(&draft);
    draft.pool.origins = draft.origins();
    if let Some(at) = draft.at("auto_eject_hosts").filter(|_| draft.auto_eject_hosts) {
        draft.pool.origins.entry("on_down".into()).or_insert(at.to_string());
    }
    ReadPool {
        listen_at: draft.at("listen"),
        memory_at: draft.at("max_client_memory"),
        pool: draft.pool,
        on_down: draft.on_down,
    }
}

/// Only ports can be shared: a second process would find the path in use.
fn check_sharing(draft: &Draft, problems: &mut Problems) {
    if draft.pool.reuseport
        && let (Listen::Unix { path, .. }, Some(at)) = (&draft.pool.listen, draft.at("reuseport"))
    {
        let path = quoted(path);
        let text = format!("{path} is a unix socket, which cannot be shared; expected a port");
        problems.warning(at, named(at, "reuseport", &text));
    }
}

fn check_timeouts(draft: &mut Draft, problems: &mut Problems) {
    let timeout = draft.pool.timeout;
    match draft.at("timeout").filter(|_| draft.timeout_off) {
        None => {}
        Some(at @ At::Flag(_)) => {
            problems.error(
                at,
                format!("waiting without a timeout (0 or -1) is not supported; expected {MS}"),
            );
        }
        Some(at @ At::File { .. }) => {
            let wrong = "timeout: waiting without a timeout (0 or -1) is not supported";
            let used = format!("{timeout} ms is used instead");
            problems.warning(at, format!("{wrong}; {used}; expected {MS}"));
        }
    }
    let retry = &mut draft.pool.server_retry_timeout;
    if *retry < RETRY_MS_MIN {
        *retry = RETRY_MS_MIN;
        if let Some(at) = draft.at("server_retry_timeout") {
            let used = format!("{RETRY_MS_MIN} ms is used instead");
            let wrong = format!("server_retry_timeout: too small; {used}; expected at least that");
            problems.warning(at, wrong);
        }
    }
    if draft.at("connect_timeout").is_none() {
        draft.pool.connect_timeout = draft.pool.connect_timeout.min(timeout);
    }
}

fn check_memory(draft: &mut Draft, problems: &mut Problems) {
    let given = draft.at("max_client_memory");
    let PoolConfig { value_bytes_max: value, client_memory_max: client, .. } = &mut draft.pool;
    match given {
        None => *client = (*client).max(*value * 2),
        Some(at) if *client < *value => {
            let wrong = "this is less than max_value_size; expected at least that";
            problems.error(at, named(at, "max_client_memory", wrong));
        }
        Some(_) => {}
    }
}

/// No server twice. Two names for one address are only a warning: with twemproxy this is how one
/// machine takes over for another without moving any keys.
fn check_servers(servers: &[(At, Server)], problems: &mut Problems) {
    let mut labels: HashMap<String, At> = HashMap::new();
    let mut addresses: HashMap<Address, (At, &Server)> = HashMap::new();
    for (at, server) in servers {
        let (label, address) = (server.label(), comparable(&server.address));
        let same_address = addresses.get(&address).copied();
        let twice = |what: &str, other: At| {
            let other = match other {
                At::Flag(_) => "is already listed".into(),
                At::File { line, .. } => format!("is already on line {line}"),
            };
            format!("{} {other}; expected each server once", quoted(what))
        };
        match (labels.get(&label), same_address) {
            (Some(other), _) => problems.error(*at, twice(&label, *other)),
            (None, Some((_, other))) if server.name.is_some() || other.name.is_some() => {
                let (name, other) = (quoted(&label), quoted(other.label()));
                problems.warning(*at, format!("{name} has the same address as {other}"));
            }
            (None, Some((other, _))) => {
                problems.error(*at, twice(&server.address.to_string(), other));
            }
            (None, None) => {}
        }
        labels.entry(label).or_insert(*at);
        addresses.entry(address).or_insert((*at, server));
    }
}

fn comparable(address: &Address) -> Address {
    match address {
        Address::Tcp(endpoint) => Address::Tcp(endpoint.normal()),
        Address::Unix(_) => address.clone(),
    }
}

fn choose_placement(draft: &mut Draft, pool_at: At, problems: &mut Problems) {
    let implied = draft.placement.is_none();
    draft.pool.scheme_implied = implied;
    let name = draft.placement.as_deref().unwrap_or(TWEMPROXY);
    match Scheme::new(name, &draft.options) {
        Ok(scheme) => draft.pool.scheme = scheme,
        Err(errors) => {
            for error in errors {
                let at = draft.at(error.option).or(draft.at("placement")).unwrap_or(pool_at);
                let wrong = scheme_error(at, &error, implied, problems);
                problems.error(at, wrong);
            }
            return;
        }
    }
    let Some(servers_at) = draft.at("servers").filter(|_| !draft.servers.is_empty()) else {
        return;
    };
    let mut error = |at, wrong: &str| problems.error(at, named(at, "servers", wrong));
    match draft.pool.placement() {
        Ok(_) => {}
        Err(BuildError::NamesNeeded { nodes, pattern }) => {
            for (at, server) in nodes.iter().map(|node| &draft.servers[*node]) {
                error(*at, &name_needed(server, pattern));
            }
        }
        Err(BuildError::SameName(one, other)) => {
            let ((_, one), (at, other)) = (&draft.servers[one], &draft.servers[other]);
            // Equal labels have been reported by `check_servers`.
            if one.label() != other.label() {
                let (one, other) = (quoted(one.label()), quoted(other.label()));
                let wrong = format!("{other} and {one} have the same name for this placement");
                error(*at, &format!("{wrong}; expected another name"));
            }
        }
        Err(
            wrong @ (BuildError::NoNodes
            | BuildError::TooManyNodes
            | BuildError::NoPoints
            | BuildError::TooManyPoints),
        ) => error(servers_at, &wrong.to_string()),
    }
}

fn name_needed(server: &Server, pattern: &str) -> String {
    let server = quoted(server.label());
    format!(
        "{server} needs a name, since this placement hashes the IP address to which the old client \
         resolved the host; expected {pattern} after the weight"
    )
}

fn check_weights(draft: &Draft, problems: &mut Problems) {
    if draft.pool.scheme.honours_weights() {
        return;
    }
    if let Some((at, server)) = draft.servers.iter().find(|(_, it)| it.weight != 1) {
        let (weight, scheme) = (server.weight, &draft.pool.scheme);
        let text = format!("weight {weight} has no effect with placement {scheme}");
        problems.warning(*at, text);
    }
}

fn choose_on_down(draft: &mut Draft, problems: &mut Problems) {
    if !draft.auto_eject_hosts {
        return;
    }
    if let (Some(asked), Some(eject)) = (draft.at("on_down"), draft.at("auto_eject_hosts"))
        && !matches!(draft.on_down, Wanted::Plain(OnDown::Rehash))
    {
        let wrong = "auto_eject_hosts: true means on_down: rehash, which contradicts on_down; \
             expected one of the two";
        problems.error(asked.max(eject), wrong);
    }
    draft.on_down = Wanted::Plain(OnDown::Rehash);
}

/// What differs from twemproxy, for its users. Nothing of it is wrong.
fn notes(draft: &Draft) -> Vec<String> {
    let Draft { pool, .. } = draft;
    if !pool.scheme_implied {
        return Vec::new();
    }
    let mut notes = vec![format!(
        "keys are placed as twemproxy does, since the pool has no placement; for a new pool, \
         placement: {} spreads them better",
        placement::DEFAULT
    )];
    if draft.at("timeout").is_none() {
        let timeout = pool.timeout;
        let note = format!("timeout is {timeout} ms by default; twemproxy has none by default");
        notes.push(note);
    }
    if pool.client_connections > 0 {
        let limit = pool.client_connections;
        notes.push(format!("client_connections: {limit} is a limit here; twemproxy ignores it"));
    }
    if draft.auto_eject_hosts {
        let note = "auto_eject_hosts: a server comes back when it answers a probe, not when \
             server_retry_timeout has passed";
        notes.push(note.into());
    }
    notes
}

/// The error of a placement, with a suggestion if the value looks like a typing error.
fn scheme_error(at: At, error: &SchemeError, implied: bool, problems: &Problems) -> String {
    let option = error.option;
    let without = match at {
        At::Flag(flag) => format!("another --placement, or no {flag}"),
        At::File { .. } => "a pool without this key".into(),
    };
    let text = match &error.problem {
        Problem::Unknown { value, known } => {
            let near = problems.suggestion(value, known.iter().copied());
            format!("{} is unknown; expected one of {}{near}", quoted(value), known.join(", "))
        }
        Problem::NotTaken(scheme) if implied => format!(
            "placement {scheme} (the one of a pool that names none) has no option {option}; \
             expected another placement, or a pool without this key"
        ),
        Problem::NotTaken(scheme) => {
            format!("placement {scheme} has no option {option}; expected {without}")
        }
        Problem::Malformed(form) => format!("the value is malformed; expected {form}"),
    };
    named(at, option, &text)
}
