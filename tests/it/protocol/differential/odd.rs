//! What clients say oddly: memcacheds of different versions differ about some of it. Each key is
//! used once, so that what comes of it matters to nothing else.

use super::words::{NUMBERS, line, pick, text_line};
use super::{Care, Said};
use crate::harness::random::Random;

/// Retrievals, and every other command that names a key, as they should be.
const RETRIEVALS: [&str; 5] = ["get %", "gets %", "gat 0 %", "gats 0 % other", "get other %"];
const KEYED: [&str; 16] = [
    "set % 0 0 3",
    "add % 0 0 3 noreply",
    "cas % 0 0 3 1",
    "cas % 0 0 3 1 noreply",
    "append % 0 0 3",
    "incr % 1",
    "incr % 1 noreply",
    "touch % 0",
    "touch % 0 noreply",
    "mg % v k O1",
    "mg % N0 v q",
    "ms % 3 T0 k",
    "ms % 3 F0 q C1",
    "md % q C1",
    "ma % N0 J0 D1",
    "me %",
];
const VALUE: &[u8] = b"abc\r\n";

pub(super) fn say(random: &mut Random) -> Said {
    let key = format!("odd{}", random.number()).into_bytes();
    let (bytes, care) = match random.below(8) {
        0 | 1 => (numbers(random, &key), Care::Newer),
        2 => (words(random, &key), Care::Newer),
        3 => (long_key(random), Care::Newer),
        4 => (unkeyed(random), Care::Newer),
        5 => (flags(random, &key), Care::Newer),
        6 if random.below(2) == 0 => (made(random, &key), Care::Newer),
        6 => (leading(random, &key), Care::Newer),
        _ => (unlike(random), Care::Loose),
    };
    Said { bytes, care }
}

/// The line, and its value when it announces one.
fn with_value(random: &mut Random, words: &[&[u8]]) -> Vec<u8> {
    let mut said = line(random, words);
    if !said.starts_with(b"me") && !said.starts_with(b"md") && !said.starts_with(b"mg") {
        let stores = [&b"set "[..], b"add ", b"cas ", b"append ", b"ms "];
        if stores.iter().any(|verb| said.starts_with(verb)) {
            said.extend(VALUE);
        }
    }
    said
}

/// Another number in the place of one that should be there.
fn numbers(random: &mut Random, key: &[u8]) -> Vec<u8> {
    let text = pick(random, &KEYED);
    let number = pick(random, &NUMBERS);
    let mut words: Vec<_> = text.split(' ').map(str::to_string).collect();
    let announces = if text.starts_with("ms") { 2 } else { 4 };
    let is_number =
        |word: &&String| word.trim_start_matches(char::is_alphabetic).parse::<u8>().is_ok();
    let places: Vec<_> = (0..words.len()).filter(|at| is_number(&&words[*at])).collect();
    if places.is_empty() {
        return text_line(random, text, key);
    }
    let at = pick(random, &places);
    // A length that is a length would have to be followed by so many bytes.
    let number = match number.parse::<i32>() {
        Ok(4..) if at == announces => "x",
        Ok(0..) if at == announces => "3",
        _ => number,
    };
    words[at] = format!("{}{number}", words[at].trim_end_matches(|it: char| it.is_ascii_digit()));
    let words: Vec<_> =
        words.iter().map(|word| if word == "%" { key } else { word.as_bytes() }).collect();
    with_value(random, &words)
}

/// Words are missing, or there are more than there should be.
fn words(random: &mut Random, key: &[u8]) -> Vec<u8> {
    let text = match random.below(4) {
        0 => pick(random, &RETRIEVALS),
        _ => pick(random, &KEYED),
    };
    let mut words: Vec<&[u8]> =
        text.split(' ').map(|it| if it == "%" { key } else { it.as_bytes() }).collect();
    if random.below(2) == 0 {
        words.truncate(1 + random.below(words.len()));
    } else {
        // No more than an older memcached takes as flags, or it would run the value.
        for _ in 0..1 + random.below(8) {
            words.push(pick(random, &[&b"noreply"[..], b"0", b"x1", b"NOREPLY", b"Z", b"-1"]));
        }
    }
    with_value(random, &words)
}

fn long_key(random: &mut Random) -> Vec<u8> {
    let text = pick(random, &KEYED);
    let key = vec![b'k'; 251 + random.below(50)];
    let words: Vec<_> =
        text.split(' ').map(|it| if it == "%" { &key[..] } else { it.as_bytes() }).collect();
    with_value(random, &words)
}

