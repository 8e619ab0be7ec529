//! A real memcached, started for one test.

use super::client::Client;
use super::ports;
use super::process::Process;
use super::wait::{SOON, within};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;

pub(crate) struct Memcached {
    process: Process,
    address: SocketAddr,
    flags: &'static [&'static str],
}

impl Memcached {
    /// Starts one on a free port and waits until it answers.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// One with these flags too.
    pub(crate) fn with(flags: &'static [&'static str]) -> Self {
        for _ in 0..10 {
            if let Some(started) = Self::start_on(ports::reserve(), flags) {
                return started;
            }
        }
        panic!("memcached found no port to listen on");
    }

    pub(crate) fn several(count: usize) -> Vec<Self> {
        (0..count).map(|_| Self::start()).collect()
    }

    /// `None` when another process was quicker to take the port.
    fn start_on(port: u16, flags: &'static [&'static str]) -> Option<Self> {
        let port_text = port.to_string();
        let mut command = Command::new("memcached");
        command.args(["-l", "127.0.0.1", "-U", "0", "-t", "2", "-u", "nobody", "-p", &port_text]);
        command.args(flags);
        let process = match Process::start(&mut command) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                panic!("memcached is missing; install it, for example: apt-get install memcached")
            }
            started => started.expect("memcached starts"),
        };
        let mut started = Self { process, address: (Ipv4Addr::LOCALHOST, port).into(), flags };
        let pid = format!("STAT pid {}\r\n", started.process.id());
        let mut ended = false;
        let answers = within(SOON, || {
            ended = !started.process.is_running();
            ended || asks_pid(started.address).is_some_and(|stats| stats.contains(&pid))
        });
        assert!(answers, "memcached on {port} does not answer: {}", started.process.log());
        (!ended).then_some(started)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process, to be frozen and thawed.
    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// SIGKILL: from now on its port refuses.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts another one, which knows nothing, on the same port.
    #[track_caller]
    pub(crate) fn restart(&mut self) {
        self.kill();
        *self =
            Self::start_on(self.address.port(), self.flags).expect("nobody else takes the port");
    }

    /// Whether it holds the key, asked past any proxy.
    pub(crate) fn holds(&self, key: &str) -> bool {
        Client::connect(self.address).get(key).is_some()
    }
}

pub(crate) fn addresses(memcacheds: &[Memcached]) -> Vec<SocketAddr> {
    memcacheds.iter().map(Memcached::address).collect()
}

/// What `stats` says, once the port accepts. Two processes may have tried to take one port: the
/// process id tells which of them answers.
fn asks_pid(address: SocketAddr) -> Option<String> {
    let mut socket = TcpStream::connect_timeout(&address, SOON).ok()?;
    socket.set_read_timeout(Some(SOON)).ok()?;
    socket.write_all(b"stats\r\nquit\r\n").ok()?;
    let mut stats = String::new();
    socket.read_to_string(&mut stats).ok()?;
    Some(stats)
}
