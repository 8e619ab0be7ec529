//! What is wrong with a configuration, and where.

use std::fmt::{self, Display};

/// The most errors that are reported: a file with more is not a configuration file.
const LINES_MAX: usize = 1000;

/// The most characters of a value that an error repeats.
const QUOTED_MAX: usize = 60;

/// The most names that are compared with an unknown one, to suggest a similar one.
const KNOWN_MAX: usize = 1000;

/// Where something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum At {
    /// After this flag, or in this environment variable.
    Flag(&'static str),
    /// In the file; both count from 1, columns in characters.
    File { line: usize, column: usize },
}

/// What comes from a file has a line there; all else has a name.
impl Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => f.write_str(name),
            Self::File { line, .. } => write!(f, "line {line}"),
        }
    }
}

impl At {
    /// The beginning of the file.
    pub(super) const START: Self = Self::File { line: 1, column: 1 };
}

/// What is wrong, and what is noteworthy, as it is found.
#[derive(Debug)]
pub(super) struct Problems {
    /// The name of the file.
    source: String,
    errors: Vec<(At, String)>,
    /// Errors beyond `LINES_MAX`, which are only counted.
    more: usize,
    warnings: Vec<(At, String)>,
}

impl Problems {
    pub(super) fn new(source: &str) -> Self {
        Self { source: source.into(), errors: Vec::new(), more: 0, warnings: Vec::new() }
    }

    /// An error: what is wrong, and what is expected.
    pub(super) fn error(&mut self, at: At, text: impl Into<String>) {
        if self.errors.len() < LINES_MAX {
            self.errors.push((at, text.into()));
        } else {
            self.more += 1;
        }
    }

    /// "; did you mean ...?" if a known name is similar. Comparing takes time, so nothing is
    /// suggested once there are more errors than are reported.
    pub(super) fn suggestion<'a>(
        &self,
        text: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> String {
        if self.errors.len() >= LINES_MAX {
            return String::new();
        }
        match nearest(text, known) {
            Some(near) => format!("; did you mean {near:?}?"),
            None => String::new(),
        }
    }

    /// Something that is valid but probably not what was meant.
    pub(super) fn warning(&mut self, at: At, text: impl Into<String>) {
        self.warnings.push((at, text.into()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// The errors, in the order of the file.
    pub(super) fn into_errors(mut self) -> Vec<String> {
        // Stable: what has the same place stays in the order in which it was found.
        self.errors.sort_by_key(|error| error.0);
        let errors = self.errors.iter();
        let mut lines: Vec<_> = errors.map(|(at, text)| self.line(*at, text)).collect();
        if self.more > 0 {
            lines.push(format!("{}: {} more errors", self.source, self.more));
        }
        lines
    }

    /// The warnings, in the order of the file.
    pub(super) fn into_warnings(mut self) -> Vec<String> {
        self.warnings.sort_by_key(|warning| warning.0);
        self.warnings.iter().map(|(at, text)| self.line(*at, text)).collect()
    }

    fn line(&self, at: At, text: &str) -> String {
        match at {
            At::Flag(flag) => format!("{flag}: {text}"),
            At::File { line, column } => format!("{}:{line}:{column}: {text}", self.source),
        }
    }
}

/// A text of the operator's in an error: in quotes, on one line, and not too long.
pub(super) fn quoted(text: impl Display) -> String {
    let text = text.to_string();
    match text.char_indices().nth(QUOTED_MAX) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", &text[..end]),
    }
}

/// The most similar of the known names, if it is similar enough.
fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text: String = text.to_lowercase().replace('-', "_");
    let text: Vec<char> = text.chars().take(QUOTED_MAX).collect();
    let known = known.into_iter().take(KNOWN_MAX).map(|it| {
        let plain: Vec<char> = it.to_lowercase().replace('-', "_").chars().collect();
        (distance(&text, &plain), it)
    });
    let (distance, it) = known.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + it.len().min(text.len()) / 4).then_some(it)
}

/// The edit distance: characters to add, remove, replace, or swap with their neighbour.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut least = (row[j] + usize::from(a != b)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_suggested_if_it_is_near() {
        let known = ["listen", "servers", "server_connections", "hash", "hash_tag", "on-down"];
        for (text, near) in [
            ("lisen", Some("listen")),
            ("lsiten", Some("listen")),
            ("Listen", Some("listen")),
            ("server", Some("servers")),
            ("server-connections", Some("server_connections")),
            ("serverconnection", Some("server_connections")),
            ("hsah", Some("hash")),
            ("hashtag", Some("hash_tag")),
            ("on_down", Some("on-down")),
            ("speed", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(text, known), near, "{text}");
        }
    }

    #[test]
    fn distances() {
        for (one, other, expected) in [
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("abc", "xbz", 2),
            ("ab", "b", 1),
        ] {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(distance(&chars(one), &chars(other)), expected, "{one} {other}");
            assert_eq!(distance(&chars(other), &chars(one)), expected, "{other} {one}");
        }
    }

    #[test]
    fn what_is_quoted_is_one_short_line() {
        assert_eq!(quoted("a\nb"), "\"a\\nb\"");
        assert_eq!(quoted("é".repeat(61)), format!("\"{}\"...", "é".repeat(60)));
    }

    #[test]
    fn errors_come_in_the_order_of_the_file_and_not_without_end() {
        let mut problems = Problems::new("f");
        for line in (1..=1000).rev().chain(1001..=1500) {
            problems.error(At::File { line, column: 7 }, "wrong");
        }
        let lines = problems.into_errors();
        assert_eq!(lines.len(), 1001);
        assert_eq!(lines[0], "f:1:7: wrong");
        assert_eq!(lines[1000], "f: 500 more errors");
    }
}
