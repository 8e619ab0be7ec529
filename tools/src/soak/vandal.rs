//! A client that does what clients should not.

use super::chance::Chance;
use super::findings::Findings;
use super::wire::{PATIENCE, Wire};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const CROWD: u64 = 150;
const VALUE_BYTES: usize = 100_000;
/// Retrievals that a slow reader has open: many times what the proxy keeps for it.
const OPEN_MAX: u64 = 400;
/// A slow reader reads so much at once, and pauses so long.
const SIP: usize = 4096;
const SIP_EVERY: Duration = Duration::from_millis(5);
/// Bytes of a line that does not end, and of noise.
const ENDLESS: usize = 200_000;
const NOISE_MAX: u64 = 50_000;
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
    findings: Arc<Findings>,
    chance: Chance,
}

impl Vandal {
    pub(super) fn new(
        number: u64,
        proxy: SocketAddr,
        findings: Arc<Findings>,
        chance: Chance,
    ) -> Self {
        Self { key: format!("vandal:{number}"), proxy, findings, chance }
    }

    pub(super) fn rage_until(&mut self, end: Instant) {
        while Instant::now() < end {
            self.findings.vandalism.add(1);
            let done = match self.chance.below(6) {
                0 | 1 => self.vanish(),
                2 => self.sip(end),
                3 => self.half_close(),
                4 => self.crowd(),
                _ => self.babble(),
            };
            if done.is_err() {
                thread::sleep(PAUSE);
            }
        }
    }

    /// Breaks off in the middle of something.
    fn vanish(&mut self) -> io::Result<()> {
        let mut wire = Wire::open(self.proxy)?;
        let key = &self.key;
        let text = match self.chance.below(3) {
            0 => format!("set {key} 0 0 1000\r\nabc"),
            1 => format!("get {key} a b c d e f\r\n").repeat(50) + "get",
            _ => format!("set {key} 0 0 3\r\nabc\r\nget {key}\r\n").repeat(100),
        };
        wire.send(text.as_bytes())?;
        if self.chance.one_in(2) {
            thread::sleep(Duration::from_millis(self.chance.below(20)));
        }
        Ok(())
    }

    /// Asks for much and reads it slowly, and perhaps not to the end.
    fn sip(&mut self, end: Instant) -> io::Result<()> {
        let mut wire = Wire::open(self.proxy)?;
        let key = &self.key;
        let value = "v".repeat(VALUE_BYTES);
        wire.send(format!("set {key} 0 0 {VALUE_BYTES}\r\n{value}\r\n").as_bytes())?;
        wire.line()?;
        let count = 1 + self.chance.below(OPEN_MAX);
        wire.send(format!("get {key}\r\n").repeat(count as usize).as_bytes())?;
        let sips = self.chance.below(200);
        for _ in 0..sips {
            if Instant::now() > end {
                return Ok(());
            }
            wire.any(SIP)?;
            thread::sleep(SIP_EVERY);
        }
        Ok(())
    }

    /// Says that it will ask no more, and waits for what it is owed.
    fn half_close(&mut self) -> io::Result<()> {
        let mut wire = Wire::open(self.proxy)?;
        let count = 1 + self.chance.below(50);
        wire.send(format!("get {}none\r\n", self.key).repeat(count as usize).as_bytes())?;
        wire.end()?;
        let told = (0..count).try_for_each(|_| match wire.line()?.as_str() {
            "END" => Ok(()),
            line if line.starts_with("SERVER_ERROR ") => Ok(()),
            _ => Err(io::Error::from(ErrorKind::InvalidData)),
        });
        let result = told.and_then(|()| wire.any(SIP));
        let Findings { wrong, hung, .. } = &*self.findings;
        match result {
            Ok(None) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.findings.blame(hung, || "half-closed, and not answered".into());
            }
            Ok(Some(_)) | Err(_) => {
                self.findings.blame(wrong, || "half-closed, and answered wrongly".into());
            }
        }
        Ok(())
    }

    /// Many connections at once, each with one request.
    fn crowd(&mut self) -> io::Result<()> {
        let wires: io::Result<Vec<Wire>> =
            (0..self.chance.below(CROWD)).map(|_| Wire::open(self.proxy)).collect();
        let mut wires = wires?;
        for wire in &mut wires {
            wire.send(b"version\r\n")?;
        }
        for wire in &mut wires {
            if !wire.line().is_ok_and(|line| line.starts_with("VERSION ")) {
                let Findings { hung, .. } = &*self.findings;
                self.findings.blame(hung, || "one of a crowd is not answered".into());
            }
        }
        Ok(())
    }

    /// Sends what is no request.
    fn babble(&mut self) -> io::Result<()> {
        let mut wire = Wire::open(self.proxy)?;
        let which = self.chance.below(GREETINGS.len() as u64 + 2) as usize;
        let bytes = match GREETINGS.get(which) {
            Some(bytes) => bytes.to_vec(),
            None if self.chance.one_in(2) => vec![b'x'; ENDLESS],
            None => {
                let len = self.chance.below(NOISE_MAX);
                self.chance.bytes(len)
            }
        };
        wire.send(&bytes)?;
        wire.end()?;
        let deadline = Instant::now() + PATIENCE;
        while wire.any(SIP)?.is_some() {
            if Instant::now() > deadline {
                let Findings { hung, .. } = &*self.findings;
                self.findings.blame(hung, || "babble is answered for ever".into());
                break;
            }
        }
        Ok(())
    }
}
