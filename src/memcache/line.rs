//! What one line of a client asks for.
//!
//! Whatever is let through here is answered by a backend with exactly one reply: every word that a
//! memcached, old or new, could stumble over is checked, and words that it would ignore are left
//! out of the part that is forwarded.

use super::number::{signed, unsigned};
use super::words::Words;
use super::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use std::ops::Range;

/// The command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are memcached's own words")]
pub enum Verb {
    Get,
    Gets,
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
    Version,
    Quit,
}

/// Why a request is answered by the proxy itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The first word is no command.
    Unknown,
    /// The command is known, its words are not as they should be.
    BadFormat,
    /// The value is not followed by CR LF.
    BadChunk,
    /// The value is longer than the proxy accepts.
    TooLarge,
    /// The line does not end.
    LineTooLong,
}

impl Refusal {
    /// The answer, in memcached's words.
    pub const fn text(self) -> &'static [u8] {
        match self {
            Self::Unknown => b"ERROR\r\n",
            Self::BadFormat => b"CLIENT_ERROR bad command line format\r\n",
            Self::BadChunk => b"CLIENT_ERROR bad data chunk\r\n",
            Self::TooLarge => b"SERVER_ERROR object too large for cache\r\n",
            Self::LineTooLong => b"CLIENT_ERROR line too long\r\n",
        }
    }
}

/// A line that asks for something; positions are counted from its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The command.
    pub verb: Verb,
    /// The (first) key; empty when the command has none.
    pub key: Range<usize>,
    /// Where the part that a backend needs to see ends: `noreply` and what is ignored come after.
    pub head: usize,
    /// Bytes of the value that follows the line, its CR LF not counted.
    pub value: Option<usize>,
    /// Whether the client wants no answer.
    pub noreply: bool,
    /// Whether more keys follow the first.
    pub many: bool,
}

/// What is to be done about a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is a request.
    Ask(Line),
    /// It is answered with an error.
    Refuse(Refusal),
    /// It is answered with an error once the value that it announced has been skipped; or not at
    /// all when it said `noreply`.
    Swallow {
        /// Bytes of the value, its CR LF not counted.
        value: usize,
        /// The error.
        refusal: Refusal,
        /// Whether the client wants no answer.
        noreply: bool,
    },
}

const BAD_FORMAT: Verdict = Verdict::Refuse(Refusal::BadFormat);

/// Understands `line`, which has no line end any more. `odd` says that it may hold control bytes.
pub fn understand(line: &[u8], odd: bool) -> Verdict {
    let mut words = Words::new(line, 0);
    let word = match words.next() {
        Some(word) if word.start == 0 => &line[word],
        // Shorter than any command: memcached does not look for one. A leading space is no command.
        _ if line.len() < 2 => return BAD_FORMAT,
        _ => return Verdict::Refuse(Refusal::Unknown),
    };
    match word {
        b"get" => retrieval(Verb::Get, line, words, odd),
        b"gets" => retrieval(Verb::Gets, line, words, odd),
        b"set" => storage(Verb::Set, line, words, odd),
        b"add" => storage(Verb::Add, line, words, odd),
        b"replace" => storage(Verb::Replace, line, words, odd),
        b"append" => storage(Verb::Append, line, words, odd),
        b"prepend" => storage(Verb::Prepend, line, words, odd),
        b"cas" => storage(Verb::Cas, line, words, odd),
        b"delete" => simple(Verb::Delete, line, words, odd, 0),
        b"incr" => simple(Verb::Incr, line, words, odd, 1),
        b"decr" => simple(Verb::Decr, line, words, odd, 1),
        b"touch" => simple(Verb::Touch, line, words, odd, 1),
        b"version" => local(Verb::Version),
        b"quit" => local(Verb::Quit),
        [_] => BAD_FORMAT,
        _ => Verdict::Refuse(Refusal::Unknown),
    }
}

/// `get key*`. One key that is too long spoils the whole line, and must never reach a backend:
/// there it would spoil the replies to the requests before it too.
fn retrieval(verb: Verb, line: &[u8], mut words: Words<'_>, odd: bool) -> Verdict {
    let Some(key) = words.next() else {
        return BAD_FORMAT;
    };
    let mut head = key.end;
    let mut longest = key.len();
    for word in words {
        longest = longest.max(word.len());
        head = word.end;
    }
    if longest > KEY_BYTES_MAX || odd && unsafe_bytes(&line[..head]) {
        return BAD_FORMAT;
    }
    let many = head != key.end;
    Verdict::Ask(Line { verb, key, head, value: None, noreply: false, many })
}

/// `set key flags exptime bytes [noreply]`, and `cas` with one number more.
fn storage(verb: Verb, line: &[u8], mut words: Words<'_>, odd: bool) -> Verdict {
    let mut next = || words.next().unwrap_or(line.len()..line.len());
    let (key, flags, exptime, length) = (next(), next(), next(), next());
    // Without a length there is no telling where the value ends: it is read as commands, as
    // memcached does.
    let Some(value) = unsigned(&line[length.clone()]).and_then(announced) else {
        return BAD_FORMAT;
    };
    let last = if verb == Verb::Cas { next() } else { length };
    let head = last.end;
    let noreply = says_noreply(line, words);
    let sound = key.len() <= KEY_BYTES_MAX
        && !(odd && unsafe_bytes(&line[key.clone()]))
        && unsigned(&line[flags]).is_some()
        && signed(&line[exptime]).is_some()
        && unsigned(&line[last]).is_some();
    if !sound {
        return Verdict::Swallow { value, refusal: Refusal::BadFormat, noreply };
    }
    Verdict::Ask(Line { verb, key, head, value: Some(value), noreply, many: false })
}

