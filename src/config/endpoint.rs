//! A host and a port.

use super::problems::quoted;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A host and a port; not resolved yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A name or an address, as the operator wrote it, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// `host:port`, or `[v6]:port`. Split from the right, so a bare IPv6 address works too. The
    /// error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.rsplit_once(':') {
            Some((host, port)) => Self::of(host, port),
            None => Err(format!("{} has no port", quoted(text))),
        }
    }

    /// Whether its host is an address, and not a name to be looked up.
    pub fn is_address(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok()
    }

    /// In a form that is equal for all spellings of a name or an address, to find duplicates.
    pub(super) fn normal(&self) -> Self {
        let address = self.host.parse::<IpAddr>().map(|address| address.to_string());
        Self { host: address.unwrap_or_else(|_| self.host.to_lowercase()), port: self.port }
    }

    /// Whether this is an IPv6 address, with a zone or without.
    pub(super) fn check_v6(host: &str) -> Result<(), String> {
        let address = host.split('%').next().unwrap_or_default();
        match address.parse::<Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("{} is not an IPv6 address", quoted(host))),
        }
    }

    /// From a host, in brackets or not, and the text of a port. The error says what is wrong.
    pub(super) fn of(host: &str, port: &str) -> Result<Self, String> {
        let host = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
        let wrong = |it: char| it.is_whitespace() || it.is_control() || "[]/,;\"'*".contains(it);
        if host.is_empty() {
            return Err(format!("\":{port}\" has no host"));
        }
        if let Some(wrong) = host.chars().find(|it| wrong(*it)) {
            return Err(format!("the host {} contains {wrong:?}", quoted(host)));
        }
        if host.contains(':') {
            Self::check_v6(host)?;
        }
        match parse_port(port) {
            Some(port) => Ok(Self { host: host.into(), port }),
            None => Err(format!("port {} is not a number from 1 to 65535", quoted(port))),
        }
    }
}

/// A port; 0, which takes a free one, only makes sense to listen on.
fn parse_port(text: &str) -> Option<u16> {
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
            ("[fe80::1%eth0]:0", "fe80::1%eth0", 0, "[fe80::1%eth0]:0"),
        ] {
            let endpoint = Endpoint::parse(text).expect(text);
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port));
            assert_eq!(endpoint.to_string(), shown);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, wrong) in [
            ("localhost", "\"localhost\" has no port"),
            (":11211", "\":11211\" has no host"),
            ("[]:1", "\":1\" has no host"),
            ("a:70000", "port \"70000\" is not a number from 1 to 65535"),
            ("a:+1", "port \"+1\" is not a number from 1 to 65535"),
            ("a:", "port \"\" is not a number from 1 to 65535"),
            ("a b:1", "the host \"a b\" contains ' '"),
            ("http://a:1", "the host \"http://a\" contains '/'"),
            ("", "\"\" has no port"),
            ("a:1:2", "\"a:1\" is not an IPv6 address"),
            ("*:1", "the host \"*\" contains '*'"),
        ] {
            assert_eq!(Endpoint::parse(text).expect_err(text), wrong);
        }
    }
}