fn unkeyed(random: &mut Random) -> Vec<u8> {
    let number = pick(random, &NUMBERS);
    let text = match random.below(6) {
        0 => format!("verbosity {number}"),
        1 => "verbosity".into(),
        // Anything below a month could flush what is there while it is looked at.
        2 if number.parse::<i64>().is_err() => format!("flush_all {number}"),
        3 => pick(random, &["", "xyz", "get", "gets", "gat", "gats 0", "incr", "touch", "delete"])
            .into(),
        4 => pick(random, &["set", "ms", "mg", "md", "ma", "me", "set x", "ms x", "cas x 0 0"])
            .into(),
        _ => "verbosity 0 1 2 3 4 5".into(),
    };
    text_line(random, &text, b"")
}

/// Meta flags that nobody knows, that come twice, or that are too long. The quiet flag comes twice
/// only where nothing else is wrong: the proxy takes it out, and looks at it first.
fn flags(random: &mut Random, key: &[u8]) -> Vec<u8> {
    let verb = pick(random, &["mg % v", "ms % 3", "md %", "ma % N0"]);
    let mut text = verb.to_string();
    if random.below(8) == 0 {
        text += pick(random, &[" q q", " q k qq", " q O1 q1"]);
    }
    for _ in 0..if text.contains('q') { 0 } else { 1 + random.below(4) } {
        let opaque = format!("O{}", "1".repeat(29 + random.below(5)));
        let odd = [
            "q", "q", "b", "k", "kk", "v", "A", "B", "Z", "W", "_", "!", "~", "0", "5x", "M", "MX",
        ];
        let flag = if random.below(6) == 0 { &opaque } else { pick(random, &odd) };
        if flag == "q" && text.contains('q') {
            continue;
        }
        text += " ";
        text += flag;
    }
    let words: Vec<_> =
        text.split(' ').map(|it| if it == "%" { key } else { it.as_bytes() }).collect();
    with_value(random, &words)
}

/// A number that is made because it is not there.
fn made(random: &mut Random, key: &[u8]) -> Vec<u8> {
    let text =
        pick(random, &["ma % N0 J5 v q", "ma % N0 q k", "ma % N1000 J7 D5 v t", "ma % N0 c"]);
    [text_line(random, text, key), text_line(random, "ma % v", key)].concat()
}

fn leading(random: &mut Random, key: &[u8]) -> Vec<u8> {
    let text = pick(
        random,
        &["get %", "incr % 1", "mg %", "delete %", "touch % 0", "mn ", "noreply", "bget %"],
    );
    let said = text_line(random, text, key);
    [&b"   "[random.below(3)..], &said].concat()
}

/// What the proxy answers in its own words, or memcached in ways that cannot be compared.
fn unlike(random: &mut Random) -> Vec<u8> {
    let long = vec![b'k'; 251 + random.below(2_000)];
    let texts: &[&str] = match random.below(5) {
        0 => return [b"get ", &long[..], b"\r\n"].concat(),
        1 => return [b"gat 0 other ", &long[..], b" other\r\n"].concat(),
        2 => &["delete other 1", "delete other 0 0", "delete noreply"],
        3 => &["stats", "stats items", "stats slabs", "stats settings"],
        _ => &["slabs", "lru", "shutdown", "cache_memlimit"],
    };
    let text = pick(random, texts);
    text_line(random, text, b"")
}

/// The last words of a connection.
pub(super) fn farewell(random: &mut Random) -> Vec<u8> {
    pick(random, &[&b"quit\r\n"[..], b"quit\n", b"quit now\r\n", b"quit\r\nmn\r\n"]).to_vec()
}

/// A request that does not come to its end.
pub(super) fn half(random: &mut Random) -> Vec<u8> {
    let text =
        pick(random, &["get k0", "set k0 0 0 10\r\nhalf", "m", "mn\r", "ms k0 4\r\nhalf\r", ""]);
    text.as_bytes().to_vec()
}

/// What makes a memcached close without a word; the proxy says why.
pub(super) fn affront(random: &mut Random) -> Vec<u8> {
    match random.below(3) {
        0 => b"GET / HTTP/1.1\r\n".to_vec(),
        1 => b"POST /x HTTP/1.0\r\n".to_vec(),
        _ => vec![b'x'; 2_049 + random.below(9_000)],
    }
}
