//! Where backends are, and how links to them and sockets for clients are opened.

use super::socket::Socket;
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use socket2::{Domain, Protocol, SockRef, TcpKeepalive, Type};
use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// How long a connection may be silent before its peer is asked for a sign of life, and then the
/// pause between two such questions, and how many of them may go unanswered.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;

/// A listening socket.
pub(super) enum Acceptor {
    /// On a port.
    Tcp(TcpListener),
    /// On a path.
    Unix(UnixListener),
}

impl Acceptor {
    /// The next client that waits.
    pub(super) fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => listener.accept().map(|(stream, _)| Socket::Tcp(stream)),
            Self::Unix(listener) => listener.accept().map(|(stream, _)| Socket::Unix(stream)),
        }
    }
}

/// Listens on a port. What is accepted inherits the options of the listening socket (Linux), which
/// saves a system call for each client.
pub(super) fn listen_tcp(
    address: SocketAddr,
    backlog: i32,
    reuseport: bool,
    keepalive: bool,
) -> io::Result<TcpListener> {
    let socket =
        socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if reuseport {
        socket.set_reuse_port(true)?;
    }
    socket.set_tcp_nodelay(true)?;
    if keepalive {
        socket.set_tcp_keepalive(&keepalive_options())?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// Listens on a path. What an earlier process has left there is replaced; what another process
/// listens on is not.
pub(super) fn listen_unix(path: &str, mode: Option<u32>, backlog: i32) -> io::Result<UnixListener> {
    remove_stale(Path::new(path))?;
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    if let Some(mode) = mode {
        std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    socket.listen(backlog)?;
    Ok(UnixListener::from_std(socket.into()))
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "a file is there that is no socket"));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        // It would block where more clients wait than the queue has room for.
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
        Ok(_) | Err(_) => Err(ErrorKind::AddrInUse.into()),
    }
}

/// Begins to connect over a network.
pub(super) fn connect_tcp(address: SocketAddr) -> io::Result<Socket> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_keepalive(&keepalive_options())?;
    Ok(Socket::Tcp(stream))
}

/// Begins to connect within this host.
pub(super) fn connect_unix(path: &str) -> io::Result<Socket> {
    UnixStream::connect(path).map(Socket::Unix)
}

fn keepalive_options() -> TcpKeepalive {
    TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_RETRIES)
}
