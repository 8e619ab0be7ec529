//! A client that says exactly what it sends and accepts exactly what it expects, by a deadline.

use super::bytes::{assert_same, difference, shown};
use super::wait::SOON;
use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) struct Client {
    socket: TcpStream,
    /// Read, and not yet asked for.
    ahead: Vec<u8>,
}

/// Why no more bytes came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Closed,
    Late,
}

impl From<TcpStream> for Client {
    fn from(socket: TcpStream) -> Self {
        socket.set_nodelay(true).expect("nodelay");
        socket.set_write_timeout(Some(SOON)).expect("a timeout");
        Self { socket, ahead: Vec::new() }
    }
}

impl Client {
    #[track_caller]
    pub(crate) fn connect(address: SocketAddr) -> Self {
        match TcpStream::connect_timeout(&address, SOON) {
            Ok(socket) => socket.into(),
            Err(error) => panic!("{address}: {error}"),
        }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.socket.write_all(bytes) {
            panic!("sending {}: {error}", shown(bytes));
        }
    }

    /// Each piece by a write of its own, and without delay: as good as certainly a packet each.
    #[track_caller]
    pub(crate) fn send_pieces<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u8]>) {
        for piece in pieces {
            self.send(piece);
        }
    }

    /// The next bytes are these.
    #[track_caller]
    pub(crate) fn expect(&mut self, expected: &[u8]) {
        let deadline = Instant::now() + SOON;
        loop {
            let have = self.ahead.len().min(expected.len());
            let alike = self.ahead[..have] == expected[..have];
            if alike && have == expected.len() {
                self.ahead.drain(..have);
                return;
            }
            if !alike {
                panic!("{}", difference(&self.ahead, expected));
            }
            if let Err(stop) = self.read_more(deadline) {
                panic!("{stop:?} after {}", difference(&self.ahead, expected));
            }
        }
    }

    /// Whether the next bytes, which are these, come so soon.
    #[track_caller]
    pub(crate) fn is_told(&mut self, expected: &[u8], limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.ahead.is_empty() {
            if self.read_more(deadline).is_err() {
                return false;
            }
        }
        self.expect(expected);
        true
    }

    /// Sends the request; the reply is this.
    #[track_caller]
    pub(crate) fn ask(&mut self, request: &[u8], expected: &[u8]) {
        self.send(request);
        self.expect(expected);
    }

    /// Like `ask`, reading while writing: for more than what fits the buffers on the way.
    #[track_caller]
    pub(crate) fn exchange(&mut self, requests: &[u8], expected: &[u8]) {
        self.exchange_pieces([requests], |client| client.expect(expected));
    }

    /// Writes each piece by itself while it reads what it is told to.
    pub(crate) fn exchange_pieces<'a, T>(
        &mut self,
        pieces: impl IntoIterator<Item = &'a [u8], IntoIter: Send>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let mut writer = self.socket.try_clone().expect("a second handle");
        let mut pieces = pieces.into_iter();
        thread::scope(|scope| {
            let sent = scope.spawn(move || pieces.try_for_each(|piece| writer.write_all(piece)));
            let read = read(self);
            sent.join().expect("the writer").expect("all is taken");
            read
        })
    }

    /// Nothing is left over: what is asked now is what is answered next.
    #[track_caller]
    pub(crate) fn expect_in_step(&mut self) {
        self.send(b"version\r\n");
        let line = self.line();
        assert!(line.starts_with(b"VERSION "), "in place of the version: {}", shown(&line));
        assert!(self.ahead.is_empty(), "behind the version: {}", shown(&self.ahead));
    }

    /// The next line, with its end.
    #[track_caller]
    pub(crate) fn line(&mut self) -> Vec<u8> {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(at) = self.ahead.iter().position(|byte| *byte == b'\n') {
                return self.ahead.drain(..=at).collect();
            }
            if let Err(stop) = self.read_more(deadline) {
                panic!("{stop:?} in place of a line, after {}", shown(&self.ahead));
            }
        }
    }

    /// The whole reply to one request: a line, values up to the line that ends them, or a meta
    /// command's value.
    #[track_caller]
    pub(crate) fn reply(&mut self) -> Vec<u8> {
        let mut reply = Vec::new();
        loop {
            let line = self.line();
            reply.extend_from_slice(&line);
            let line = String::from_utf8_lossy(&line);
            let words: Vec<_> = line.split_whitespace().collect();
            let len = match words[..] {
                ["VALUE", _, _, len, ..] | ["VA", len, ..] => len.parse::<usize>().expect("len"),
                _ => return reply,
            };
            reply.extend(self.take(len + 2));
            if words[0] == "VA" {
                return reply;
            }
        }
    }

    /// The value of a key, asked for with `get`.
    #[track_caller]
    pub(crate) fn get(&mut self, key: &str) -> Option<Vec<u8>> {
        self.send(format!("get {key}\r\n").as_bytes());
        let reply = self.reply();
        if reply == b"END\r\n" {
            return None;
        }
        let head = format!("VALUE {key} ");
        let end = reply.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
        let whole = reply.starts_with(head.as_bytes()) && reply.ends_with(b"\r\nEND\r\n");
        assert!(whole, "get {key}: {}", shown(&reply));
        Some(reply[end..reply.len() - 7].to_vec())
    }

    /// So many bytes.
    #[track_caller]
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        let deadline = Instant::now() + SOON;
        while self.ahead.len() < count {
            if let Err(stop) = self.read_more(deadline) {
                panic!("{stop:?} in place of {count} bytes, after {}", shown(&self.ahead));
            }
        }
        self.ahead.drain(..count).collect()
    }

    /// Everything up to the end, which must come.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let deadline = Instant::now() + SOON;
        loop {
            match self.read_more(deadline) {
                Ok(()) => {}
                Err(Stop::Closed) => return std::mem::take(&mut self.ahead),
                Err(Stop::Late) => panic!("still open after {}", shown(&self.ahead)),
            }
        }
    }

    /// The connection ends here.
    #[track_caller]
    pub(crate) fn expect_closed(&mut self) {
        assert_same("before the end", &self.rest(), b"");
    }

    /// What comes until nothing more does for so long: for what must not come. It waits all of
    /// that time, so that only a test about silence should use it.
    pub(crate) fn until_quiet(&mut self, quiet: Duration) -> Vec<u8> {
        while self.read_more(Instant::now() + quiet).is_ok() {}
        std::mem::take(&mut self.ahead)
    }

    /// Shuts down the writing side: there will be no more requests.
    pub(crate) fn finish_writing(&mut self) {
        self.socket.shutdown(Shutdown::Write).expect("open");
    }

    /// Goes away without a farewell: the other side gets a reset.
    pub(crate) fn reset(self) {
        SockRef::from(&self.socket).set_linger(Some(Duration::ZERO)).expect("linger");
    }

    fn read_more(&mut self, deadline: Instant) -> Result<(), Stop> {
        let mut piece = [0; 1 << 16];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Stop::Late);
            }
            self.socket.set_read_timeout(Some(left)).expect("not zero");
            match self.socket.read(&mut piece) {
                Ok(0) => return Err(Stop::Closed),
                Ok(count) => {
                    self.ahead.extend_from_slice(&piece[..count]);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(Stop::Late),
                Err(error) if error.kind() == ErrorKind::TimedOut => return Err(Stop::Late),
                Err(_) => return Err(Stop::Closed),
            }
        }
    }
}
