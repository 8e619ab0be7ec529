//! A client that knows what it may be answered, and when.
#![expect(clippy::wildcard_enum_match_arm, reason = "few questions are of interest at a time")]

use super::answer::{self, Part};
use super::beliefs::{Beliefs, MISSING};
use super::frames::{self, Frames};
use super::pipe::Pipe;
use super::plan::{LARGE, Mood, Plan, TIMEOUT};
use super::question::{How, Manner, NO_ROOM, Question, Value};
use crate::harness::random::Random;
use nodeproxy::time::Time;
use std::collections::VecDeque;

/// Keys of one client of each kind.
const KEYS: usize = 6;
/// Keys of the longest retrieval.
const KEYS_AT_ONCE: usize = 24;

const TOO_MANY: &str = "SERVER_ERROR too many connections";

/// A question that has not been answered.
struct Asked {
    question: Question,
    /// What its answer repeats.
    opaque: u64,
    at: Time,
    /// Bytes that have to have been sent for it to be whole.
    ends: usize,
}

pub(super) struct Peer {
    pub(super) name: usize,
    /// There are too many already.
    refused: bool,
    plan: Plan,
    /// The number of what it wrote last.
    serial: u64,
    asked: VecDeque<Asked>,
    beliefs: Beliefs,
    /// Bytes on their way to the proxy, and how many there ever were and have arrived.
    unsent: Pipe,
    written: usize,
    arrived: usize,
    /// Bytes from the proxy that are no whole answer yet.
    received: Pipe,
    /// It speaks the binary protocol.
    frames: Option<Frames>,
    /// It will ask no more.
    pub(super) ended: bool,
    /// Since when the oldest question has been waited for in earnest.
    pub(super) since: Time,
    /// When it last said something.
    pub(super) heard_at: Time,
    /// Marks of questions that were lost with their links, where one link at a time is lost: they
    /// have been sent, else another link would have taken them.
    pub(super) lost: Vec<String>,
    /// Whether it reads what it is sent, and always did.
    pub(super) reads: bool,
    always_read: bool,
}

impl Peer {
    pub(super) fn new(name: usize, plan: &Plan, refused: bool, now: Time) -> Self {
        Self {
            name,
            refused,
            plan: plan.clone(),
            serial: MISSING,
            asked: VecDeque::new(),
            beliefs: Beliefs::new(plan.moves_keys(), plan.tells_misses()),
            unsent: Pipe::default(),
            written: 0,
            arrived: 0,
            received: Pipe::default(),
            frames: None,
            ended: false,
            since: now,
            heard_at: now,
            lost: Vec::new(),
            reads: true,
            always_read: true,
        }
    }

    /// The same client, in the binary protocol.
    pub(super) fn in_frames(self) -> Self {
        Self { frames: Some(Frames::default()), ..self }
    }

    pub(super) fn state(&self) -> String {
        let next = self.asked.front().map(|it| &it.question);
        let got = String::from_utf8_lossy(self.received.front());
        let got: String = got.chars().take(100).collect();
        format!("{}: {} asked, next {next:?}, got {got:?}", self.name, self.asked.len())
    }

    /// Whether it is owed an answer, to what has arrived.
    pub(super) fn waits(&self) -> bool {
        self.awaited().is_some_and(|ends| ends <= self.arrived) && !self.refused
    }

    /// Where the oldest question ends that has to be answered.
    fn awaited(&self) -> Option<usize> {
        self.asked.iter().find(|it| !it.question.is_quiet()).map(|it| it.ends)
    }

    pub(super) fn is_settled(&self) -> bool {
        self.asked.is_empty() && self.unsent.is_empty() || self.refused
    }

    /// Whether it may ask more.
    pub(super) fn is_curious(&self) -> bool {
        !self.ended && self.unsent.len() < 100_000 && self.asked.len() < 200
    }

    /// What may take several timeouts has not been waited for until now. In frames each key is a
    /// request of its own, with a timeout of its own.
    pub(super) fn be_patient(&mut self, now: Time) {
        if self.plan.is_tight() || self.frames.is_some() {
            self.since = now;
        }
    }

