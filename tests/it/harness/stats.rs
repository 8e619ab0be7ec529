//! What the proxy tells of itself.

use super::client::Client;
use std::collections::HashMap;

pub(crate) struct Stats(HashMap<String, String>);

impl Stats {
    #[track_caller]
    pub(crate) fn ask(client: &mut Client, words: &str) -> Self {
        client.send(format!("stats {words}\r\n").as_bytes());
        let mut stats = HashMap::new();
        loop {
            let line = String::from_utf8(client.line()).expect("text");
            if line == "END\r\n" {
                return Self(stats);
            }
            let line = line.strip_prefix("STAT ").expect("a line of stats").trim_end();
            let (name, value) = line.split_once(' ').expect("a name and a value");
            stats.insert(name.to_string(), value.to_string());
        }
    }

    /// The sum of all figures whose names end so.
    pub(crate) fn sum(&self, end: &str) -> u64 {
        self.all(end).map(|value| value.parse::<u64>().expect("a number")).sum()
    }

    /// All whose names end so.
    pub(crate) fn all<'a>(&'a self, end: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name.ends_with(end)).map(|(_, value)| &value[..])
    }

    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.0))
    }

    #[track_caller]
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.text(name).parse().expect("a number")
    }
}
