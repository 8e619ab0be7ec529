//! Frames of the binary protocol.

use super::client::Client;
use std::fmt;

/// Bytes of a header.
const HEADER: usize = 24;

/// A request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) key: Vec<u8>,
    pub(crate) extras: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) cas: u64,
    pub(crate) opaque: u32,
}

impl Frame {
    pub(crate) fn new(opcode: u8, key: impl AsRef<[u8]>) -> Self {
        Self { opcode, key: key.as_ref().to_vec(), ..Self::default() }
    }

    /// Something that is stored, with its flags and its expiry.
    pub(crate) fn store(opcode: u8, key: &str, value: &[u8], flags: u32, expiry: u32) -> Self {
        let extras = [flags.to_be_bytes(), expiry.to_be_bytes()].concat();
        Self { extras, value: value.to_vec(), ..Self::new(opcode, key) }
    }

    pub(crate) fn set(key: &str, value: &[u8]) -> Self {
        Self::store(0x01, key, value, 0, 0)
    }

    pub(crate) fn count(opcode: u8, key: &str, delta: u64, initial: u64, expiry: u32) -> Self {
        let numbers = [delta.to_be_bytes(), initial.to_be_bytes()].concat();
        Self { extras: [&numbers[..], &expiry.to_be_bytes()].concat(), ..Self::new(opcode, key) }
    }

    pub(crate) fn noop(opaque: u32) -> Self {
        Self { opaque, ..Self::new(0x0a, "") }
    }

    pub(crate) fn opaque(self, opaque: u32) -> Self {
        Self { opaque, ..self }
    }

    pub(crate) fn cas(self, cas: u64) -> Self {
        Self { cas, ..self }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let body = self.extras.len() + self.key.len() + self.value.len();
        let mut bytes = vec![0x80, self.opcode];
        bytes.extend((self.key.len() as u16).to_be_bytes());
        bytes.extend([self.extras.len() as u8, 0, 0, 0]);
        bytes.extend((body as u32).to_be_bytes());
        bytes.extend(self.opaque.to_be_bytes());
        bytes.extend(self.cas.to_be_bytes());
        [&bytes[..], &self.extras, &self.key, &self.value].concat()
    }
}

/// A reply.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) opcode: u8,
    pub(crate) status: u16,
    pub(crate) opaque: u32,
    pub(crate) cas: u64,
    pub(crate) key: Vec<u8>,
    pub(crate) extras: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { opcode, status, opaque, cas, key, extras, value } = self;
        let (key, extras) = (key.escape_ascii(), extras.escape_ascii());
        let shown = value[..value.len().min(60)].escape_ascii();
        let len = value.len();
        write!(f, "{opcode:02x} {status:04x} #{opaque:x} cas{cas} {extras} {key} {len}:{shown}")
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Reply {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self { opcode, status, opaque, cas, key, extras, value } = self.clone();
        let mut bytes = Frame { opcode, key, extras, value, cas, opaque }.bytes();
        bytes[0] = 0x81;
        bytes[6..8].copy_from_slice(&status.to_be_bytes());
        bytes
    }

    /// The first of these replies.
    #[track_caller]
    pub(crate) fn cut(bytes: &mut Vec<u8>) -> Self {
        assert!(bytes.len() >= HEADER, "less than a header: {}", bytes.escape_ascii());
        let body = number(&bytes[8..12]) as usize;
        assert!(bytes.len() >= HEADER + body, "less than a frame: {}", bytes.escape_ascii());
        let rest = bytes.split_off(HEADER + body);
        Self::read(&std::mem::replace(bytes, rest))
    }

    /// All of these replies.
    #[track_caller]
    pub(crate) fn all(mut bytes: Vec<u8>) -> Vec<Self> {
        let mut replies = Vec::new();
        while !bytes.is_empty() {
            replies.push(Self::cut(&mut bytes));
        }
        replies
    }

    #[track_caller]
    fn read(bytes: &[u8]) -> Self {
        assert_eq!((bytes[0], bytes[5]), (0x81, 0), "no reply: {}", bytes.escape_ascii());
        let (extras, rest) = bytes[HEADER..].split_at(usize::from(bytes[4]));
        let (key, value) = rest.split_at(number(&bytes[2..4]) as usize);
        Self {
            opcode: bytes[1],
            status: number(&bytes[6..8]) as u16,
            opaque: number(&bytes[12..16]) as u32,
            cas: number(&bytes[16..24]),
            key: key.to_vec(),
            extras: extras.to_vec(),
            value: value.to_vec(),
        }
    }

    /// The next one that the client gets.
    #[track_caller]
    pub(crate) fn next(client: &mut Client) -> Self {
        let header = client.take(HEADER);
        let body = client.take(number(&header[8..12]) as usize);
        Self::read(&[header, body].concat())
    }

    /// Those that the client gets before the answer to this noop.
    #[track_caller]
    pub(crate) fn until_noop(client: &mut Client, opaque: u32) -> Vec<Self> {
        let mut replies = Vec::new();
        loop {
            let reply = Self::next(client);
            if reply.opcode == 0x0a && reply.opaque == opaque {
                return replies;
            }
            replies.push(reply);
        }
    }

    /// The same where cas numbers and the version do not matter.
    pub(crate) fn normal(self) -> Self {
        let value = if self.opcode == 0x0b { Vec::new() } else { self.value };
        Self { cas: self.cas.min(1), value, ..self }
    }
}

/// The reply to one request.
#[track_caller]
pub(crate) fn ask(client: &mut Client, frame: &Frame) -> Reply {
    client.send(&frame.bytes());
    Reply::next(client)
}
