//! The settings of the whole process.

use super::Origins;
use super::keys::{self, Key, Read, set};
use super::problems::{At, Problems, quoted};
use super::units::{number, size};
use super::yaml::Entry;
use crate::logger::Format;

/// The settings of the whole process, while they are read.
#[derive(Debug)]
pub(super) struct Global {
    pub(super) memory_max: usize,
    pub(super) verbosity: usize,
    pub(super) log_format: Format,
    /// Where `max_memory` is written, if it is.
    pub(super) memory_at: Option<At>,
    pub(super) origins: Origins,
}

/// The keys of the section `global`.
pub(super) const KEYS: &[Key<Global>] = &[
    Key {
        name: "max_memory",
        default: "512m",
        expected: "a size of at least 1m, such as 512m or 2g",
        read: Read::Text(|it, text| set(&mut it.memory_max, size(text, 1 << 20..=usize::MAX))),
    },
    Key {
        name: "verbosity",
        default: "0",
        expected: "0, 1 or 2",
        read: Read::Text(|it, text| set(&mut it.verbosity, number(text, 0..=2))),
    },
    Key {
        name: "log_format",
        default: "text",
        expected: "text or json",
        read: Read::Text(|it, text| set(&mut it.log_format, log_format(text))),
    },
];

fn log_format(text: &str) -> Result<Format, String> {
    let formats = [Format::Text, Format::Json];
    let format = formats.into_iter().find(|format| format.name() == text);
    format.ok_or_else(|| format!("{} is unknown", quoted(text)))
}

impl Global {
    /// With these keys, and the defaults of all others. `elsewhere` says where else a key belongs.
    pub(super) fn read(
        entries: &[Entry],
        elsewhere: fn(&str) -> Option<&'static str>,
        problems: &mut Problems,
    ) -> Self {
        let mut global = Self {
            memory_max: 0,
            verbosity: 0,
            log_format: Format::Text,
            memory_at: None,
            origins: Origins::new(),
        };
        keys::apply_defaults(KEYS, &mut global);
        global.apply(entries, elsewhere, problems);
        global
    }

    /// Reads these keys over what is there.
    pub(super) fn apply(
        &mut self,
        entries: &[Entry],
        elsewhere: fn(&str) -> Option<&'static str>,
        problems: &mut Problems,
    ) {
        keys::apply(KEYS, "the section global", elsewhere, entries, self, problems);
        self.memory_at = keys::at(entries, "max_memory").or(self.memory_at);
        self.origins.extend(entries.iter().map(|it| (it.key.clone(), it.node.at.to_string())));
    }
}

impl Default for Global {
    fn default() -> Self {
        Self::read(&[], |_| None, &mut Problems::new(""))
    }
}
