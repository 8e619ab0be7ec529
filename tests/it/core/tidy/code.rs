//! Rust source, as far as these tests need to know it.

use std::fs;
use std::ops::Range;
use std::path::Path;

/// A file, with its path from the top of the repository.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
    /// The text with comments, strings and `#[cfg(test)]` modules blanked: as many lines.
    pub(super) code: String,
    /// The same with the tests.
    with_tests: String,
}

/// Every Rust file below this folder.
pub(super) fn sources(folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), folder, &mut paths);
    paths.sort();
    let read = |path: String| {
        let full = Path::new(env!("CARGO_MANIFEST_DIR")).join(&path);
        Source::new(path, fs::read_to_string(full).expect("a source"))
    };
    paths.into_iter().map(read).collect()
}

fn collect(folder: &Path, name: &str, paths: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let inside = path.file_name().expect("a name").to_string_lossy().into_owned();
        let inside = format!("{name}/{inside}");
        if path.is_dir() && !inside.ends_with("/target") {
            collect(&path, &inside, paths);
        } else if inside.ends_with(".rs") {
            paths.push(inside);
        }
    }
}

impl Source {
    fn new(path: String, text: String) -> Self {
        let with_tests = blank(&text);
        // A file of tests is declared behind `#[cfg(test)]` in another one.
        let tests_only = path.ends_with("/tests.rs") || path.contains("/tests/");
        let code = if tests_only { String::new() } else { without_tests(&with_tests) };
        Self { path, text, code, with_tests }
    }

    /// The numbers of the lines of code that say this word.
    pub(super) fn lines_with(&self, word: &str) -> Vec<usize> {
        words(&self.code, word).into_iter().map(|at| line_of(&self.code, at)).collect()
    }

    /// Every function with its lines, those of tests too.
    pub(super) fn functions(&self) -> Vec<(String, Range<usize>)> {
        let code = &self.with_tests;
        let mut found = Vec::new();
        for at in words(code, "fn ") {
            let name = identifier(&code[at + 3..]);
            let Some(body) = body(code, at) else {
                continue;
            };
            if !name.is_empty() {
                found.push((name.to_string(), line_of(code, at)..line_of(code, body) + 1));
            }
        }
        found
    }
}

/// The identifier at the front.
pub(super) fn identifier(code: &str) -> &str {
    let end = code.find(|it: char| !is_word(it)).unwrap_or(code.len());
    &code[..end]
}

/// Where this is said, and not as a part of a longer word.
pub(super) fn words(code: &str, word: &str) -> Vec<usize> {
    let joins = |a: Option<char>, b: Option<char>| a.is_some_and(is_word) && b.is_some_and(is_word);
    let whole = |at: &usize| {
        let (before, behind) = (&code[..*at], &code[at + word.len()..]);
        !joins(before.chars().next_back(), word.chars().next())
            && !joins(word.chars().next_back(), behind.chars().next())
    };
    code.match_indices(word).map(|(at, _)| at).filter(whole).collect()
}

fn is_word(it: char) -> bool {
    it.is_alphanumeric() || it == '_'
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

/// Where the body of the item that starts here ends; `None` for one without a body.
fn body(code: &str, start: usize) -> Option<usize> {
    let (mut round, mut curly) = (0, 0);
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => round += 1,
            b')' | b']' => round -= 1,
            b'{' => curly += 1,
            b'}' => curly -= 1,
            b';' if round == 0 && curly == 0 => return None,
            _ => continue,
        }
        if byte == b'}' && curly == 0 {
            return Some(at);
        }
    }
    None
}

/// Blanks what follows each `#[cfg(test)]`, up to the end of that item.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut code = code.to_string();
    while let Some(start) = code.find(MARK) {
        let item = start + MARK.len();
        let end = body(&code, item).or_else(|| Some(item + code[item..].find(';')?));
        let end = end.unwrap_or(code.len() - 1) + 1;
        let blanked = blanks(&code[start..end]);
        code.replace_range(start..end, &blanked);
    }
    code
}

