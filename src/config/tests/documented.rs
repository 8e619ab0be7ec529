//! `etc/nodeproxy.yml` documents every key, with its true default.

use super::file;
use crate::config::problems::Problems;
use crate::config::yaml::{self, Entry, Value};
use crate::config::{draft, global};
use crate::placement::Scheme;

const FILE: &str = include_str!("../../../etc/nodeproxy.yml");

/// The keys of a section, with their texts.
fn section(name: &str) -> Vec<(String, String)> {
    let mut problems = Problems::new("f");
    let root = yaml::read(FILE, &mut problems).root.expect("something");
    let Value::Map(sections) = root.value else { panic!("no sections") };
    let section = sections.into_iter().find(|it| it.key == name).expect(name);
    let Value::Map(entries) = section.node.value else { panic!("no keys") };
    let text = |entry: Entry| match entry.node.value {
        Value::Text(text) => (entry.key, text),
        Value::Nothing | Value::List(_) | Value::Map(_) | Value::Refused => {
            (entry.key, String::new())
        }
    };
    entries.into_iter().map(text).collect()
}

#[track_caller]
fn check(section: &[(String, String)], name: &str, default: &str) {
    let shown = section.iter().find(|it| it.0 == name).map(|it| it.1.as_str());
    let commented = || {
        let line = format!("# {name}: ");
        FILE.lines().any(|it| it.trim_start().starts_with(&line))
    };
    match shown {
        Some(shown) if !default.is_empty() => assert_eq!(shown, default, "the default of {name}"),
        Some(_) => {}
        None => {
            assert!(default.is_empty() || name == "redis", "{name} is not there with {default}");
            assert!(commented(), "{name} is not documented");
        }
    }
}

#[test]
fn it_is_a_valid_file() {
    let config = file::parse("etc/nodeproxy.yml", FILE.as_bytes()).expect("no errors");
    assert!(config.warnings.is_empty() && config.pools.len() == 1);
    assert!(config.pools[0].notes.is_empty());
}

#[test]
fn every_key_is_there_with_its_default() {
    let (process, pool) = (section("global"), section("cache"));
    for key in global::KEYS {
        check(&process, key.name, key.default);
    }
    for key in draft::KEYS {
        check(&pool, key.name, key.default);
    }
}

#[test]
fn every_placement_is_there() {
    for name in Scheme::names() {
        let word = |it: &str| it.trim_end_matches(',') == name;
        assert!(FILE.split_whitespace().any(word), "{name} is not mentioned");
    }
}

#[test]
fn it_fits_on_a_screen() {
    assert!(FILE.lines().all(|line| line.len() <= 100), "a line too long");
}
