//! The bytes that the proxy says in text, to clients and to backends.

use super::line::{NOREPLY, Refusal};
use crate::buffer::{BufferPool, RingBuf};
use crate::memcache::op::Command;
use std::io::Write;

/// What ends every line, and every value.
pub const LINE_END: &[u8] = b"\r\n";

/// What ends a retrieval and a list of statistics.
pub const END: &[u8] = b"END\r\n";

/// To an `mg` whose key is not there.
pub const META_MISS: &[u8] = b"EN\r\n";

/// To an `mn`.
pub const META_NOOP: &[u8] = b"MN\r\n";

/// To a command that has nothing to tell.
pub const OK: &[u8] = b"OK\r\n";

/// To `stats reset`.
pub const RESET: &[u8] = b"RESET\r\n";

/// The memcached that the proxy says it is. Clients parse the number, and decide by it what they
/// may send: it is that of the memcached whose protocol this is.
pub const VERSION: &str = "1.6.45";

/// To `version`, in one word: there are clients that split the line at its blanks.
pub const VERSION_REPLY: &[u8] = b"VERSION 1.6.45\r\n";

/// The question whether a backend is well: every memcached answers it, and at once.
pub const VERSION_REQUEST: &[u8] = b"version\r\n";

/// To a client beyond the limit.
pub const TOO_MANY_CONNECTIONS: &[u8] = b"SERVER_ERROR too many connections\r\n";

/// The backend of the key is down.
pub const BACKEND_DOWN: &[u8] = b"SERVER_ERROR backend down\r\n";

/// The connection to the backend ended before it answered.
pub const BACKEND_LOST: &[u8] = b"SERVER_ERROR backend lost\r\n";

/// The backend has not answered in time.
pub const BACKEND_TIMED_OUT: &[u8] = b"SERVER_ERROR backend timed out\r\n";

/// What the backend sent is no answer.
pub const BACKEND_BROKE_PROTOCOL: &[u8] = b"SERVER_ERROR backend broke the protocol\r\n";

/// More waits for the backend than is let wait.
pub const BACKEND_OVERLOADED: &[u8] = b"SERVER_ERROR backend overloaded\r\n";

/// There is no room for a value. These are memcached's own words for it.
pub const OUT_OF_MEMORY: &[u8] = b"SERVER_ERROR out of memory writing get response\r\n";

/// To what is no command, or none that the backend has.
pub const UNKNOWN_COMMAND: &[u8] = Refusal::Unknown.text();

/// To a `stats detail` that says neither `on` nor `off` nor `dump`.
pub const STATS_DETAIL_USAGE: &[u8] = b"CLIENT_ERROR usage: stats detail on|off|dump\r\n";

/// Writes what stands before the keys of a classic retrieval: `get`, `gets`, `gat 60` or `gats 60`.
/// Each key brings the space before it.
pub fn begin_retrieval(out: &mut RingBuf, pool: &mut BufferPool, command: Command, exptime: i64) {
    let word: &[u8] = match (command.touches(), command.returns_cas()) {
        (false, false) => b"get",
        (false, true) => b"gets",
        (true, false) => b"gat ",
        (true, true) => b"gats ",
    };
    out.extend(pool, word);
    if command.touches() {
        // A sign and 19 digits are the longest number.
        let mut text = [0; 20];
        let mut rest = &mut text[..];
        let _ = write!(rest, "{exptime}");
        let len = 20 - rest.len();
        out.extend(pool, &text[..len]);
    }
}

/// The line, without its end, that asks again for the value of one key of a classic retrieval. It
/// does not touch: that has been done.
pub fn refetch_line(command: Command, key: &[u8]) -> Vec<u8> {
    let word: &[u8] = if command.returns_cas() { b"gets " } else { b"get " };
    [word, key].concat()
}

/// The request that deletes a key, which may stand there in base64.
pub fn delete_pieces(key: &[u8], base64: bool) -> [&[u8]; 3] {
    if base64 {
        [b"md ", key, b" b\r\n"]
    } else if key == NOREPLY {
        // Without a word behind it some memcacheds take this key for the flag.
        [b"delete ", key, b" 0\r\n"]
    } else {
        [b"delete ", key, LINE_END]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retrievals_begin_as_their_commands_do() {
        for (command, exptime, expected) in [
            (Command::Get, 60, "get"),
            (Command::Gets, 60, "gets"),
            (Command::Gat, 60, "gat 60"),
            (Command::Gats, i64::MIN, "gats -9223372036854775808"),
        ] {
            let (mut pool, mut out) = (BufferPool::new(0), RingBuf::new());
            begin_retrieval(&mut out, &mut pool, command, exptime);
            assert_eq!(out.front(), expected.as_bytes());
        }
    }

    #[test]
    fn a_value_is_asked_for_again_without_touching_it() {
        assert_eq!(refetch_line(Command::Gat, b"k"), b"get k");
        assert_eq!(refetch_line(Command::Gats, b"k"), b"gets k");
    }

    #[test]
    fn a_key_is_deleted_whatever_it_is_called() {
        assert_eq!(delete_pieces(b"k", false).concat(), b"delete k\r\n");
        assert_eq!(delete_pieces(b"Zm9v", true).concat(), b"md Zm9v b\r\n");
        assert_eq!(delete_pieces(NOREPLY, false).concat(), b"delete noreply 0\r\n");
    }
}
