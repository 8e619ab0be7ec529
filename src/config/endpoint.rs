//! Where something listens.

use std::fmt;

/// A host and a port; not resolved yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A name or an address, as the operator wrote it, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// `host:port`, or `[v6]:port`. Split from the right, so a bare IPv6 address works too.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = "expected HOST:PORT";
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(format!("\"{text}\" has no port; {expected}"));
        };
        let host = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(format!("\"{text}\" has no host; {expected}"));
        }
        if host.chars().any(|it| it.is_whitespace() || it.is_control()) {
            return Err(format!("{text:?} has a blank in its host; {expected}"));
        }
        match parse_port(port) {
            Some(port) if port > 0 => Ok(Self { host: host.into(), port }),
            _ => Err(format!("\"{text}\" has port \"{port}\"; expected 1 to 65535")),
        }
    }
}

/// A port, 0 included.
pub fn parse_port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_told_apart() {
        for (text, host, port, shown) in [
            ("10.0.0.1:11211", "10.0.0.1", 11211, "10.0.0.1:11211"),
            ("cache-1.example:1", "cache-1.example", 1, "cache-1.example:1"),
            ("[::1]:65535", "::1", 65535, "[::1]:65535"),
            ("::1:11211", "::1", 11211, "[::1]:11211"),
        ] {
            let endpoint = Endpoint::parse(text).expect(text);
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port));
            assert_eq!(endpoint.to_string(), shown);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, wrong) in [
            ("localhost", "has no port"),
            (":11211", "has no host"),
            ("a:0", "expected 1 to 65535"),
            ("a:70000", "expected 1 to 65535"),
            ("a:+1", "expected 1 to 65535"),
            ("a b:1", "has a blank"),
            ("", "has no port"),
        ] {
            let error = Endpoint::parse(text).expect_err(text);
            assert!(error.contains(wrong), "{text}: {error}");
        }
    }
}
