//! Why connections end.

use std::fmt;
use std::io::ErrorKind;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// The peer closed it.
    Hangup,
    /// The system says so.
    Error(ErrorKind),
    /// The name of its host is not known.
    Unresolved,
    /// No descriptor is left for it.
    NoDescriptor,
    /// It could not be opened in time.
    ConnectTimeout,
    /// A request was not answered in time.
    Late,
    /// A probe was not answered in time.
    ProbeTimeout,
    /// It owed replies and sent nothing for too long.
    Silent,
    /// What it sent is not the protocol.
    Malformed,
    /// It answered what was not asked.
    Unsolicited,
    /// It refused a value, and may take its bytes for requests.
    ValueRefused,
    /// It was silent while another connection to its backend was answered.
    Stale,
    /// Its backend is down, or it carries nothing any more.
    Retired,
    /// The client said nothing for too long.
    Idle,
    /// It cost more memory than any other when there was none left.
    Memory,
    /// The client has got everything that it will get.
    Done,
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Hangup => "connection closed by peer",
            // Only connecting to a unix socket fails so, and "entity" says nothing of a path.
            Self::Error(ErrorKind::NotFound) => "there is no socket at this path",
            Self::Error(kind) => return kind.fmt(f),
            Self::NoDescriptor => "no descriptor is left (ulimit -n)",
            Self::Unresolved => "host name does not resolve",
            Self::ConnectTimeout => "connecting timed out",
            Self::Late => "requests timed out",
            Self::ProbeTimeout => "probe timed out",
            Self::Silent => "no reply for too long",
            Self::Malformed => "reply that is not the memcache protocol",
            Self::Unsolicited => "reply that nobody asked for",
            Self::ValueRefused => "value refused before it was read",
            Self::Stale => "silent while another connection is answered",
            Self::Retired => "retired",
            Self::Idle => "idle for too long",
            Self::Memory => "memory is used up",
            Self::Done => "done",
        };
        f.write_str(text)
    }
}
