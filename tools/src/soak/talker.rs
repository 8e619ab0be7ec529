//! A client that pipelines questions of all kinds and checks every answer.

use super::beliefs::{Beliefs, Value, may_be_lost};
use super::chance::Chance;
use super::findings::Findings;
use super::wire::Wire;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Keys of one talker; so many again count.
const KEYS: u64 = 200;
const PIPELINE_MAX: u64 = 24;
const KEYS_AT_ONCE_MAX: u64 = 30;
const FILL_MAX: u64 = 100_000;
/// After a connection that could not be opened.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) struct Talker {
    number: u64,
    proxy: SocketAddr,
    findings: Arc<Findings>,
    chance: Chance,
    wire: Option<Wire>,
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

/// An answer that cannot be to what was asked.
struct Wrong(String);

impl From<String> for Wrong {
    fn from(what: String) -> Self {
        Self(what)
    }
}

/// Why an answer is not had.
enum Trouble {
    Wire(io::Error),
    Wrong(Wrong),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Wire(error)
    }
}

impl From<Wrong> for Trouble {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

impl Talker {
    pub(super) fn new(
        number: u64,
        proxy: SocketAddr,
        findings: Arc<Findings>,
        chance: Chance,
    ) -> Self {
        Self {
            number,
            proxy,
            findings,
            chance,
            wire: None,
            serial: 0,
            beliefs: Beliefs::default(),
            counters: HashMap::new(),
            given_up: vec![0; KEYS as usize],
        }
    }

    pub(super) fn talk_until(&mut self, end: Instant) {
        while Instant::now() < end {
            let Some(wire) = self.wire.take().or_else(|| Wire::open(self.proxy).ok()) else {
                self.findings.blame(&self.findings.closed, || "no connection".into());
                thread::sleep(PAUSE);
                continue;
            };
            self.talk(wire);
            if self.chance.one_in(200) {
                self.wire = None;
            }
        }
    }

    /// One pipeline, and its answers.
    fn talk(&mut self, mut wire: Wire) {
        let count = 1 + self.chance.below(PIPELINE_MAX);
        let questions: Vec<Question> = (0..count).map(|_| self.think()).collect();
        let bytes: Vec<u8> = questions.iter().flat_map(Question::bytes).collect();
        let asked_at = Instant::now();
        let mut result = wire.send(&bytes).map_err(Trouble::from);
        let mut open = questions.iter();
        if result.is_ok() {
            for question in open.by_ref() {
                result = self.hear(&mut wire, question);
                if result.is_err() {
                    self.unknown(question);
                    break;
                }
            }
        }
        self.findings.took(asked_at.elapsed());
        match result {
            Ok(()) => self.wire = Some(wire),
            Err(trouble) => {
                open.for_each(|question| self.unknown(question));
                self.complain(trouble);
            }
        }
    }

    fn complain(&self, trouble: Trouble) {
        let Findings { wrong, hung, closed, .. } = &*self.findings;
        let number = self.number;
        let error = match trouble {
            Trouble::Wrong(Wrong(what)) => return self.findings.blame(wrong, || what),
            Trouble::Wire(error) => error,
        };
        let kind = error.kind();
        if matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut) {
            self.findings.blame(hung, || format!("talker {number} waits for ever"));
        } else if kind == ErrorKind::InvalidData {
            self.findings.blame(wrong, || format!("talker {number} cannot read this"));
        } else {
            self.findings.blame(closed, || format!("talker {number}: {error}"));
        }
    }

    fn think(&mut self) -> Question {
        self.serial += 1;
        let key = self.key('k');
        match self.chance.below(20) {
            0..6 => Question::Get(vec![key]),
            6..9 => {
                let count = 2 + self.chance.below(KEYS_AT_ONCE_MAX);
                Question::Get((0..count).map(|_| self.key('k')).collect())
            }
            9..11 => Question::MetaGet { key, opaque: self.serial },
            11..15 => Question::Set { key, value: self.value() },
            15 => Question::Silent { key, value: self.value() },
            16 => Question::Delete(key),
            17 => Question::Count { key: self.counter(), by: 1 + self.chance.below(1000) },
            18 => Question::Start { key: self.counter(), from: self.serial * 1000 },
            _ => Question::Version,
        }
    }

