//! A client that pipelines questions of all kinds and checks every answer. What is wrong ends it,
//! with what was asked and answered, and fails the soak.

use super::Counts;
use super::beliefs::{Beliefs, Value, may_be_lost};
use crate::harness::bytes::{is_server_error, shown};
use crate::harness::client::Client;
use crate::harness::random::Random;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

/// Keys of one talker; so many again count.
const KEYS: usize = 200;
const PIPELINE_MAX: usize = 24;
const KEYS_AT_ONCE_MAX: usize = 30;
const FILL_MAX: usize = 100_000;
/// A connection is given up after about so many pipelines.
const PIPELINES: usize = 200;

pub(super) struct Talker<'a> {
    number: usize,
    proxy: SocketAddr,
    counts: &'a Counts,
    random: Random,
    serial: u64,
    beliefs: Beliefs,
    /// What each counter was last, and how many memcacheds had been killed then.
    counters: HashMap<String, (u64, u64)>,
    /// How many counters have been given up in each place, because nobody knows what became of
    /// them.
    given_up: Vec<u64>,
}

enum Question {
    Get(Vec<String>),
    MetaGet { key: String, opaque: u64 },
    Set { key: String, value: Value },
    Silent { key: String, value: Value },
    Delete(String),
    Count { key: String, by: u64 },
    Start { key: String, from: u64 },
    Version,
}

impl<'a> Talker<'a> {
    pub(super) fn new(
        number: usize,
        proxy: SocketAddr,
        counts: &'a Counts,
        random: Random,
    ) -> Self {
        let (beliefs, counters) = (Beliefs::default(), HashMap::new());
        Self {
            number,
            proxy,
            counts,
            random,
            serial: 0,
            beliefs,
            counters,
            given_up: vec![0; KEYS],
        }
    }

    pub(super) fn talk_until(&mut self, end: Instant) {
        let mut client = Client::connect(self.proxy);
        while Instant::now() < end {
            let start = Instant::now();
            self.talk(&mut client);
            self.counts.slowest.fetch_max(start.elapsed().as_micros() as u64, SeqCst);
            if self.random.one_in(PIPELINES) {
                client = Client::connect(self.proxy);
            }
        }
    }

    /// One pipeline, and its answers.
    fn talk(&mut self, client: &mut Client) {
        let count = 1 + self.random.below(PIPELINE_MAX);
        let questions: Vec<Question> = (0..count).map(|_| self.think()).collect();
        let bytes: Vec<u8> = questions.iter().flat_map(Question::bytes).collect();
        client.exchange_pieces([&bytes[..]], |client| {
            for question in &questions {
                self.hear(client, question);
            }
        });
    }

    fn think(&mut self) -> Question {
        self.serial += 1;
        let key = self.key();
        match self.random.below(20) {
            0..6 => Question::Get(vec![key]),
            6..9 => {
                let count = 2 + self.random.below(KEYS_AT_ONCE_MAX);
                Question::Get((0..count).map(|_| self.key()).collect())
            }
            9..11 => Question::MetaGet { key, opaque: self.serial },
            11..15 => Question::Set { key, value: self.value() },
            15 => Question::Silent { key, value: self.value() },
            16 => Question::Delete(key),
            17 => Question::Count { key: self.counter(), by: 1 + self.random.number() % 1000 },
            18 => Question::Start { key: self.counter(), from: self.serial * 1000 },
            _ => Question::Version,
        }
    }

    fn key(&mut self) -> String {
        format!("soak/{}/k{}", self.number, self.random.below(KEYS))
    }

    fn counter(&mut self) -> String {
        let place = self.random.below(KEYS);
        format!("soak/{}/n{place}.{}", self.number, self.given_up[place])
    }

    fn value(&mut self) -> Value {
        let most = if self.random.one_in(30) { FILL_MAX } else { 200 };
        Value { serial: self.serial, fill: self.random.below(most) as u64 }
    }

    /// Reads an answer and checks it.
    fn hear(&mut self, client: &mut Client, question: &Question) {
        let kills = self.counts.kills.load(SeqCst);
        if matches!(question, Question::Silent { .. }) {
            return self.unknown(question);
        }
        let reply = client.reply();
        self.counts.requests.fetch_add(1, SeqCst);
        let (values, line) = values_and_line(&reply);
        let is_error = is_server_error(line);
        self.counts.errors.fetch_add(usize::from(is_error), SeqCst);
        let is_right = match question {
            Question::Get(keys) => self.hear_values(keys, &values, line, is_error),
            Question::MetaGet { key, opaque } => is_error || self.hear_meta(key, *opaque, &reply),
            Question::Set { .. }
            | Question::Silent { .. }
            | Question::Delete(_)
            | Question::Count { .. }
            | Question::Start { .. }
            | Question::Version => values.is_empty() && self.hear_line(question, line, kills),
        };
        assert!(is_right, "{} was answered {}", question.text(), shown(&reply));
    }

    fn hear_line(&mut self, question: &Question, line: &[u8], kills: u64) -> bool {
        if is_server_error(line) {
            self.unknown(question);
            return true;
        }
        match (question, line) {
            (Question::Set { key, value }, b"STORED\r\n") => {
                self.beliefs.holds(key, Some(value.serial), kills);
            }
            (Question::Delete(key), b"DELETED\r\n" | b"NOT_FOUND\r\n") => {
                self.beliefs.holds(key, None, kills);
            }
            (Question::Start { key, from }, b"STORED\r\n") => {
                self.counters.insert(key.clone(), (*from, kills));
            }
            (Question::Start { .. }, b"NOT_STORED\r\n") => {}
            (Question::Count { key, .. }, b"NOT_FOUND\r\n") => {
                self.counters.remove(key);
            }
            (Question::Count { key, by }, _) => return self.hear_number(key, *by, line, kills),
            (Question::Version, _) => return line.starts_with(b"VERSION "),
            _ => return false,
        }
        true
    }

