//! Starts what a bench needs: memcacheds, proxies in front of them, the load generator.

use super::options::{Kind, Options};
use super::pin::{Pin, Role};
use crate::children::{Children, Running, User, find};
use crate::failure::{Failure, Result, While};
use crate::load::Report;
use rustix::process::Signal;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a process may take to listen.
const LISTEN_MAX: Duration = Duration::from_secs(5);
/// Valgrind needs longer.
const LISTEN_SLOWLY_MAX: Duration = Duration::from_secs(60);
const CONNECT_MAX: Duration = Duration::from_millis(200);
/// Of each memcached: connections for the largest workload and then some, their backlog, room for
/// a value of 900 KB, and memory.
const MEMCACHED_LIMITS: &str = "-c 12000 -b 4096 -I 2m -m 1024";
/// So many connections fill, with so many sets in flight on each.
const FILL_CONNECTIONS: &str = "4";
const FILL_PIPELINE: &str = "4";

/// Ports begin there, or up to so many later.
const PORT_BASE: u16 = 12_000;
const PORT_BASES: u16 = 7_000;
/// So many ports are tried until one is free.
const PORTS_TRIED_MAX: u16 = 500;

/// A memcached.
#[derive(Debug)]
pub struct Backend {
    /// Where it listens.
    pub address: SocketAddr,
    /// The process.
    pub running: Running,
}

/// Nobody needs what it keeps any more, and it takes its time when it is asked to end.
impl Drop for Backend {
    fn drop(&mut self) {
        self.running.signal(Signal::KILL);
    }
}

/// A way to them that runs.
#[derive(Debug)]
pub struct Peer {
    /// Which.
    pub kind: Kind,
    /// Where it listens.
    pub address: SocketAddr,
    /// The proxy, or the memcached that is asked directly.
    pub pid: u32,
    /// The proxy, if it is one.
    pub running: Option<Running>,
    /// The memcacheds behind it.
    pub memcacheds: Vec<u32>,
}

/// The means to start processes.
#[derive(Debug)]
pub struct Stage<'a> {
    /// What was asked for.
    pub options: &'a Options,
    children: Children,
    pin: Pin,
    cores: Vec<u32>,
    next_port: u16,
    /// This program, which is the load generator and the relay too.
    own: String,
}

impl<'a> Stage<'a> {
    /// Nothing started yet.
    pub fn new(options: &'a Options) -> Result<Self> {
        crate::process::raise_descriptor_limit();
        let own = std::env::current_exe().doing(|| "own path".into())?.display().to_string();
        let children = Children::new(options.folder.join("logs"))?;
        let (pin, cores) = options.pin.on_this_machine();
        // Two benches at the same time begin at different ports.
        let next_port = PORT_BASE + (std::process::id() % u32::from(PORT_BASES)) as u16;
        Ok(Self { options, children, pin, cores, next_port, own })
    }

    /// The arrangement of cores, which is what was asked for if the machine has it.
    pub fn pin(&self) -> Pin {
        self.pin
    }

    /// Starts so many memcacheds.
    pub fn start_backends(&mut self, count: usize) -> Result<Vec<Backend>> {
        let program = found(&self.options.memcached).ok_or_else(|| {
            Failure::new("memcached is not installed; expected it in PATH or by --memcached")
        })?;
        (0..count)
            .map(|number| {
                let address = self.address()?;
                let (port, threads) = (address.port(), self.options.memcached_threads);
                // Without the threads that sort and sweep old items: nothing here grows old.
                let line = format!(
                    "{program} -u nobody -l 127.0.0.1 -U 0 -p {port} -t {threads} \
                     -o no_lru_crawler,no_lru_maintainer {MEMCACHED_LIMITS}"
                );
                let line: Vec<&str> = line.split(' ').collect();
                let words = self.pinned(Role::Backend, &line);
                let name = format!("memcached-{number}");
                let running = self.children.start(&name, &words, User::Nobody)?;
                Ok(Backend { address, running })
            })
            .collect::<Result<Vec<Backend>>>()
            .and_then(|all| {
                all.iter().try_for_each(|one| listening(&one.running, one.address, LISTEN_MAX))?;
                Ok(all)
            })
    }

    /// Why that peer cannot be measured, if so.
    pub fn absence(&self, kind: Kind) -> Option<String> {
        let program = self.program(kind)?;
        let missing = found(&program).is_none();
        missing.then(|| format!("{}: no program {}", kind.name(), program.display()))
    }

