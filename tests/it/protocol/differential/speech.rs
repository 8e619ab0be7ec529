//! What clients say, as it should be said: every memcached answers it alike.

use super::words::{key, line, meta_key, pick, text_line};
use super::{Care, Said};
use crate::harness::random::Random;

pub(super) fn say(random: &mut Random) -> Said {
    let bytes = match random.below(28) {
        0..5 => retrieval(random),
        5..10 => storage(random),
        10..13 => simple(random),
        13..15 => counting(random),
        15..19 => meta_get(random),
        19..22 => meta_set(random),
        22 => meta_delete(random),
        23..25 => meta_arithmetic(random),
        25 => unkeyed(random),
        26 if random.below(2) == 0 => b"mn\r\n".to_vec(),
        26 => nonsense(random),
        _ => bad_chunk(random),
    };
    Said { bytes, care: Care::Exact }
}

fn retrieval(random: &mut Random) -> Vec<u8> {
    let verb = pick(random, &["get", "get", "get", "gets", "gat", "gats"]);
    let exptime = pick(random, &["0", "1000", "-1", "2000000000", "2147483647"]);
    let mut keys: Vec<_> = (0..1 + random.below(6)).map(|_| key(random)).collect();
    keys.extend((random.below(8) == 0).then(|| b"empty".to_vec()));
    let mut words = vec![verb.as_bytes()];
    if verb.starts_with("ga") {
        words.push(exptime.as_bytes());
    }
    words.extend(keys.iter().map(Vec::as_slice));
    line(random, &words)
}

/// A value. Whether one of nothing but white space can be counted depends on what lies behind it in
/// the memcached's memory, so there is none.
fn data(random: &mut Random) -> Vec<u8> {
    match random.below(5) {
        0 => (1 + random.below(100_000)).to_string().into_bytes(),
        1 => [b"r", &random.bytes(10_000)[random.below(10_000)..]].concat(),
        2 => pick(random, &[&b"x\r\n"[..], b"END\r\n", b"\0", b"\r\nmn\r\nget k0\r\n"]).to_vec(),
        _ => [b"r", &random.bytes(40)[random.below(40)..]].concat(),
    }
}

fn storage(random: &mut Random) -> Vec<u8> {
    let verb = pick(random, &["set", "set", "add", "replace", "append", "prepend", "cas"]);
    let flags = pick(random, &["0", "1", "65536", "2147483648", "4294967295", "007"]);
    let exptime = pick(random, &["0", "0", "0", "-1", "1000", "2000000000", "1000000000"]);
    let cas = match verb {
        "cas" => pick(random, &["0", "1", "18446744073709551615"]),
        _ => "",
    };
    let empty = random.below(12) == 0;
    let data = if empty { Vec::new() } else { data(random) };
    let text = format!("{verb} % {flags} {exptime} {} {cas} {}", data.len(), noreply(random));
    let key = if empty { b"empty".to_vec() } else { key(random) };
    [&text_line(random, &text, &key)[..], &data, b"\r\n"].concat()
}

fn noreply(random: &mut Random) -> &'static str {
    pick(random, &["", "", "", "noreply"])
}

fn simple(random: &mut Random) -> Vec<u8> {
    let key = key(random);
    let noreply = noreply(random);
    let text = match random.below(5) {
        0 => format!("delete % {noreply}"),
        1 => format!("delete % 0 {noreply}"),
        2 => format!("incr % {} {noreply}", random.below(1_000)),
        3 => format!("decr % 0 {noreply}"),
        _ => format!("touch % {} {noreply}", pick(random, &["0", "-1", "1000", "2000000000"])),
    };
    text_line(random, &text, &key)
}

/// Its key is never read. A number above 2^63 does not stay: an older memcached looks for a minus
/// sign beyond its end.
fn counting(random: &mut Random) -> Vec<u8> {
    let start = pick(random, &["0", "7", "007", "99", "9223372036854775807", "x"]);
    let delta = pick(random, &["0", "1", "99", "18446744073709551615", "9223372036854775808"]);
    let noreply = noreply(random);
    let up = match random.below(5) {
        0 => return format!("set n 0 0 {} {noreply}\r\n{start}\r\n", start.len()).into_bytes(),
        1 | 2 => format!("incr n {delta} {noreply}"),
        3 => format!("ma n D{delta} v MI"),
        _ => {
            let down = [format!("decr n {delta} {noreply}"), format!("ma n M- v D{delta}")];
            let down = &down[random.below(2)];
            return text_line(random, down, b"");
        }
    };
    let reset = b"set n 0 0 2 noreply\r\n10\r\n";
    [&text_line(random, &up, b"")[..], reset].concat()
}

