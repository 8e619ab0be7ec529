//! A log that nobody reads, or that cannot be written.

use crate::harness::bytes::{hit, set};
use crate::harness::client::Client;
use crate::harness::memcached::Memcached;
use crate::harness::nodeproxy::binary;
use crate::harness::ports;
use crate::harness::wait::eventually;
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};

/// Clients that connect and leave; at the highest level each is worth some lines.
const CLIENTS: usize = 3_000;

struct Deaf {
    child: Child,
    port: u16,
}

impl Deaf {
    fn start(memcached: &Memcached, stderr: Stdio) -> Self {
        let port = ports::reserve();
        let mut command = Command::new(binary());
        command.args(["-v", "-v", "-p", &port.to_string(), "-s", &memcached.address().to_string()]);
        let child = command.stderr(stderr).spawn().expect("nodeproxy starts");
        let connected = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok();
        eventually("a proxy that listens", connected);
        Self { child, port }
    }

    /// It serves, also after it has had very much to tell.
    fn assert_serves(&mut self) {
        for at in 0..CLIENTS {
            drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("accepted"));
            if at % 500 == 0 {
                let mut client = Client::connect((Ipv4Addr::LOCALHOST, self.port).into());
                client.ask(&set("k", b"v"), b"STORED\r\n");
                client.ask(b"get k\r\n", &hit("k", b"v"));
            }
        }
        assert!(self.child.try_wait().expect("a child").is_none(), "it has ended");
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// It aborted at the first line.
#[test]
fn a_full_disk_below_the_log_does_not_end_the_proxy() {
    let memcached = Memcached::start();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    Deaf::start(&memcached, full.into()).assert_serves();
}

/// It waited for the reader for ever.
#[test]
fn a_reader_of_the_log_that_does_not_read_does_not_stop_the_proxy() {
    let memcached = Memcached::start();
    Deaf::start(&memcached, Stdio::piped()).assert_serves();
}

/// It aborted at the next line.
#[test]
fn a_reader_of_the_log_that_is_gone_does_not_end_the_proxy() {
    let memcached = Memcached::start();
    let mut deaf = Deaf::start(&memcached, Stdio::piped());
    drop(deaf.child.stderr.take());
    deaf.assert_serves();
}
