//! Where pools listen and where their servers are: `HOST:PORT` and unix sockets.

use super::endpoint::Endpoint;
use super::problems::quoted;
use crate::placement::Node;
use std::fmt;

/// Bytes of the path of a unix socket, at most: Linux has room for one more, the NUL.
const PATH_BYTES_MAX: usize = 107;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A host and a port.
    Tcp(Endpoint),
    /// The path of a unix socket.
    Unix(String),
}

/// A server of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where it is.
    pub address: Address,
    /// Its share of the keys, for placements that support weights; at least 1.
    pub weight: u32,
    /// The name that placement hashes. Without one it hashes the address.
    pub name: Option<String>,
}

/// Where a pool listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Listen {
    /// A host and a port; port 0 takes a free one.
    Tcp(Endpoint),
    /// A unix socket.
    Unix {
        /// Its path.
        path: String,
        /// Its mode, at most 0777; without one, what the umask leaves.
        mode: Option<u32>,
    },
}

/// What follows an IPv6 address that has no brackets: its colons make that ambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bare {
    /// `v6:port`, as in the flag `-s`.
    Port,
    /// `v6:port:weight`, as in twemproxy's files.
    PortAndWeight,
}

impl Server {
    /// `HOST:PORT[:WEIGHT] [NAME]` or `/PATH[:WEIGHT] [NAME]`. The error says what is wrong.
    pub(super) fn parse(text: &str, bare: Bare) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let Some(place) = words.next() else {
            return Err(format!("{} is not a server", quoted(text)));
        };
        let name = words.next().map(String::from);
        if text.contains(char::is_control) {
            return Err(format!("{} contains a control character", quoted(text)));
        }
        if let Some(stray) = words.next() {
            return Err(format!("{} is not expected after the server's name", quoted(stray)));
        }
        let (address, weight) = split_weight(place, bare)?;
        let address = match address {
            Split::Path(path) => Address::Unix(path.into()),
            Split::Host(host, port) => match Endpoint::of(host, port)? {
                Endpoint { port: 0, .. } => return Err("port 0 is not valid for a server".into()),
                endpoint => Address::Tcp(endpoint),
            },
        };
        Ok(Self { address, weight: weight.map_or(Ok(1), parse_weight)?, name })
    }

    /// What it is called in the log and in statistics: its name, or else its address.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.address.to_string())
    }

    /// What placement needs to know of it.
    pub fn node(&self) -> Node {
        let (host, port) = match &self.address {
            Address::Tcp(endpoint) => (endpoint.host.clone(), endpoint.port),
            Address::Unix(path) => (path.clone(), 0),
        };
        Node { host, port, weight: self.weight, name: self.name.clone() }
    }
}

impl Listen {
    /// `HOST:PORT`, or `/PATH [MODE]`. The error says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return match text.rsplit_once(':') {
                Some((host, port)) => Self::of(host, port),
                None => Endpoint::parse(text).map(Self::Tcp),
            };
        }
        // From the right, as twemproxy does.
        let (path, mode) = match text.rsplit_once(' ') {
            None => (text, None),
            Some((path, mode)) => (path.trim_end(), Some(parse_mode(mode)?)),
        };
        Ok(Self::Unix { path: check_path(path)?.into(), mode })
    }

    /// From a host, in brackets or not, and the text of a port. The error says what is wrong.
    pub(super) fn of(host: &str, port: &str) -> Result<Self, String> {
        if host == "*" {
            return Err(
                "\"*\" is not an address; 0.0.0.0 is every IPv4 address of this host, [::] \
                 every address"
                    .into(),
            );
        }
        Endpoint::of(host, port).map(Self::Tcp)
    }
}

enum Split<'a> {
    Host(&'a str, &'a str),
    Path(&'a str),
}

