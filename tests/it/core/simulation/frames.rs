//! A client that speaks the binary protocol: its questions as frames, and what it is answered as
//! the lines that say the same.
#![expect(clippy::wildcard_enum_match_arm, reason = "few questions are of interest at a time")]

use super::pipe::Pipe;
use super::plan::VALUE_BYTES_MAX;
use super::question::{How, Manner, NO_ROOM, Question, TTLS, piece_text};
use crate::harness::frame::{Frame, Reply};
use crate::harness::random::Random;

const HEADER_BYTES: usize = 24;
/// Counting creates nothing.
const NO_CREATION: u32 = u32::MAX;

/// What was received, and is no whole answer yet.
#[derive(Default)]
pub(super) struct Frames {
    bytes: Pipe,
    /// Lines of an answer of several frames.
    lines: String,
    /// What went wrong with one of its keys.
    failure: Option<String>,
}

/// The frames that ask a question.
pub(super) fn ask(question: &Question, opaque: u64, rng: &mut Random) -> Vec<u8> {
    let ttl = TTLS[rng.below(TTLS.len())];
    let expiry = ttl.to_be_bytes().to_vec();
    let quiet = |aloud, quietly| if question.is_quiet() { quietly } else { aloud };
    let store =
        |opcode, key: &str, value: &str| Frame::store(opcode, key, value.as_bytes(), 0, ttl);
    let frame = match question {
        Question::Get(keys) => return retrieval(keys, &expiry, opaque as u32, rng),
        Question::Set { key, value, .. } => store(quiet(0x01, 0x11), key, &value.text(key)),
        Question::MetaGet { key, .. } => Frame::new(quiet(0x00, 0x09), key),
        Question::Delete { key, .. } => Frame::new(quiet(0x04, 0x14), key),
        Question::Touch(key) => Frame { extras: expiry, ..Frame::new(0x1c, key) },
        Question::TooLarge(key) => store(0x01, key, &"y".repeat(VALUE_BYTES_MAX + 1)),
        Question::Begin { key, from } => store(0x02, key, &from.to_string()),
        Question::Count { key, by, .. } => Frame::count(0x05, key, *by, 0, NO_CREATION),
        Question::Extend { key, piece, how } => {
            let value = piece_text(key, *piece);
            let opcode = match how {
                How::Add => return store(0x02, key, &value).opaque(opaque as u32).bytes(),
                How::Append | How::MetaAppend | How::MetaEither => 0x0e,
                How::Prepend | How::MetaPrepend => 0x0f,
            };
            Frame { value: value.into_bytes(), ..Frame::new(opcode, key) }
        }
        Question::Fence => Frame::new(0x0a, ""),
        Question::Verbosity => {
            Frame { extras: 1u32.to_be_bytes().to_vec(), ..Frame::new(0x1b, "") }
        }
        Question::Version => Frame::new(0x0b, ""),
        Question::Stats => Frame::new(0x10, "backends"),
        Question::Nonsense => Frame { value: vec![0x80; 9], ..Frame::new(0x66, "") },
    };
    frame.opaque(opaque as u32).bytes()
}

/// Quiet ones, and what tells that they are all answered.
fn retrieval(keys: &[String], expiry: &[u8], opaque: u32, rng: &mut Random) -> Vec<u8> {
    let touches = rng.one_in(3);
    let get = |key| match touches {
        true => Frame { extras: expiry.to_vec(), ..Frame::new(0x24, key) },
        false => Frame::new(0x0d, key),
    };
    let frames = keys.iter().map(get).chain([Frame::new(0x0a, "")]);
    frames.flat_map(|frame| frame.opaque(opaque).bytes()).collect()
}

/// What nothing else holds that a backend is asked for this question.
pub(super) fn mark(question: &Question, opaque: u64) -> Option<String> {
    match question {
        Question::MetaGet { .. } => None,
        Question::Count { key, by, .. } => Some(format!("ma {key} v c D{by}\r")),
        _ => question.mark(opaque),
    }
}

