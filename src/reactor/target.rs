//! Where a backend is, and which of its addresses is tried next.

use super::address::{connect_tcp, connect_unix};
use super::names::{Found, Names};
use super::socket::Socket;
use crate::config::address::Address;
use crate::proxy::close::Close;
use crate::proxy::ids::BackendId;
use crate::time::Time;
use log::{debug, warn};
use std::net::SocketAddr;

/// A name is not looked up more often than this, microseconds.
const LOOK_UP_PAUSE: u64 = 1_000_000;

/// The numbers of the errors that say that no descriptor is left, to the process or to the system:
/// these on every Unix, and `ErrorKind` has no word for them.
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// Where a backend is.
pub(super) enum Target {
    /// A path on this host.
    Unix(String),
    /// A port of a host.
    Tcp(Host),
}

/// A host, by name or by address.
pub(super) struct Host {
    host: String,
    port: u16,
    /// None while its name has not been found.
    addresses: Vec<SocketAddr>,
    /// When its name was looked up last; None when it is an address and not a name.
    looked_up_at: Option<Time>,
    /// It has been asked for, and there is no answer yet.
    is_asked: bool,
}

impl Target {
    /// A backend whose name, if it has one, has been looked up: `found` is the outcome.
    pub(super) fn new(address: &Address, found: Found) -> Self {
        match address {
            Address::Unix(path) => Self::Unix(path.clone()),
            Address::Tcp(endpoint) => {
                if let Err(error) = &found {
                    warn!("cannot resolve \"{}\": {error}; it is tried again", endpoint.host);
                }
                let is_name = !endpoint.is_address();
                let mut host = Host {
                    host: endpoint.host.clone(),
                    port: endpoint.port,
                    addresses: Vec::new(),
                    looked_up_at: is_name.then_some(Time::default()),
                    is_asked: false,
                };
                host.found(found);
                Self::Tcp(host)
            }
        }
    }

    /// Whether its name has to be looked up from time to time.
    pub(super) fn has_name(&self) -> bool {
        matches!(self, Self::Tcp(Host { looked_up_at: Some(_), .. }))
    }

    #[cfg(test)]
    pub(super) fn is_found(&self) -> bool {
        !matches!(self, Self::Tcp(host) if host.addresses.is_empty())
    }

    /// Begins to connect. A name is looked up again meanwhile, for the next time.
    pub(super) fn connect(
        &mut self,
        backend: BackendId,
        names: Option<&Names>,
        now: Time,
    ) -> Result<Socket, Close> {
        let failed = |error: std::io::Error| match error.raw_os_error() {
            Some(EMFILE | ENFILE) => Close::NoDescriptor,
            _ => Close::Error(error.kind()),
        };
        match self {
            Self::Unix(path) => connect_unix(path).map_err(failed),
            Self::Tcp(host) => {
                host.look_up(backend, names, now);
                let address = host.addresses.first().ok_or(Close::Unresolved)?;
                connect_tcp(*address).map_err(failed)
            }
        }
    }

    /// It could not be reached: its next address is tried the next time.
    pub(super) fn failed(&mut self) {
        if let Self::Tcp(host) = self
            && !host.addresses.is_empty()
        {
            host.addresses.rotate_left(1);
        }
    }

    /// Its name was looked up.
    pub(super) fn found(&mut self, found: Found) {
        if let Self::Tcp(host) = self {
            host.found(found);
        }
    }
}

impl Host {
    fn look_up(&mut self, backend: BackendId, names: Option<&Names>, now: Time) {
        if let (Some(at), Some(names)) = (&mut self.looked_up_at, names)
            && !self.is_asked
            && now.since(*at) >= LOOK_UP_PAUSE
        {
            *at = now;
            self.is_asked = true;
            names.ask(backend, &self.host, self.port);
        }
    }

    /// Addresses that were known stay in force when a name is not found any more, and in their
    /// order when it is found to have the same.
    fn found(&mut self, found: Found) {
        self.is_asked = false;
        match found {
            Ok(mut addresses) => {
                // `localhost` is both, and a memcached is likelier to listen on 127.0.0.1 alone.
                addresses.sort_by_key(SocketAddr::is_ipv6);
                let same = addresses.iter().all(|it| self.addresses.contains(it));
                if !same || addresses.len() != self.addresses.len() {
                    self.addresses = addresses;
                }
            }
            Err(error) => debug!("cannot resolve \"{}\": {error}", self.host),
        }
    }
}
