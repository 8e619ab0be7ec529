//! One connection of the load generator.

use super::keyspace::Keyspace;
use super::reply::{Checker, Rules};
use super::request::{Asked, Protocol};
use super::schedule::Schedule;
use super::tally::{Mistake, Tally};
use crate::address::Socket;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

/// A connection and what it is owed.
#[derive(Debug)]
pub(crate) struct Connection {
    /// None once it has ended.
    socket: Option<Socket>,
    greeted: bool,
    asked: VecDeque<Asked>,
    sent: u32,
    /// Bytes to be written, from `written` on.
    out: Vec<u8>,
    written: usize,
    checker: Checker,
}

/// The connection cannot be used any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended;

impl Connection {
    pub(crate) fn new(socket: Socket, greeting: &[u8], pipeline: usize) -> Self {
        Self {
            socket: Some(socket),
            greeted: false,
            asked: VecDeque::with_capacity(pipeline),
            sent: 0,
            out: greeting.to_vec(),
            written: 0,
            checker: Checker::default(),
        }
    }

    /// Goes on with the greeting. True when its answer has come, whatever it is; once.
    pub(crate) fn greet(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let Some(socket) = self.socket.as_mut().filter(|_| !self.greeted) else {
            return Ok(false);
        };
        if !socket.is_connected()? {
            return Ok(false);
        }
        if self.has_output() && self.send().is_err() {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let Some(socket) = self.socket.as_mut() else {
            return Ok(false);
        };
        match socket.read(buffer) {
            Ok(0) => Err(ErrorKind::ConnectionReset.into()),
            Ok(count) => {
                self.greeted = buffer[..count].ends_with(b"\n");
                Ok(self.greeted)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.asked.len()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.socket.is_some()
    }

    /// Whether requests wait to be written.
    pub(crate) fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// Asks the next thing that is due, if anything is.
    pub(crate) fn ask(
        &mut self,
        schedule: &mut Schedule,
        protocol: Protocol,
        keyspace: &Keyspace,
        now_ns: u64,
    ) -> bool {
        // Opaque numbers have at most nine digits, which is what the checker reads.
        let Some(asked) = schedule.take(now_ns, self.sent % 1_000_000_000) else {
            return false;
        };
        asked.write(protocol, keyspace, &mut self.out);
        self.asked.push_back(asked);
        self.sent = self.sent.wrapping_add(1);
        true
    }

    /// Reads and checks what has come. `clock` is asked after each read, so that the time of a
    /// reply is the time it was read. A short read means that there is no more, unless the peer is
    /// closing.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
        closing: bool,
        rules: &Rules<'_>,
        tally: &mut Tally,
        clock: impl Fn() -> u64,
    ) -> Result<u64, Ended> {
        let Some(socket) = self.socket.as_mut() else {
            return Err(Ended);
        };
        loop {
            match socket.read(buffer) {
                Ok(0) => return Err(Ended),
                Ok(count) => {
                    let now_ns = clock();
                    let fed =
                        self.checker.feed(&buffer[..count], rules, &mut self.asked, tally, now_ns);
                    fed.map_err(|_| Ended)?;
                    if count < buffer.len() && !closing {
                        return Ok(now_ns);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(clock()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Ended),
            }
        }
    }

    /// Writes what the socket takes.
    pub(crate) fn send(&mut self) -> Result<(), Ended> {
        let Some(socket) = self.socket.as_mut() else {
            return Err(Ended);
        };
        while self.written < self.out.len() {
            match socket.write(&self.out[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Ended),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// Gives the connection up. What it was owed is lost.
    pub(crate) fn end(&mut self, index: usize, tally: &mut Tally) {
        self.socket = None;
        self.out.clear();
        let owed = self.asked.len() as u64;
        self.asked.clear();
        tally.mistakes(Mistake::Lost, owed.max(1), || {
            format!(
                "connection {index} ended after {} requests, {owed} of them unanswered",
                self.sent
            )
        });
    }
}
