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
        let (suffix, quiet_flag, value) = (&b""[..], 0..0, None);
        let (quiet, many_keys, key_is_base64, refetchable) = (false, false, false, false);
        Self {
            command,
            key,
            forward_end,
            suffix,
            quiet_flag,
            value,
            quiet,
            many_keys,
            key_is_base64,
            refetchable,
        }
    }

    /// Whether the client is not even told of an error: meta commands show errors always.
    pub fn hides_errors(&self) -> bool {
        self.quiet && self.command != Command::MetaSet
    }

    /// Whether it is a retrieval of the classic kind, which may name many keys.
    pub fn is_retrieval(&self) -> bool {
        matches!(self.command, Command::Get | Command::Gets | Command::Gat | Command::Gats)
    }
}
