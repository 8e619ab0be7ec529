//! What is asked, and how it is written on the wire.

use super::keyspace::Keyspace;
use std::io::Write;

/// The two families of memcache commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `get` and `set`.
    Text,
    /// `mg` and `ms`, each with a number (an opaque token) that its reply has to carry.
    Meta,
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Asks for the values of one or more neighbouring keys.
    Get,
    /// Stores the value of one key.
    Set,
}

/// A request that waits for its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// When it was meant to be sent, in nanoseconds of the run.
    pub intended_ns: u64,
    /// The number of its first key; the others follow it, and the last key is followed by key 0.
    pub first: u32,
    /// How many keys it names.
    pub keys: u32,
    /// Its turn on its connection.
    pub number: u32,
    /// What it does.
    pub verb: Verb,
}

impl Asked {
    /// The number of the key at `position` in the request.
    pub fn key(&self, position: u32, keyspace: &Keyspace) -> u32 {
        let number = self.first + position;
        if number < keyspace.count() { number } else { number - keyspace.count() }
    }

    /// Appends the request to `out`.
    pub fn write(&self, protocol: Protocol, keyspace: &Keyspace, out: &mut Vec<u8>) {
        match (protocol, self.verb) {
            (Protocol::Text, Verb::Get) => {
                out.extend_from_slice(b"get");
                for position in 0..self.keys {
                    out.push(b' ');
                    out.extend_from_slice(keyspace.key(self.key(position, keyspace)));
                }
                out.extend_from_slice(b"\r\n");
            }
            (Protocol::Meta, Verb::Get) => {
                out.extend_from_slice(b"mg ");
                out.extend_from_slice(keyspace.key(self.first));
                print(out, format_args!(" v O{}\r\n", self.number));
            }
            (Protocol::Text, Verb::Set) => {
                out.extend_from_slice(b"set ");
                out.extend_from_slice(keyspace.key(self.first));
                print(out, format_args!(" 0 0 {}\r\n", keyspace.value_bytes()));
                self.write_value(keyspace, out);
            }
            (Protocol::Meta, Verb::Set) => {
                out.extend_from_slice(b"ms ");
                out.extend_from_slice(keyspace.key(self.first));
                print(out, format_args!(" {} O{}\r\n", keyspace.value_bytes(), self.number));
                self.write_value(keyspace, out);
            }
        }
    }

    fn write_value(&self, keyspace: &Keyspace, out: &mut Vec<u8>) {
        let (own, rest) = keyspace.value(self.first);
        out.extend_from_slice(own);
        out.extend_from_slice(rest);
        out.extend_from_slice(b"\r\n");
    }
}

fn print(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("a vector takes all that is written to it");
}

#[cfg(test)]
mod tests {
    use super::super::keyspace::KeyShape;
    use super::*;

    fn written(protocol: Protocol, verb: Verb, keys: u32) -> String {
        let shape = KeyShape { prefix: "k".into(), count: 3, bytes: 2..=2 };
        let keyspace = Keyspace::new(&shape, 2).expect("valid");
        let asked = Asked { intended_ns: 0, first: 1, keys, number: 7, verb };
        let mut out = Vec::new();
        asked.write(protocol, &keyspace, &mut out);
        String::from_utf8(out).expect("printable")
    }

    #[test]
    fn requests_are_written_as_memcache_reads_them() {
        assert_eq!(written(Protocol::Text, Verb::Get, 1), "get k1\r\n");
        assert_eq!(
            written(Protocol::Text, Verb::Get, 3),
            "get k1 k2 k0\r\n",
            "the last is followed by the first"
        );
        assert_eq!(written(Protocol::Text, Verb::Set, 1), "set k1 0 0 2\r\nk1\r\n");
        assert_eq!(written(Protocol::Meta, Verb::Get, 1), "mg k1 v O7\r\n");
        assert_eq!(written(Protocol::Meta, Verb::Set, 1), "ms k1 2 O7\r\nk1\r\n");
    }
}
