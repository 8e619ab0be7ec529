//! A file: pools by their names, and the section `global` for the whole process.

use super::draft::{self, Wanted};
use super::global::Global;
use super::keys;
use super::listens;
use super::pool::{self, ReadPool};
use super::problems::{At, Problems, quoted};
use super::units::show_size;
use super::yaml::{self, Entry, Node, Tree, Value};
use super::{Config, OnDown, Source};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};

/// Bytes of a file, at most.
const FILE_BYTES_MAX: usize = 16 << 20;

/// The section for the whole process; all others are pools.
const GLOBAL: &str = "global";

/// Reads the file of this name. `overrides` are keys of the whole process that win over the file's.
/// The errors are a line each.
pub(super) fn load(name: &str, overrides: &[Entry]) -> Result<Config, Vec<String>> {
    let mut bytes = Vec::new();
    let limit = FILE_BYTES_MAX as u64 + 1;
    let read = |bytes: &mut Vec<u8>| File::open(name)?.take(limit).read_to_end(bytes);
    match read(&mut bytes) {
        Err(error) => Err(vec![format!("{name}: {}; expected a YAML file", reason(&error))]),
        Ok(_) if bytes.len() > FILE_BYTES_MAX => {
            let most = show_size(FILE_BYTES_MAX);
            Err(vec![format!("{name}: longer than {most}; expected a YAML file")])
        }
        Ok(_) => parse_under(name, &bytes, overrides),
    }
}

/// Without the number that the system has for it.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().into()
}

/// Reads a file's content; `name` is what errors call it.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Config, Vec<String>> {
    parse_under(name, bytes, &[])
}

fn parse_under(name: &str, bytes: &[u8], overrides: &[Entry]) -> Result<Config, Vec<String>> {
    let mut problems = Problems::new(name);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let (before, rest) = bytes.split_at(error.valid_up_to());
            let before = str::from_utf8(before).unwrap_or_default();
            let line = before.split('\n').count();
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            let byte = rest.first().copied().unwrap_or_default();
            let wrong = format!("the byte {byte:#04x} is not UTF-8; expected a file in UTF-8");
            problems.error(At::File { line, column }, wrong);
            return Err(problems.into_errors());
        }
    };
    let tree = yaml::read(text, &mut problems);
    let (mut global, pools) = sections(&tree, &mut problems);
    global.apply(overrides, in_a_pool, &mut problems);
    let source = Source::File(name.into());
    assemble(source, global, pools, tree.whole, problems)
}

/// Reads every section of a file.
fn sections(tree: &Tree, problems: &mut Problems) -> (Global, Vec<ReadPool>) {
    let mut process = Global::default();
    let mut pools = Vec::new();
    let expected = "expected POOL: with its keys indented below it";
    let entries = match &tree.root {
        Some(Node { value: Value::Map(entries), .. }) => entries.as_slice(),
        Some(_) if !tree.whole => return (process, pools),
        Some(Node { value: Value::Refused, .. }) => return (process, pools),
        Some(Node { at, .. }) => {
            problems.error(*at, format!("there is no pool; {expected}"));
            return (process, pools);
        }
        None => &[],
    };
    for Entry { at, key: name, node } in entries {
        let what = if name == GLOBAL { "the section" } else { "the pool" };
        match &node.value {
            Value::Refused => {}
            Value::Map(entries) if name == GLOBAL => {
                if entries.iter().any(|it| it.key == "listen" || it.key == "servers") {
                    let wrong = "\"global\" is the section for the whole process; expected another \
                         name for a pool";
                    problems.error(*at, wrong);
                } else {
                    process = Global::read(entries, in_a_pool, problems);
                }
            }
            Value::Map(_) if name.trim().is_empty() || name.contains(char::is_control) => {
                let wrong = format!(
                    "{} is not valid as the name of a pool; expected printable characters",
                    quoted(name)
                );
                problems.error(*at, wrong);
            }
            Value::Map(entries) => {
                pools.push(pool::read(name, *at, entries, tree.whole, problems));
            }
            Value::Nothing | Value::Text(_) | Value::List(_) => {
                let name = quoted(name);
                let wrong = format!("{what} {name} has no keys; expected KEY: VALUE below it");
                problems.error(*at, wrong);
            }
        }
    }
    let only_global = entries.iter().all(|it| it.key == GLOBAL);
    if tree.whole && only_global {
        problems.error(At::START, format!("there is no pool; {expected}"));
    }
    (process, pools)
}

