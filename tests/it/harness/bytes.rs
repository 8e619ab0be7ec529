//! Bytes of the protocol, compared exactly and shown so that a person can read them.

const CONTEXT: usize = 80;

/// The bytes as text, with everything unprintable escaped.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let (head, tail) = bytes.split_at(bytes.len().min(4 * CONTEXT));
    let rest = if tail.is_empty() { String::new() } else { format!("… and {} more", tail.len()) };
    format!("\"{}\"{rest}", head.escape_ascii())
}

/// Fails, showing the place where they part, unless the bytes are the same.
#[track_caller]
pub(crate) fn assert_same(what: &str, seen: &[u8], expected: &[u8]) {
    if seen != expected {
        panic!("{what}: {}", difference(seen, expected));
    }
}

/// Where two byte strings part, with what comes before and behind.
pub(crate) fn difference(seen: &[u8], expected: &[u8]) -> String {
    let same = seen.iter().zip(expected).take_while(|(a, b)| a == b).count();
    let around = |bytes: &[u8]| {
        let end = bytes.len().min(same + CONTEXT);
        let more = if end < bytes.len() { "…" } else { " (end)" };
        format!("\"{}\"{more}", bytes[same..end].escape_ascii())
    };
    format!(
        "{} bytes seen, {} expected, parting at {same}\n\
        \x20  after: \"{}\"\nexpected: {}\n    seen: {}",
        seen.len(),
        expected.len(),
        seen[same.saturating_sub(CONTEXT)..same].escape_ascii(),
        around(expected),
        around(seen),
    )
}

/// Fails unless this is one whole line that tells of a failed backend, and says why.
#[track_caller]
pub(crate) fn assert_server_error(reply: &[u8]) {
    assert!(is_server_error(reply), "not one SERVER_ERROR line: {}", shown(reply));
}

pub(crate) fn is_server_error(reply: &[u8]) -> bool {
    is_line(reply) && reply.starts_with(b"SERVER_ERROR ") && reply.len() > 15
}

pub(crate) fn is_client_error(reply: &[u8]) -> bool {
    is_line(reply) && reply.starts_with(b"CLIENT_ERROR ") && reply.len() > 15
}

fn is_line(reply: &[u8]) -> bool {
    reply.iter().position(|byte| *byte == b'\n') == Some(reply.len().wrapping_sub(1))
        && reply.ends_with(b"\r\n")
}

/// A hit of one key, as memcached sends it.
pub(crate) fn value(key: &str, flags: u32, data: &[u8]) -> Vec<u8> {
    [format!("VALUE {key} {flags} {}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

/// The whole reply to a `get` of one key that is there.
pub(crate) fn hit(key: &str, data: &[u8]) -> Vec<u8> {
    [&value(key, 0, data)[..], b"END\r\n"].concat()
}

/// A `set` request.
pub(crate) fn set(key: &str, data: &[u8]) -> Vec<u8> {
    [format!("set {key} 0 0 {}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

pub(crate) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
