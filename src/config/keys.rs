//! Keys: what the sections of a configuration are made of.

use super::problems::{At, Problems, quoted};
use super::yaml::{Entry, Node, Value};

/// A key that a section may have, `D` being what the section is read into.
pub(super) struct Key<D: 'static> {
    pub(super) name: &'static str,
    /// Its value when it is not given; empty where it then has none.
    pub(super) default: &'static str,
    /// What its value has to be, to end an error with.
    pub(super) expected: &'static str,
    pub(super) read: Read<D>,
}

/// How a key is read.
pub(super) enum Read<D> {
    /// From one value. The error says what is wrong with it.
    Text(fn(&mut D, &str) -> Result<(), String>),
    /// From a node of any kind. The function reports the errors itself.
    Node(fn(&mut D, &Node, &mut Problems)),
}

/// Reads the default of every key that has one.
pub(super) fn apply_defaults<D>(keys: &[Key<D>], into: &mut D) {
    let mut problems = Problems::new("");
    let entry = |key: &Key<D>| Entry {
        at: At::START,
        key: key.name.into(),
        node: Node { at: At::START, value: Value::Text(key.default.into()) },
    };
    let entries: Vec<_> = keys.iter().filter(|it| !it.default.is_empty()).map(entry).collect();
    apply(keys, "defaults", |_| None, &entries, into, &mut problems);
    debug_assert!(problems.is_empty(), "{problems:?}");
}

/// Reads the keys that are given, of this section. `elsewhere` says where else a key belongs.
pub(super) fn apply<D>(
    keys: &[Key<D>],
    section: &str,
    elsewhere: fn(&str) -> Option<&'static str>,
    entries: &[Entry],
    into: &mut D,
    problems: &mut Problems,
) {
    for Entry { at, key: name, node } in entries {
        let Some(key) = keys.iter().find(|key| key.name == *name) else {
            let expected = match elsewhere(name) {
                Some(place) => format!("it {place}"),
                None => {
                    let near = problems.suggestion(name, keys.iter().map(|key| key.name));
                    format!("a key of {section}{near}")
                }
            };
            problems.error(*at, format!("unknown key {}; expected {expected}", quoted(name)));
            continue;
        };
        let wrong = match (&key.read, &node.value) {
            (_, Value::Refused) => continue,
            (_, Value::Nothing) => "the value is missing".into(),
            (Read::Node(read), _) => {
                read(into, node, problems);
                continue;
            }
            (Read::Text(read), Value::Text(text)) => match read(into, text) {
                Ok(()) => continue,
                Err(wrong) => wrong,
            },
            (Read::Text(_), Value::List(_)) => "the value is a list".into(),
            (Read::Text(_), Value::Map(_)) => "the value has keys of its own".into(),
        };
        let wrong = format!("{wrong}; expected {}", key.expected);
        problems.error(node.at, named(node.at, key.name, &wrong));
    }
}

/// The error with the key in front, unless it is a flag's: then the flag is in front already.
pub(super) fn named(at: At, key: &str, wrong: &str) -> String {
    match at {
        At::Flag(_) => wrong.into(),
        At::File { .. } => format!("{key}: {wrong}"),
    }
}

/// What the operator calls this key where `at` is: on a command line it is a flag.
pub(super) fn shown(at: At, key: &str) -> String {
    match at {
        At::Flag(_) => format!("--{}", key.replace('_', "-")),
        At::File { .. } => key.into(),
    }
}

/// Where the value of this key is, if it is given.
pub(super) fn at(entries: &[Entry], key: &str) -> Option<At> {
    entries.iter().find(|entry| entry.key == key).map(|entry| entry.node.at)
}

/// Whether one of the keys has this name.
pub(super) fn holds<D>(keys: &[Key<D>], name: &str) -> bool {
    keys.iter().any(|key| key.name == name)
}

/// For the rows of a table: stores a value, or passes the error on.
pub(super) fn set<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}