    fn key(&mut self, kind: char) -> String {
        format!("soak/{}/{kind}{}", self.number, self.chance.below(KEYS))
    }

    fn counter(&mut self) -> String {
        let place = self.chance.below(KEYS);
        format!("soak/{}/n{place}.{}", self.number, self.given_up[place as usize])
    }

    fn value(&mut self) -> Value {
        let most = if self.chance.one_in(30) { FILL_MAX } else { 200 };
        Value { serial: self.serial, fill: self.chance.below(most) }
    }

    /// Reads an answer and checks it.
    fn hear(&mut self, wire: &mut Wire, question: &Question) -> Result<(), Trouble> {
        let kills = self.findings.kills.get();
        match question {
            Question::Silent { key, value } => {
                self.beliefs.floats(key, Some(value.serial));
                return Ok(());
            }
            Question::Get(keys) => self.hear_values(wire, keys)?,
            Question::MetaGet { key, opaque } => self.hear_meta(wire, key, *opaque)?,
            Question::Set { .. }
            | Question::Delete(_)
            | Question::Count { .. }
            | Question::Start { .. }
            | Question::Version => {
                let line = wire.line()?;
                self.hear_line(question, &line, kills)?;
            }
        }
        self.findings.requests.add(1);
        Ok(())
    }

    fn hear_line(&mut self, question: &Question, line: &str, kills: u64) -> Result<(), Wrong> {
        if self.is_error(line) {
            self.unknown(question);
            return Ok(());
        }
        match (question, line) {
            (Question::Set { key, value }, "STORED") => {
                self.beliefs.holds(key, Some(value.serial), kills);
            }
            (Question::Delete(key), "DELETED" | "NOT_FOUND") => {
                self.beliefs.holds(key, None, kills);
            }
            (Question::Version, _) if line.starts_with("VERSION ") => {}
            (Question::Start { key, from }, "STORED") => {
                self.counters.insert(key.clone(), (*from, kills));
            }
            (Question::Start { .. }, "NOT_STORED") => {}
            (Question::Count { key, .. }, "NOT_FOUND") => {
                self.counters.remove(key);
            }
            (Question::Count { key, by }, _) => self.hear_number(key, *by, line, kills)?,
            _ => return Err(format!("{} was answered {line:?}", question.text()).into()),
        }
        Ok(())
    }

    /// A counter that lives on has counted once.
    fn hear_number(&mut self, key: &str, by: u64, line: &str, kills: u64) -> Result<(), Wrong> {
        let number: u64 = line.parse().map_err(|_| format!("incr was answered {line:?}"))?;
        let Some((before, then)) = self.counters.get_mut(key) else {
            return Ok(());
        };
        if !may_be_lost(*then, self.findings.kills.get()) && number != *before + by {
            return Err(format!("{key} was {before}, and {number} after {by} more").into());
        }
        (*before, *then) = (number, kills);
        Ok(())
    }

    fn hear_values(&mut self, wire: &mut Wire, keys: &[String]) -> Result<(), Trouble> {
        let mut found = Vec::new();
        let mut left = keys.iter();
        let end = loop {
            let line = wire.line()?;
            let Some((key, len)) = line.strip_prefix("VALUE ").and_then(|it| it.split_once(" 0 "))
            else {
                break line;
            };
            let len = len.parse().map_err(|_| Wrong(format!("a value with the line {line:?}")))?;
            if !left.any(|it| it == key) {
                return Err(Wrong(format!("{key} was not asked for, or out of turn")).into());
            }
            let value = Value::read(key, wire.value(len)?);
            let Some(serial) = value else {
                return Err(Wrong(format!("{key} has another's value, or a broken one")).into());
            };
            found.push((key.to_string(), serial));
        };
        for (key, serial) in &found {
            self.check(key, Some(*serial))?;
        }
        if end == "END" {
            for key in keys.iter().filter(|key| !found.iter().any(|it| it.0 == **key)) {
                self.check(key, None)?;
            }
        } else if !self.is_error(&end) {
            return Err(Wrong(format!("get ended with {end:?}")).into());
        }
        Ok(())
    }