    /// Starts a peer in front of those backends; `under` is the command that observes it, if any.
    pub fn start_peer(
        &mut self,
        kind: Kind,
        backends: &[Backend],
        under: &[String],
    ) -> Result<Peer> {
        let memcacheds = backends.iter().map(|backend| backend.running.pid()).collect();
        let Some(program) = self.program(kind).and_then(|program| found(&program)) else {
            let Backend { address, running } = &backends[0];
            let (address, pid) = (*address, running.pid());
            return Ok(Peer { kind, address, pid, running: None, memcacheds: vec![pid] });
        };
        let address = self.address()?;
        let servers: Vec<SocketAddr> = backends.iter().map(|backend| backend.address).collect();
        let name = format!("{}-{}", kind.name(), servers.len());
        let line = match kind {
            Kind::Twemproxy => {
                let file = self.options.folder.join(format!("{name}.yml"));
                std::fs::write(&file, twemproxy_yaml(address, &servers))
                    .doing(|| file.display().to_string())?;
                let stats = self.address()?.port().to_string();
                let file = file.display().to_string();
                let port = ["-v", "0", "-a", "127.0.0.1", "-s", &stats, "-c", &file];
                port.map(str::to_owned).to_vec()
            }
            Kind::Nodeproxy => {
                let all: Vec<String> = servers.iter().map(SocketAddr::to_string).collect();
                let port = address.port().to_string();
                ["-s", &all.join(","), "-p", &port, "-b", "127.0.0.1"].map(str::to_owned).to_vec()
            }
            Kind::Relay | Kind::Direct => {
                vec!["relay".into(), address.to_string(), servers[0].to_string()]
            }
        };
        let mut words: Vec<&str> = under.iter().map(String::as_str).collect();
        words.push(&program);
        words.extend(line.iter().map(String::as_str));
        let words = self.pinned(Role::Proxy, &words);
        let running = self.children.start(&name, &words, User::Same)?;
        let limit = if under.is_empty() { LISTEN_MAX } else { LISTEN_SLOWLY_MAX };
        listening(&running, address, limit)?;
        Ok(Peer { kind, address, pid: running.pid(), running: Some(running), memcacheds })
    }

    /// Runs the load generator against a peer, watching the memcacheds and then the proxy, if it is
    /// one. A wrong reply is a failure: figures of a proxy that answers wrongly mean nothing.
    pub fn load(&self, words: &[String], peer: &Peer) -> Result<Report> {
        let memcacheds: Vec<String> = peer.memcacheds.iter().map(u32::to_string).collect();
        let (memcacheds, pid) = (memcacheds.join(","), peer.pid.to_string());
        let mut line = vec![self.own.as_str(), "load", "--json", "--cpu-of", &memcacheds];
        if peer.running.is_some() {
            line.extend(["--cpu-of", &pid]);
        }
        line.extend(words.iter().map(String::as_str));
        let address = peer.address.to_string();
        line.push(&address);
        let (_, text) = self.children.run(&self.pinned(Role::Load, &line))?;
        let what = || format!("load on {}: {}", peer.kind.name(), words.join(" "));
        if text.is_empty() {
            return Err(Failure::new(format!("{}: no result", what())));
        }
        let report: Report = serde_json::from_str(&text).doing(what)?;
        if !report.is_right() {
            let counts: Vec<String> =
                report.mistakes.iter().map(|(kind, count)| format!("{count} x {kind}")).collect();
            let example = report.examples.first().map_or("", String::as_str);
            let what = what();
            return Err(Failure::new(format!("{what}: {}; first: {example}", counts.join(", "))));
        }
        Ok(report)
    }

    /// Stores every key of a keyspace by way of a peer.
    pub fn fill(&self, keyspace: &[String], peer: &Peer) -> Result<()> {
        let options = ["--fill", "--requests", "0", "-c", FILL_CONNECTIONS, "-p", FILL_PIPELINE];
        let words: Vec<String> =
            options.map(str::to_owned).into_iter().chain(keyspace.iter().cloned()).collect();
        self.load(&words, peer).map(|_| ())
    }

    /// None for direct, which is no program of its own.
    fn program(&self, kind: Kind) -> Option<PathBuf> {
        match kind {
            Kind::Direct => None,
            Kind::Nodeproxy => Some(self.options.nodeproxy.clone()),
            Kind::Twemproxy => Some(self.options.nutcracker.clone()),
            Kind::Relay => Some(self.own.clone().into()),
        }
    }

    fn pinned(&self, role: Role, line: &[&str]) -> Vec<String> {
        let mut words = self.pin.prefix(role, &self.cores);
        words.extend(line.iter().map(|word| (*word).to_owned()));
        words
    }

    /// An address that nobody listens on: each is given once, and none from the ports that the
    /// kernel gives to whoever connects.
    fn address(&mut self) -> Result<SocketAddr> {
        let (first, last) = (self.next_port, self.next_port.saturating_add(PORTS_TRIED_MAX));
        for port in first..last {
            if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                self.next_port = port + 1;
                return listener.local_addr().doing(|| "port".into());
            }
        }
        Err(Failure::new(format!("no free port from {first} to {last}")))
    }
}

fn found(program: &Path) -> Option<String> {
    find(program).map(|path| path.display().to_string())
}

fn listening(running: &Running, address: SocketAddr, limit: Duration) -> Result<()> {
    let what = format!("listen on {address}");
    running.wait_until(limit, &what, || TcpStream::connect_timeout(&address, CONNECT_MAX).is_ok())
}

/// Its best settings: one connection to each server, opened at once; no log.
fn twemproxy_yaml(listen: SocketAddr, servers: &[SocketAddr]) -> String {
    let servers: String = servers.iter().map(|server| format!("    - {server}:1\n")).collect();
    format!(
        "bench:\n  listen: {listen}\n  hash: fnv1a_64\n  distribution: ketama\n  backlog: 4096\n  \
         preconnect: true\n  server_connections: 1\n  servers:\n{servers}"
    )
}
