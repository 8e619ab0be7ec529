//! An answer, taken apart.

use super::question::{Manner, Question};

/// A line of an answer, with the value behind it if it announces one.
pub(super) struct Part<'a> {
    pub(super) line: &'a str,
    pub(super) value: &'a str,
}

/// The first line, without its end.
pub(super) fn first_line(bytes: &[u8]) -> Option<&str> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some(std::str::from_utf8(&bytes[..end]).expect("text"))
}

/// The parts of the answer to a question, and its bytes, when it is all there. The last part has no
/// value, or is that of a meta command.
pub(super) fn parts<'a>(question: &Question, bytes: &'a [u8]) -> Option<(Vec<Part<'a>>, usize)> {
    let mut parts = Vec::new();
    let mut at = 0;
    loop {
        let line = first_line(&bytes[at..])?;
        at += line.len() + 2;
        let mut part = Part { line, value: "" };
        if let Some(len) = value_len(line) {
            let value = bytes.get(at..at + len + 2)?;
            let value = value.strip_suffix(b"\r\n").expect("a whole value");
            part.value = std::str::from_utf8(value).expect("text");
            at += len + 2;
        }
        let is_meta = question.manner() != Manner::Classic;
        assert!(is_meta || !line.starts_with("VA "), "{question:?} was answered {line:?}");
        let more = line.starts_with("VALUE ") && matches!(question, Question::Get(_))
            || line.starts_with("STAT ") && matches!(question, Question::Stats);
        parts.push(part);
        if !more {
            return Some((parts, at));
        }
    }
}

fn value_len(line: &str) -> Option<usize> {
    let mut words = line.split(' ');
    let len = match words.next() {
        Some("VALUE") => words.nth(2),
        Some("VA") => words.next(),
        _ => None,
    };
    len.map(|it| it.parse().expect("a length"))
}

/// The key of a value's line.
pub(super) fn value_key(line: &str) -> &str {
    let mut words = line.split(' ');
    assert_eq!(words.next(), Some("VALUE"));
    let key = words.next().expect("a key");
    assert_eq!(words.next(), Some("0"), "the flags");
    key
}

/// A meta command's answer without what it has to repeat of the question.
pub(super) fn without_opaque(line: &str, opaque: u64) -> String {
    if line == "EN" {
        return line.into();
    }
    let rest = line.strip_suffix(&format!(" O{opaque}"));
    rest.unwrap_or_else(|| panic!("{line:?} is the answer to another question than {opaque}"))
        .into()
}
