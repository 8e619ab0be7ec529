//! A client that knows what it may be answered.
#![expect(clippy::wildcard_enum_match_arm, reason = "few questions are of interest at a time")]

use super::rng::Rng;
use nodeproxy::proxy::client::ClientId;
use std::collections::{HashMap, VecDeque};

/// Keys of one client. They are its own, so that it knows what they can hold.
const KEYS: usize = 5;

/// Longer than any ring's first buffer.
const LARGE: usize = 20_000;

/// The longest value that the proxy takes.
pub(super) const VALUE_BYTES_MAX: usize = 30_000;

/// A question that has not been answered.
#[derive(Debug)]
enum Question {
    Get(Vec<String>),
    Set {
        key: String,
        value: String,
    },
    Delete(String),
    TooLarge(String),
    /// Quiet meta commands; each has a fence behind it, which tells whether it was answered.
    MetaGet(String),
    MetaSet {
        key: String,
        value: String,
    },
    MetaDelete(String),
    Fence,
    Verbosity,
    Version,
    Nonsense,
}

/// What a key may hold: nothing is the empty text.
type Possible = Vec<String>;

pub(super) struct Peer {
    pub(super) id: ClientId,
    name: usize,
    /// It may read anything that it ever wrote to a key.
    relaxed: bool,
    /// Nothing may fail.
    calm: bool,
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
    pub(super) fn new(id: ClientId, name: usize, relaxed: bool, calm: bool) -> Self {
        Self {
            relaxed,
            calm,
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

    pub(super) fn state(&self) -> String {
        let Self { asked, sent, received, .. } = self;
        let (sent, next) = (sent.len(), asked.front());
        format!("asked {}, next {next:?}, sent {sent}, got {:?}", asked.len(), text(received))
    }

    pub(super) fn waits(&self) -> bool {
        !self.asked.is_empty() || !self.sent.is_empty()
    }

    /// Asks something.
    pub(super) fn ask(&mut self, rng: &mut Rng) {
        let key = |rng: &mut Rng| format!("p{}k{}", self.name, rng.below(KEYS));
        let question = match rng.below(24) {
            0..6 => Question::Get(vec![key(rng)]),
            6..10 => Question::Get((0..1 + rng.below(8)).map(|_| key(rng)).collect()),
            10..15 => {
                let (key, value) = self.new_value(key(rng), rng);
                if rng.one_in(4) {
                    return self.set_silently(key, value);
                }
                Question::Set { key, value }
            }
            15..17 => Question::Delete(key(rng)),
            17 => Question::TooLarge(key(rng)),
            18 => Question::MetaGet(key(rng)),
            19 => {
                let (key, value) = self.new_value(key(rng), rng);
                Question::MetaSet { key, value }
            }
            20 => Question::MetaDelete(key(rng)),
            21 => Question::Verbosity,
            22 => Question::Version,
            _ => Question::Nonsense,
        };
        self.sent.extend(question.text(rng).bytes());
        let fenced = question.is_quiet();
        self.asked.push_back(question);
        if fenced {
            self.sent.extend(b"mn\r\n");
            self.asked.push_back(Question::Fence);
        }
    }

    fn new_value(&mut self, key: String, rng: &mut Rng) -> (String, String) {
        self.serial += 1;
        let fill = if rng.one_in(20) { LARGE } else { rng.below(40) };
        let value = format!("{key}s{}{}", self.serial, "x".repeat(fill));
        (key, value)
    }

    /// Nobody will say whether it was done.
    fn set_silently(&mut self, key: String, value: String) {
        let text = format!("set {key} 0 0 {} noreply\r\n{value}\r\n", value.len());
        self.sent.extend(text.bytes());
        self.floats(&key, value);
    }

    fn floats(&mut self, key: &str, value: String) {
        self.floating.entry(key.into()).or_default().push(value);
    }

    fn holds(&mut self, key: &str, value: String) {
        self.possible.insert(key.into(), vec![value]);
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

    /// Checks the answer at the head of what was received, if it is whole. Returns its bytes.
    fn check_one(&mut self) -> Option<usize> {
        let received = String::from_utf8(self.received.clone()).expect("text");
        let line_len = received.find("\r\n")? + 2;
        let line = &received[..line_len - 2];
        let question = self.asked.front().unwrap_or_else(|| panic!("unasked: {line:?}"));
        if line == "MN" && question.is_quiet() {
            let question = self.asked.pop_front().expect("looked at");
            self.was_silent(question);
            return Some(0);
        }
        let len = match question {
            Question::Get(keys) => self.check_get(&received, keys)?,
            Question::MetaGet(key) if line.starts_with("VA ") => {
                let len: usize = line[3..].parse().expect("a length");
                self.check_value(key, received[line_len..].get(..len)?);
                received.get(line_len + len..)?.get(..2)?;
                line_len + len + 2
            }
            _ => line_len,
        };
        let question = self.asked.pop_front().expect("looked at");
        self.was_told(question, line);
        Some(len)
    }

    /// A quiet command was not answered: all went as it should.
    fn was_silent(&mut self, question: Question) {
        match question {
            Question::MetaGet(key) => self.check_value(&key, ""),
            Question::MetaSet { key, value } => self.holds(&key, value),
            Question::MetaDelete(key) => self.holds(&key, String::new()),
            _ => unreachable!("only these are quiet"),
        }
    }

    fn was_told(&mut self, question: Question, line: &str) {
        let no_room = "SERVER_ERROR out of memory writing get response";
        let failed = self.has_failed(line) || line == no_room;
        match (question, line) {
            (Question::Get(_), _) => {}
            (Question::MetaGet(_), _) if failed || line.starts_with("VA ") => {}
            (Question::Version, "VERSION 1.6.45 nodeproxy") => {}
            (Question::Nonsense, "CLIENT_ERROR bad command line format") => {}
            (Question::Fence, "MN") => {}
            (Question::Verbosity, _) if failed || line == "OK" => {}
            (Question::Set { key, value } | Question::MetaSet { key, value }, _) if failed => {
                self.floats(&key, value);
            }
            (Question::Set { key, value }, "STORED") => self.holds(&key, value),
            (Question::Delete(key) | Question::MetaDelete(key), _) if failed => {
                self.floats(&key, String::new());
            }
            (Question::Delete(key), "DELETED" | "NOT_FOUND") => self.holds(&key, String::new()),
            (Question::MetaDelete(key), "NF") => self.holds(&key, String::new()),
            (Question::TooLarge(key), "SERVER_ERROR object too large for cache") => {
                self.floats(&key, String::new());
            }
            (question, _) => panic!("{question:?} was answered {line:?}"),
        }
    }

    /// The values of some of the keys, in their order, and an end.
    fn check_get(&self, received: &str, keys: &[String]) -> Option<usize> {
        let mut rest = received;
        let mut keys = keys.iter();
        loop {
            let (line, after) = rest.split_once("\r\n")?;
            let Some(value) = line.strip_prefix("VALUE ") else {
                let missing = line == "END";
                assert!(missing || self.has_failed(line) || line.starts_with("SERVER_ERROR out"));
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

    fn has_failed(&self, line: &str) -> bool {
        let failed = line.starts_with("SERVER_ERROR backend ");
        assert!(!(failed && self.calm), "nothing went wrong, but {line}");
        failed
    }

    fn check_value(&self, key: &str, value: &str) {
        if self.relaxed {
            let own = format!("{key}s");
            return assert!(value.is_empty() || value.starts_with(&own), "{key} holds {value:?}");
        }
        let unknown = vec![String::new()];
        let possible = self.possible.get(key).unwrap_or(&unknown);
        let floating = self.floating.get(key).map_or(&[][..], Vec::as_slice);
        assert!(
            possible.iter().chain(floating).any(|it| it == value),
            "{:?}: {key} holds {:?}, but may only hold {:?} or {:?}",
            self.asked.front(),
            brief(value),
            possible.iter().map(|it| brief(it)).collect::<Vec<_>>(),
            floating.iter().map(|it| brief(it)).collect::<Vec<_>>()
        );
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Question {
    fn is_quiet(&self) -> bool {
        matches!(self, Self::MetaGet(_) | Self::MetaSet { .. } | Self::MetaDelete(_))
    }

    fn text(&self, rng: &mut Rng) -> String {
        match self {
            Self::Get(keys) if rng.one_in(3) => format!("gat 0 {}\r\n", keys.join("  ")),
            Self::Get(keys) => format!("get {}\r\n", keys.join(" ")),
            Self::Set { key, value } => format!("set {key} 0 0 {}\r\n{value}\r\n", value.len()),
            Self::Delete(key) => format!("delete {key}\r\n"),
            Self::TooLarge(key) => {
                let bytes = VALUE_BYTES_MAX + 1;
                format!("set {key} 0 0 {bytes}\r\n{}\r\n", "y".repeat(bytes))
            }
            Self::MetaGet(key) => format!("mg {key} q v\r\n"),
            Self::MetaSet { key, value } => format!("ms {key} {} q\r\n{value}\r\n", value.len()),
            Self::MetaDelete(key) => format!("md {key} q\r\n"),
            Self::Fence => "mn\r\n".into(),
            Self::Verbosity => "verbosity 1\r\n".into(),
            Self::Version => "version\r\n".into(),
            Self::Nonsense => "set short\r\n".into(),
        }
    }
}

/// The start of a value: the rest is filling.
fn brief(value: &str) -> &str {
    &value[..value.len().min(20)]
}
