//! Where to connect, and a connection: over TCP or over a unix socket.

use crate::failure::{Failure, Result};
use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use std::fmt::{self, Display};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// The address of a memcache server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `host:port`
    Tcp(SocketAddr),
    /// An absolute path, or one that starts with a dot.
    Unix(PathBuf),
}

impl Address {
    /// Reads `host:port`, or the path of a unix socket.
    pub fn parse(text: &str) -> Result<Self> {
        if text.starts_with(['/', '.']) {
            return Ok(Self::Unix(text.into()));
        }
        let expected = "expected host:port, or the path of a unix socket that starts with / or .";
        let mut found = text
            .to_socket_addrs()
            .map_err(|error| Failure::new(format!("{text}: {error}; {expected}")))?;
        let first =
            found.next().ok_or_else(|| Failure::new(format!("{text}: no address; {expected}")))?;
        Ok(Self::Tcp(first))
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// A non-blocking connection.
#[derive(Debug)]
pub enum Socket {
    /// Over TCP, without Nagle's delay.
    Tcp(TcpStream),
    /// Over a unix socket.
    Unix(UnixStream),
}

impl Socket {
    /// Starts to connect; the first writable event says that it is done.
    pub fn connect(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(*address)?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Address::Unix(path) => UnixStream::connect(path).map(Self::Unix),
        }
    }

    /// Whether the connection came about: `Ok(false)` while it is still under way.
    pub fn is_connected(&self) -> io::Result<bool> {
        let (error, peer) = match self {
            Self::Tcp(stream) => (stream.take_error()?, stream.peer_addr().map(|_| ())),
            Self::Unix(stream) => (stream.take_error()?, stream.peer_addr().map(|_| ())),
        };
        match (error, peer) {
            (Some(error), _) => Err(error),
            (None, Ok(())) => Ok(true),
            (None, Err(error)) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            (None, Err(error)) => Err(error),
        }
    }

    /// Watches both directions, once and for the life of the connection.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Tcp(stream) => stream.register(registry, token, both),
            Self::Unix(stream) => stream.register(registry, token, both),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_port_or_a_path() {
        assert_eq!(
            Address::parse("127.0.0.1:11211"),
            Ok(Address::Tcp(([127, 0, 0, 1], 11211).into()))
        );
        assert_eq!(Address::parse("/run/mc.sock"), Ok(Address::Unix("/run/mc.sock".into())));
        assert_eq!(Address::parse("./mc.sock"), Ok(Address::Unix("./mc.sock".into())));
        let error = Address::parse("11211").expect_err("no host").to_string();
        assert!(error.starts_with("11211: ") && error.contains("expected host:port"), "{error}");
    }
}
