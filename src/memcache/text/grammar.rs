//! Understands the lines of clients.
//!
//! Whatever is let through here is answered by a backend with exactly one reply: every word that a
//! memcached, old or new, could stumble over is checked, and words that it would ignore are left
//! out of the part that is forwarded. What is not let through is answered as memcached 1.6.45
//! would.

use super::line::{ParsedLine, Refusal, refuse};
use super::words::Words;
use super::{LINE_BYTES_MAX, admin, classic, meta};
use crate::memcache::op::{Command, Op};

/// Understands `line`, which has no line end any more. Where `has_control_bytes` is false, it holds
/// none, and none is looked for.
pub fn understand(line: &[u8], has_control_bytes: bool) -> ParsedLine {
    let parsed = dispatch(line, has_control_bytes);
    // A backend that gets so long a line in pieces gives up before its end.
    if let ParsedLine::Ask(it) = &parsed
        && it.forward_end > LINE_BYTES_MAX - 2
        && !it.is_retrieval()
    {
        let (refusal, quiet) = (Refusal::LineTooLong, it.quiet);
        return match it.value {
            Some(value) => ParsedLine::Discard { value, refusal, quiet },
            None => ParsedLine::Refuse { refusal, quiet },
        };
    }
    parsed
}

fn dispatch(line: &[u8], has_control_bytes: bool) -> ParsedLine {
    // Shorter than any command: memcached does not look for one.
    if line.len() < 2 {
        return refuse(Refusal::BadFormat);
    }
    let mut words = Words::new(line, 0);
    let word = match words.next() {
        Some(word) if word.start == 0 => &line[word],
        _ => return admin::unknown(line),
    };
    match word {
        b"get" => classic::retrieval(Command::Get, line, words, has_control_bytes),
        b"gets" => classic::retrieval(Command::Gets, line, words, has_control_bytes),
        b"gat" => classic::touching_retrieval(Command::Gat, line, words, has_control_bytes),
        b"gats" => classic::touching_retrieval(Command::Gats, line, words, has_control_bytes),
        b"set" => classic::storage(Command::Set, line, words, has_control_bytes),
        b"add" => classic::storage(Command::Add, line, words, has_control_bytes),
        b"replace" => classic::storage(Command::Replace, line, words, has_control_bytes),
        b"append" => classic::storage(Command::Append, line, words, has_control_bytes),
        b"prepend" => classic::storage(Command::Prepend, line, words, has_control_bytes),
        b"cas" => classic::storage(Command::Cas, line, words, has_control_bytes),
        b"delete" => classic::deletion(line, words, has_control_bytes),
        b"incr" => classic::simple(Command::Incr, line, words, has_control_bytes),
        b"decr" => classic::simple(Command::Decr, line, words, has_control_bytes),
        b"touch" => classic::simple(Command::Touch, line, words, has_control_bytes),
        b"mg" => meta::keyed(Command::MetaGet, line, words, has_control_bytes),
        b"ms" => meta::storage(line, words, has_control_bytes),
        b"md" => meta::keyed(Command::MetaDelete, line, words, has_control_bytes),
        b"ma" => meta::keyed(Command::MetaArithmetic, line, words, has_control_bytes),
        b"me" => meta::keyed(Command::MetaDebug, line, words, has_control_bytes),
        b"mn" => ParsedLine::Ask(Op::new(Command::MetaNoop, 0..0, 0)),
        _ => admin::understand(word, line, words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Op {
        match understand(text.as_bytes(), true) {
            ParsedLine::Ask(line) => line,
            other @ (ParsedLine::Refuse { .. } | ParsedLine::Discard { .. }) => {
                panic!("{text:?}: {other:?}")
            }
        }
    }

    fn refusal(text: &str) -> Refusal {
        match understand(text.as_bytes(), true) {
            ParsedLine::Refuse { refusal, .. } => refusal,
            other @ (ParsedLine::Ask(_) | ParsedLine::Discard { .. }) => {
                panic!("{text:?}: {other:?}")
            }
        }
    }

    #[test]
    fn requests_are_understood() {
        let line = ask("get  foo");
        assert_eq!(
            (line.command, line.key, line.forward_end, line.many_keys),
            (Command::Get, 5..8, 8, false)
        );
        let line = ask("gets a bb  ");
        assert_eq!(
            (line.command, line.key, line.forward_end, line.many_keys),
            (Command::Gets, 5..6, 9, true)
        );
        let line = ask("set k 1 -1 10");
        assert_eq!(
            (line.key, line.forward_end, line.value, line.quiet),
            (4..5, 13, Some(10), false)
        );
        let line = ask("cas k 1 0 10 77 noreply");
        assert_eq!(
            (line.key, line.forward_end, line.value, line.quiet),
            (4..5, 15, Some(10), true)
        );
        let line = ask("incr k 5 noreply");
        assert_eq!((line.key, line.forward_end, line.value, line.quiet), (5..6, 8, None, true));
    }

    #[test]
    fn the_numbers_of_a_request_are_read() {
        let numbers = |text| {
            let op = ask(text);
            (op.flags, op.exptime, op.cas, op.delta, op.opaque)
        };
        assert_eq!(numbers("set k 7 -1 3"), (7, -1, 0, 0, None));
        assert_eq!(numbers("add k 4294967296 +90 3"), (0, 90, 0, 0, None));
        assert_eq!(numbers("cas k 1 2 3 18446744073709551615"), (1, 2, u64::MAX, 0, None));
        assert_eq!(numbers("incr k 18446744073709551615"), (0, 0, 0, u64::MAX, None));
        assert_eq!(numbers("decr k x"), (0, 0, 0, 0, None));
        assert_eq!(numbers("touch k -5"), (0, -5, 0, 0, None));
        assert_eq!(numbers("gats 60 a b"), (0, 60, 0, 0, None));
        assert_eq!(numbers("delete k 0"), (0, 0, 0, 0, None));
    }

    #[test]
    fn words_that_memcached_ignores_are_not_forwarded() {
        assert_eq!(ask("set k 0 0 1 junk noreply").forward_end, "set k 0 0 1".len());
        assert_eq!(ask("delete k 0").forward_end, "delete k".len());
        assert!(ask("delete k 0 noreply").quiet);
        for text in ["delete k 1", "delete k noreply 0", "delete k 0 0 noreply", "delete a b c d"] {
            assert_eq!(refusal(text), Refusal::BadDelete, "{text:?}");
        }
    }

    #[test]
    fn a_key_called_noreply_is_a_key() {
        assert!(!ask("get noreply").quiet);
        let line = ask("delete noreply");
        assert_eq!((line.quiet, line.forward_end), (false, 14));
        assert!(ask("delete noreply noreply").quiet);
        assert_eq!((line.suffix, ask("delete k").suffix), (&b" 0"[..], &b""[..]));
        assert!(!ask("incr noreply 1").quiet);
    }

    /// Forwarded, they would be answered by nobody.
    #[test]
    fn noreply_in_place_of_an_argument_stays_here() {
        let (refusal, quiet) = (Refusal::BadFormat, true);
        let silent = ParsedLine::Refuse { refusal, quiet };
        for line in
            ["incr k noreply", "decr k noreply", "touch k noreply", "incr k noreply noreply"]
        {
            assert_eq!(understand(line.as_bytes(), false), silent, "{line:?}");
        }
        let silent = ParsedLine::Discard { value: 3, refusal, quiet };
        assert_eq!(understand(b"cas k 0 0 3 noreply", false), silent);
    }

    #[test]
    fn malformed_lines_are_refused() {
        let long = "k".repeat(251);
        for text in [
            "",
            "a",
            " ",
            "get",
            "mg",
            "ms k",
            "ms k x",
            "gat 1",
            "gets ",
            "set",
            "set k 0 0",
            "set k 0 0 x",
            "incr k",
        ] {
            assert_eq!(refusal(text), Refusal::BadFormat, "{text:?}");
        }
        for text in ["GET a", " get a", "foo", "getx a", "  ", "a b", "mx a"] {
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
            let expected = ParsedLine::Discard { value: 5, refusal, quiet: false };
            assert_eq!(understand(line.as_bytes(), true), expected, "{line:?}");
        }
        let silent = understand(b"set k -1 0 5 noreply", false);
        assert!(matches!(silent, ParsedLine::Discard { quiet: true, .. }), "{silent:?}");
    }

    #[test]
    fn control_bytes_that_memcached_takes_are_taken() {
        assert_eq!(ask("get a\tb").key, 4..7);
        assert_eq!(ask("get \x01\x7f\u{e9}").key, 4..8);
    }

    #[test]
    fn meta_flags_go_by_except_the_quiet_one() {
        let line = ask("mg k v q Oabc k");
        assert_eq!((line.key.clone(), line.forward_end, line.quiet_flag), (3..4, 15, 6..8));
        assert!(line.quiet);
        let line = ask("ms Zm9v 3 b T0");
        assert_eq!((line.value, line.forward_end, line.key_is_base64), (Some(3), 14, true));
        assert!(!ask("me k q").quiet);
        assert_eq!(refusal("mg k q v q"), Refusal::DuplicateFlag);
        assert_eq!(refusal("ma k q v q"), Refusal::InvalidOrDuplicateFlag);
        assert_eq!(refusal("mg k ~"), Refusal::BadFormat);
        assert_eq!(refusal("ms k 3 !"), Refusal::BadFormat);
        assert_eq!(refusal(&format!("mg {}", "k".repeat(251))), Refusal::BadFormat);
        let many = format!("ms k 3{}", " T0".repeat(17));
        let refusal = Refusal::TooManyFlags;
        let expected = ParsedLine::Discard { value: 3, refusal, quiet: false };
        assert_eq!(understand(many.as_bytes(), false), expected);
    }

    #[test]
    fn retrievals_with_an_expiry_are_understood() {
        let line = ask("gat 100 a b");
        assert_eq!((line.key, line.forward_end, line.many_keys), (8..9, 11, true));
        for text in ["gat x a", "gat 2147483648 a", "gats +1 a"] {
            assert_eq!(refusal(text), Refusal::BadExptime, "{text:?}");
        }
        assert_eq!(ask("gats -1 a").command, Command::Gats);
        assert_eq!(refusal(&format!("gat {}1 a", "0".repeat(300))), Refusal::LineTooLong);
    }

    #[test]
    fn commands_without_keys_are_understood() {
        for (text, forward_end, quiet) in [
            ("flush_all", "flush_all", false),
            ("flush_all 0", "flush_all 0", false),
            ("flush_all -1 noreply", "flush_all -1", true),
            ("flush_all noreply", "flush_all", true),
            ("flush_all 1 2 3", "flush_all 1", false),
            ("verbosity 1", "verbosity 1", false),
            ("verbosity 1 noreply", "verbosity 1", true),
        ] {
            let line = ask(text);
            assert_eq!((line.forward_end, line.quiet), (forward_end.len(), quiet), "{text:?}");
        }
        for text in ["flush_all x", "flush_all noreply 10", "flush_all 4294967295"] {
            assert_eq!(refusal(text), Refusal::BadExptime, "{text:?}");
        }
        for text in ["verbosity", "verbosity x", "verbosity -1", "verbosity 4294967296"] {
            assert_eq!(refusal(text), Refusal::BadFormat, "{text:?}");
        }
        assert_eq!(refusal("watch fetchers"), Refusal::NotHere);
        assert_eq!(refusal("GET / HTTP/1.1"), Refusal::Http);
        assert_eq!(ask("stats items").command, Command::Stats);
    }

    #[test]
    fn a_line_that_a_backend_would_give_up_is_refused() {
        let spaces = " ".repeat(2100);
        assert_eq!(refusal(&format!("delete{spaces}k")), Refusal::LineTooLong);
        let set = format!("set k{spaces}0 0 3");
        let (refusal, quiet) = (Refusal::LineTooLong, false);
        let expected = ParsedLine::Discard { value: 3, refusal, quiet };
        assert_eq!(understand(set.as_bytes(), false), expected);
        assert_eq!(ask(&format!("get{spaces}k")).forward_end, 2104);
    }
}
