//! A memcached, as far as the simulation needs one, and the wires that lead to it.

use std::collections::{HashMap, HashSet};

/// What a backend keeps.
#[derive(Default)]
pub(super) struct Store {
    values: HashMap<String, String>,
    /// Every value that was ever stored; all are different.
    stored: HashSet<String>,
}

/// One connection, seen from the backend.
#[derive(Default)]
pub(super) struct Wire {
    pub(super) backend: usize,
    /// Bytes that the proxy wrote.
    pub(super) requests: Vec<u8>,
    /// Bytes that the proxy has not read yet.
    pub(super) replies: Vec<u8>,
    /// Whether the backend has closed it.
    pub(super) closed: bool,
}

impl Wire {
    /// Answers the oldest request, if it is all there.
    pub(super) fn answer_one(&mut self, store: &mut Store) -> bool {
        let Some(end) = self.requests.windows(2).position(|pair| pair == b"\r\n") else {
            return false;
        };
        let line = String::from_utf8(self.requests[..end].to_vec()).expect("text");
        let words: Vec<&str> = line.split(' ').collect();
        let mut len = end + 2;
        let reply = match words.as_slice() {
            ["version"] => "VERSION simulated\r\n".into(),
            ["verbosity", "1"] => "OK\r\n".into(),
            ["get", keys @ ..] | ["gat", "0" | "60", keys @ ..] => store.get(keys),
            ["mg", key, "v"] => match store.values.get(*key) {
                Some(value) => format!("VA {}\r\n{value}\r\n", value.len()),
                None => "EN\r\n".into(),
            },
            ["md", key] => match store.values.remove(*key) {
                Some(_) => "HD\r\n".into(),
                None => "NF\r\n".into(),
            },
            ["delete", key] => match store.values.remove(*key) {
                Some(_) => "DELETED\r\n".into(),
                None => "NOT_FOUND\r\n".into(),
            },
            ["set", key, "0", "0" | "60", bytes]
            | ["ms", key, bytes]
            | ["ms", key, bytes, "T60"] => {
                let bytes: usize = bytes.parse().expect("a length");
                len += bytes + 2;
                if self.requests.len() < len {
                    return false;
                }
                assert_eq!(&self.requests[len - 2..len], b"\r\n", "a whole value");
                let value = &self.requests[end + 2..len - 2];
                store.set(key, String::from_utf8(value.to_vec()).expect("text"));
                if words[0] == "ms" { "HD\r\n".into() } else { "STORED\r\n".into() }
            }
            other => panic!("a backend was asked {other:?}"),
        };
        self.requests.drain(..len);
        self.replies.extend(reply.bytes());
        true
    }
}

impl Store {
    fn get(&self, keys: &[&str]) -> String {
        assert!(!keys.is_empty() && keys.iter().all(|key| !key.is_empty()), "{keys:?}");
        let mut reply = String::new();
        for key in keys {
            if let Some(value) = self.values.get(*key) {
                reply += &format!("VALUE {key} 0 {}\r\n{value}\r\n", value.len());
            }
        }
        reply + "END\r\n"
    }

    fn set(&mut self, key: &str, value: String) {
        assert!(self.stored.insert(value.clone()), "stored twice: {value}");
        self.values.insert(key.into(), value);
    }
}
