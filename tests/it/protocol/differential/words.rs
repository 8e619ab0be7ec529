//! The words of a conversation.

use crate::harness::random::Random;

const KEYS: usize = 8;

/// One of these, at random.
pub(super) fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    from[random.below(from.len())]
}

pub(super) fn all_keys() -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = (0..KEYS).map(|at| format!("k{at}").into_bytes()).collect();
    keys.extend([
        b"noreply\t".to_vec(),
        b"\x01\x7f\x1b".to_vec(),
        "sch\u{f6}n\u{2603}".bytes().collect(),
        vec![b'l'; 250],
        b"empty".to_vec(),
        b"n".to_vec(),
    ]);
    keys
}

/// A key that values are kept under. Numbers that are counted have one of their own, for whether
/// one that grows shorter keeps its width depends on when the last `get` of it was sent.
pub(super) fn key(random: &mut Random) -> Vec<u8> {
    let keys = all_keys();
    match random.below(10) {
        0 => keys[KEYS + random.below(keys.len() - KEYS - 2)].clone(),
        _ => keys[random.below(KEYS)].clone(),
    }
}

/// The key of a meta command, and the flag that says how it is written.
pub(super) fn meta_key(random: &mut Random) -> (Vec<u8>, &'static str) {
    let key = key(random);
    // Longer ones do not fit in base64.
    if key.len() > 186 || random.below(4) > 0 { (key, "") } else { (base64(&key), " b") }
}

/// What a number may be, or nearly. Of those with a minus where none should be memcached takes
/// `-0`, and some below -2^63 as positive ones; the proxy takes none.
pub(super) const NUMBERS: [&str; 26] = [
    "0",
    "1",
    "00",
    "007",
    "-1",
    "+1",
    "1x",
    "x",
    "0x1",
    "1.5",
    "1e3",
    "255",
    "2147483645",
    "2147483646",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999",
];

/// The words with one space between them, or some, and with some at the end; and a line end.
pub(super) fn line(random: &mut Random, words: &[&[u8]]) -> Vec<u8> {
    let mut line = Vec::new();
    let wide = random.below(8) == 0;
    for (at, word) in words.iter().enumerate().filter(|(_, word)| !word.is_empty()) {
        let spaces = if at == 0 { 0 } else { 1 + usize::from(wide) * random.below(4) };
        line.extend(vec![b' '; spaces]);
        line.extend(*word);
    }
    if wide {
        line.extend(vec![b' '; random.below(3)]);
    }
    line.extend(pick(random, &[&b"\r\n"[..], b"\r\n", b"\n"]));
    line
}

/// The same for words in one text, with a key in the place of `%`.
pub(super) fn text_line(random: &mut Random, text: &str, key: &[u8]) -> Vec<u8> {
    let words: Vec<_> =
        text.split(' ').map(|it| if it == "%" { key } else { it.as_bytes() }).collect();
    line(random, &words)
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::new();
    for piece in bytes.chunks(3) {
        let byte = |at: usize| u32::from(piece.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= piece.len() { digit } else { b'=' });
        }
    }
    text
}
