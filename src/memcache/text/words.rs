//! A line cut into words: runs of bytes between spaces. Only the space separates; a tab is part of
//! a word, as it is for memcached.

use crate::buffer::scan;
use std::ops::Range;

/// Goes through the words of a line, each as its position.
#[derive(Debug, Clone)]
pub struct Words<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    /// The words of `line` from position `at` on.
    pub fn new(line: &'a [u8], at: usize) -> Self {
        Self { line, at }
    }
}

impl Iterator for Words<'_> {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Range<usize>> {
        while *self.line.get(self.at)? == b' ' {
            self.at += 1;
        }
        let start = self.at;
        let rest = &self.line[start..];
        self.at = start + scan::find(rest, b' ').unwrap_or(rest.len());
        Some(start..self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_what_a_naive_split_gives() {
        for line in ["", " ", "get", "get a", " get  a   b ", "a\tb c", "   ", "averylongword b"] {
            let naive: Vec<_> = line.split(' ').filter(|word| !word.is_empty()).collect();
            let words: Vec<_> = Words::new(line.as_bytes(), 0).map(|at| &line[at]).collect();
            assert_eq!(words, naive, "{line:?}");
        }
    }
}
