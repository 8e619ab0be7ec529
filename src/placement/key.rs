//! Which bytes of a key are hashed.

use super::mcrouter::TEXT_BYTES_MAX;

/// The longest salt. With it a key of memcached still fits where both are joined.
pub(super) const SALT_BYTES_MAX: usize = 250;

/// What is left out of a key and added to it before it is hashed, in the order of the fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeyRule {
    /// Left out where a key starts with it: the namespace that libmemcached, pymemcache and
    /// `Cache::Memcached` send and do not hash.
    pub(super) strip_prefix: Box<[u8]>,
    /// twemproxy's `hash_tag`: from the first opening byte to the first closing one after it, if
    /// there is anything between.
    pub(super) tag: Option<[u8; 2]>,
    /// What the scheme itself leaves out.
    pub(super) stop: Stop,
    /// Added at the end: mcrouter's `salt`.
    pub(super) salt: Box<[u8]>,
}

/// The part of a key that mcrouter and memcached's proxy hash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Stop {
    #[default]
    Nothing,
    /// What comes before this text: mcrouter's `|#|`, the proxy's filter `stop`.
    At(Box<[u8]>),
    /// What stands between these two bytes, which may be nothing: the proxy's filter `tags`.
    /// twemproxy's rule would take the whole key then.
    Between([u8; 2]),
}

impl KeyRule {
    /// Calls `then` with the bytes to hash.
    #[inline]
    pub(super) fn apply<T>(&self, key: &[u8], then: impl Fn(&[u8]) -> T) -> T {
        if self.salt.is_empty() {
            return then(self.part(key));
        }
        let part = self.part(key);
        let mut text = [0; TEXT_BYTES_MAX];
        let len = part.len().min(TEXT_BYTES_MAX - SALT_BYTES_MAX);
        let end = len + self.salt.len();
        text[..len].copy_from_slice(&part[..len]);
        text[len..end].copy_from_slice(&self.salt);
        then(&text[..end])
    }

    fn part<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        let key = match self.strip_prefix.len() {
            0 => key,
            _ => key.strip_prefix(&*self.strip_prefix).unwrap_or(key),
        };
        let key = match self.tag {
            None => key,
            Some(tag) => between(key, tag).filter(|inside| !inside.is_empty()).unwrap_or(key),
        };
        match &self.stop {
            Stop::Nothing => key,
            Stop::At(stop) => &key[..find(key, stop).unwrap_or(key.len())],
            Stop::Between(tags) => between(key, *tags).unwrap_or(key),
        }
    }
}

/// Where the text first stands in the key.
fn find(key: &[u8], text: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = key[from..].iter().position(|byte| Some(byte) == text.first()) {
        if key[from + at..].starts_with(text) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// What stands between the first `open` and the first `close` after it.
fn between(key: &[u8], [open, close]: [u8; 2]) -> Option<&[u8]> {
    let start = key.iter().position(|byte| *byte == open)? + 1;
    let len = key[start..].iter().position(|byte| *byte == close)?;
    Some(&key[start..start + len])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(rule: &KeyRule, key: &str) -> String {
        rule.apply(key.as_bytes(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    #[test]
    fn a_hash_tag_is_used_when_there_is_something_in_it() {
        let braces = KeyRule { tag: Some(*b"{}"), ..KeyRule::default() };
        let dollars = KeyRule { tag: Some(*b"$$"), ..KeyRule::default() };
        for (key, expected) in [
            ("user:{42}:x", "42"),
            ("user:{}:z", "user:{}:z"),
            ("{}", "{}"),
            ("{42", "{42"),
            ("}{42}", "42"),
            ("{a}{b}", "a"),
            ("{}{b}", "{}{b}"),
            ("x", "x"),
        ] {
            assert_eq!(hashed(&braces, key), expected);
        }
        assert_eq!(hashed(&dollars, "a$b$c"), "b");
        assert_eq!(hashed(&dollars, "a$b"), "a$b");
    }

    #[test]
    fn the_tags_of_memcacheds_proxy_may_be_empty() {
        let rule = KeyRule { stop: Stop::Between(*b"{}"), ..KeyRule::default() };
        let vectors = [("a{b}c", "b"), ("a{}c", ""), ("a{b", "a{b"), ("ab}", "ab}"), ("a{", "a{")];
        for (key, expected) in vectors {
            assert_eq!(hashed(&rule, key), expected);
        }
    }

    #[test]
    fn a_stop_cuts_at_its_first_place() {
        let rule = KeyRule { stop: Stop::At(b"|#|"[..].into()), ..KeyRule::default() };
        let vectors = [
            ("a|#|b|#|c", "a"),
            ("||#|b", "|"),
            ("|#|b", ""),
            ("a|#", "a|#"),
            ("ab", "ab"),
            ("", ""),
        ];
        for (key, expected) in vectors {
            assert_eq!(hashed(&rule, key), expected);
        }
    }

    #[test]
    fn the_prefix_goes_first_and_the_salt_comes_last() {
        let rule = KeyRule {
            strip_prefix: b"{ns}:"[..].into(),
            tag: Some(*b"{}"),
            stop: Stop::At(b"|#|"[..].into()),
            salt: b"SALT"[..].into(),
        };
        assert_eq!(hashed(&rule, "{ns}:a|#|b"), "aSALT");
        assert_eq!(hashed(&rule, "{ns}:a{b|#|}c"), "bSALT");
        assert_eq!(hashed(&rule, "a{ns}:b"), "nsSALT");
        assert_eq!(hashed(&rule, "{ns}:"), "SALT");
        assert!(hashed(&rule, &"x".repeat(10_000)).ends_with("xSALT"), "no panic");
    }
}
