//! A bare byte relay. For each client it opens one connection to the
//! backend and copies bytes both ways. It parses nothing and gathers nothing, so its cost is the
//! floor of any proxy that handles each client by itself: one read and one write a direction.
//!
//! ```text
//! readable: read into the one big buffer -> write at once -> what is not taken waits in `kept`
//! writable: write `kept`, then read on
//! ```

use crate::failure::{Result, While};
use argh::FromArgs;
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};

/// One read takes at most that many bytes.
const READ_BYTES: usize = 256 * 1024;
/// One turn handles at most that many events.
const EVENTS_MAX: usize = 1024;
/// So many clients may wait to be accepted (mio asks for 128).
const BACKLOG: i32 = 4096;
const LISTENER: Token = Token(usize::MAX);

/// One of the two connections of a pair, and what is on its way to it.
struct End {
    socket: TcpStream,
    /// Bytes read from the other end that this one has not taken yet, from `taken` on.
    kept: Vec<u8>,
    taken: usize,
    /// It will send no more.
    finished: bool,
}

/// A client (0) and its connection to the backend (1).
struct Pair {
    ends: [End; 2],
}

/// The pair cannot go on.
struct Broken;

struct Relay {
    poll: Poll,
    listener: TcpListener,
    backend: SocketAddr,
    /// A token is twice the index of its pair, plus the end. An event that comes late, for a place
    /// that was filled again, only makes a read find nothing.
    pairs: Vec<Option<Pair>>,
    free: Vec<usize>,
    buffer: Vec<u8>,
}

/// A bare byte relay: copies bytes between each client and one connection to the backend.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "relay")]
pub struct Options {
    /// ip:port to listen on
    #[argh(positional)]
    listen: SocketAddr,
    /// ip:port of the backend
    #[argh(positional)]
    backend: SocketAddr,
}

/// Relays until it is ended.
pub fn run(options: &Options) -> Result<()> {
    crate::process::raise_descriptor_limit();
    let relay = Relay::new(options.listen, options.backend);
    relay.and_then(|mut relay| relay.run()).doing(|| format!("relay: {}", options.listen))
}

impl Relay {
    fn new(listen: SocketAddr, backend: SocketAddr) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(listen)?;
        rustix::net::listen(&listener, BACKLOG)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let buffer = vec![0; READ_BYTES];
        Ok(Self { poll, listener, backend, pairs: Vec::new(), free: Vec::new(), buffer })
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(number) => self.ready(number / 2, number % 2, event),
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((client, _)) => self.open(client)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Registered once, for both directions and for life.
    fn open(&mut self, client: TcpStream) -> io::Result<()> {
        let backend = TcpStream::connect(self.backend)?;
        let index = self.free.pop().unwrap_or_else(|| {
            self.pairs.push(None);
            self.pairs.len() - 1
        });
        let mut pair = Pair { ends: [client, backend].map(End::new) };
        for (side, end) in pair.ends.iter_mut().enumerate() {
            end.socket.set_nodelay(true)?;
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut end.socket, Token(index * 2 + side), both)?;
        }
        self.pairs[index] = Some(pair);
        Ok(())
    }

    fn ready(&mut self, index: usize, side: usize, event: &Event) {
        let Some(pair) = self.pairs[index].as_mut() else {
            return;
        };
        let went_on = pair.ready(side, event, &mut self.buffer);
        if went_on.is_err() || pair.ends.iter().all(|end| end.finished && end.kept.is_empty()) {
            self.pairs[index] = None;
            self.free.push(index);
        }
    }
}

impl Pair {
    fn ready(&mut self, side: usize, event: &Event, buffer: &mut [u8]) -> Result<(), Broken> {
        if event.is_readable() || event.is_read_closed() {
            self.copy(side, event.is_read_closed(), buffer)?;
        }
        if event.is_writable() && !self.ends[side].kept.is_empty() {
            self.ends[side].write_kept()?;
            // While bytes were kept the other end was not read, and its event is spent.
            self.copy(1 - side, true, buffer)?;
        }
        Ok(())
    }

    /// From one end to the other until there is no more, or the other takes no more. A short read
    /// means that there is no more; `to_the_end` reads on all the same.
    fn copy(&mut self, from: usize, to_the_end: bool, buffer: &mut [u8]) -> Result<(), Broken> {
        let [first, second] = &mut self.ends;
        let (source, sink) = if from == 0 { (first, second) } else { (second, first) };
        while sink.kept.is_empty() && !source.finished {
            match source.socket.read(buffer) {
                Ok(0) => {
                    source.finished = true;
                    // Fails if that end is gone already, which its own event tells.
                    let _ = sink.socket.shutdown(Shutdown::Write);
                }
                Ok(count) => {
                    sink.write(&buffer[..count])?;
                    if count < buffer.len() && !to_the_end {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Broken),
            }
        }
        Ok(())
    }
}

impl End {
    fn new(socket: TcpStream) -> Self {
        Self { socket, kept: Vec::new(), taken: 0, finished: false }
    }

    /// Writes what the socket takes at once and keeps the rest.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let written = write_some(&mut self.socket, bytes)?;
        self.kept.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    fn write_kept(&mut self) -> Result<(), Broken> {
        self.taken += write_some(&mut self.socket, &self.kept[self.taken..])?;
        if self.taken == self.kept.len() {
            self.kept.clear();
            self.taken = 0;
        }
        Ok(())
    }
}

/// As much as the socket takes. One that is still connecting takes nothing yet.
fn write_some(socket: &mut TcpStream, bytes: &[u8]) -> Result<usize, Broken> {
    let mut written = 0;
    while written < bytes.len() {
        match socket.write(&bytes[written..]) {
            Ok(count) => written += count,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) =>
            {
                break;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Err(Broken),
        }
    }
    Ok(written)
}
