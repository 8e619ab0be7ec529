//! A client that does what clients should not.

use crate::harness::bytes::{is_server_error, shown};
use crate::harness::client::Client;
use crate::harness::random::Random;
use crate::harness::wait::SOON;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const CROWD: usize = 150;
const VALUE_BYTES: usize = 100_000;
/// Retrievals that a slow reader has open: many times what the proxy keeps for it.
const OPEN_MAX: usize = 400;
/// A slow reader reads so much at once, and pauses so long.
const SIP: usize = 4096;
const SIP_EVERY: Duration = Duration::from_millis(5);
/// Bytes of a line that does not end, and of noise.
const ENDLESS: usize = 200_000;
const NOISE_MAX: usize = 50_000;
const PAUSE: Duration = Duration::from_millis(20);
const GREETINGS: [&[u8]; 5] = [
    b"GET / HTTP/1.1\r\nHost: cache\r\n\r\n",
    b"\x80\x0b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    b"set k 0 0 18446744073709551615\r\n",
    b"set k 0 0 2147483647\r\nx",
    b"\r\n\r\n\r\n\r\n",
];

pub(super) struct Vandal {
    key: String,
    proxy: SocketAddr,
    random: Random,
}

impl Vandal {
    pub(super) fn new(number: usize, proxy: SocketAddr, random: Random) -> Self {
        Self { key: format!("vandal:{number}"), proxy, random }
    }

    /// Returns how often it did something.
    pub(super) fn rage_until(&mut self, end: Instant) -> usize {
        let mut count = 0;
        while Instant::now() < end {
            count += 1;
            let done = match self.random.below(6) {
                0 | 1 => self.vanish(),
                2 => self.sip(end),
                3 => self.half_close(),
                4 => self.crowd(),
                _ => self.babble(),
            };
            // It is closed in the middle of what it does, which is its own fault.
            if done.is_err() {
                thread::sleep(PAUSE);
            }
        }
        count
    }

    fn open(&self) -> io::Result<TcpStream> {
        let socket = TcpStream::connect(self.proxy)?;
        socket.set_read_timeout(Some(SOON))?;
        socket.set_write_timeout(Some(SOON))?;
        Ok(socket)
    }

    /// Breaks off in the middle of something.
    fn vanish(&mut self) -> io::Result<()> {
        let mut socket = self.open()?;
        let key = &self.key;
        let text = match self.random.below(3) {
            0 => format!("set {key} 0 0 1000\r\nabc"),
            1 => format!("get {key} a b c d e f\r\n").repeat(50) + "get",
            _ => format!("set {key} 0 0 3\r\nabc\r\nget {key}\r\n").repeat(100),
        };
        socket.write_all(text.as_bytes())?;
        if self.random.one_in(2) {
            thread::sleep(Duration::from_millis(self.random.below(20) as u64));
        }
        Ok(())
    }

    /// Asks for much and reads it slowly, and perhaps not to the end.
    fn sip(&mut self, end: Instant) -> io::Result<()> {
        let mut socket = self.open()?;
        let (key, value) = (&self.key, "v".repeat(VALUE_BYTES));
        socket.write_all(format!("set {key} 0 0 {VALUE_BYTES}\r\n{value}\r\n").as_bytes())?;
        let count = 1 + self.random.below(OPEN_MAX);
        socket.write_all(format!("get {key}\r\n").repeat(count).as_bytes())?;
        // When all is read there is nothing to wait for.
        socket.set_read_timeout(Some(PAUSE))?;
        for _ in 0..self.random.below(200) {
            if Instant::now() > end || socket.read(&mut [0; SIP])? == 0 {
                break;
            }
            thread::sleep(SIP_EVERY);
        }
        Ok(())
    }

    /// Says that it will ask no more, and waits for what it is owed.
    fn half_close(&mut self) -> io::Result<()> {
        let mut client = Client::connect(self.proxy);
        let count = 1 + self.random.below(50);
        client.send(format!("get {}none\r\n", self.key).repeat(count).as_bytes());
        client.finish_writing();
        for _ in 0..count {
            let line = client.line();
            assert!(line == b"END\r\n" || is_server_error(&line), "a miss: {}", shown(&line));
        }
        client.expect_closed();
        Ok(())
    }

    /// Many connections at once, each with one request.
    fn crowd(&mut self) -> io::Result<()> {
        let count = self.random.below(CROWD);
        let mut clients: Vec<Client> = (0..count).map(|_| Client::connect(self.proxy)).collect();
        clients.iter_mut().for_each(|client| client.send(b"version\r\n"));
        for client in &mut clients {
            let line = client.line();
            assert!(line.starts_with(b"VERSION "), "one of a crowd: {}", shown(&line));
        }
        Ok(())
    }

    /// Sends what is no request, and is told so until it is closed.
    fn babble(&mut self) -> io::Result<()> {
        let mut socket = self.open()?;
        let bytes = match GREETINGS.get(self.random.below(GREETINGS.len() + 2)) {
            Some(bytes) => bytes.to_vec(),
            None if self.random.one_in(2) => vec![b'x'; ENDLESS],
            None => {
                let len = self.random.below(NOISE_MAX);
                self.random.bytes(len)
            }
        };
        socket.write_all(&bytes)?;
        socket.shutdown(Shutdown::Write)?;
        let deadline = Instant::now() + SOON;
        while socket.read(&mut [0; SIP])? > 0 {
            assert!(Instant::now() < deadline, "babble is answered for ever");
        }
        Ok(())
    }
}
