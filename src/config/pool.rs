//! What the keys of a pool mean together.

use super::address::{Address, Server};
use super::draft::{Draft, MS, Wanted};
use super::keys::named;
use super::problems::{At, Problems, quoted};
use super::yaml::Entry;
use super::{OnDown, PoolConfig};
use crate::placement::{self, BuildError, Problem, Scheme, SchemeError};
use std::collections::HashMap;

/// What twemproxy's pools are placed by, and those that name no placement.
const TWEMPROXY: &str = "twemproxy";

/// Milliseconds of `server_retry_timeout`, at least: what is there to be probed is in trouble.
const RETRY_MS_MIN: u64 = 100;

/// A pool as it was read, and what has to be seen together with the other pools.
pub(super) struct ReadPool {
    pub(super) pool: PoolConfig,
    /// Where it is written what it listens on, unless that is missing.
    pub(super) listen_at: Option<At>,
    pub(super) on_down: Wanted,
    /// Where `max_client_memory` is written, or the pool.
    pub(super) memory_at: At,
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
    check_timeouts(&mut draft, problems);
    check_memory(&mut draft, problems);
    check_servers(&draft.servers, problems);
    draft.pool.servers = draft.servers.iter().map(|(_, server)| server.clone()).collect();
    choose_placement(&mut draft, at, problems);
    check_weights(&draft, problems);
    choose_on_down(&mut draft, problems);
    draft.pool.notes = notes(&draft);
    ReadPool {
        listen_at: draft.at("listen"),
        memory_at: draft.at("max_client_memory").unwrap_or(at),
        pool: draft.pool,
        on_down: draft.on_down,
    }
}

fn check_timeouts(draft: &mut Draft, problems: &mut Problems) {
    let timeout = draft.pool.timeout;
    match draft.at("timeout").filter(|_| draft.timeout_off) {
        None => {}
        Some(at @ At::Flag(_)) => {
            problems.error(at, format!("to wait for ever is not possible; expected {MS}"));
        }
        Some(at @ At::File { .. }) => {
            let wrong = "timeout: to wait for ever is not possible here";
            problems.warning(at, format!("{wrong}, so it is {timeout} ms; expected {MS}"));
        }
    }
    let retry = &mut draft.pool.server_retry_timeout;
    if *retry < RETRY_MS_MIN {
        *retry = RETRY_MS_MIN;
        if let Some(at) = draft.at("server_retry_timeout") {
            let wrong = "server_retry_timeout: probes do not come as often";
            let text = format!("{wrong}, so it is {RETRY_MS_MIN} ms; expected no less");
            problems.warning(at, text);
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
            let wrong = "this is less than max_value_size; expected room for one value";
            problems.error(at, named(at, "max_client_memory", wrong));
        }
        Some(_) => {}
    }
}

/// No server twice. The same address under another name is what twemproxy's users do to let one
/// machine stand in for another while the keys stay where they are.
fn check_servers(servers: &[(At, Server)], problems: &mut Problems) {
    let mut labels: HashMap<String, At> = HashMap::new();
    let mut addresses: HashMap<Address, (At, &Server)> = HashMap::new();
    for (at, server) in servers {
        let (label, address) = (server.label(), comparable(&server.address));
        let same_address = addresses.get(&address).copied();
        let twice = |what: &str, other: At| {
            let other = match other {
                At::Flag(_) => "is listed already".into(),
                At::File { line, .. } => format!("is on line {line} already"),
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
            // Otherwise it has been told.
            if one.label() != other.label() {
                let (one, other) = (quoted(one.label()), quoted(other.label()));
                let wrong = format!("{other} has the same name as {one} when keys are placed");
                error(*at, &format!("{wrong}; expected another"));
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
        "{server} needs the name that the old client gave it, since this placement hashes the \
         address that the host's name had when that client started; expected {pattern} after the \
         weight"
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
        let wrong = "auto_eject_hosts: true means on_down: rehash, but on_down is something else; \
             expected one of the two";
        problems.error(asked.max(eject), wrong);
    }
    draft.on_down = Wanted::Plain(OnDown::Rehash);
}

/// What is not wrong, and good to know for those who come from twemproxy.
fn notes(draft: &Draft) -> Vec<String> {
    let Draft { pool, .. } = draft;
    if !pool.scheme_implied {
        return Vec::new();
    }
    let mut notes = vec![format!(
        "keys are placed as by twemproxy, since the pool names no placement; for a new pool, \
         placement: {} spreads them better",
        placement::DEFAULT
    )];
    if draft.at("timeout").is_none() {
        let timeout = pool.timeout;
        let note =
            format!("without timeout twemproxy waits for ever; nodeproxy waits {timeout} ms");
        notes.push(note);
    }
    if pool.client_connections > 0 {
        let limit = pool.client_connections;
        notes.push(format!("client_connections: {limit} is a limit here; twemproxy ignores it"));
    }
    if draft.auto_eject_hosts {
        let note = "auto_eject_hosts: an answered probe brings a server back, not the mere passing \
             of server_retry_timeout";
        notes.push(note.into());
    }
    notes
}

/// The error of a placement, with what might have been meant.
fn scheme_error(at: At, error: &SchemeError, implied: bool, problems: &Problems) -> String {
    let option = error.option;
    let text = match &error.problem {
        Problem::Unknown { value, known } => {
            let near = problems.suggestion(value, known.iter().copied());
            format!("{} is unknown; expected one of {}{near}", quoted(value), known.join(", "))
        }
        Problem::NotTaken(scheme) if implied => format!(
            "a pool without placement has {scheme}'s, which takes no {option}; expected a \
             placement that does, or no {option}"
        ),
        Problem::NotTaken(scheme) => {
            format!("placement {scheme} takes no {option}; expected no such key")
        }
        Problem::Malformed(form) => format!("this has another form; expected {form}"),
    };
    named(at, option, &text)
}
