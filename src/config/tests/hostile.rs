//! Files that are none: no panic, an answer in time, errors that are lines with a place.

use super::file;
use std::time::{Duration, Instant};

const MEGABYTE: usize = 1 << 20;

/// What a file of a megabyte may take; it is milliseconds in a build for release.
const PATIENCE: Duration = Duration::from_secs(20);

#[track_caller]
fn refused(name: &str, bytes: &[u8]) -> Vec<String> {
    let start = Instant::now();
    let errors = file::parse("f", bytes).err();
    let took = start.elapsed();
    assert!(took < PATIENCE, "{name} took {took:?}");
    let errors = errors.unwrap_or_else(|| panic!("{name} is taken"));
    assert!((1..=1001).contains(&errors.len()), "{name}: {} errors", errors.len());
    for error in &errors {
        assert!(error.len() < 1000 && !error.contains('\n'), "{name}: {error}");
        let place = error.strip_prefix("f:").expect("a place");
        assert!(place.starts_with(|it: char| it.is_ascii_digit() || it == ' '), "{error}");
    }
    errors
}

#[test]
fn a_megabyte_of_anything() {
    for part in [
        "[",
        "{",
        "]",
        "}",
        "- ",
        "? ",
        ": ",
        "[{",
        "a: [",
        "{a: ",
        "\"",
        "'",
        "&a ",
        "*",
        "!",
        "%",
        "|\n",
        "- \n",
        "a:\n ",
        ",",
        "[,",
        "\t",
        "a ",
        "a\n",
        "#",
        "-",
        "---\n",
        "\\",
        "\r",
        "\n",
        "%A \n",
        "? a\n",
        "\"\\x",
        "\u{feff}",
        "é",
        "\0",
        "\u{1}",
        "&a a: *a\n",
        "a: {b: c}\n",
        "a: {listen: \"b:1\", servers: [\"c:1\"]}\n",
        "a:\n  b:\n",
        "\u{2028}",
    ] {
        refused(&format!("{part:?}"), part.repeat(MEGABYTE / part.len()).as_bytes());
    }
}

#[test]
fn brackets_are_refused_where_they_become_too_many() {
    for bracket in ["[", "{"] {
        let errors = refused(bracket, bracket.repeat(MEGABYTE).as_bytes());
        let expected = "more than 16 levels of nesting; expected POOL: {KEY: VALUE}";
        assert_eq!(errors, [format!("f:1:17: {expected}")]);
    }
}

#[test]
fn a_megabyte_of_wrong_keys_pools_and_servers() {
    let lines = |line: &dyn Fn(usize) -> String, len: usize| -> String {
        (0..MEGABYTE / len).map(line).collect()
    };
    let keys = lines(&|i| format!("  key{i}: x\n"), 14);
    refused("keys", format!("a:\n{keys}").as_bytes());
    refused("pools", lines(&|i| format!("p{i}: {{x: 1}}\n"), 14).as_bytes());
    let gutters =
        |i| format!("p{i}: {{listen: \"a:0\", servers: [\"a:1\"], on_down: {{gutter: q{i}}}}}\n");
    refused("gutters", lines(&gutters, 60).as_bytes());
    let listens =
        |i| format!("p{i}: {{listen: \"127.0.{}.{}:1\", servers: [a:1]}}\n", i / 256, i % 256);
    refused("listens", (lines(&listens, 50) + "x: {listen: 0.0.0.0:1, servers: []}").as_bytes());
    let servers = lines(&|i| format!("  - s{i}:0:1\n"), 14);
    refused("servers", format!("a:\n  listen: l:1\n  servers:\n{servers}").as_bytes());
    let same = lines(&|_| "  - s:1:1\n".into(), 10);
    refused("one server", format!("a:\n  listen: l:1\n  servers:\n{same}").as_bytes());
}

/// Bytes of a good file, changed at random. `SEED` says which.
#[test]
fn files_with_mistakes_in_them() {
    let seed = std::env::var("SEED").ok().and_then(|it| it.parse().ok()).unwrap_or(1);
    let good = include_bytes!("../../../etc/nodeproxy.yml");
    let extra = b"[]{}:-#&*!|>'\"%@`,? \t\n\r\0\xff\xc3~019az";
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15 ^ seed;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for _ in 0..3000 {
        let mut bytes = good.to_vec();
        for _ in 0..=random(6) {
            let at = random(bytes.len());
            match random(3) {
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, extra[random(extra.len())]),
                _ => bytes[at] = extra[random(extra.len())],
            }
        }
        // Whatever it says of it: it says it.
        if let Err(errors) = file::parse("f", &bytes) {
            assert!(!errors.is_empty(), "seed {seed}");
        }
    }
}