/// Some of these, each at most once, in any order.
fn flags(random: &mut Random, from: &[&str], more: &str) -> String {
    let mut flags: Vec<&str> = Vec::new();
    for flag in from {
        let twice = flags.iter().any(|it| it[..1] == flag[..1]);
        if !twice && random.below(3) == 0 {
            flags.push(flag);
        }
    }
    if !more.is_empty() {
        flags.push(more.trim());
    }
    for at in (1..flags.len()).rev() {
        flags.swap(at, random.below(at + 1));
    }
    flags.join(" ")
}

fn meta_get(random: &mut Random) -> Vec<u8> {
    let (key, base64) = meta_key(random);
    let verb = pick(random, &["mg", "mg", "mg", "mg", "me"]);
    if verb == "me" && base64.is_empty() {
        return text_line(random, "me %", &key);
    }
    let opaque = format!("O{}", "7".repeat(random.below(32)));
    if random.below(8) == 0 {
        // It makes a value of nothing.
        return text_line(random, "mg empty N1000 v k q f", b"");
    }
    let known = ["v", "v", "f", "k", "s", "t", "c", "h", "l", "u", "q", "T1000", "R30"];
    let mut from = known[1..].to_vec();
    from.push(&opaque);
    let flags = flags(random, &from, base64);
    text_line(random, &format!("mg % {flags}"), &key)
}

fn meta_set(random: &mut Random) -> Vec<u8> {
    let (key, base64) = meta_key(random);
    let data = data(random);
    let mode = pick(random, &["MS", "MA", "MP", "ME", "MR", "Ms", "Ma", "Mp", "Me", "Mr"]);
    let from = ["k", "q", "c", "O12", "F4294967295", "T1000", "T0", "T-1", "I", "C1", mode];
    let flags = flags(random, &from, base64);
    let line = text_line(random, &format!("ms % {} {flags}", data.len()), &key);
    [&line[..], &data, b"\r\n"].concat()
}

fn meta_delete(random: &mut Random) -> Vec<u8> {
    let (key, base64) = meta_key(random);
    let flags = flags(random, &["k", "q", "O3", "I", "T30", "C1"], base64);
    text_line(random, &format!("md % {flags}"), &key)
}

/// Never by less, so that no number grows shorter; and never of what is not there: what an older
/// memcached makes then is no number for it later.
fn meta_arithmetic(random: &mut Random) -> Vec<u8> {
    let (key, base64) = meta_key(random);
    let from = ["k", "q", "O3", "v", "t", "c", "D5", "T1000", "M+"];
    let flags = flags(random, &from, base64);
    text_line(random, &format!("ma % {flags}"), &key)
}

fn unkeyed(random: &mut Random) -> Vec<u8> {
    let text = pick(
        random,
        &[
            // Alone and without CR a newer memcached takes it for too short.
            "mn and more",
            "version",
            "version noreply",
            "verbosity 0",
            "verbosity 0 noreply",
            "verbosity x",
            "flush_all 1000000",
            "flush_all 1000000 noreply",
            "flush_all x",
            "flush_all noreply 10",
            "stats reset",
            "stats nonsense",
            "stats detail",
        ],
    );
    text_line(random, text, b"")
}

fn nonsense(random: &mut Random) -> Vec<u8> {
    let text = pick(
        random,
        &[
            "nonsense",
            "GET k0",
            "Get k0",
            "SET k0 0 0 1",
            "gett k0",
            "get\tk0",
            "mx k0",
            "mgg k0",
            "\u{e9}t\u{e9}",
            "incr k0 x",
            "incr k0 -1",
            "incr k0 18446744073709551616",
            "decr k0 1x noreply",
            "touch k0 x",
            "touch k0 x noreply",
            "gat x k0",
            "mg k0 v v",
            "mg k0 Tx",
            "mg k0 N",
            "ma k0 MX",
            "ma k0 v v",
            "mg !! b",
            "mg Zm9 b",
        ],
    );
    text_line(random, text, b"")
}

/// More bytes than announced, or fewer: then some of what follows belongs to the value.
fn bad_chunk(random: &mut Random) -> Vec<u8> {
    let key = key(random);
    let verb = pick(random, &["set", "add", "replace", "append", "ms"]);
    let len = random.below(20);
    let text = match verb {
        "ms" => format!("ms % {len} {}", pick(random, &["", "q", "k O1"])),
        _ => format!("{verb} % 0 0 {len} {}", noreply(random)),
    };
    let line = text_line(random, &text, &key);
    let filler = ["x"; 25][..len + 4 + random.below(2)].concat();
    [&line[..], filler.as_bytes(), b"\r\n"].concat()
}
