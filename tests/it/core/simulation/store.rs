//! A memcached, as far as the simulation needs one: what it keeps, and what it answers.

use super::plan::GUTTER_TTL;
use super::question::TTLS;
use std::collections::{HashMap, HashSet};

/// Everything that was ever written, to any backend. No two writes are the same, so that one which
/// comes twice is known.
#[derive(Default)]
pub(super) struct Written(HashSet<String>);

impl Written {
    fn note(&mut self, what: String) {
        let brief = what[..what.len().min(40)].to_string();
        assert!(self.0.insert(what), "written twice: {brief}");
    }
}

/// The cas number of all values, behind a blank.
const CAS: &str = " 7";

/// What a backend keeps.
#[derive(Default)]
pub(super) struct Store {
    values: HashMap<String, String>,
    /// It is the gutter: no expiry may be beyond its limit.
    pub(super) is_gutter: bool,
    /// It has no room, and says so.
    pub(super) is_busy: bool,
}

/// The oldest request of `bytes`, if it is all there: its line, its value, and its bytes.
pub(super) fn first_request(bytes: &[u8]) -> Option<(&str, Option<&str>, usize)> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let line = std::str::from_utf8(&bytes[..end]).expect("text");
    let mut words = line.split(' ');
    let value = match words.next() {
        Some("ms") => words.nth(1),
        Some("set" | "add" | "append" | "prepend") => words.nth(3),
        _ => return Some((line, None, end + 2)),
    };
    let len: usize = value.and_then(|it| it.parse().ok()).expect("a length");
    let value = bytes.get(end + 2..end + 2 + len + 2)?;
    let value = value.strip_suffix(b"\r\n").expect("a whole value");
    Some((line, Some(std::str::from_utf8(value).expect("text")), end + 2 + len + 2))
}

impl Store {
    /// Does what it is asked.
    pub(super) fn answer(
        &mut self,
        line: &str,
        value: Option<&str>,
        written: &mut Written,
    ) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let value = value.unwrap_or_default();
        match words.as_slice() {
            ["version"] => "VERSION simulated\r\n".into(),
            _ if self.is_busy => "SERVER_ERROR busy\r\n".into(),
            ["verbosity", "1"] => "OK\r\n".into(),
            ["get", keys @ ..] => self.get(keys, ""),
            ["gets", keys @ ..] => self.get(keys, CAS),
            [verb @ ("gat" | "gats"), ttl, keys @ ..] => {
                self.check_ttl(ttl);
                self.get(keys, if *verb == "gats" { CAS } else { "" })
            }
            ["touch", key, ttl] => {
                self.check_ttl(ttl);
                told(self.values.contains_key(*key), "TOUCHED", "NOT_FOUND")
            }
            ["delete", key] => told(self.values.remove(*key).is_some(), "DELETED", "NOT_FOUND"),
            ["incr", key, by] => match self.count(key, by, written) {
                Some(number) => format!("{number}\r\n"),
                None => "NOT_FOUND\r\n".into(),
            },
            [verb @ ("set" | "add" | "append" | "prepend"), key, "0", ttl, _] => {
                self.check_ttl(ttl);
                told(self.write(verb, key, value, written), "STORED", "NOT_STORED")
            }
            [verb @ ("mg" | "md" | "ma"), key, flags @ ..] => {
                self.meta(verb, key, "", flags, written)
            }
            ["ms", key, _, flags @ ..] => self.meta("ms", key, value, flags, written),
            other => panic!("a backend was asked {other:?}"),
        }
    }

    fn check_ttl(&self, ttl: &str) {
        let ttl: u32 = ttl.parse().expect("an expiry");
        let fits =
            if self.is_gutter { (1..=GUTTER_TTL).contains(&ttl) } else { TTLS.contains(&ttl) };
        assert!(fits, "expiry {ttl}; gutter: {}", self.is_gutter);
    }

    fn get(&self, keys: &[&str], cas: &str) -> String {
        assert!(!keys.is_empty() && keys.iter().all(|key| !key.is_empty()), "{keys:?}");
        let mut reply = String::new();
        for key in keys {
            if let Some(value) = self.values.get(*key) {
                reply += &format!("VALUE {key} 0 {}{cas}\r\n{value}\r\n", value.len());
            }
        }
        reply + "END\r\n"
    }

    /// Writes a value, unless the verb wants there to be one, or none.
    fn write(&mut self, verb: &str, key: &str, value: &str, written: &mut Written) -> bool {
        written.note(format!("{key} {value}"));
        let old = self.values.get(key);
        let new = match (verb, old) {
            ("set", _) | ("add", None) => value.into(),
            ("append", Some(old)) => format!("{old}{value}"),
            ("prepend", Some(old)) => format!("{value}{old}"),
            _ => return false,
        };
        self.values.insert(key.into(), new);
        true
    }

    fn count(&mut self, key: &str, by: &str, written: &mut Written) -> Option<u64> {
        written.note(format!("{key} + {by}"));
        let value = self.values.get_mut(key)?;
        let number = value.parse::<u64>().expect("a number") + by.parse::<u64>().expect("a number");
        *value = number.to_string();
        Some(number)
    }

    fn meta(
        &mut self,
        verb: &str,
        key: &str,
        value: &str,
        flags: &[&str],
        written: &mut Written,
    ) -> String {
        let flag = |letter: char| flags.iter().find_map(|it| it.strip_prefix(letter));
        assert!(flag('q').is_none(), "no backend is asked quietly");
        let extends = matches!(flag('M'), Some("A" | "P"));
        match (flag('T'), flag('N')) {
            (None, None) => {
                let is_kept = self.is_gutter && verb == "ms" && !extends;
                assert!(!is_kept, "an expiry is missing");
            }
            (ttl, other) => ttl.iter().chain(&other).for_each(|ttl| self.check_ttl(ttl)),
        }
        let opaque = flag('O').map_or(String::new(), |it| format!(" O{it}"));
        let said: String = flags.iter().filter_map(|it| returned(it)).collect();
        let found = match verb {
            "mg" => self.values.get(key).cloned(),
            "ma" => self.count(key, flag('D').expect("a number"), written).map(|it| it.to_string()),
            "md" => {
                return told(self.values.remove(key).is_some(), "HD", "NF")
                    .replace('\r', &(opaque + "\r"));
            }
            _ => {
                let verb = match flag('M') {
                    Some("A") => "append",
                    Some("P") => "prepend",
                    Some("E") => "add",
                    _ => "set",
                };
                let is_new = flag('N').is_some() && !self.values.contains_key(key);
                let written = self.write(if is_new { "set" } else { verb }, key, value, written);
                return if written { format!("HD{said}\r\n") } else { format!("NS{opaque}\r\n") };
            }
        };
        match found {
            Some(_) if !flags.contains(&"v") => format!("HD{said}\r\n"),
            Some(value) => format!("VA {}{said}\r\n{value}\r\n", value.len()),
            None if verb == "mg" => "EN\r\n".into(),
            None => format!("NF{opaque}\r\n"),
        }
    }
}

/// What is returned for a flag.
fn returned(flag: &str) -> Option<String> {
    match flag {
        "c" => Some(" c7".into()),
        "f" => Some(" f0".into()),
        _ => flag.starts_with('O').then(|| format!(" {flag}")),
    }
}

fn told(is_done: bool, yes: &str, no: &str) -> String {
    format!("{}\r\n", if is_done { yes } else { no })
}
