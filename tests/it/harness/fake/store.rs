//! As much of a memcached as a well-formed request can notice; it forgets nothing.

use super::request::Asked;
use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Store {
    items: HashMap<Vec<u8>, Item>,
    cas: u64,
}

struct Item {
    flags: Vec<u8>,
    data: Vec<u8>,
    cas: u64,
}

impl Store {
    pub(super) fn holds(&self, key: &str) -> bool {
        self.items.contains_key(key.as_bytes())
    }

    /// Does what is asked, and returns the whole answer; `None` closes the connection.
    pub(super) fn answer(&mut self, asked: &Asked) -> Option<Vec<u8>> {
        let words = asked.words();
        // As newer memcacheds: whatever the word stands for.
        let silent = words.len() > 1 && words.last() == Some(&&b"noreply"[..]);
        let answer = match *words.first().unwrap_or(&&b""[..]) {
            b"quit" => return None,
            b"version" => b"VERSION 1.6.0\r\n".to_vec(),
            b"mn" => b"MN\r\n".to_vec(),
            b"get" => return Some(self.values(&words[1..], false)),
            b"gets" => return Some(self.values(&words[1..], true)),
            b"mg" if words.len() > 1 => return Some(self.meta_value(&words)),
            _ if words.len() < 2 => b"ERROR\r\n".to_vec(),
            b"delete" if self.items.remove(words[1]).is_some() => b"DELETED\r\n".to_vec(),
            b"touch" if self.items.contains_key(words[1]) => b"TOUCHED\r\n".to_vec(),
            b"delete" | b"touch" => b"NOT_FOUND\r\n".to_vec(),
            b"incr" | b"decr" => self.count(&words),
            _ if words.len() < 5 => b"ERROR\r\n".to_vec(),
            verb => self.store(verb, &words, &asked.data),
        };
        Some(if silent { Vec::new() } else { answer })
    }

    fn values(&self, keys: &[&[u8]], with_cas: bool) -> Vec<u8> {
        let mut answer = Vec::new();
        for key in keys {
            let Some(item) = self.items.get(*key) else {
                continue;
            };
            answer.extend([b"VALUE ", *key, b" ", &item.flags].concat());
            answer.extend(format!(" {}", item.data.len()).bytes());
            if with_cas {
                answer.extend(format!(" {}", item.cas).bytes());
            }
            answer.extend([b"\r\n", &item.data[..], b"\r\n"].concat());
        }
        answer.extend(b"END\r\n");
        answer
    }

    /// A meta get that wants the value, with its opaque number or without.
    fn meta_value(&self, words: &[&[u8]]) -> Vec<u8> {
        let Some(item) = self.items.get(words[1]) else {
            return b"EN\r\n".to_vec();
        };
        let mut answer = format!("VA {}", item.data.len()).into_bytes();
        for opaque in words.iter().filter(|word| word.starts_with(b"O")) {
            answer.extend([b" ", *opaque].concat());
        }
        answer.extend([b"\r\n", &item.data[..], b"\r\n"].concat());
        answer
    }

    fn store(&mut self, verb: &[u8], words: &[&[u8]], data: &[u8]) -> Vec<u8> {
        let old = self.items.get(words[1]);
        let data = match (verb, old) {
            (b"set", _) | (b"add", None) | (b"replace", Some(_)) => data.to_vec(),
            (b"append", Some(old)) => [&old.data, data].concat(),
            (b"prepend", Some(old)) => [data, &old.data].concat(),
            (b"cas", None) => return b"NOT_FOUND\r\n".to_vec(),
            (b"cas", Some(old)) if number(words.get(5)) != Some(old.cas) => {
                return b"EXISTS\r\n".to_vec();
            }
            (b"cas", Some(_)) => data.to_vec(),
            (b"add" | b"replace" | b"append" | b"prepend", _) => return b"NOT_STORED\r\n".to_vec(),
            _ => return b"ERROR\r\n".to_vec(),
        };
        let flags = match (verb, old) {
            (b"append" | b"prepend", Some(old)) => old.flags.clone(),
            _ => words[2].to_vec(),
        };
        self.cas += 1;
        let item = Item { flags, data, cas: self.cas };
        self.items.insert(words[1].to_vec(), item);
        b"STORED\r\n".to_vec()
    }

    fn count(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let Some(item) = self.items.get_mut(words[1]) else {
            return b"NOT_FOUND\r\n".to_vec();
        };
        let (Some(old), Some(delta)) = (number(Some(&&item.data[..])), number(words.get(2))) else {
            return b"CLIENT_ERROR not a number\r\n".to_vec();
        };
        let up = words[0] == b"incr";
        let new = if up { old.wrapping_add(delta) } else { old.saturating_sub(delta) };
        item.data = new.to_string().into_bytes();
        format!("{new}\r\n").into_bytes()
    }
}

fn number(word: Option<&&[u8]>) -> Option<u64> {
    std::str::from_utf8(word?).ok()?.parse().ok()
}
