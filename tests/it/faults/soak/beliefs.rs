//! What a talker knows of its keys, which nobody else writes.

use std::collections::HashMap;

/// So many bytes of a value's filling differ from each other.
const FILLINGS: u64 = 251;

/// A value: which one it is, and the bytes that fill it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) serial: u64,
    pub(super) fill: u64,
}

impl Value {
    pub(super) fn bytes(self, key: &str) -> Vec<u8> {
        let Self { serial, fill } = self;
        let mut bytes = format!("{key}={serial}+{fill}:").into_bytes();
        bytes.extend((0..fill).map(|at| filling(serial, at)));
        bytes
    }

    /// The serial number of a value of `key`, if it is one, and whole.
    pub(super) fn read(key: &str, bytes: &[u8]) -> Option<u64> {
        let end = bytes.iter().position(|byte| *byte == b':')?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let (serial, fill) = head.strip_prefix(key)?.strip_prefix('=')?.split_once('+')?;
        let serial = serial.parse().ok()?;
        let fill: u64 = fill.parse().ok()?;
        let rest = &bytes[end + 1..];
        let whole = rest.len() as u64 == fill
            && rest.iter().zip(0..).all(|(byte, at)| *byte == filling(serial, at));
        whole.then_some(serial)
    }
}

fn filling(serial: u64, at: u64) -> u8 {
    ((serial + at) % FILLINGS) as u8
}

/// What is known of all keys.
#[derive(Debug, Default)]
pub(super) struct Beliefs {
    keys: HashMap<String, Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// What it held last, for certain; None when it was missing, or nobody knows.
    value: Option<u64>,
    /// How many memcacheds had been killed then.
    kills: u64,
    /// What may have been written, or may still be, without anybody having said so; None stands for
    /// a deletion.
    floating: Vec<Option<u64>>,
}

impl Beliefs {
    /// It was written, or removed, after so many memcacheds were killed.
    pub(super) fn holds(&mut self, key: &str, value: Option<u64>, kills: u64) {
        let known = self.keys.entry(key.into()).or_default();
        (known.value, known.kills) = (value, kills);
    }

    pub(super) fn floats(&mut self, key: &str, value: Option<u64>) {
        self.keys.entry(key.into()).or_default().floating.push(value);
    }

    /// Why the key cannot hold that, if it cannot.
    pub(super) fn complaint(&self, key: &str, found: Option<u64>, kills: u64) -> Option<String> {
        let nothing = Known::default();
        let Known { value, kills: before, floating } = self.keys.get(key).unwrap_or(&nothing);
        let lost = found.is_none() && may_be_lost(*before, kills);
        if found == *value || floating.contains(&found) || lost {
            return None;
        }
        Some(format!("{key} holds {found:?}, but may only hold {value:?} or {floating:?}"))
    }
}

/// Whether what was there at one count of kills may have been lost at another.
pub(super) fn may_be_lost(before: u64, kills: u64) -> bool {
    kills > before || kills % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_says_whose_and_which_it_is() {
        let value = Value { serial: 12, fill: 1000 };
        let bytes = value.bytes("k1");
        assert_eq!(Value::read("k1", &bytes), Some(12));
        assert_eq!(Value::read("k", &bytes), None);
        assert_eq!(Value::read("k1", &bytes[..bytes.len() - 1]), None);
        let mut broken = bytes;
        broken[500] ^= 1;
        assert_eq!(Value::read("k1", &broken), None);
    }

    #[test]
    fn a_key_holds_what_was_written_or_may_have_been() {
        let mut beliefs = Beliefs::default();
        let may = |beliefs: &Beliefs, found| beliefs.complaint("k", found, 2).is_none();
        assert!(may(&beliefs, None) && !may(&beliefs, Some(1)));
        beliefs.holds("k", Some(1), 2);
        assert!(may(&beliefs, Some(1)) && !may(&beliefs, None) && !may(&beliefs, Some(2)));
        for kills in [3, 4] {
            assert!(beliefs.complaint("k", None, kills).is_none(), "one is killed, or was");
        }
        beliefs.floats("k", Some(2));
        assert!(may(&beliefs, Some(1)) && may(&beliefs, Some(2)));
    }
}
