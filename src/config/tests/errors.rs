//! What is wrong with a file, to the letter: where, what, and what is expected. The cases are in
//! `errors.txt`: lines of a file, which begin with `|`, or of a pool that has what it needs, which
//! begin with `+`; and below them the errors. An arrow stands for a tab.

use super::{config, file, with};

const CASES: &str = include_str!("errors.txt");

/// The text of the file, or of its keys.
fn given(case: &str, mark: char) -> Option<String> {
    let lines = case.lines().filter_map(|line| line.strip_prefix(mark));
    let text: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    (!text.is_empty()).then(|| text.join("\n").replace('→', "\t") + "\n")
}

#[test]
fn each_error_has_its_place_and_says_what_is_expected() {
    let mut complaints = Vec::new();
    let mut checked = 0;
    for case in CASES.split("\n\n").filter(|case| !case.starts_with('#')) {
        let case = case.trim_end();
        let pool = given(case, '+').map(|keys| with(&keys));
        let text = given(case, '|').or(pool).expect("a case");
        let is_error = |line: &&str| line.starts_with("f:");
        let expected: Vec<_> = case.lines().filter(is_error).collect();
        assert!(expected.iter().all(|error| error.contains("; expected ")), "{case}");
        let errors = file::parse("f", text.as_bytes()).err().unwrap_or_default();
        if errors != expected || errors.is_empty() {
            complaints.push(format!("{text}{}\n", errors.join("\n")));
        }
        checked += 1;
    }
    assert!(complaints.is_empty(), "not as expected:\n{}", complaints.join("\n"));
    assert!(checked > 70, "{checked} cases");
}

#[test]
fn bytes_that_are_no_text() {
    let errors = |bytes: &[u8]| file::parse("f", bytes).expect_err("no text");
    let expected = "is not UTF-8; expected a file in UTF-8";
    assert_eq!(errors(b"a:\n  \xc3\xa9: \xff\n"), [format!("f:2:6: the byte 0xff {expected}")]);
    assert_eq!(errors(b"\xff\xfea\0:\0"), [format!("f:1:1: the byte 0xff {expected}")]);
    assert_eq!(errors(b"a: \xc3"), [format!("f:1:4: the byte 0xc3 {expected}")]);
}

#[test]
fn a_path_cannot_be_shared() {
    let text = "a: {listen: /run/n, servers: [s:1:1], placement: jump, reuseport: true}\n";
    assert_eq!(
        config(text).warnings,
        ["f:1:67: reuseport: \"/run/n\" is a unix socket, which cannot be shared; expected a port"]
    );
    assert!(config(&text.replace("true", "false")).warnings.is_empty());
}

#[test]
fn what_is_only_strange_is_a_warning() {
    let text = "a:
  listen: l:1
  timeout: 0
  placement: jump
  servers: [\"s:1:1 one\", \"s:1:2 two\"]
";
    assert_eq!(
        config(text).warnings,
        [
            "f:3:12: timeout: waiting without a timeout (0 or -1) is not supported; 1000 ms is \
             used instead; expected milliseconds from 1 to 86400000 (a day)",
            "f:5:26: \"two\" has the same address as \"one\"",
            "f:5:26: weight 2 has no effect with placement jump",
        ]
    );
}
