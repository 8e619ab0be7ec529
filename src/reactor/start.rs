//! From a configuration to a reactor that is ready to run: the part that may block, and may fail.

use super::listener::Listener;
use super::{Reactor, Source, socket};
use crate::config::address::{Address, Listen, Server};
use crate::config::endpoint::Endpoint;
use crate::config::{Config, OnDown, OnError, PoolConfig};
use crate::proxy::{self, About, Limits, Policy, PoolSetup, Proxy};
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
                match &server.address {
                    Address::Tcp(endpoint) => backends.push(resolve(endpoint, "--servers")?),
                    Address::Unix(path) => return Err(unsupported(path)),
                }
            }
            setups.push(setup(settings));
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
        announce(config);
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

/// What the operator should know of the configuration, once it is sure to be in force.
fn announce(config: &Config) {
    for warning in &config.warnings {
        warn!("{warning}");
    }
    for pool in &config.pools {
        info!("pool {}: placement {}", pool.name, pool.scheme);
        for note in &pool.notes {
            info!("pool {}: {note}", pool.name);
        }
    }
}

fn setup(pool: &PoolConfig) -> PoolSetup {
    PoolSetup {
        backends: pool.servers.iter().map(Server::label).collect(),
        links: pool.links,
        policy: Policy {
            timeout: pool.timeout * 1000,
            connect_timeout: pool.connect_timeout * 1000,
            failures_max: pool.server_failure_limit,
            failed_get_is_miss: pool.on_error == OnError::Miss,
            down_is_miss: pool.on_down == OnDown::Miss,
        },
        scheme: pool.scheme.clone(),
        nodes: pool.nodes(),
        on_down: match pool.on_down {
            OnDown::Error | OnDown::Miss => proxy::OnDown::Fail,
            OnDown::Rehash => proxy::OnDown::Rehash,
            OnDown::Gutter(index) => proxy::OnDown::Gutter { pool: index, ttl: pool.gutter_ttl },
        },
        client_limits: Limits {
            value_bytes_max: pool.value_bytes_max,
            memory_max: pool.client_memory_max,
        },
        clients_max: pool.client_connections,
        idle_timeout: pool.client_idle_timeout * 1000,
    }
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
        match &pool.listen {
            Listen::Tcp(Endpoint { host, port }) => {
                settings.push(("tcpport".into(), port.to_string()));
                settings.push(("inter".into(), host.clone()));
            }
            Listen::Unix { path, .. } => settings.push(("domain_socket".into(), path.clone())),
        }
        settings.push(("item_size_max".into(), pool.value_bytes_max.to_string()));
        settings.push(("timeout".into(), pool.timeout.to_string()));
        settings.push(("connect_timeout".into(), pool.connect_timeout.to_string()));
        settings.push(("server_connections".into(), pool.links.to_string()));
        settings.push(("server_failure_limit".into(), pool.server_failure_limit.to_string()));
        settings.push(("on_error".into(), pool.on_error.name().into()));
    }
    About {
        pid: std::process::id(),
        started_at,
        clients_max,
        settings,
        memory_max: config.memory_max,
    }
}

fn listen(poll: &Poll, pool: usize, settings: &PoolConfig) -> Result<Listener, StartError> {
    let at = match &settings.listen {
        Listen::Tcp(endpoint) => endpoint,
        Listen::Unix { path, .. } => return Err(unsupported(path)),
    };
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

fn unsupported(path: &str) -> StartError {
    StartError(format!("{path}: unix sockets are not supported yet; expected HOST:PORT"))
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