    pub(super) fn pause(&mut self) {
        self.reads = false;
        self.always_read = false;
    }

    pub(super) fn resume(&mut self, now: Time) {
        self.reads = true;
        self.since = now;
    }

    /// Asks something.
    pub(super) fn ask_any(&mut self, rng: &mut Random, now: Time) {
        let question = self.think(rng);
        let is_line = self.frames.is_none();
        let is_set = matches!(&question, Question::Set { meta: Manner::Classic, .. });
        if is_set && is_line && rng.one_in(5) {
            return self.set_silently(&question, rng);
        }
        let fenced = question.is_quiet();
        self.ask(question, rng, now);
        if fenced {
            self.ask(Question::Fence, rng, now);
        }
    }

    /// Stores a large value, always on the same link.
    pub(super) fn store_large(&mut self, rng: &mut Random, now: Time) {
        self.serial += 1;
        let value = Value { serial: self.serial, fill: LARGE };
        let key = format!("p{}k0", self.name);
        let question = Question::Set { key, value, meta: Manner::Classic };
        self.ask(question, rng, now);
    }

    /// Asks for the largest value that it has, and does not read.
    pub(super) fn want_large(&mut self, rng: &mut Random, now: Time) {
        if self.serial == MISSING {
            self.store_large(rng, now);
            self.pause();
        }
        let key = format!("p{}k0", self.name);
        let keys = if rng.one_in(4) { 2 + rng.below(5) } else { 1 };
        self.ask(Question::Get(vec![key; keys]), rng, now);
    }

    pub(super) fn ask(&mut self, question: Question, rng: &mut Random, now: Time) {
        self.serial += 1;
        let opaque = self.serial;
        match self.frames {
            None => self.write(question.text(opaque, rng).as_bytes()),
            Some(_) => self.write(&frames::ask(&question, opaque, rng)),
        }
        if self.asked.is_empty() {
            self.since = now;
        }
        self.asked.push_back(Asked { question, opaque, at: now, ends: self.written });
    }

    fn think(&mut self, rng: &mut Random) -> Question {
        let manner = [Manner::Classic, Manner::Classic, Manner::Meta, Manner::Quiet][rng.below(4)];
        let key = self.key('k', rng);
        self.serial += 1;
        let serial = self.serial;
        match rng.below(40) {
            0..8 => Question::Get(vec![if rng.one_in(4) { self.key('l', rng) } else { key }]),
            8..14 => {
                let most = if rng.one_in(3) { KEYS_AT_ONCE } else { 5 };
                let count = 1 + rng.below(most);
                let key = |rng: &mut Random| self.key(if rng.one_in(6) { 'l' } else { 'k' }, rng);
                Question::Get((0..count).map(|_| key(rng)).collect())
            }
            14..23 => {
                let large = rng.one_in(if self.plan.heavy { 2 } else { 20 });
                let fill = if large { LARGE } else { rng.below(40) };
                Question::Set { key, value: Value { serial, fill }, meta: manner }
            }
            23..25 => Question::Delete { key, meta: manner },
            25..28 if manner == Manner::Classic => Question::Touch(key),
            25..28 => Question::MetaGet { key, meta: manner },
            28 => Question::TooLarge(key),
            29 => Question::Begin { key: self.key('n', rng), from: serial * 1_000_000 },
            30..32 if manner == Manner::Classic => {
                Question::Count { key: self.key('n', rng), by: serial, meta: manner }
            }
            30..32 => Question::Count { key: self.key('n', rng), by: serial, meta: Manner::Meta },
            32..36 => {
                Question::Extend { key: self.key('l', rng), piece: serial, how: HOWS[rng.below(6)] }
            }
            36 => Question::Verbosity,
            37 => Question::Version,
            38 => Question::Stats,
            _ => Question::Nonsense,
        }
    }

    fn key(&self, kind: char, rng: &mut Random) -> String {
        format!("p{}{kind}{}", self.name, rng.below(KEYS))
    }

