//! Why a request failed, and how its client is told.

use super::upstream::backend::Policy;
use crate::memcache::text::encode;

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Its backend is down.
    Down,
    /// Its link was lost.
    Lost,
    /// It was not answered in time.
    Late,
    /// It waited for its turn for too long: others ask more of the backend than it can do.
    Overloaded,
    /// What came is not an answer.
    Broken,
    /// The backend is known not to have the command.
    Lacking,
    /// Its client has no room for the answer, and has asked for changes since.
    NoRoom,
}

impl Failure {
    pub(super) const fn text(self) -> &'static [u8] {
        match self {
            Self::Down => encode::BACKEND_DOWN,
            Self::Lost => encode::BACKEND_LOST,
            Self::Late => encode::BACKEND_TIMED_OUT,
            Self::Overloaded => encode::BACKEND_OVERLOADED,
            Self::Broken => encode::BACKEND_BROKE_PROTOCOL,
            // As the backend itself would say, if its answer did not break all that follows.
            Self::Lacking => encode::UNKNOWN_COMMAND,
            // As memcached says.
            Self::NoRoom => encode::OUT_OF_MEMORY,
        }
    }

    /// Whether a retrieval that failed so is told to be a miss.
    pub(super) const fn is_miss(self, policy: &Policy) -> bool {
        match self {
            Self::Down => policy.failed_get_is_miss || policy.down_is_miss,
            Self::Lost | Self::Late | Self::Overloaded | Self::Broken | Self::NoRoom => {
                policy.failed_get_is_miss
            }
            Self::Lacking => false,
        }
    }
}
