//! What is asked and what is answered, whatever the protocol: the language of the proxy's core.

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
