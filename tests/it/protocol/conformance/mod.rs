//! Every form of every command, and every mistake, with the bytes that answer it.
//!
//! The tables say what is asked (`>`) and what is answered: `=` by everybody; `or` by another
//! version of memcached, and so by a proxy in front of one; `old` by an older memcached only, where
//! the proxy answers as a newer one; `own` by the proxy only, with the reason above it. Each row
//! begins with `k` holding `abc`, flags 5, and `m foo fo x n big` holding nothing. Numbers of cas
//! and of versions, and times, are left out.

use crate::harness::bytes::shown;
use crate::harness::client::Client;
use crate::harness::memcached::{Memcached, addresses};
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::pair::normal;

const SCENE: &[u8] = b"set k 5 0 3 noreply\r\nabc\r\ndelete m noreply\r\ndelete foo noreply\r\n\
    delete fo noreply\r\ndelete x noreply\r\ndelete n noreply\r\ndelete big noreply\r\n";
const FENCE: &[u8] = b"mg the-fence Oend\r\n";
const FENCED: &[u8] = b"EN Oend\r\n";

/// What is asked, and what may be answered, each by its mark.
struct Row {
    asked: Vec<u8>,
    answers: Vec<(&'static str, Vec<u8>)>,
}

fn rows(table: &'static str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        let (mark, text) = line.split_once(' ').unwrap_or((line, ""));
        match (mark, rows.last_mut()) {
            (">", _) => rows.push(Row { asked: bytes(text), answers: Vec::new() }),
            ("=" | "or" | "old" | "own", Some(row)) => {
                row.answers.push((mark, normal(&bytes(text))));
            }
            _ => panic!("no row of a table: {line:?}"),
        }
    }
    rows
}

/// `\r`, `\x7f` and their like stand for bytes, `{k*251}` for a text so many times.
fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let taken = match (next, rest.get(1..2)) {
            ('\\', Some("x")) => {
                bytes.push(u8::from_str_radix(&rest[2..4], 16).expect("two digits"));
                4
            }
            ('\\', Some(letter)) => {
                let known = [("r", b'\r'), ("n", b'\n'), ("t", b'\t'), ("0", 0), ("\\", b'\\')];
                let byte = known.iter().find(|it| it.0 == letter).expect("a known escape").1;
                bytes.push(byte);
                2
            }
            ('{', _) => {
                let end = rest.find('}').expect("its end");
                let (piece, times) = rest[1..end].rsplit_once('*').expect("how often");
                bytes.extend(piece.repeat(times.parse().expect("a number")).bytes());
                end + 1
            }
            _ => {
                bytes.extend(next.to_string().bytes());
                next.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    bytes
}

/// What is answered, behind the scene and before the fence.
fn answer(client: &mut Client, asked: &[u8]) -> Vec<u8> {
    client.ask(&[SCENE, b"mn\r\n"].concat(), b"MN\r\n");
    client.send(&[asked, FENCE].concat());
    let mut said = Vec::new();
    while !said.ends_with(FENCED) {
        said.extend(client.line());
    }
    said.truncate(said.len() - FENCED.len());
    normal(&said)
}

/// All rows that do not answer as they should, at once.
fn check(table: &'static str, whom: &str, client: &mut Client, marks: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Row { asked, answers } in rows(table) {
        let expected: Vec<_> = answers.iter().filter(|it| marks.contains(&it.0)).collect();
        if expected.is_empty() {
            continue;
        }
        let said = answer(client, &asked);
        if !expected.iter().any(|it| it.1 == said) {
            let (asked, said, expected) = (shown(&asked), shown(&said), shown(&expected[0].1));
            complaints.push(format!("{asked} to {whom}\n  said     {said}\n  expected {expected}"));
        }
    }
    complaints
}

#[track_caller]
fn holds(table: &'static str) {
    let plain = Memcached::start();
    let mut client = Client::connect(plain.address());
    let mut complaints = check(table, "a memcached", &mut client, &["=", "or", "old"]);
    for backends in [1, 4] {
        let behind = Memcached::several(backends);
        let proxy = Nodeproxy::before(&addresses(&behind)).links(2).start();
        let whom = format!("the proxy before {backends}");
        complaints.extend(check(table, &whom, &mut proxy.connect(), &["=", "or", "own"]));
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn retrieval() {
    holds(include_str!("retrieval.txt"));
}

#[test]
fn storage() {
    holds(include_str!("storage.txt"));
}

#[test]
fn deleting_counting_touching() {
    holds(include_str!("simple.txt"));
}

#[test]
fn meta_get() {
    holds(include_str!("meta_get.txt"));
}

#[test]
fn meta_set() {
    holds(include_str!("meta_set.txt"));
}

#[test]
fn meta_delete_arithmetic_debug_noop() {
    holds(include_str!("meta_more.txt"));
}

#[test]
fn commands_without_keys() {
    holds(include_str!("admin.txt"));
}

#[test]
fn what_is_refused() {
    holds(include_str!("refused.txt"));
}

#[test]
fn a_table_is_read_as_it_is_meant() {
    let table = "# no row\n> a\\r\\n{k *3}\\x7f\n= b\\\\\nold\n\n> c\nown d\n";
    let rows = rows(table);
    assert_eq!(rows[0].asked, b"a\r\nk k k \x7f");
    assert_eq!(rows[0].answers, [("=", b"b\\".to_vec()), ("old", Vec::new())]);
    assert_eq!((rows[1].asked.as_slice(), rows[1].answers[0].0), (&b"c"[..], "own"));
    assert_eq!(rows.len(), 2);
}