fn in_a_pool(key: &str) -> Option<&'static str> {
    keys::holds(draft::KEYS, key).then_some("in a pool")
}

/// Puts the pools together, and checks them against each other. A file that is not `whole` ended in
/// a syntax error: nothing is reported as missing then.
pub(super) fn assemble(
    source: Source,
    mut global: Global,
    mut pools: Vec<ReadPool>,
    whole: bool,
    mut problems: Problems,
) -> Result<Config, Vec<String>> {
    listens::check(&pools, &mut problems);
    if whole {
        join_gutters(&mut pools, &mut problems);
    }
    check_memory(&mut global, &pools, &mut problems);
    if !problems.is_empty() {
        return Err(problems.into_errors());
    }
    Ok(Config {
        source,
        pools: pools.into_iter().map(|it| it.pool).collect(),
        verbosity: global.verbosity,
        log_format: global.log_format,
        memory_max: global.memory_max,
        origins: global.origins,
        warnings: problems.into_warnings(),
        notes: Vec::new(),
    })
}

/// Finds the gutter pools by their names.
fn join_gutters(pools: &mut [ReadPool], problems: &mut Problems) {
    let names = pools.iter().map(|it| it.pool.name.clone());
    let indexes: HashMap<String, usize> = names.zip(0..).collect();
    for of in 0..pools.len() {
        let (at, name) = match &pools[of].on_down {
            Wanted::Plain(on_down) => {
                pools[of].pool.on_down = *on_down;
                continue;
            }
            Wanted::Gutter(at, name) => (*at, name),
        };
        let shown = quoted(name);
        let wrong = match indexes.get(name) {
            None => {
                let known = pools.iter().map(|it| it.pool.name.as_str());
                let near = problems.suggestion(name, known);
                format!(
                    "there is no pool {shown}; expected the name of another pool of this file{near}"
                )
            }
            Some(index) if *index == of => {
                format!("{shown} is this pool itself; expected the name of another pool")
            }
            Some(index) if matches!(pools[*index].on_down, Wanted::Gutter(..)) => format!(
                "the pool {shown} has a gutter too, and gutters cannot be chained; expected a pool \
                 whose on_down is error, miss or rehash"
            ),
            Some(index) => {
                pools[of].pool.on_down = OnDown::Gutter(*index);
                continue;
            }
        };
        problems.error(at, keys::named(at, "on_down", &wrong));
    }
}

/// `max_memory` leaves room for at least one client of each pool.
fn check_memory(global: &mut Global, pools: &[ReadPool], problems: &mut Problems) {
    let Some(at) = global.memory_at else {
        let clients = pools.iter().map(|it| it.pool.client_memory_max.saturating_mul(2));
        global.memory_max = clients.fold(global.memory_max, usize::max);
        return;
    };
    let all = show_size(global.memory_max);
    let larger = || pools.iter().filter(|it| it.pool.client_memory_max > global.memory_max);
    for (it, at) in larger().filter_map(|it| Some((it, it.memory_at?))) {
        let client = show_size(it.pool.client_memory_max);
        let of_all = keys::shown(at, "max_memory");
        let wrong = format!("{client} is more than {of_all}, {all}; expected at most that");
        problems.error(at, keys::named(at, "max_client_memory", &wrong));
    }
    // By default a client's share depends on the values, so what is too small is what was written.
    let by_default = larger().filter(|it| it.memory_at.is_none());
    if let Some(most) = by_default.map(|it| it.pool.client_memory_max).max() {
        let client = show_size(most);
        let of_one = keys::shown(at, "max_client_memory");
        let wrong = format!(
            "{all} is less than one client may hold, {client}; expected at least {client}, or a \
             smaller {of_one}"
        );
        problems.error(at, keys::named(at, "max_memory", &wrong));
    }
}
