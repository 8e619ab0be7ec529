//! What one line of a client asks for, and how what asks for nothing is refused.

use super::words::Words;
use crate::memcache::op::Op;

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
    /// A flag of an `ma` is given twice, or its key is too long.
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
    /// The lengths of a frame of the binary protocol do not fit together.
    BadLengths,
    /// A frame that lacks a part, or has one too many.
    BadArguments,
    /// The key of a frame, which has bytes that must stand in base64, is too long for that.
    LongKey,
    /// No frame where one should begin.
    BadMagic,
}

impl Refusal {
    /// The answer, in memcached's words where it has some.
    pub const fn text(self) -> &'static [u8] {
        match self {
            Self::Unknown | Self::Http | Self::BadLengths => b"ERROR\r\n",
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
            Self::BadArguments => b"CLIENT_ERROR invalid arguments\r\n",
            Self::LongKey => b"CLIENT_ERROR key too long\r\n",
            // Memcached says nothing then.
            Self::BadMagic => b"",
        }
    }

    /// Whether nothing that follows can be trusted, so that the connection ends.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Http | Self::BadLengths | Self::BadArguments | Self::BadMagic)
    }
}

/// A whole request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it asks for.
    pub op: Op,
    /// Bytes of its line, with the line end.
    pub line_len: usize,
    /// Bytes of all of it.
    pub len: usize,
}

/// What is to be done about a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParsedLine {
    /// It is a request.
    Ask(Op),
    /// It is answered with an error; or not at all, when the client wants no answer.
    Refuse {
        /// The error.
        refusal: Refusal,
        /// Whether the client wants no answer.
        quiet: bool,
    },
    /// It is answered like one that is refused, once the value that it announced has been skipped.
    Discard {
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

pub(super) const fn refuse(refusal: Refusal) -> ParsedLine {
    ParsedLine::Refuse { refusal, quiet: false }
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