    fn hear_meta(&mut self, wire: &mut Wire, key: &str, opaque: u64) -> Result<(), Trouble> {
        let line = wire.line()?;
        // Newer memcacheds repeat the number here too.
        if line == "EN" || line == format!("EN O{opaque}") {
            return Ok(self.check(key, None)?);
        }
        if self.is_error(&line) {
            return Ok(());
        }
        let wrong = || Wrong(format!("mg with O{opaque} was answered {line:?}"));
        let (len, rest) =
            line.strip_prefix("VA ").and_then(|it| it.split_once(' ')).ok_or_else(wrong)?;
        if rest != format!("O{opaque}") {
            return Err(wrong().into());
        }
        let value = wire.value(len.parse().map_err(|_| wrong())?)?;
        let serial = Value::read(key, value);
        let serial = serial.ok_or_else(|| Wrong(format!("{key} has another's value")))?;
        Ok(self.check(key, Some(serial))?)
    }

    fn check(&self, key: &str, found: Option<u64>) -> Result<(), Wrong> {
        self.findings.misses.add(u64::from(found.is_none()));
        match self.beliefs.complaint(key, found, self.findings.kills.get()) {
            Some(complaint) => Err(complaint.into()),
            None => Ok(()),
        }
    }

    /// Whether it is one of the errors that are to be expected.
    fn is_error(&self, line: &str) -> bool {
        let expected = line.starts_with("SERVER_ERROR ");
        self.findings.errors.add(u64::from(expected));
        expected
    }

    /// What was asked may still be done at any time: another counter takes its place.
    fn give_up(&mut self, key: &str) {
        self.counters.remove(key);
        let place = key.rsplit_once('n').and_then(|(_, it)| it.split_once('.'));
        if let Some((place, times)) = place
            && let (Ok(place), Ok(times)) = (place.parse::<usize>(), times.parse::<u64>())
        {
            self.given_up[place] = self.given_up[place].max(times + 1);
        }
    }

    /// Nobody knows what became of it.
    fn unknown(&mut self, question: &Question) {
        match question {
            Question::Set { key, value } | Question::Silent { key, value } => {
                self.beliefs.floats(key, Some(value.serial));
            }
            Question::Delete(key) => self.beliefs.floats(key, None),
            Question::Count { key, .. } | Question::Start { key, .. } => {
                self.give_up(key);
            }
            Question::Get(_) | Question::MetaGet { .. } | Question::Version => {}
        }
    }
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
        let words = self.text();
        let (words, noreply) = match words.strip_suffix(" noreply") {
            Some(words) => (words, " noreply"),
            None => (words.as_str(), ""),
        };
        let line = format!("{words} 0 0 {}{noreply}\r\n", value.len());
        [line.as_bytes(), &value, b"\r\n"].concat()
    }

    /// Its words; those about a value are missing.
    fn text(&self) -> String {
        match self {
            Self::Get(keys) => format!("get {}", keys.join(" ")),
            Self::MetaGet { key, opaque } => format!("mg {key} v O{opaque}"),
            Self::Set { key, .. } => format!("set {key}"),
            Self::Silent { key, .. } => format!("set {key} noreply"),
            Self::Delete(key) => format!("delete {key}"),
            Self::Count { key, by } => format!("incr {key} {by}"),
            Self::Start { key, .. } => format!("add {key}"),
            Self::Version => "version".into(),
        }
    }
}