    /// A counter that lives on has counted once.
    fn hear_number(&mut self, key: &str, by: u64, line: &[u8], kills: u64) -> bool {
        let Some(number) = text(line).trim_end().parse::<u64>().ok() else {
            return false;
        };
        let Some((before, then)) = self.counters.get_mut(key) else {
            return true;
        };
        let is_lost = may_be_lost(*then, self.counts.kills.load(SeqCst));
        let is_right = is_lost || number == *before + by;
        (*before, *then) = (number, kills);
        is_right
    }

    /// The values of some of the keys, in their order; those that are missing may be, unless an
    /// error says that not all were asked for.
    fn hear_values(
        &self,
        keys: &[String],
        values: &[(&str, &[u8])],
        line: &[u8],
        is_error: bool,
    ) -> bool {
        let mut left = keys.iter();
        for (key, value) in values {
            if !left.any(|it| it == key) {
                return false;
            }
            self.check(key, Some(Value::read(key, value).expect("its own value, whole")));
        }
        if line == b"END\r\n" {
            for key in keys.iter().filter(|key| !values.iter().any(|it| it.0 == **key)) {
                self.check(key, None);
            }
        }
        is_error || line == b"END\r\n"
    }

    fn hear_meta(&self, key: &str, opaque: u64, reply: &[u8]) -> bool {
        let head = reply.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        // Newer memcacheds repeat the number here too.
        if head == b"EN\r\n" || text(head) == format!("EN O{opaque}\r\n") {
            self.check(key, None);
            return true;
        }
        let value = reply[head.len()..].strip_suffix(b"\r\n").unwrap_or_default();
        let is_right = text(head) == format!("VA {} O{opaque}\r\n", value.len());
        if is_right {
            self.check(key, Some(Value::read(key, value).expect("its own value, whole")));
        }
        is_right
    }

    #[track_caller]
    fn check(&self, key: &str, found: Option<u64>) {
        let complaint = self.beliefs.complaint(key, found, self.counts.kills.load(SeqCst));
        assert_eq!(complaint, None);
    }

    /// What was asked may still be done at any time: another counter takes its place.
    fn give_up(&mut self, key: &str) {
        self.counters.remove(key);
        let place = key.rsplit_once('n').and_then(|(_, it)| it.split_once('.'));
        let (place, times) = place.expect("a counter's key");
        let place: usize = place.parse().expect("a place");
        let times: u64 = times.parse().expect("a count");
        self.given_up[place] = self.given_up[place].max(times + 1);
    }

    /// Nobody knows what became of it.
    fn unknown(&mut self, question: &Question) {
        match question {
            Question::Set { key, value } | Question::Silent { key, value } => {
                self.beliefs.floats(key, Some(value.serial));
            }
            Question::Delete(key) => self.beliefs.floats(key, None),
            Question::Count { key, .. } | Question::Start { key, .. } => self.give_up(key),
            Question::Get(_) | Question::MetaGet { .. } | Question::Version => {}
        }
    }
}

/// The values of a reply to a `get`, each with its key, and the line behind them.
fn values_and_line(reply: &[u8]) -> (Vec<(&str, &[u8])>, &[u8]) {
    let (mut values, mut rest) = (Vec::new(), reply);
    while rest.starts_with(b"VALUE ") {
        let end = rest.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
        let words: Vec<&str> = text(&rest[..end]).split_whitespace().collect();
        let len: usize = words[3].parse().expect("a length");
        let value = &rest[end..][..len];
        assert_eq!((words[2], &rest[end + len..][..2]), ("0", &b"\r\n"[..]), "{}", shown(reply));
        values.push((words[1], value));
        rest = &rest[end + len + 2..];
    }
    (values, rest)
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("text")
}

impl Question {
    fn bytes(&self) -> Vec<u8> {
        let value = match self {
            Self::Set { key, value } | Self::Silent { key, value } => value.bytes(key),
            Self::Start { from, .. } => from.to_string().into_bytes(),
            Self::Get(_)
            | Self::MetaGet { .. }
            | Self::Delete(_)
            | Self::Count { .. }
            | Self::Version => return (self.text() + "\r\n").into_bytes(),
        };
        let noreply = if matches!(self, Self::Silent { .. }) { " noreply" } else { "" };
        let line = format!("{} 0 0 {}{noreply}\r\n", self.text(), value.len());
        [line.as_bytes(), &value, b"\r\n"].concat()
    }

    /// Its words; those about a value are missing.
    fn text(&self) -> String {
        match self {
            Self::Get(keys) => format!("get {}", keys.join(" ")),
            Self::MetaGet { key, opaque } => format!("mg {key} v O{opaque}"),
            Self::Set { key, .. } | Self::Silent { key, .. } => format!("set {key}"),
            Self::Delete(key) => format!("delete {key}"),
            Self::Count { key, by } => format!("incr {key} {by}"),
            Self::Start { key, .. } => format!("add {key}"),
            Self::Version => "version".into(),
        }
    }
}
