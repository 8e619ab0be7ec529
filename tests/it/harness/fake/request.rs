//! Cuts what a backend received into requests.

use std::time::Instant;

/// One request, as it was received.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The connection it came by, counted from 0.
    pub(crate) connection: usize,
    /// Its place among the requests of that connection, counted from 0.
    pub(crate) place: usize,
    /// The line without its end.
    pub(crate) line: Vec<u8>,
    /// The value without its end.
    pub(crate) data: Vec<u8>,
    /// When it was received.
    pub(crate) at: Instant,
}

impl Asked {
    pub(crate) fn words(&self) -> Vec<&[u8]> {
        self.line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect()
    }

    pub(crate) fn verb(&self) -> &[u8] {
        self.words().first().copied().unwrap_or_default()
    }

    pub(crate) fn key(&self) -> String {
        String::from_utf8_lossy(self.words().get(1).copied().unwrap_or_default()).into_owned()
    }
}

impl Asked {
    /// How many keys it names, when it is a retrieval: several clients' may share a line. Anything
    /// else is one.
    pub(crate) fn keys(&self) -> usize {
        match self.verb() {
            b"get" | b"gets" => self.words().len() - 1,
            _ => 1,
        }
    }
}

/// Takes the first whole request off the front of `bytes`.
pub(super) fn take(bytes: &mut Vec<u8>, connection: usize, place: usize) -> Option<Asked> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]).to_vec();
    let at = Instant::now();
    let mut asked = Asked { connection, place, line, data: Vec::new(), at };
    let mut whole = end + 1;
    if let Some(len) = value_len(&asked) {
        asked.data = bytes.get(whole..whole + len)?.to_vec();
        whole += len + 2;
    }
    if whole > bytes.len() {
        return None;
    }
    bytes.drain(..whole);
    Some(asked)
}

fn value_len(asked: &Asked) -> Option<usize> {
    const STORAGE: [&[u8]; 6] = [b"set", b"add", b"replace", b"append", b"prepend", b"cas"];
    let words = asked.words();
    let at = match *words.first()? {
        b"ms" => 2,
        verb if STORAGE.contains(&verb) => 4,
        _ => return None,
    };
    std::str::from_utf8(words.get(at)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_belongs_to_its_request_and_a_part_is_no_request() {
        let mut bytes = b"set a 0 0 4\r\n\r\n\r\n\r\nget a\n".to_vec();
        let whole = bytes.len();
        for len in 0..19 {
            assert!(take(&mut bytes[..len].to_vec(), 0, 0).is_none(), "{len}");
        }
        let set = take(&mut bytes, 0, 0).expect("whole");
        assert_eq!((set.key().as_str(), set.data.as_slice()), ("a", &b"\r\n\r\n"[..]));
        let get = take(&mut bytes, 0, 1).expect("whole");
        assert_eq!((get.verb(), get.key().as_str()), (&b"get"[..], "a"));
        assert!(bytes.is_empty() && whole == 25);
    }
}