/// The weight, split from the right where there is one, and what is before it.
fn split_weight(text: &str, bare: Bare) -> Result<(Split<'_>, Option<&str>), String> {
    if text.starts_with('/') {
        let (path, weight) = match text.rsplit_once(':') {
            None => (text, None),
            Some((path, weight)) => (path, Some(weight)),
        };
        return Ok((Split::Path(check_path(path)?), weight));
    }
    if let Some(bracketed) = text.strip_prefix('[') {
        let Some((host, ports)) = bracketed.split_once("]:") else {
            return Err(format!("{} has no port after the bracket", quoted(text)));
        };
        Endpoint::check_v6(host)?;
        let (port, weight) = ports.split_once(':').map_or((ports, None), |it| (it.0, Some(it.1)));
        return Ok((Split::Host(host, port), weight));
    }
    let Some((before, last)) = text.rsplit_once(':') else {
        return Err(format!("{} has no port", quoted(text)));
    };
    let colons = before.matches(':').count();
    let (host, port, weight) = match before.rsplit_once(':') {
        Some((host, port)) if colons == 1 || bare == Bare::PortAndWeight => {
            (host, port, Some(last))
        }
        _ => (before, last, None),
    };
    Ok((Split::Host(host, port), weight))
}

fn parse_weight(text: &str) -> Result<u32, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(0) => Err("weight 0 would leave the server without keys".into()),
        Ok(weight) if digits => Ok(weight),
        _ => Err(format!("weight {} is not a whole number from 1", quoted(text))),
    }
}

/// Permissions in octal.
fn parse_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 && !text.starts_with('+') => Ok(mode),
        _ => Err(format!("mode {} is not an octal number from 0 to 0777", quoted(text))),
    }
}