/// `delete key [noreply]`, `incr key number [noreply]` and their like: one line, one line back.
fn simple(verb: Verb, line: &[u8], mut words: Words<'_>, odd: bool, arguments: usize) -> Verdict {
    let Some(key) = words.next() else {
        return BAD_FORMAT;
    };
    let mut head = key.end;
    for _ in 0..arguments {
        let Some(word) = words.next() else {
            return BAD_FORMAT;
        };
        head = word.end;
    }
    if key.len() > KEY_BYTES_MAX || odd && unsafe_bytes(&line[..head]) {
        return BAD_FORMAT;
    }
    let noreply = says_noreply(line, words);
    Verdict::Ask(Line { verb, key, head, value: None, noreply, many: false })
}

/// What the proxy answers itself, whatever words follow.
fn local(verb: Verb) -> Verdict {
    let line = Line { verb, key: 0..0, head: 0, value: None, noreply: false, many: false };
    Verdict::Ask(line)
}

/// Whether the last of the words behind the arguments is `noreply`. An argument is never taken for
/// it: a key may be called `noreply`.
fn says_noreply(line: &[u8], rest: Words<'_>) -> bool {
    rest.last().is_some_and(|word| &line[word] == b"noreply")
}

/// Bytes that end a word or a line for some backend, though not for all: memcached before 1.6.19
/// stops at a NUL, and then reads a value as commands.
fn unsafe_bytes(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| matches!(byte, b'\0' | b'\r'))
}

fn announced(value: u64) -> Option<usize> {
    usize::try_from(value).ok().filter(|value| *value <= VALUE_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Line {
        match understand(text.as_bytes(), true) {
            Verdict::Ask(line) => line,
            other @ (Verdict::Refuse(_) | Verdict::Swallow { .. }) => panic!("{text:?}: {other:?}"),
        }
    }

    fn refusal(text: &str) -> Refusal {
        match understand(text.as_bytes(), true) {
            Verdict::Refuse(refusal) => refusal,
            other @ (Verdict::Ask(_) | Verdict::Swallow { .. }) => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn requests_are_understood() {
        let line = ask("get  foo");
        assert_eq!((line.verb, line.key, line.head, line.many), (Verb::Get, 5..8, 8, false));
        let line = ask("gets a bb  ");
        assert_eq!((line.verb, line.key, line.head, line.many), (Verb::Gets, 5..6, 9, true));
        let line = ask("set k 1 -1 10");
        assert_eq!((line.key, line.head, line.value, line.noreply), (4..5, 13, Some(10), false));
        let line = ask("cas k 1 0 10 77 noreply");
        assert_eq!((line.key, line.head, line.value, line.noreply), (4..5, 15, Some(10), true));
        let line = ask("incr k 5 noreply");
        assert_eq!((line.key, line.head, line.value, line.noreply), (5..6, 8, None, true));
    }

    #[test]
    fn words_that_memcached_ignores_are_not_forwarded() {
        assert_eq!(ask("set k 0 0 1 junk noreply").head, "set k 0 0 1".len());
        assert_eq!(ask("delete k 0").head, "delete k".len());
        assert!(ask("delete k 0 noreply").noreply);
        assert!(!ask("delete k noreply 0").noreply);
    }

    #[test]
    fn a_key_called_noreply_is_a_key() {
        assert!(!ask("get noreply").noreply);
        let line = ask("delete noreply");
        assert_eq!((line.noreply, line.head), (false, 14));
        assert!(ask("delete noreply noreply").noreply);
        assert!(!ask("incr k noreply").noreply);
    }

    #[test]
    fn malformed_lines_are_refused() {
        let long = "k".repeat(251);
        for text in ["", "a", " ", "get", "gets ", "set", "set k 0 0", "set k 0 0 x", "incr k"] {
            assert_eq!(refusal(text), Refusal::BadFormat, "{text:?}");
        }
        for text in ["GET a", " get a", "foo", "getx a", "  "] {
            assert_eq!(refusal(text), Refusal::Unknown, "{text:?}");
        }
        for text in ["set k 0 0 -1", "set k 0 0 2147483646", "set k 0 0 99999999999999999999"] {
            assert_eq!(refusal(text), Refusal::BadFormat, "{text:?}");
        }
        for text in [format!("get a {long}"), format!("delete {long}"), format!("incr {long} 1")] {
            assert_eq!(refusal(&text), Refusal::BadFormat, "{text:?}");
        }
        for text in ["get a\0b", "get a b\rc", "delete a\0", "incr a 1\r2", "touch \0 1"] {
            assert_eq!(refusal(text), Refusal::BadFormat, "{text:?}");
        }
    }

    #[test]
    fn a_bad_word_beside_a_good_length_costs_the_value() {
        let long = "k".repeat(251);
        let lines = [
            format!("set {long} 0 0 5"),
            "set a\0b 0 0 5".into(),
            "set k -1 0 5".into(),
            "set k 18446744073709551616 0 5".into(),
            "set k 0 1x 5".into(),
            "set k 0 9223372036854775808 5".into(),
            "cas k 0 0 5".into(),
            "cas k 0 0 5 -1".into(),
        ];
        for line in lines {
            let refusal = Refusal::BadFormat;
            let expected = Verdict::Swallow { value: 5, refusal, noreply: false };
            assert_eq!(understand(line.as_bytes(), true), expected, "{line:?}");
        }
        let silent = understand(b"set k -1 0 5 noreply", false);
        assert!(matches!(silent, Verdict::Swallow { noreply: true, .. }), "{silent:?}");
    }

    #[test]
    fn control_bytes_that_memcached_takes_are_taken() {
        assert_eq!(ask("get a\tb").key, 4..7);
        assert_eq!(ask("get \x01\x7f\u{e9}").key, 4..8);
    }
}
