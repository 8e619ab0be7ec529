//! What a request in flight is, and so what may answer it.

use crate::memcache::op::{Command, Status};

/// What a request in flight is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// A retrieval of one key: its value, and the end behind it, are its reply.
    Get(Command),
    /// One key of a retrieval of many: its value is its reply, and the end is another one.
    Key(Command),
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
    /// A delete of what a refused value was to replace: nobody is told.
    Forget,
    /// The same as a meta command.
    MetaForget,
    /// The proxy's own question whether the backend is well.
    Probe,
}

impl RequestKind {
    /// The kind of a request of one key; None when it is not sent to the backend of its key.
    pub(super) const fn of(command: Command) -> Option<Self> {
        use Command as C;
        Some(match command {
            C::Get | C::Gets | C::Gat | C::Gats => Self::Get(command),
            C::Set | C::Add | C::Replace | C::Append | C::Prepend | C::Cas | C::MetaSet => {
                Self::Store(command)
            }
            C::Delete => Self::Delete,
            C::Incr => Self::Incr,
            C::Decr => Self::Decr,
            C::Touch => Self::Touch,
            C::MetaGet => Self::MetaGet,
            C::MetaDelete => Self::MetaDelete,
            C::MetaArithmetic => Self::MetaArithmetic,
            C::MetaDebug => Self::MetaDebug,
            C::MetaNoop | C::FlushAll | C::Verbosity | C::Stats | C::Version | C::Quit => {
                return None;
            }
        })
    }

    /// Whether a reply of this status can be an answer. What cannot is the answer to something
    /// else, and then no reply on the link can be trusted.
    pub(super) const fn suits(self, status: Status) -> bool {
        use Status as T;
        if status.is_error() {
            return true;
        }
        match self {
            Self::Get(_) | Self::Key(_) => matches!(status, T::Hit | T::Value | T::End),
            Self::Store(Command::MetaSet) => {
                matches!(status, T::MetaHeader | T::MetaNotStored | T::MetaExists | T::MetaNotFound)
            }
            Self::Store(_) => matches!(status, T::Stored | T::NotStored | T::Exists | T::NotFound),
            Self::Delete | Self::Forget => matches!(status, T::Deleted | T::NotFound),
            Self::Incr | Self::Decr => matches!(status, T::Number | T::NotFound),
            Self::Touch => matches!(status, T::Touched | T::NotFound),
            Self::MetaGet => matches!(status, T::MetaHeader | T::MetaValue | T::MetaMiss),
            Self::MetaDelete | Self::MetaForget => {
                matches!(status, T::MetaHeader | T::MetaNotFound | T::MetaExists | T::MetaNotStored)
            }
            Self::MetaArithmetic => matches!(
                status,
                T::MetaHeader | T::MetaValue | T::MetaNotFound | T::MetaExists | T::MetaNotStored
            ),
            Self::MetaDebug => matches!(status, T::MetaDebug | T::MetaMiss),
            Self::Broadcast => matches!(status, T::Ok),
            Self::Probe => matches!(status, T::Version),
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

    /// Whether it retrieves in the classic way: its key is compared with the one of its answer.
    #[inline]
    pub(super) const fn is_retrieval(self) -> bool {
        matches!(self, Self::Get(_) | Self::Key(_))
    }

    /// Whether its value and the end behind it are one reply.
    #[inline]
    pub(super) const fn is_whole_retrieval(self) -> bool {
        matches!(self, Self::Get(_))
    }

    /// Whether it changes nothing.
    pub(super) const fn is_read(self) -> bool {
        matches!(self, Self::Get(_) | Self::Key(_) | Self::MetaGet | Self::MetaDebug)
    }

    /// Whether it can be asked again when what it asked is kept; a retrieval that touches is then
    /// asked without touching.
    pub(super) const fn is_refetchable(self) -> bool {
        matches!(self, Self::Get(_) | Self::Key(_) | Self::MetaGet)
    }

    /// Whether asking it twice, when it is not known whether it was done, is the same as asking it
    /// once.
    pub(super) const fn is_repeatable(self) -> bool {
        use Command as C;
        matches!(self, Self::Get(C::Get | C::Gets) | Self::Key(C::Get | C::Gets) | Self::MetaGet)
    }

    /// Whether a client has asked it, and not the proxy itself.
    pub(super) const fn is_of_client(self) -> bool {
        !matches!(self, Self::Probe | Self::Forget | Self::MetaForget)
    }

    /// Whether the backend may have taken the bytes of a value for requests when this is its
    /// answer.
    pub(super) const fn lost_value(self, status: Status) -> bool {
        let is_unread = matches!(status, Status::ClientError) && !self.is_meta();
        matches!(self, Self::Store(_)) && (matches!(status, Status::Error) || is_unread)
    }

    /// Whether it is a meta command.
    pub(super) const fn is_meta(self) -> bool {
        matches!(
            self,
            Self::MetaGet
                | Self::MetaDelete
                | Self::MetaArithmetic
                | Self::MetaDebug
                | Self::MetaForget
                | Self::Store(Command::MetaSet)
        )
    }
}
