//! Sockets: how they are opened, read and written.

use crate::proxy::client::{Fillable, Readiness};
use crate::proxy::close::Close;
use crate::ring::Ring;
use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// What became of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// The socket has no more for now, or the ring takes no more.
    Open,
    /// The peer will send no more.
    Ended,
}

/// A socket that listens. What it accepts inherits `TCP_NODELAY` from it (Linux), which saves a
/// system call for each client.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket =
        socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// A socket that is being connected.
pub(super) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether a socket that was being connected now is.
pub(super) fn is_connected(socket: &TcpStream) -> Result<bool, Close> {
    if let Ok(Some(error)) | Err(error) = socket.take_error() {
        return Err(Close::Error(error.kind()));
    }
    match socket.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(Close::Error(error.kind())),
    }
}

/// Reads until the ring is full or the socket is dry. A short read means that the kernel has no
/// more, unless the peer has ended: that was announced once, so the end has to be read too.
pub(super) fn fill(from: Fillable<'_, TcpStream>) -> Result<Filled, Close> {
    let Fillable { socket, input, readiness, bytes } = from;
    while input.free() > 0 {
        let asked = input.free();
        match read(socket, input) {
            Ok(0) => {
                readiness.readable = false;
                return Ok(Filled::Ended);
            }
            Ok(count) => {
                input.commit(count);
                *bytes += count as u64;
                if count < asked && !readiness.ended {
                    readiness.readable = false;
                    break;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                readiness.readable = false;
                break;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Close::Error(error.kind())),
        }
    }
    Ok(Filled::Open)
}

/// Writes until the ring is empty or the socket is full. Says whether the ring is empty.
pub(super) fn spill(socket: &mut TcpStream, output: &mut Ring) -> Result<bool, Close> {
    while !output.is_empty() {
        match write(socket, output) {
            Ok(0) => return Err(Close::Error(ErrorKind::WriteZero)),
            Ok(count) => output.consume(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Close::Error(error.kind())),
        }
    }
    Ok(true)
}

/// One piece is cheaper to read than two: the kernel then has no vector to copy.
fn read(socket: &mut TcpStream, input: &mut Ring) -> io::Result<usize> {
    let [mut first, second] = input.spare();
    if second.is_empty() {
        return socket.read(&mut first);
    }
    socket.read_vectored(&mut [first, second])
}

fn write(socket: &mut TcpStream, output: &Ring) -> io::Result<usize> {
    let [first, second] = output.io_slices();
    if second.is_empty() {
        return socket.write(&first);
    }
    socket.write_vectored(&[first, second])
}

/// What an event says of a socket.
pub(super) fn note(readiness: &mut Readiness, event: &mio::event::Event) {
    readiness.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
    readiness.ended |= event.is_read_closed() || event.is_error();
}
