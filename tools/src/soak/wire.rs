//! A client's connection that waits for what it reads, but not for ever.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Whoever is not answered for so long has been forgotten. Requests time out long before.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);
const READ_BYTES: usize = 1 << 16;

pub(super) struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
    /// Those before this have been taken.
    at: usize,
}

impl Wire {
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, received: Vec::new(), at: 0 })
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Will send no more.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    pub(super) fn line(&mut self) -> io::Result<String> {
        loop {
            let rest = &self.received[self.at..];
            if let Some(end) = memchr::memchr(b'\n', rest) {
                let line = rest[..end].strip_suffix(b"\r").ok_or(ErrorKind::InvalidData)?;
                let line = String::from_utf8(line.to_vec()).map_err(|_| ErrorKind::InvalidData)?;
                self.at += end + 1;
                return Ok(line);
            }
            self.fill()?;
        }
    }

    /// A value of `len` bytes, and the line end behind it.
    pub(super) fn value(&mut self, len: usize) -> io::Result<&[u8]> {
        while self.received.len() - self.at < len + 2 {
            self.fill()?;
        }
        let start = self.at;
        self.at += len + 2;
        match self.received[start..self.at].strip_suffix(b"\r\n") {
            Some(value) => Ok(value),
            None => Err(ErrorKind::InvalidData.into()),
        }
    }

    /// Reads some, whatever it is. None when there is no more.
    pub(super) fn any(&mut self, most: usize) -> io::Result<Option<usize>> {
        let mut buffer = vec![0; most];
        let count = self.stream.read(&mut buffer)?;
        Ok((count > 0).then_some(count))
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.at > READ_BYTES {
            self.received.drain(..self.at);
            self.at = 0;
        }
        let len = self.received.len();
        self.received.resize(len + READ_BYTES, 0);
        let result = self.stream.read(&mut self.received[len..]);
        self.received.truncate(len + *result.as_ref().unwrap_or(&0));
        match result? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
