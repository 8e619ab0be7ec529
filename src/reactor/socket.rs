//! Sockets of both kinds: how they are read and written.

use crate::buffer::RingBuf;
use crate::driver::{Filled, Ready};
use crate::proxy::close::Close;
use crate::proxy::io::Fillable;
use mio::event::{Event, Source};
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};

/// A connection to a client or to a backend.
pub(super) enum Socket {
    /// Over a network.
    Tcp(TcpStream),
    /// Within this host.
    Unix(UnixStream),
}

/// Calls the same method of whatever socket it is.
macro_rules! on {
    ($socket:expr, $it:ident => $call:expr) => {
        match $socket {
            Socket::Tcp($it) => $call,
            Socket::Unix($it) => $call,
        }
    };
}

impl Socket {
    /// The error that the system has noted for it.
    pub(super) fn take_error(&self) -> io::Result<Option<io::Error>> {
        on!(self, it => it.take_error())
    }

    /// Whether it was being connected and now is.
    pub(super) fn is_connected(&self) -> Result<bool, Close> {
        if let Ok(Some(error)) | Err(error) = self.take_error() {
            return Err(Close::Error(error.kind()));
        }
        match on!(self, it => it.peer_addr().map(|_| ())) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(Close::Error(error.kind())),
        }
    }

    /// One piece is cheaper to read than two: the kernel then has no vector to copy.
    fn fill_once(&mut self, input: &mut RingBuf) -> io::Result<usize> {
        let [mut first, second] = input.spare();
        if second.is_empty() {
            return on!(self, it => it.read(&mut first));
        }
        let mut pieces: [IoSliceMut<'_>; 2] = [first, second];
        on!(self, it => it.read_vectored(&mut pieces))
    }

    fn spill_once(&mut self, output: &RingBuf) -> io::Result<usize> {
        let pieces: [IoSlice<'_>; 2] = output.io_slices();
        if pieces[1].is_empty() {
            return on!(self, it => it.write(&pieces[0]));
        }
        on!(self, it => it.write_vectored(&pieces))
    }
}

impl Source for Socket {
    fn register(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        on!(self, it => it.register(to, token, interests))
    }

    fn reregister(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        on!(self, it => it.reregister(to, token, interests))
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        on!(self, it => it.deregister(from))
    }
}

/// Reads until the ring is full or the socket is dry. A short read means that the kernel has no
/// more, unless the peer has ended: that was announced once, so the end has to be read too.
pub(super) fn fill(from: Fillable<'_, Socket>) -> Result<Filled, Close> {
    let Fillable { socket, input, readiness, bytes } = from;
    while input.free() > 0 {
        let asked = input.free();
        match socket.fill_once(input) {
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
pub(super) fn spill(socket: &mut Socket, output: &mut RingBuf) -> Result<bool, Close> {
    while !output.is_empty() {
        match socket.spill_once(output) {
            Ok(0) => return Err(Close::Error(ErrorKind::WriteZero)),
            Ok(count) => output.consume(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Close::Error(error.kind())),
        }
    }
    Ok(true)
}

/// What an event says of a socket.
pub(super) fn ready(event: &Event) -> Ready {
    let ended = event.is_read_closed() || event.is_error();
    let readable = event.is_readable() || ended;
    Ready { readable, writable: event.is_writable(), ended, error: event.is_error() }
}
