//! From a configuration to a reactor that is ready to run: the part that may block, and may fail.

use super::address::{Acceptor, listen_tcp, listen_unix};
use super::listener::Listener;
use super::names::{Names, look_up};
use super::target::Target;
use super::{Mio, Reactor, Source};
use crate::config::address::{Address, Listen, Server};
use crate::config::descriptors::Descriptors;
use crate::config::endpoint::Endpoint;
use crate::config::{self, Config, OnDown, OnError, PoolConfig};
use crate::driver::Driver;
use crate::proxy::ids::PoolId;
use crate::proxy::{About, DownSetup, Limits, Policy, PoolSetup, Proxy};
use crate::time::Time;
use log::{info, warn};
use mio::net::UnixStream;
use mio::{Interest, Poll, Waker};
use rlimit::Resource;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Looking names up ends here, and whatever is left is looked up when the proxy runs: where the DNS
/// does not answer, the system waits for ten seconds or more for each.
const LOOK_UPS_MAX: Duration = Duration::from_secs(5);

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
        let plan = Descriptors::plan(&config.pools, descriptors).map_err(StartError)?;
        if let Some(fewer) = plan.fewer_links(&config.pools, descriptors) {
            warn!("{fewer}");
        }
        let setups = config.pools.iter().map(|pool| setup(config, pool, &plan)).collect();
        let targets = targets(config)?;
        let names = names(&poll, &targets).map_err(|error| failed("names", &error))?;
        let seed = RandomState::new().hash_one(epoch);
        let timeout = config.pools.iter().map(|pool| pool.timeout * 1000).max().unwrap_or(0);
        let about = about(config, plan.clients);
        let proxy = Proxy::new(setups, about, seed, Time::default())
            .map_err(|(pool, error)| StartError(format!("pool {pool}: {error}")))?;
        let pools = proxy.pool_ids();
        let backends = pools.iter().flat_map(|pool| proxy.members(*pool).iter().copied());
        let backends = backends.zip(targets).collect();
        let listeners = pools
            .iter()
            .zip(&config.pools)
            .enumerate()
            .map(|(at, (pool, settings))| listen(&poll, at, *pool, settings))
            .collect::<Result<Vec<_>, _>>()?;
        announce(config);
        Ok(Self {
            driver: Driver::new(proxy, Mio { poll, backends, names, freed: false }),
            listeners,
            signals,
            epoch,
            accept_at: None,
            accept_paused: false,
            clients_max: plan.clients,
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
    for note in &config.notes {
        info!("{note}");
    }
    for pool in &config.pools {
        info!("pool {}: placement {}", pool.name, pool.scheme);
        for note in &pool.notes {
            info!("pool {}: {note}", pool.name);
        }
    }
}

fn setup(config: &Config, pool: &PoolConfig, plan: &Descriptors) -> PoolSetup {
    PoolSetup {
        name: pool.name.clone(),
        backends: pool.servers.iter().map(Server::label).collect(),
        links: pool.links.min(plan.links_max),
        policy: Policy {
            timeout: pool.timeout * 1000,
            connect_timeout: pool.connect_timeout * 1000,
            probe_pause_max: pool.server_retry_timeout * 1000,
            failures_max: pool.server_failure_limit,
            failed_get_is_miss: pool.on_error == OnError::Miss,
            down_is_miss: pool.on_down == OnDown::Miss,
        },
        scheme: pool.scheme.clone(),
        nodes: pool.nodes(),
        on_down: match pool.on_down {
            OnDown::Error | OnDown::Miss => DownSetup::Fail,
            OnDown::Rehash => DownSetup::Rehash,
            OnDown::Gutter(index) => DownSetup::Gutter { pool: index, ttl: pool.gutter_ttl },
        },
        client_limits: Limits {
            value_bytes_max: pool.value_bytes_max,
            memory_max: pool.client_memory_max,
        },
        clients_max: pool.client_connections,
        idle_timeout: pool.client_idle_timeout * 1000,
        settings: settings(config, pool, plan.clients),
    }
}

/// What `stats` and `stats settings` tell, in memcached's names where it has some.
fn about(config: &Config, clients_max: usize) -> About {
    let started_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    About { pid: std::process::id(), started_at, clients_max, memory_max: config.memory_max }
}

fn settings(config: &Config, pool: &PoolConfig, clients_max: usize) -> Vec<(String, String)> {
    let (name, address) = match &pool.listen {
        Listen::Tcp(endpoint) => ("inter", endpoint.host.clone()),
        Listen::Unix { path, .. } => ("domain_socket", path.clone()),
    };
    let port = match &pool.listen {
        Listen::Tcp(endpoint) => endpoint.port,
        Listen::Unix { .. } => 0,
    };
    let maxconns = match pool.client_connections {
        0 => clients_max,
        most => most.min(clients_max),
    };
    let rows: [(&str, String); 15] = [
        ("maxbytes", config.memory_max.to_string()),
        ("maxconns", maxconns.to_string()),
        ("tcpport", port.to_string()),
        ("udpport", "0".into()),
        (name, address),
        ("verbosity", config.verbosity.to_string()),
        ("num_threads", "1".into()),
        ("item_size_max", pool.value_bytes_max.to_string()),
        ("pool", pool.name.clone()),
        ("placement", pool.scheme.to_string()),
        ("timeout", pool.timeout.to_string()),
        ("connect_timeout", pool.connect_timeout.to_string()),
        ("server_connections", pool.links.to_string()),
        ("server_failure_limit", pool.server_failure_limit.to_string()),
        ("on_error", pool.on_error.name().into()),
    ];
    rows.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

fn listen(
    poll: &Poll,
    at: usize,
    pool: PoolId,
    settings: &PoolConfig,
) -> Result<Listener, StartError> {
    let (mut socket, path) = match &settings.listen {
        Listen::Tcp(endpoint) => (listen_on_port(endpoint, settings)?, None),
        Listen::Unix { path, mode } => {
            let socket = listen_unix(path, *mode, settings.backlog)
                .map_err(|error| not_listening(path, &error))?;
            info!("listening on {path}");
            (Acceptor::Unix(socket), Some(path.clone()))
        }
    };
    let token = Source::Listener(at).into();
    let registered = match &mut socket {
        Acceptor::Tcp(socket) => poll.registry().register(socket, token, Interest::READABLE),
        Acceptor::Unix(socket) => poll.registry().register(socket, token, Interest::READABLE),
    };
    registered.map_err(|error| failed("epoll", &error))?;
    Ok(Listener { socket, path, pool, ready: true })
}

/// The system says of a folder that is missing what it says of a missing file.
fn not_listening(path: &str, error: &io::Error) -> StartError {
    let folder = Path::new(path).parent().filter(|folder| !folder.exists());
    StartError(match folder {
        Some(folder) => format!(
            "cannot listen on {path}: the folder {} is missing; expected one that exists",
            folder.display()
        ),
        None => format!("cannot listen on {path}: {error}; expected a path that is free"),
    })
}

fn listen_on_port(at: &Endpoint, settings: &PoolConfig) -> Result<Acceptor, StartError> {
    let addresses = look_up(&at.host, at.port).map_err(|error| {
        let expected = "expected an address of this host, or a name that has one";
        StartError(format!("cannot listen on {at}: {error}; {expected}"))
    })?;
    let PoolConfig { backlog, reuseport, tcpkeepalive, .. } = *settings;
    let socket = listen_tcp(addresses[0], backlog, reuseport, tcpkeepalive).map_err(|error| {
        let expected = "expected an address of this host and a port that is free";
        StartError(format!("cannot listen on {at}: {error}; {expected}"))
    })?;
    let bound = socket.local_addr().unwrap_or(addresses[0]);
    info!("listening on {bound}");
    if bound.ip().is_unspecified() {
        warn!("{bound} is open to everybody who can reach this host");
    } else if bound.ip().is_loopback() {
        info!("only this host can reach it; to open it to others: --bind 0.0.0.0, or one address");
    }
    Ok(Acceptor::Tcp(socket))
}

/// The backends, their names looked up once. One that is not found is tried again, unless somebody
/// watches who may have mistyped it.
fn targets(config: &Config) -> Result<Vec<Target>, StartError> {
    let began = Instant::now();
    let servers = config.pools.iter().flat_map(|pool| &pool.servers);
    servers
        .map(|server| {
            let in_time = began.elapsed() < LOOK_UPS_MAX;
            target(&server.address, &config.source, in_time)
        })
        .collect()
}

fn target(address: &Address, source: &config::Source, in_time: bool) -> Result<Target, StartError> {
    let by_flags = *source == config::Source::Flags;
    let found = match address {
        Address::Unix(_) => Ok(Vec::new()),
        Address::Tcp(endpoint) if in_time || by_flags || endpoint.is_address() => {
            look_up(&endpoint.host, endpoint.port)
        }
        Address::Tcp(_) => Err("the names before it took too long".into()),
    };
    match found {
        Err(error) if by_flags => {
            let expected = "expected the name of a host, or an address";
            Err(StartError(format!("--servers: cannot resolve \"{address}\": {error}; {expected}")))
        }
        found => Ok(Target::new(address, found)),
    }
}

/// What looks names up, when there are any.
fn names(poll: &Poll, targets: &[Target]) -> io::Result<Option<Names>> {
    if !targets.iter().any(Target::has_name) {
        return Ok(None);
    }
    Names::start(Waker::new(poll.registry(), Source::Names.into())?).map(Some)
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
    // Rotating logs sends it to many a program; here there is nothing to open again.
    signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::default())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_does_not_wait_for_every_name_when_the_dns_is_dead() {
        let named = Address::Tcp(Endpoint { host: "localhost".into(), port: 11211 });
        let source = config::Source::File("f".into());
        let late = target(&named, &source, false).expect("a target");
        assert!(late.has_name() && !late.is_found());
        assert!(target(&named, &source, true).expect("a target").is_found());
        assert!(target(&named, &config::Source::Flags, false).expect("a target").is_found());
        let address = Address::Tcp(Endpoint { host: "127.0.0.1".into(), port: 11211 });
        assert!(target(&address, &source, false).expect("a target").is_found());
    }
}
