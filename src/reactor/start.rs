//! From a configuration to a reactor that is ready to run: the part that may block, and may fail.

use super::listener::Listener;
use super::{Reactor, Source, socket};
use crate::config::endpoint::Endpoint;
use crate::config::{Config, OnError, PoolConfig};
use crate::hash::{self, Node, Scheme};
use crate::proxy::{About, Limits, OnDown, Policy, PoolSetup, Proxy};
use crate::time::Time;
use log::{info, warn};
use mio::net::UnixStream;
use mio::{Interest, Poll};
use rlimit::Resource;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Descriptors that are neither clients nor links: standard streams, epoll, signals, and some to
/// spare.
const DESCRIPTORS_RESERVED: usize = 16;

/// Why the proxy cannot start: one line.
#[derive(Debug)]
pub struct StartError(pub String);

impl Reactor {
    /// Resolves names, raises the limit of descriptors, listens. Links are opened once it runs.
    pub fn new(config: &Config) -> Result<Self, StartError> {
        let epoch = Instant::now();
        let descriptors = raise_descriptors();
        let poll = Poll::new().map_err(|error| failed("epoll", &error))?;
        let signals = watch_signals(&poll).map_err(|error| failed("signals", &error))?;
        let mut backends = Vec::new();
        let mut setups = Vec::new();
        let mut listeners = Vec::new();
        for (pool, settings) in config.pools.iter().enumerate() {
            for server in &settings.servers {
                backends.push(resolve(server, "--servers")?);
            }
            setups.push(setup(settings)?);
            listeners.push(listen(&poll, pool, settings)?);
        }
        let links: usize = config.pools.iter().map(|pool| pool.links * pool.servers.len()).sum();
        // A link that is replaced may still be there when the new one is opened.
        let reserved = DESCRIPTORS_RESERVED + listeners.len() + 2 * links;
        let seed = RandomState::new().hash_one(epoch);
        let timeout = config.pools.iter().map(|pool| pool.timeout * 1000).max().unwrap_or(0);
        let clients_max = descriptors.saturating_sub(reserved).max(1);
        let about = about(config, clients_max);
        let proxy = Proxy::new(setups, about, seed, Time::default())
            .map_err(|(pool, error)| StartError(format!("pool {pool}: {error}")))?;
        Ok(Self {
            poll,
            proxy,
            listeners,
            backends,
            signals,
            epoch,
            accept_at: None,
            accept_paused: false,
            clients_max,
            unread: Vec::new(),
            queued: Vec::new(),
            timeout,
            ends_at: None,
        })
    }
}

fn setup(pool: &PoolConfig) -> Result<PoolSetup, StartError> {
    Ok(PoolSetup {
        backends: pool.servers.iter().map(ToString::to_string).collect(),
        links: pool.links,
        policy: Policy {
            timeout: pool.timeout * 1000,
            connect_timeout: pool.connect_timeout * 1000,
            failures_max: pool.server_failure_limit,
            failed_get_is_miss: pool.on_error == OnError::Miss,
            down_is_miss: false,
        },
        scheme: Scheme::new(hash::DEFAULT, &hash::Options::default())
            .map_err(|_| StartError("the default placement is wrong".into()))?,
        nodes: pool
            .servers
            .iter()
            .map(|it| Node { host: it.host.clone(), port: it.port, weight: 1, name: None })
            .collect(),
        on_down: OnDown::Fail,
        client_limits: Limits { value_bytes_max: pool.value_bytes_max, memory_max: 4 << 20 },
        clients_max: 0,
        idle_timeout: 0,
    })
}

/// What `stats` and `stats settings` tell, in memcached's names where it has some.
fn about(config: &Config, clients_max: usize) -> About {
    let started_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    let mut settings = vec![
        ("maxconns".to_string(), clients_max.to_string()),
        ("num_threads".into(), "1".into()),
        ("verbosity".into(), config.verbosity.to_string()),
    ];
    for pool in &config.pools {
        settings.push(("tcpport".into(), pool.listen.port.to_string()));
        settings.push(("inter".into(), pool.listen.host.clone()));
        settings.push(("item_size_max".into(), pool.value_bytes_max.to_string()));
        settings.push(("timeout".into(), pool.timeout.to_string()));
        settings.push(("connect_timeout".into(), pool.connect_timeout.to_string()));
        settings.push(("server_connections".into(), pool.links.to_string()));
        settings.push(("server_failure_limit".into(), pool.server_failure_limit.to_string()));
        settings.push(("on_error".into(), pool.on_error.name().into()));
    }
    About { pid: std::process::id(), started_at, clients_max, settings, memory_max: 512 << 20 }
}

fn listen(poll: &Poll, pool: usize, settings: &PoolConfig) -> Result<Listener, StartError> {
    let at = &settings.listen;
    let address = resolve(at, "--bind")?;
    let mut socket = socket::listen(address).map_err(|error| {
        let expected = "--bind expects an address of this host, --port one that is free";
        StartError(format!("cannot listen on {at}: {error}; {expected}"))
    })?;
    poll.registry()
        .register(&mut socket, Source::Listener(pool).into(), Interest::READABLE)
        .map_err(|error| failed("epoll", &error))?;
    let bound = socket.local_addr().unwrap_or(address);
    info!("listening on {bound}");
    if bound.ip().is_unspecified() {
        warn!("{bound} is open to everybody who can reach this host");
    } else if bound.ip().is_loopback() {
        info!("only this host can reach it; to open it to others: --bind 0.0.0.0, or one address");
    }
    Ok(Listener { socket, pool, ready: true })
}

/// The first address of a name.
fn resolve(endpoint: &Endpoint, flag: &str) -> Result<SocketAddr, StartError> {
    let wrong = |error: String| {
        StartError(format!("{flag}: cannot resolve \"{}\": {error}", endpoint.host))
    };
    let mut addresses = (endpoint.host.as_str(), endpoint.port)
        .to_socket_addrs()
        .map_err(|error| wrong(error.to_string()))?;
    addresses.next().ok_or_else(|| wrong("it has no address".into()))
}

/// Raises the soft limit of open files to the hard limit. Returns what it is then.
fn raise_descriptors() -> usize {
    let (soft, hard) = Resource::NOFILE.get().unwrap_or((1024, 1024));
    if soft < hard
        && let Err(error) = Resource::NOFILE.set(hard, hard)
    {
        warn!("the limit of open files stays at {soft}: {error}");
        return soft as usize;
    }
    usize::try_from(hard).unwrap_or(usize::MAX)
}

/// A socket that becomes readable when the process is told to end.
fn watch_signals(poll: &Poll) -> io::Result<UnixStream> {
    let (reader, writer) = std::os::unix::net::UnixStream::pair()?;
    reader.set_nonblocking(true)?;
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    let mut reader = UnixStream::from_std(reader);
    poll.registry().register(&mut reader, Source::Signal.into(), Interest::READABLE)?;
    Ok(reader)
}

fn failed(what: &str, error: &io::Error) -> StartError {
    StartError(format!("{what}: {error}"))
}
