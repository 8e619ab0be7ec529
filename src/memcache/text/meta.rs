//! The meta commands: `mg key flag*`, `ms key bytes flag*` ... Flags are the backend's business,
//! and new ones need no new proxy; only those that change how many replies there are, or which
//! backend is asked, are looked at.

use super::classic::announced;
use super::line::{ParsedLine, Refusal, refuse, unsafe_bytes};
use super::words::Words;
use crate::memcache::KEY_BYTES_MAX;
use crate::memcache::op::{Command, Op};
use std::ops::Range;

/// Flags that every memcached takes on an `ms`; 1.6.18 reads the value of a longer line as
/// commands.
const SET_FLAGS_MAX: usize = 16;

/// What the flags say to a proxy.
struct Flags {
    count: usize,
    /// The quiet flag with the space before it.
    quiet: Option<Range<usize>>,
    base64: bool,
    /// They change nothing, and ask for nothing that asking changes.
    repeat: bool,
    end: usize,
}

/// `mg`, `md`, `ma`, `me`: one line.
pub(super) fn keyed(
    command: Command,
    line: &[u8],
    mut words: Words<'_>,
    has_control_bytes: bool,
) -> ParsedLine {
    let Some(key) = words.next() else {
        return refuse(Refusal::BadFormat);
    };
    let flags = match Flags::read(command, line, words, key.end) {
        Ok(flags) => flags,
        Err(refusal) => return refuse(refusal),
    };
    // In memcached's own words, which for an `ma` are those of its flags.
    if key.len() > KEY_BYTES_MAX && command == Command::MetaArithmetic {
        return refuse(Refusal::InvalidOrDuplicateFlag);
    }
    if key.len() > KEY_BYTES_MAX || has_control_bytes && unsafe_bytes(&line[..flags.end]) {
        return refuse(Refusal::BadFormat);
    }
    ParsedLine::Ask(flags.onto(Op::new(command, key, 0)))
}

/// `ms key bytes flag*`, and the value behind it.
pub(super) fn storage(line: &[u8], mut words: Words<'_>, has_control_bytes: bool) -> ParsedLine {
    let (Some(key), Some(length)) = (words.next(), words.next()) else {
        return refuse(Refusal::BadFormat);
    };
    let Some(value) = announced(&line[length.clone()]) else {
        return refuse(Refusal::BadFormat);
    };
    let discard = |refusal| ParsedLine::Discard { value, refusal, quiet: false };
    let flags = match Flags::read(Command::MetaSet, line, words, length.end) {
        Ok(flags) => flags,
        Err(Refusal::BadFormat) => return refuse(Refusal::BadFormat),
        Err(refusal) => return discard(refusal),
    };
    if key.len() > KEY_BYTES_MAX || has_control_bytes && unsafe_bytes(&line[..flags.end]) {
        return discard(Refusal::BadFormat);
    }
    if flags.count > SET_FLAGS_MAX {
        return discard(Refusal::TooManyFlags);
    }
    let line = Op { value: Some(value), ..Op::new(Command::MetaSet, key, 0) };
    ParsedLine::Ask(flags.onto(line))
}

impl Flags {
    /// The flags of a line, which stand behind `end`.
    fn read(command: Command, line: &[u8], words: Words<'_>, end: usize) -> Result<Self, Refusal> {
        let mut flags = Self { count: 0, quiet: None, base64: false, repeat: true, end };
        for word in words {
            flags.count += 1;
            // Behind anything else memcached 1.6.45 reads the value of an `ms` as commands.
            if !matches!(line[word.start], b'A'..=b'z' | b'0'..=b'9') {
                return Err(Refusal::BadFormat);
            }
            match line[word.start] {
                b'q' if command != Command::MetaDebug => {
                    let quiet_flag = flags.end..word.end;
                    if flags.quiet.replace(quiet_flag).is_some() {
                        return Err(duplicate(command));
                    }
                }
                b'b' => flags.base64 = true,
                b'c' | b'f' | b'k' | b'O' | b's' | b'v' => {}
                _ => flags.repeat = false,
            }
            flags.end = word.end;
        }
        Ok(flags)
    }

    fn onto(self, line: Op) -> Op {
        let quiet = self.quiet.is_some();
        let quiet_flag = self.quiet.unwrap_or(0..0);
        let refetchable = self.repeat && line.command == Command::MetaGet;
        Op {
            forward_end: self.end,
            quiet_flag,
            quiet,
            key_is_base64: self.base64,
            refetchable,
            ..line
        }
    }
}

const fn duplicate(command: Command) -> Refusal {
    if matches!(command, Command::MetaArithmetic) {
        Refusal::InvalidOrDuplicateFlag
    } else {
        Refusal::DuplicateFlag
    }
}