impl Frames {
    /// Takes what was received, and adds the lines that say it to `lines`; `question` is what has
    /// been asked with this number. Of a question that was cut off in its middle some keys may
    /// have been asked for.
    pub(super) fn receive<'a>(
        &mut self,
        bytes: &[u8],
        question: impl Fn(u32) -> Option<&'a Question>,
        lines: &mut Pipe,
    ) {
        self.bytes.push(bytes);
        while let Some(reply) = self.next() {
            if let Some(question) = question(reply.opaque) {
                lines.push(self.lines(question, &reply).unwrap_or_default().as_bytes());
            }
        }
    }

    /// The next reply, if it is all there.
    fn next(&mut self) -> Option<Reply> {
        let front = self.bytes.front();
        let body: [u8; 4] = front.get(8..12)?.try_into().expect("four bytes");
        let len = HEADER_BYTES + u32::from_be_bytes(body) as usize;
        let reply = Reply::all(front.get(..len)?.to_vec()).remove(0);
        self.bytes.consume(len);
        Some(reply)
    }

    /// Whether nothing half is there.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The lines of an answer, once its last frame has come.
    fn lines(&mut self, question: &Question, reply: &Reply) -> Option<String> {
        match question {
            Question::Get(_) if reply.opcode != 0x0a => {
                match reply.status {
                    0 => self.lines += &value_line(reply),
                    _ => self.failure = Some(line(question, reply)),
                }
                None
            }
            Question::Stats if !reply.key.is_empty() => {
                self.lines += &format!("STAT {} {}\r\n", text(&reply.key), text(&reply.value));
                None
            }
            Question::Get(_) | Question::Stats => {
                assert_eq!((reply.status, reply.value.len()), (0, 0), "{reply:?}");
                let end = self.failure.take().unwrap_or_else(|| "END\r\n".into());
                Some(std::mem::take(&mut self.lines) + &end)
            }
            _ => Some(line(question, reply)),
        }
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

fn value_line(reply: &Reply) -> String {
    let value = text(&reply.value);
    assert_eq!((&reply.extras[..], reply.cas), (&[0; 4][..], 7), "flags and cas");
    format!("VALUE {} 0 {}\r\n{value}\r\n", text(&reply.key), value.len())
}

/// The answer of one frame.
fn line(question: &Question, reply: &Reply) -> String {
    let is_meta = question.manner() != Manner::Classic;
    let said = |classic: &str, meta: &str| match is_meta {
        true => format!("{meta} O{}\r\n", reply.opaque),
        false => format!("{classic}\r\n"),
    };
    match (question, reply.status) {
        (_, 0x86) => format!("{}\r\n", text(&reply.value)),
        (_, 0x82) => format!("{NO_ROOM}\r\n"),
        (Question::MetaGet { .. }, 0) => {
            let value = text(&reply.value);
            format!("VA {} O{}\r\n{value}\r\n", value.len(), reply.opaque)
        }
        (Question::MetaGet { .. }, 1) => "EN\r\n".into(),
        (Question::Count { .. }, 0) => {
            let number: [u8; 8] = reply.value[..].try_into().expect("eight bytes");
            let number = u64::from_be_bytes(number).to_string();
            said(&number, &format!("VA {}", number.len())) + &if_meta(is_meta, &number)
        }
        (Question::Set { .. } | Question::Begin { .. } | Question::Extend { .. }, 0) => {
            assert_eq!(reply.cas, 7, "{reply:?}");
            said("STORED", "HD")
        }
        (Question::Begin { .. } | Question::Extend { how: How::Add, .. }, 2)
        | (Question::Extend { .. }, 5) => said("NOT_STORED", "NS"),
        (Question::Delete { .. }, 0) => said("DELETED", "HD"),
        (Question::Touch(_), 0) => said("TOUCHED", ""),
        (Question::Delete { .. } | Question::Touch(_) | Question::Count { .. }, 1) => {
            said("NOT_FOUND", "NF")
        }
        (Question::TooLarge(_), 3) => said("SERVER_ERROR object too large for cache", ""),
        (Question::Fence, 0) => said("MN", ""),
        (Question::Verbosity, 0) => said("OK", ""),
        (Question::Version, 0) => said(&format!("VERSION {}", text(&reply.value)), ""),
        (Question::Nonsense, 0x81) => said("CLIENT_ERROR bad command line format", ""),
        _ => panic!("{question:?} was answered {reply:?}"),
    }
}

fn if_meta(is_meta: bool, value: &str) -> String {
    if is_meta { format!("{value}\r\n") } else { String::new() }
}
