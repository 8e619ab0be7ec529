//! What one line of a client asks for, and how what asks for nothing is refused.

use super::words::Words;
use crate::memcache::op::Command;
use std::ops::Range;

/// Why a request is answered by the proxy itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The first word is no command.
    Unknown,
    /// The command is known, its words are not as they should be.
    BadFormat,
    /// More words than a `delete` takes. Newer memcacheds ignore them; older ones, and the clients
    /// that test for it, do not.
    BadDelete,
    /// An expiry that is no number of 32 bits.
    BadExptime,
    /// A meta flag is given twice.
    DuplicateFlag,
    /// The same, in the words of `ma`.
    InvalidOrDuplicateFlag,
    /// More meta flags than memcached takes.
    TooManyFlags,
    /// The value is not followed by CR LF.
    BadChunk,
    /// The value is longer than the proxy accepts.
    TooLarge,
    /// A command about the inside of one server.
    NotHere,
    /// The line does not end, or is longer than a backend may take it.
    LineTooLong,
    /// HTTP: a web page that was told to talk to a memcache port.
    Http,
    /// The binary protocol.
    Binary,
}

impl Refusal {
    /// The answer, in memcached's words where it has some.
    pub const fn text(self) -> &'static [u8] {
        match self {
            Self::Unknown | Self::Http => b"ERROR\r\n",
            Self::BadFormat => b"CLIENT_ERROR bad command line format\r\n",
            Self::BadDelete => {
                b"CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n"
            }
            Self::BadExptime => b"CLIENT_ERROR invalid exptime argument\r\n",
            Self::DuplicateFlag => b"CLIENT_ERROR duplicate flag\r\n",
            Self::InvalidOrDuplicateFlag => b"CLIENT_ERROR invalid or duplicate flag\r\n",
            Self::TooManyFlags => b"CLIENT_ERROR options flags are too long\r\n",
            Self::BadChunk => b"CLIENT_ERROR bad data chunk\r\n",
            Self::TooLarge => b"SERVER_ERROR object too large for cache\r\n",
            Self::NotHere => b"CLIENT_ERROR not available through nodeproxy\r\n",
            Self::LineTooLong => b"CLIENT_ERROR line too long\r\n",
            Self::Binary => b"CLIENT_ERROR the binary protocol is not supported\r\n",
        }
    }

    /// Whether nothing that follows can be trusted, so that the connection ends.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Http | Self::Binary)
    }
}

/// A line that asks for something; positions are counted from its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The command.
    pub command: Command,
    /// The (first) key; empty when there is none.
    pub key: Range<usize>,
    /// Where the part that a backend needs to see ends: `noreply` and what is ignored come after.
    pub head: usize,
    /// What a backend needs to see behind it.
    pub tail: &'static [u8],
    /// A piece within it that no backend must see: the quiet flag of a meta command.
    pub cut: Range<usize>,
    /// Bytes of the value that follows the line, its CR LF not counted.
    pub value: Option<usize>,
    /// Whether the client wants no answer: none at all, or none but an unexpected one when it is a
    /// meta command.
    pub quiet: bool,
    /// Whether more keys follow the first.
    pub many: bool,
    /// Whether the key stands there in base64.
    pub base64: bool,
    /// Whether it is an `mg` that is answered the same when it is asked again.
    pub repeats: bool,
}

impl Line {
    /// A line that a backend needs to see up to `head`.
    pub(super) fn new(command: Command, key: Range<usize>, head: usize) -> Self {
        let (tail, cut, value) = (&b""[..], 0..0, None);
        let (quiet, many, base64, repeats) = (false, false, false, false);
        Self { command, key, head, tail, cut, value, quiet, many, base64, repeats }
    }
}

/// A whole request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What its line says.
    pub line: Line,
    /// Bytes of its line, with the line end.
    pub line_len: usize,
    /// Bytes of all of it.
    pub len: usize,
}

/// What is to be done about a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is a request.
    Ask(Line),
    /// It is answered with an error; or not at all, when the client wants no answer.
    Refuse {
        /// The error.
        refusal: Refusal,
        /// Whether the client wants no answer.
        quiet: bool,
    },
    /// The same, once the value that it announced has been skipped.
    Swallow {
        /// Bytes of the value, its CR LF not counted.
        value: usize,
        /// The error.
        refusal: Refusal,
        /// Whether the client wants no answer.
        quiet: bool,
    },
}

/// The last word of a request that is not to be answered.
pub const NOREPLY: &[u8] = b"noreply";

pub(super) const fn refuse(refusal: Refusal) -> Verdict {
    Verdict::Refuse { refusal, quiet: false }
}

/// Whether the last of the words behind the arguments is `noreply`. An argument is never taken for
/// it: a key may be called `noreply`.
pub(super) fn says_noreply(line: &[u8], rest: Words<'_>) -> bool {
    rest.last().is_some_and(|word| &line[word] == NOREPLY)
}

/// Bytes that end a word or a line for some backend, though not for all: memcached before 1.6.19
/// stops at a NUL, and then reads a value as commands.
pub(super) fn unsafe_bytes(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| matches!(byte, b'\0' | b'\r'))
}

impl Line {
    /// Whether the client is not even told of an error: meta commands show errors always.
    pub fn hides_errors(&self) -> bool {
        self.quiet && self.command != Command::MetaSet
    }

    /// Whether it is a retrieval of the classic kind, which may name many keys.
    pub fn is_retrieval(&self) -> bool {
        matches!(self.command, Command::Get | Command::Gets | Command::Gat | Command::Gats)
    }
}