fn check_path(path: &str) -> Result<&str, String> {
    let len = path.len();
    if len > PATH_BYTES_MAX {
        return Err(format!("the path has {len} bytes; a unix socket's can have {PATH_BYTES_MAX}"));
    }
    if path.ends_with('/') || path.chars().any(char::is_control) {
        return Err(format!("{} is not a path for a socket", quoted(path)));
    }
    Ok(path)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(endpoint) => endpoint.fmt(f),
            Self::Unix(path) => f.write_str(path),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(endpoint) => endpoint.fmt(f),
            Self::Unix { path, mode: None } => f.write_str(path),
            Self::Unix { path, mode: Some(mode) } => write!(f, "{path} {mode:04o}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, bare: Bare) -> String {
        match Server::parse(text, bare) {
            Ok(Server { address, weight, name }) => {
                format!("{address} {weight} {}", name.unwrap_or_default())
            }
            Err(wrong) => wrong,
        }
    }

    #[test]
    fn servers_as_twemproxy_writes_them() {
        for (text, expected) in [
            ("127.0.0.1:11211:1", "127.0.0.1:11211 1 "),
            ("127.0.0.1:6379:12 server1", "127.0.0.1:6379 12 server1"),
            ("cache.example:11211:100000", "cache.example:11211 100000 "),
            ("::1:11211:1", "[::1]:11211 1 "),
            ("2001:db8::5:11211:3 six", "[2001:db8::5]:11211 3 six"),
            ("fe80::1%eth0:11211:3", "[fe80::1%eth0]:11211 3 "),
            ("/run/memcached.sock:1", "/run/memcached.sock 1 "),
            ("/run/memcached.sock:7 name", "/run/memcached.sock 7 name"),
        ] {
            assert_eq!(shown(text, Bare::PortAndWeight), expected);
        }
    }

    #[test]
    fn servers_without_weight_weigh_one() {
        for (text, expected) in [
            ("a:11211", "a:11211 1 "),
            ("a:11211 name", "a:11211 1 name"),
            ("[::1]:11211", "[::1]:11211 1 "),
            ("[::1]:11211:5 name", "[::1]:11211 5 name"),
            ("/run/m.sock", "/run/m.sock 1 "),
        ] {
            assert_eq!(shown(text, Bare::PortAndWeight), expected);
            assert_eq!(shown(text, Bare::Port), expected);
        }
        assert_eq!(shown("::1:11211", Bare::Port), "[::1]:11211 1 ");
        assert_eq!(shown("2001:db8::1:5:11211", Bare::Port), "[2001:db8::1:5]:11211 1 ");
        assert_eq!(shown("a:1:2", Bare::Port), "a:1 2 ");
    }

    #[test]
    fn what_is_wrong_with_a_server_is_said() {
        for (text, wrong) in [
            ("", "\"\" is not a server"),
            ("localhost", "\"localhost\" has no port"),
            ("a:11211:0", "weight 0 would leave the server without keys"),
            ("a:11211:-1", "weight \"-1\" is not a whole number from 1"),
            ("a:11211:+1", "weight \"+1\" is not a whole number from 1"),
            ("a:11211:", "weight \"\" is not a whole number from 1"),
            ("a:11211:4294967296", "weight \"4294967296\" is not a whole number from 1"),
            ("a:70000:1", "port \"70000\" is not a number from 1 to 65535"),
            ("a:0:1", "port 0 is not valid for a server"),
            ("a:x:1", "port \"x\" is not a number from 1 to 65535"),
            (":11211:1", "\":11211\" has no host"),
            ("a:11211:1 b c", "\"c\" is not expected after the server's name"),
            ("[::1]", "\"[::1]\" has no port after the bracket"),
            ("[a]:1", "\"a\" is not an IPv6 address"),
            ("a:b:c:1:1", "\"a:b:c\" is not an IPv6 address"),
            ("::1:11211", "\":\" is not an IPv6 address"),
            ("/run/x:y", "weight \"y\" is not a whole number from 1"),
            ("/run/", "\"/run/\" is not a path for a socket"),
        ] {
            assert_eq!(shown(text, Bare::PortAndWeight), wrong, "{text}");
        }
        let long = format!("/{}", "x".repeat(107));
        let wrong = "the path has 108 bytes; a unix socket's can have 107";
        assert_eq!(shown(&long, Bare::Port), wrong);
    }

    #[test]
    fn pools_listen_on_ports_and_sockets() {
        for (text, expected) in [
            ("127.0.0.1:22121", "127.0.0.1:22121"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("::1:22121", "[::1]:22121"),
            ("/run/n.sock", "/run/n.sock"),
            ("/run/n.sock 0770", "/run/n.sock 0770"),
            ("/run/n.sock 666", "/run/n.sock 0666"),
            ("/run/with blank 0600", "/run/with blank 0600"),
        ] {
            assert_eq!(Listen::parse(text).expect(text).to_string(), expected);
        }
        for (text, wrong) in [
            ("/run/n.sock 0999", "mode \"0999\" is not an octal number from 0 to 0777"),
            ("/run/n.sock 1777", "mode \"1777\" is not an octal number from 0 to 0777"),
            ("/run/n.sock +7", "mode \"+7\" is not an octal number from 0 to 0777"),
            ("22121", "\"22121\" has no port"),
            ("a:70000", "port \"70000\" is not a number from 1 to 65535"),
            ("a:b:1", "\"a:b\" is not an IPv6 address"),
            (
                "*:1",
                "\"*\" is not an address; 0.0.0.0 is every IPv4 address of this host, [::] every \
                 address",
            ),
        ] {
            assert_eq!(Listen::parse(text).expect_err(text), wrong);
        }
    }

    #[test]
    fn placement_sees_what_was_written() {
        let server = Server::parse("[::1]:11211:7 six", Bare::Port).expect("a server");
        let node = server.node();
        assert_eq!((node.host.as_str(), node.port, node.weight), ("::1", 11211, 7));
        assert_eq!((node.name.as_deref(), server.label().as_str()), (Some("six"), "six"));
        let socket = Server::parse("/run/m.sock:2", Bare::Port).expect("a server");
        assert_eq!((socket.node().host.as_str(), socket.node().port), ("/run/m.sock", 0));
    }
}
