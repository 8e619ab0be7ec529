//! A client that knows what it may be answered.

use super::rng::Rng;
use nodeproxy::proxy::client::ClientId;
use std::collections::{HashMap, VecDeque};

/// Keys of one client. They are its own, so that it knows what they can hold.
const KEYS: usize = 5;

/// Longer than any ring's first buffer.
const LARGE: usize = 20_000;

/// A question that has not been answered.
#[derive(Debug)]
enum Question {
    Get(Vec<String>),
    Set { key: String, value: String },
    Delete(String),
    Version,
    Nonsense,
}

/// What a key may hold: nothing is the empty text.
type Possible = Vec<String>;

pub(super) struct Peer {
    pub(super) id: ClientId,
    name: usize,
    serial: usize,
    asked: VecDeque<Question>,
    /// What each key may hold once everything that was answered has been done.
    possible: HashMap<String, Possible>,
    /// What may still be written at any time: the writes that were answered with an error.
    floating: HashMap<String, Possible>,
    /// Bytes on their way to the proxy.
    pub(super) sent: Vec<u8>,
    /// Bytes from the proxy that are no whole answer yet.
    received: Vec<u8>,
    /// It will ask no more.
    pub(super) ended: bool,
}

impl Peer {
    pub(super) fn new(id: ClientId, name: usize) -> Self {
        Self {
            id,
            name,
            serial: 0,
            asked: VecDeque::new(),
            possible: HashMap::new(),
            floating: HashMap::new(),
            sent: Vec::new(),
            received: Vec::new(),
            ended: false,
        }
    }

    pub(super) fn is(&self, name: usize) -> bool {
        self.name == name
    }

    pub(super) fn waits(&self) -> bool {
        !self.asked.is_empty() || !self.sent.is_empty()
    }

    /// Asks something.
    pub(super) fn ask(&mut self, rng: &mut Rng) {
        let key = |rng: &mut Rng| format!("p{}k{}", self.name, rng.below(KEYS));
        let question = match rng.below(10) {
            0..3 => Question::Get(vec![key(rng)]),
            3..5 => Question::Get((0..1 + rng.below(8)).map(|_| key(rng)).collect()),
            5..8 => {
                let key = key(rng);
                self.serial += 1;
                let fill = if rng.one_in(20) { LARGE } else { rng.below(40) };
                let value = format!("{key}s{}{}", self.serial, "x".repeat(fill));
                return self.write(key, value, rng.one_in(4));
            }
            8 => Question::Delete(key(rng)),
            _ if rng.one_in(2) => Question::Version,
            _ => Question::Nonsense,
        };
        let text = match &question {
            Question::Get(keys) => format!("get {}\r\n", keys.join(" ")),
            Question::Delete(key) => format!("delete {key}\r\n"),
            Question::Version => "version\r\n".into(),
            Question::Nonsense => "set short\r\n".into(),
            Question::Set { .. } => unreachable!("written above"),
        };
        self.sent.extend(text.bytes());
        self.asked.push_back(question);
    }

    fn write(&mut self, key: String, value: String, noreply: bool) {
        let suffix = if noreply { " noreply" } else { "" };
        let text = format!("set {key} 0 0 {}{suffix}\r\n{value}\r\n", value.len());
        self.sent.extend(text.bytes());
        if noreply {
            // Nobody will say whether it was done.
            self.floating.entry(key).or_default().push(value);
        } else {
            self.asked.push_back(Question::Set { key, value });
        }
    }

    /// Takes what the proxy sent, and checks every answer that is whole.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.received.extend(bytes);
        while let Some(len) = self.check_one() {
            self.received.drain(..len);
        }
    }

    /// The connection has ended: nothing half may be left.
    pub(super) fn check_end(&self) {
        assert!(self.received.is_empty(), "half an answer: {:?}", text(&self.received));
    }

    fn check_one(&mut self) -> Option<usize> {
        let received = String::from_utf8(self.received.clone()).expect("text");
        let line_len = received.find("\r\n")? + 2;
        let line = &received[..line_len];
        let question = self.asked.front().unwrap_or_else(|| panic!("unasked: {line:?}"));
        let failed = line.starts_with("SERVER_ERROR backend ");
        let len = match question {
            Question::Get(keys) => self.check_get(&received, keys)?,
            Question::Version if line.starts_with("VERSION ") => line_len,
            Question::Nonsense if line == "CLIENT_ERROR bad command line format\r\n" => line_len,
            Question::Set { key, value } if failed => {
                self.floating.entry(key.clone()).or_default().push(value.clone());
                line_len
            }
            Question::Set { key, value } if line == "STORED\r\n" => {
                self.possible.insert(key.clone(), vec![value.clone()]);
                line_len
            }
            Question::Delete(key) if failed => {
                self.floating.entry(key.clone()).or_default().push(String::new());
                line_len
            }
            Question::Delete(key) if line == "DELETED\r\n" || line == "NOT_FOUND\r\n" => {
                self.possible.insert(key.clone(), vec![String::new()]);
                line_len
            }
            Question::Set { .. } | Question::Delete(_) | Question::Version | Question::Nonsense => {
                panic!("{question:?} was answered {line:?}")
            }
        };
        self.asked.pop_front();
        Some(len)
    }

    /// The values of some of the keys, in their order, and an end.
    fn check_get(&self, received: &str, keys: &[String]) -> Option<usize> {
        let mut rest = received;
        let mut keys = keys.iter();
        loop {
            let (line, after) = rest.split_once("\r\n")?;
            let Some(value) = line.strip_prefix("VALUE ") else {
                let missing = line == "END";
                assert!(missing || line.starts_with("SERVER_ERROR backend "), "{line:?}");
                if missing {
                    keys.for_each(|key| self.check_value(key, ""));
                }
                return Some(received.len() - after.len());
            };
            let (found, len) = value.split_once(" 0 ").expect("flags are 0");
            let len: usize = len.parse().expect("a length");
            let value = after.get(..len)?;
            rest = after.get(len..)?.get(2..)?;
            // Keys that are passed over were misses, or their backends failed.
            assert!(keys.any(|key| key == found), "{found} was not asked for, or out of order");
            self.check_value(found, value);
        }
    }

    fn check_value(&self, key: &str, value: &str) {
        let unknown = vec![String::new()];
        let possible = self.possible.get(key).unwrap_or(&unknown);
        let floating = self.floating.get(key).map_or(&[][..], Vec::as_slice);
        assert!(
            possible.iter().chain(floating).any(|it| it == value),
            "{key} holds {value:?}, but may only hold {possible:?} or {floating:?}"
        );
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
