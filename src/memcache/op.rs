//! What is asked and what is answered, whatever the protocol: the language of the proxy's core.

use std::ops::Range;

/// The commands of memcached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are memcached's own words")]
pub enum Command {
    Get,
    Gets,
    Gat,
    Gats,
    Set,
    Add,
    Replace,
    Append,
    Prepend,
    Cas,
    Delete,
    Incr,
    Decr,
    Touch,
    MetaGet,
    MetaSet,
    MetaDelete,
    MetaArithmetic,
    MetaDebug,
    MetaNoop,
    FlushAll,
    Verbosity,
    Stats,
    Version,
    Quit,
}

impl Command {
    /// Whether the values that it retrieves come with their cas numbers.
    pub const fn returns_cas(self) -> bool {
        matches!(self, Self::Gets | Self::Gats)
    }

    /// Whether it retrieves values and gives them a new expiry.
    pub const fn touches(self) -> bool {
        matches!(self, Self::Gat | Self::Gats)
    }
}

/// What a request asks for; positions are counted from the start of its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    /// The command.
    pub command: Command,
    /// The (first) key; empty when there is none.
    pub key: Range<usize>,
    /// The number that is stored beside a value: zero where the request carries none, and in meta
    /// commands, whose flags are the backend's business.
    pub flags: u32,
    /// When what is stored or touched expires, as the request says it: seconds from now, a moment
    /// since 1970, zero for never. Zero where a classic request carries none, and in meta commands.
    pub exptime: i64,
    /// Of a `cas`: the number that the value must still have.
    pub cas: u64,
    /// Of an `incr` or a `decr`: the difference. Zero when it is no number; the backend says so.
    pub delta: u64,
    /// What the answer has to repeat so that its client knows what it is for; none in text. Where
    /// there is one the request is a frame of the binary protocol: what is called its line is all
    /// of it but the value.
    pub opaque: Option<u32>,
    /// Where the part that a backend needs to see ends: `noreply` and what is ignored come after.
    pub forward_end: usize,
    /// What a backend needs to see behind it.
    pub suffix: &'static [u8],
    /// A piece within it that no backend must see: the quiet flag of a meta command.
    pub quiet_flag: Range<usize>,
    /// Bytes of the value that follows the line, its CR LF not counted.
    pub value: Option<usize>,
    /// Whether the client wants no answer: none at all, or none but an unexpected one when it is a
    /// meta command.
    pub quiet: bool,
    /// Whether more keys follow the first.
    pub many_keys: bool,
    /// Whether the key stands there in base64.
    pub key_is_base64: bool,
    /// Whether it is an `mg` that is answered the same when it is asked again.
    pub refetchable: bool,
}

impl Op {
    /// Of a line that a backend needs to see up to `forward_end`.
    pub(crate) fn new(command: Command, key: Range<usize>, forward_end: usize) -> Self {
        Self {
            command,
            key,
            flags: 0,
            exptime: 0,
            cas: 0,
            delta: 0,
            opaque: None,
            forward_end,
            suffix: b"",
            quiet_flag: 0..0,
            value: None,
            quiet: false,
            many_keys: false,
            key_is_base64: false,
            refetchable: false,
        }
    }

    /// Whether the client is not even told of an error: meta commands show errors always.
    pub fn hides_errors(&self) -> bool {
        self.quiet && self.command != Command::MetaSet
    }

    /// Whether it is a frame of the binary protocol, which backends see as a line of text.
    #[inline]
    pub fn is_frame(&self) -> bool {
        self.opaque.is_some()
    }

    /// Whether it is a retrieval of the classic kind, which may name many keys.
    pub fn is_retrieval(&self) -> bool {
        matches!(self.command, Command::Get | Command::Gets | Command::Gat | Command::Gats)
    }
}

/// What became of a request: a whole reply, or a whole part of one, at the head of a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What it says.
    pub status: Status,
    /// The key that a value is for; positions are counted from the head of the ring.
    pub key: Range<usize>,
    /// Its bytes.
    pub len: usize,
}

/// What a reply says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "most are memcached's own words")]
pub enum Status {
    /// A value, and the end behind it: all that was asked for.
    Hit,
    /// A value; more values or an end will follow.
    Value,
    /// No further value; a miss, when there was none before.
    End,
    Stored,
    NotStored,
    Exists,
    NotFound,
    Deleted,
    Touched,
    Number,
    Ok,
    Version,
    /// It does not know the command.
    Error,
    ClientError,
    ServerError,
    MetaHeader,
    MetaValue,
    MetaMiss,
    MetaNotFound,
    MetaNotStored,
    MetaExists,
    MetaDebug,
}

impl Status {
    /// Whether it says that the request failed. A value may stand before the error.
    pub const fn is_error(self) -> bool {
        matches!(self, Self::Error | Self::ClientError | Self::ServerError)
    }
}
