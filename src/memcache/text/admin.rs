//! The commands that name no key, and what is no command.

use super::classic::exptime;
use super::line::{ParsedLine, Refusal, refuse, says_noreply};
use super::number::unsigned;
use super::words::Words;
use crate::memcache::op::{Command, Op};

/// Understands a line by its first word, which is not that of a command with keys.
pub(super) fn understand(word: &[u8], line: &[u8], words: Words<'_>) -> ParsedLine {
    let quiet = says_noreply(line, words.clone());
    match word {
        b"version" => ParsedLine::Ask(Op::new(Command::Version, 0..0, 0)),
        b"quit" => ParsedLine::Ask(Op::new(Command::Quit, 0..0, 0)),
        b"stats" => ParsedLine::Ask(Op::new(Command::Stats, 0..0, 0)),
        b"flush_all" => flush_all(line, words, quiet),
        b"verbosity" => verbosity(line, words, quiet),
        // They are about the inside of one server; each would mean something else on many.
        b"slabs" | b"lru" | b"lru_crawler" | b"watch" | b"cache_memlimit" | b"shutdown"
        | b"refresh_certs" | b"extstore" | b"misbehave" | b"debugtime" | b"debugitem" => {
            ParsedLine::Refuse { refusal: Refusal::NotHere, quiet }
        }
        // As memcached does: a web page must not be able to send commands in the body of a form.
        _ if words.last().is_some_and(|last| line[last].starts_with(b"HTTP/")) => {
            refuse(Refusal::Http)
        }
        _ => unknown(line),
    }
}

/// No command; the last word of what is none still says whether it is answered.
pub(super) fn unknown(line: &[u8]) -> ParsedLine {
    let quiet = says_noreply(line, Words::new(line, 0));
    ParsedLine::Refuse { refusal: Refusal::Unknown, quiet }
}

/// `flush_all [delay] [noreply]`.
fn flush_all(line: &[u8], mut words: Words<'_>, quiet: bool) -> ParsedLine {
    let word = "flush_all".len();
    let forward_end = match words.next() {
        None => word,
        Some(only) if quiet && words.clone().next().is_none() => only.start.min(word),
        Some(delay) if exptime(&line[delay.clone()]).is_some() => delay.end,
        Some(_) => return ParsedLine::Refuse { refusal: Refusal::BadExptime, quiet },
    };
    ParsedLine::Ask(Op { quiet, ..Op::new(Command::FlushAll, 0..0, forward_end) })
}

/// `verbosity level [noreply]`.
fn verbosity(line: &[u8], mut words: Words<'_>, quiet: bool) -> ParsedLine {
    let level = words.next().unwrap_or(0..0);
    match unsigned(&line[level.clone()]) {
        Some(number) if number <= u64::from(u32::MAX) => {
            ParsedLine::Ask(Op { quiet, ..Op::new(Command::Verbosity, 0..0, level.end) })
        }
        _ => ParsedLine::Refuse { refusal: Refusal::BadFormat, quiet },
    }
}
