//! What a request in flight is, and so what may answer it.

use crate::memcache::op::{Command, Status};
use crate::memcache::text::encode;

/// What a request in flight is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A retrieval of one key.
    Get(Command),
    /// A line of some keys of a retrieval of many.
    Part(Command),
    /// A value of such a line that was dropped before, alone.
    Again(Command),
    /// A value to be stored.
    Store(Command),
    Delete,
    Incr,
    Decr,
    Touch,
    MetaGet,
    MetaDelete,
    MetaArithmetic,
    MetaDebug,
    /// What all backends are asked.
    Broadcast,
    /// The proxy's own question whether the backend is well.
    Probe,
}

impl Kind {
    /// The kind of a request of one key; None when it is not sent to the backend of its key.
    pub(super) const fn of(verb: Command) -> Option<Self> {
        Some(match verb {
            Command::Get | Command::Gets | Command::Gat | Command::Gats => Self::Get(verb),
            Command::Set
            | Command::Add
            | Command::Replace
            | Command::Append
            | Command::Prepend
            | Command::Cas
            | Command::MetaSet => Self::Store(verb),
            Command::Delete => Self::Delete,
            Command::Incr => Self::Incr,
            Command::Decr => Self::Decr,
            Command::Touch => Self::Touch,
            Command::MetaGet => Self::MetaGet,
            Command::MetaDelete => Self::MetaDelete,
            Command::MetaArithmetic => Self::MetaArithmetic,
            Command::MetaDebug => Self::MetaDebug,
            Command::MetaNoop
            | Command::FlushAll
            | Command::Verbosity
            | Command::Stats
            | Command::Version
            | Command::Quit => return None,
        })
    }

    /// Whether a reply that says this can be an answer. What cannot is the answer to something
    /// else, and then no reply on the link can be trusted.
    pub(super) const fn suits(self, status: Status) -> bool {
        use Status as St;
        if status.is_error() {
            return true;
        }
        match self {
            Self::Get(_) | Self::Again(_) => matches!(status, St::Hit | St::End),
            Self::Part(_) => matches!(status, St::Value | St::End),
            Self::Store(Command::MetaSet) => {
                matches!(
                    status,
                    St::MetaHeader | St::MetaNotStored | St::MetaExists | St::MetaNotFound
                )
            }
            Self::Store(_) => {
                matches!(status, St::Stored | St::NotStored | St::Exists | St::NotFound)
            }
            Self::Delete => matches!(status, St::Deleted | St::NotFound),
            Self::Incr | Self::Decr => matches!(status, St::Number | St::NotFound),
            Self::Touch => matches!(status, St::Touched | St::NotFound),
            Self::MetaGet => matches!(status, St::MetaHeader | St::MetaValue | St::MetaMiss),
            Self::MetaDelete => {
                matches!(
                    status,
                    St::MetaHeader | St::MetaNotFound | St::MetaExists | St::MetaNotStored
                )
            }
            Self::MetaArithmetic => matches!(
                status,
                St::MetaHeader
                    | St::MetaValue
                    | St::MetaNotFound
                    | St::MetaExists
                    | St::MetaNotStored
            ),
            Self::MetaDebug => matches!(status, St::MetaDebug | St::MetaMiss),
            Self::Broadcast => matches!(status, St::Ok),
            Self::Probe => matches!(status, St::Version),
        }
    }

    /// Whether a client that asked quietly is not told this answer. A meta command hides only what
    /// its client can expect: the rest of its answers are told.
    pub(super) const fn hides(self, status: Status) -> bool {
        !self.is_meta()
            || matches!(
                (self, status),
                (Self::MetaGet, Status::MetaMiss)
                    | (Self::Store(_) | Self::MetaDelete, Status::MetaHeader)
                    | (Self::MetaArithmetic, Status::MetaHeader | Status::MetaValue)
            )
    }

    /// Whether a client that asked quietly is not told that the request failed.
    pub(super) const fn hides_failure(self) -> bool {
        !self.is_meta()
    }

    /// Whether it is a retrieval of one key of the classic kind: its value and `END` are one reply.
    #[inline]
    pub(super) const fn is_get(self) -> bool {
        matches!(self, Self::Get(_) | Self::Again(_))
    }

    /// The line that asks again for this key; None when a key alone does not say it.
    pub(super) fn again(self, key: &[u8]) -> Option<Vec<u8>> {
        Some(encode::refetch_line(self.retrieves()?, key))
    }

    /// How it retrieves, when it does so in the classic way.
    const fn retrieves(self) -> Option<Command> {
        if let Self::Get(verb) | Self::Part(verb) | Self::Again(verb) = self {
            Some(verb)
        } else {
            None
        }
    }

    /// Whether it changes nothing.
    pub(super) const fn is_read(self) -> bool {
        matches!(
            self,
            Self::Get(_) | Self::Part(_) | Self::Again(_) | Self::MetaGet | Self::MetaDebug
        )
    }

    /// Whether the backend may have taken the bytes of a value for requests when this is its
    /// answer.
    pub(super) const fn lost_value(self, status: Status) -> bool {
        matches!(self, Self::Store(_))
            && (matches!(status, Status::Error)
                || matches!(status, Status::ClientError) && !self.is_meta())
    }

    /// Whether it is a meta command.
    pub(super) const fn is_meta(self) -> bool {
        matches!(
            self,
            Self::MetaGet
                | Self::MetaDelete
                | Self::MetaArithmetic
                | Self::MetaDebug
                | Self::Store(Command::MetaSet)
        )
    }
}