    /// Nobody will say whether it was done.
    fn set_silently(&mut self, question: &Question, rng: &mut Random) {
        if let Question::Set { key, value, .. } = question {
            let text = question.text(0, rng).replacen("\r\n", " noreply\r\n", 1);
            self.write(text.as_bytes());
            self.beliefs.floats(key, value.serial);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.unsent.push(bytes);
        self.written += bytes.len();
    }

    /// Sends the first `most` bytes of what it has to say, if there are any.
    pub(super) fn send(&mut self, most: usize, into: &mut Pipe, now: Time) -> bool {
        let count = self.unsent.len().min(most);
        if count > 0 {
            self.unsent.pour(count, into);
            self.arrived += count;
            self.heard_at = now;
            if self.awaited().is_some_and(|ends| ends > self.arrived - count) {
                self.since = now;
            }
        }
        count > 0
    }

    /// It breaks off, unless that would be between a quiet command and its fence.
    pub(super) fn end(&mut self, into: &mut Pipe, now: Time) {
        self.ended = true;
        let arrived = self.arrived;
        let cut = self.asked.iter().position(|it| it.ends > arrived);
        let at = cut.unwrap_or(self.asked.len());
        let fenced = at > 0 && self.asked[at - 1].question.is_quiet();
        if fenced || matches!(self.asked.get(at), Some(it) if it.question.is_quiet()) {
            self.send(usize::MAX, into, now);
            return;
        }
        for lost in self.asked.drain(at..) {
            if let Question::TooLarge(key) = lost.question {
                self.beliefs.floats(&key, MISSING);
            }
        }
        self.unsent.truncate(0);
    }

    /// Takes what the proxy sent, and checks every answer that is whole.
    pub(super) fn receive(&mut self, bytes: &Pipe, now: Time) {
        match &mut self.frames {
            // That there are too many clients is said before one has said anything.
            Some(frames) if !self.refused => {
                let asked = &self.asked;
                let question = |opaque| {
                    let found = asked.iter().find(|it| it.opaque == u64::from(opaque));
                    assert!(found.is_some() || self.ended, "unasked: {opaque}");
                    found.map(|it| &it.question)
                };
                frames.receive(bytes.front(), question, &mut self.received);
            }
            _ => self.received.push(bytes.front()),
        }
        // Values that are asked for again come one by one, each within the timeout.
        self.be_patient(now);
        while let Some(len) = self.check_one(now) {
            self.received.consume(len);
            self.since = now;
        }
    }

    /// No question may be open for too long.
    pub(super) fn check_deadline(&self, now: Time, lag: u64) {
        // Keys are asked for in rounds, and each has the timeout for itself.
        let rounds = match self.asked.front().map(|it| &it.question) {
            Some(Question::Get(keys)) => 1 + keys.len() as u64 / 2,
            _ => 1,
        };
        let timeouts = if self.plan.is_tight() || !self.always_read { 10 } else { rounds };
        let late = self.waits() && self.reads && now.since(self.since) > timeouts * TIMEOUT + lag;
        assert!(!late, "not answered for {} us: {}", now.since(self.since), self.state());
    }

    /// The connection has ended: nothing half may be left, and nothing may be owed.
    pub(super) fn check_end(&self, now: Time, is_sacrificed: bool) {
        if is_sacrificed {
            return;
        }
        let is_half = self.frames.as_ref().is_some_and(|it| !it.is_empty());
        assert!(self.received.is_empty() && !is_half, "half an answer: {}", self.state());
        assert!(!self.waits(), "closed, and owed something: {}", self.state());
        let idle = self.plan.idle_timeout;
        let is_idle = idle > 0 && now.since(self.heard_at) >= idle;
        assert!(self.ended || self.refused || is_idle, "closed for nothing: {}", self.state());
    }

    /// Checks the answer at the head of what was received, if it is whole. Returns its bytes.
    fn check_one(&mut self, now: Time) -> Option<usize> {
        let line = answer::first_line(self.received.front())?.to_string();
        if self.refused {
            assert_eq!(line, TOO_MANY);
            self.asked.clear();
            return Some(line.len() + 2);
        }
        let asked = self.asked.pop_front().unwrap_or_else(|| panic!("unasked: {line:?}"));
        assert!(asked.ends <= self.arrived, "{:?} was not asked yet: {line:?}", asked.question);
        if line == "MN" && asked.question.is_quiet() {
            self.was_silent(asked.question);
            return Some(0);
        }
        let received = std::mem::take(&mut self.received);
        let parts = answer::parts(&asked.question, received.front());
        if let Some((parts, _)) = &parts {
            self.check_answer(&asked, parts, now);
        }
        let len = parts.map(|(_, len)| len);
        self.received = received;
        if len.is_none() {
            self.asked.push_front(asked);
        }
        len
    }

    /// A quiet command was not answered: all went as it should.
    fn was_silent(&mut self, question: Question) {
        match question {
            Question::MetaGet { key, .. } => self.beliefs.check_missing(&key),
            Question::Set { key, value, .. } => self.beliefs.holds(&key, value.serial),
            Question::Delete { key, .. } => self.beliefs.holds(&key, MISSING),
            other => panic!("{other:?} is not quiet"),
        }
    }

    fn check_answer(&mut self, asked: &Asked, parts: &[Part<'_>], now: Time) {
        let [values @ .., Part { line, value }] = parts else {
            panic!("an answer ends with a line");
        };
        let failed = self.has_failed(asked, line, now);
        match &asked.question {
            Question::Get(keys) => self.was_got(keys, values, line, failed),
            _ if failed => self.was_lost(asked, line),
            Question::MetaGet { .. } if *line == NO_ROOM => self.check_scarcity(),
            question if question.manner() != Manner::Classic => {
                let value = line.starts_with("VA ").then_some(*value);
                self.was_told(asked, &answer::without_opaque(line, asked.opaque), value);
            }
            _ => self.was_told(asked, line, None),
        }
    }

    /// Whether the answer is that there is none.
    fn has_failed(&self, asked: &Asked, line: &str, now: Time) -> bool {
        let busy = line == "SERVER_ERROR busy";
        let failed = line.starts_with("SERVER_ERROR backend ") || busy;
        let mood = self.plan.mood;
        // A link that holds much is closed when memory is used up, however calm it is.
        let is_lost = line.ends_with(" lost") && self.plan.memory != usize::MAX;
        assert!(!failed || is_lost || mood != Mood::Calm, "nothing went wrong, but {line}");
        let blip = busy || line.ends_with(" lost") || line.ends_with(" broke the protocol");
        assert!(!failed || blip || mood != Mood::Blips, "no more than a blip, but {line}");
        let is_get = matches!(asked.question, Question::Get(_) | Question::MetaGet { .. });
        assert!(!(failed && is_get && self.plan.failed_get_is_miss), "a miss is told, not {line}");
        let late = line == "SERVER_ERROR backend timed out";
        assert!(!late || now.since(asked.at) >= TIMEOUT, "given up too early");
        failed
    }

    fn was_got(&mut self, keys: &[String], values: &[Part<'_>], end: &str, failed: bool) {
        let mut keys = keys.iter();
        let check = |beliefs: &mut Beliefs, key: &str, value: Option<&str>| match value {
            Some(value) if key.contains('l') => beliefs.check_list(key, value),
            Some(value) => beliefs.check_value(key, value),
            None if key.contains('l') => beliefs.check_no_list(key),
            None => beliefs.check_missing(key),
        };
        let no_room = end == NO_ROOM;
        assert!(failed || no_room || end == "END", "the end of a retrieval is {end:?}");
        if no_room {
            self.check_scarcity();
        }
        for Part { line, value } in values {
            let found = answer::value_key(line);
            loop {
                let key = keys
                    .next()
                    .unwrap_or_else(|| panic!("{found} was not asked for, or out of order"));
                if key == found {
                    check(&mut self.beliefs, key, Some(value));
                    break;
                }
                // It was a miss, or its backend has failed.
                if end == "END" {
                    check(&mut self.beliefs, key, None);
                }
            }
        }
        if end == "END" {
            keys.for_each(|key| check(&mut self.beliefs, key, None));
        }
    }

    fn check_scarcity(&self) {
        assert!(self.plan.is_tight() || !self.always_read, "there was room");
    }

    /// A question failed: perhaps it was done, or will be, unless it is certain that it was never
    /// sent.
    fn was_lost(&mut self, asked: &Asked, line: &str) {
        if self.plan.mood == Mood::Blips && line == "SERVER_ERROR backend lost" {
            self.lost.extend(match self.frames {
                None => asked.question.mark(asked.opaque),
                Some(_) => frames::mark(&asked.question, asked.opaque),
            });
        }
        let beliefs = &mut self.beliefs;
        let never_sent = line == "SERVER_ERROR backend down";
        match &asked.question {
            Question::TooLarge(_) => panic!("{:?} was answered {line:?}", asked.question),
            _ if never_sent => {}
            Question::Set { key, value, .. } => beliefs.floats(key, value.serial),
            Question::Delete { key, .. } => beliefs.floats(key, MISSING),
            Question::Begin { key, .. } | Question::Count { key, .. } => beliefs.count_floats(key),
            Question::Extend { key, piece, .. } => beliefs.piece_floats(key, *piece),
            _ => {}
        }
    }

    /// A question was answered. A meta command's line has lost what it repeats.
    fn was_told(&mut self, asked: &Asked, line: &str, value: Option<&str>) {
        let beliefs = &mut self.beliefs;
        match (&asked.question, line) {
            (Question::MetaGet { key, meta: Manner::Meta }, "EN") => beliefs.check_missing(key),
            (Question::MetaGet { key, .. }, _) => match value {
                Some(value) => beliefs.check_value(key, value),
                None => panic!("{key} was answered {line:?}"),
            },
            (Question::Set { key, value, meta: Manner::Classic }, "STORED")
            | (Question::Set { key, value, meta: Manner::Meta }, "HD") => {
                beliefs.holds(key, value.serial);
            }
            (Question::Delete { key, meta: Manner::Classic }, "DELETED" | "NOT_FOUND")
            | (Question::Delete { key, meta: Manner::Meta }, "HD")
            | (Question::Delete { key, .. }, "NF") => beliefs.holds(key, MISSING),
            (Question::Touch(_), "TOUCHED") => {}
            (Question::Touch(key), "NOT_FOUND") => beliefs.check_missing(key),
            (Question::TooLarge(key), "SERVER_ERROR object too large for cache") => {
                match self.plan.mood {
                    Mood::Calm => beliefs.holds(key, MISSING),
                    Mood::Blips | Mood::Rough => beliefs.floats(key, MISSING),
                }
            }
            (Question::Begin { key, from }, "STORED") => beliefs.begins(key, *from),
            (Question::Begin { key, .. }, "NOT_STORED") => beliefs.check_begun(key),
            (Question::Count { key, by, .. }, "NOT_FOUND" | "NF") => beliefs.counts(key, *by, None),
            (Question::Count { key, by, .. }, _) => {
                let number = value.unwrap_or(line).parse();
                beliefs.counts(key, *by, Some(number.expect("a number")));
            }
            (Question::Extend { key, piece, .. }, "STORED" | "HD") => {
                beliefs.has_piece(key, *piece);
            }
            (Question::Extend { key, how, .. }, "NOT_STORED" | "NS") => {
                beliefs.check_list_exists(key, *how == How::Add);
            }
            (Question::Version, "VERSION 1.6.45") => {}
            (Question::Nonsense, "CLIENT_ERROR bad command line format") => {}
            (Question::Fence, "MN") | (Question::Verbosity, "OK") | (Question::Stats, "END") => {}
            (question, _) => panic!("{question:?} was answered {line:?}"),
        }
    }
}

const HOWS: [How; 6] =
    [How::Append, How::Prepend, How::Add, How::MetaAppend, How::MetaPrepend, How::MetaEither];