fn blanks(code: &str) -> String {
    code.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// Blanks comments, strings and characters.
fn blank(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let inside_word = code.ends_with(is_word);
        let len = match next {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => comment(rest),
            '"' => string(rest),
            'r' | 'b' | 'c' if !inside_word => prefixed(rest),
            '\'' => character(rest),
            _ => 0,
        };
        let taken = if len == 0 { next.len_utf8() } else { len };
        let (front, behind) = rest.split_at(taken);
        if len == 0 {
            code.push_str(front);
        } else {
            code.push_str(&blanks(front));
        }
        rest = behind;
    }
    code
}

fn comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    loop {
        match (rest[at..].find("/*"), rest[at..].find("*/")) {
            (Some(open), Some(close)) if open < close => (depth, at) = (depth + 1, at + open + 2),
            (_, Some(close)) if depth > 1 => (depth, at) = (depth - 1, at + close + 2),
            (_, Some(close)) => return at + close + 2,
            (_, None) => return rest.len(),
        }
    }
}

/// The length of the string at the front, which starts with its quote.
fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, it) in rest.char_indices().skip(1) {
        match it {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return at + 1,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// A string or byte with letters before its quote; 0 when it is none.
fn prefixed(rest: &str) -> usize {
    let letters = rest.find(|it| !matches!(it, 'r' | 'b' | 'c')).unwrap_or(rest.len());
    let behind = &rest[letters..];
    let raw = rest[..letters].contains('r');
    let hashes = behind.find(|it| it != '#').unwrap_or(behind.len());
    match behind[hashes..].chars().next() {
        Some('"') if raw => {
            let end = format!("\"{}", "#".repeat(hashes));
            let open = letters + hashes + 1;
            rest[open..].find(&end).map_or(rest.len(), |at| open + at + end.len())
        }
        Some('"') if hashes == 0 => letters + string(behind),
        Some('\'') if hashes == 0 && &rest[..letters] == "b" => letters + character(behind),
        _ => 0,
    }
}

/// A character in quotes; 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut inside = rest.char_indices().skip(1);
    match (inside.next(), inside.next()) {
        (Some((_, '\\')), Some((at, _))) => {
            let from = at + 1;
            rest[from..].find('\'').map_or(rest.len(), |end| from + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

#[test]
fn comments_strings_and_characters_are_no_code() {
    for (text, code) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        (r#"a "b \" c" d"#, r#"a          d"#),
        (r##"a r#"b " c"# d"##, "a            d"),
        (r#"b"x" br"y" xb"z""#, r#"           xb   "#),
        (r"'a' '\'' '\u{1}' b'{' &'a T", r"                      &'a T"),
        ("\"é\"x", "    x"),
    ] {
        assert_eq!(blank(text), code, "{text}");
    }
}

#[test]
fn tests_are_no_code() {
    let text = "a\n#[cfg(test)]\nmod tests {\n    fn x() {}\n}\nb\n#[cfg(test)]\nmod y;\nc";
    assert_eq!(without_tests(text).split_whitespace().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(without_tests(text).lines().count(), text.lines().count());
}

#[test]
fn functions_end_at_their_own_brace() {
    let text = "fn a(x: [u8; 2]) {\n    { '}' }\n    \"}\";\n}\ntrait T { fn b();\n fn c() {}\n}\n";
    let source = Source::new("src/x.rs".to_string(), text.to_string());
    let expected = [("a".to_string(), 1..5), ("c".to_string(), 6..7)];
    assert_eq!(source.functions(), expected);
}

#[test]
fn a_word_is_not_a_part_of_another() {
    assert_eq!(words("unsafe unsafe_code xunsafe (unsafe)", "unsafe"), [0, 28]);
    assert_eq!(words("mio::x amio::y", "mio::"), [0]);
}
