//! The processes of a soak: memcacheds, and nodeproxy before them.

use super::options::Options;
use super::saboteur::Saboteur;
use crate::bench::children::{Children, Running, User, find};
use crate::failure::{Failure, Result, While};
use rustix::process::Signal;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a process may take to listen, and to end.
const START_MAX: Duration = Duration::from_secs(5);
const END_MAX: Duration = Duration::from_secs(5);
/// A port that was free may be taken when it is to be used: so many are tried.
const TRIES_MAX: usize = 20;
/// Links to each memcached.
const LINKS: usize = 2;

/// Milliseconds until a request is late.
const TIMEOUT: usize = 300;
/// Milliseconds between two probes, at most.
const PROBE_PAUSE_MAX: usize = 2000;

/// A memcached.
#[derive(Debug)]
pub(super) struct Memcached {
    pub(super) address: SocketAddr,
    running: Running,
}

/// Nobody needs what it keeps any more.
impl Drop for Memcached {
    fn drop(&mut self) {
        self.running.signal(Signal::KILL);
    }
}

/// All processes.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    options: &'a Options,
    children: Children,
    memcacheds: Vec<Memcached>,
    proxy: Option<(SocketAddr, Running)>,
}

impl<'a> Stage<'a> {
    /// With the memcacheds that are to be stopped and killed.
    pub(super) fn new(options: &'a Options) -> Result<Self> {
        let children = Children::new(options.folder.join("logs"))?;
        let mut stage = Self { options, children, memcacheds: Vec::new(), proxy: None };
        for _ in 0..options.memcacheds {
            let memcached = stage.start_memcached()?;
            stage.memcacheds.push(memcached);
        }
        Ok(stage)
    }

    /// Another memcached, at any port.
    pub(super) fn start_memcached(&self) -> Result<Memcached> {
        on_free_port(|address| self.memcached_at(address))
    }

    fn memcached_at(&self, address: SocketAddr) -> Result<Memcached> {
        let program = found(&self.options.memcached)?;
        let port = address.port().to_string();
        let line = ["-u", "nobody", "-l", "127.0.0.1", "-U", "0", "-p", &port, "-t", "1"];
        let words: Vec<String> =
            [program.as_str()].iter().chain(&line).map(|it| (*it).into()).collect();
        let running = self.children.start(&format!("memcached-{port}"), &words, User::Nobody)?;
        listening(&running, address)?;
        Ok(Memcached { address, running })
    }

    /// nodeproxy, before all memcacheds and the saboteur.
    pub(super) fn start_nodeproxy(&mut self, saboteur: &Saboteur) -> Result<()> {
        let addresses = self.memcacheds.iter().map(|it| it.address).chain([saboteur.address]);
        let servers: String = addresses.map(|it| format!("    - {it}:1\n")).collect();
        let program = found(&self.options.nodeproxy)?;
        let file = self.options.folder.join("soak.yml");
        let started = on_free_port(|address| {
            let text = format!(
                "global:\n  max_memory: 32m\nsoak:\n  listen: {address}\n  timeout: {TIMEOUT}\n  \
                 connect_timeout: {TIMEOUT}\n  server_connections: {LINKS}\n  preconnect: true\n  \
                 server_retry_timeout: {PROBE_PAUSE_MAX}\n  max_client_memory: 1m\n  \
                 servers:\n{servers}"
            );
            fs::write(&file, text).doing(|| file.display().to_string())?;
            let words = [program.clone(), "-c".into(), file.display().to_string()];
            let running = self.children.start("nodeproxy", &words, User::Same)?;
            listening(&running, address)?;
            Ok((address, running))
        });
        self.proxy = Some(started?);
        Ok(())
    }

    /// Links that there are when all is well.
    pub(super) fn links(&self) -> u64 {
        ((self.memcacheds.len() + 1) * LINKS) as u64
    }

    pub(super) fn memcacheds_len(&self) -> usize {
        self.memcacheds.len()
    }

    /// The address of nodeproxy.
    pub(super) fn proxy(&self) -> SocketAddr {
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        self.proxy.as_ref().map_or(nowhere, |(address, _)| *address)
    }

    pub(super) fn proxy_pid(&self) -> u32 {
        self.proxy.as_ref().map_or(0, |(_, running)| running.pid())
    }

    /// Sends a memcached a signal.
    pub(super) fn signal(&self, memcached: usize, signal: Signal) {
        self.memcacheds[memcached].running.signal(signal);
    }

    /// Kills a memcached, and starts another in its place after calling `meanwhile`.
    pub(super) fn replace(&mut self, memcached: usize, meanwhile: impl FnOnce()) -> Result<()> {
        let killed = self.memcacheds.remove(memcached);
        let address = killed.address;
        drop(killed);
        meanwhile();
        let next = self.memcached_at(address)?;
        self.memcacheds.insert(memcached, next);
        Ok(())
    }

    /// Asks nodeproxy to end, as its operator would. An error says that it does not, or had ended.
    pub(super) fn end_nodeproxy(&mut self) -> Result<()> {
        let (_, running) =
            self.proxy.take().ok_or_else(|| Failure::new("nodeproxy is not there"))?;
        running.end(END_MAX)
    }
}

/// Starts something that needs a port.
fn on_free_port<T>(start: impl Fn(SocketAddr) -> Result<T>) -> Result<T> {
    let mut result = Err(Failure::new("no port is free"));
    for _ in 0..TRIES_MAX {
        let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing(|| "a free port".into())?;
        let address = any.local_addr().doing(|| "a free port".into())?;
        drop(any);
        result = start(address);
        if result.is_ok() {
            break;
        }
    }
    result
}

fn listening(running: &Running, address: SocketAddr) -> Result<()> {
    running.wait_until(START_MAX, "listen", || TcpStream::connect(address).is_ok())
}

fn found(program: &Path) -> Result<String> {
    let missing = || Failure::new(format!("{} is not there", program.display()));
    let path: PathBuf = find(program).ok_or_else(missing)?;
    Ok(path.display().to_string())
}
