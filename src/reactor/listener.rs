//! Accepting clients, and pausing when there can be no more.

use super::address::Acceptor;
use super::{Reactor, Source};
use crate::proxy::close::Close;
use crate::proxy::ids::PoolId;
use crate::time::Time;
use log::warn;
use mio::Interest;
use std::io::ErrorKind;

/// Clients accepted at once, so that a flood of them leaves room for those who are there.
const ACCEPTS_PER_TICK: usize = 128;

/// A pause before accepting is tried again when nothing else would cause that, microseconds.
const ACCEPT_PAUSE: u64 = 200_000;

/// A listening socket.
pub(super) struct Listener {
    pub(super) socket: Acceptor,
    /// What is left in the file system when it is closed.
    pub(super) path: Option<String>,
    pub(super) pool: PoolId,
    /// Clients may be waiting to be accepted.
    pub(super) ready: bool,
}

/// However it ends, also when another pool's listener keeps the proxy from starting.
impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.path
            && let Err(error) = std::fs::remove_file(path)
        {
            warn!("cannot remove {path}: {error}");
        }
    }
}

impl Reactor {
    /// Accepts the clients that wait, until no more are possible.
    pub(super) fn accept(&mut self, now: Time) {
        self.accept_at = None;
        let mut left = ACCEPTS_PER_TICK;
        for at in 0..self.listeners.len() {
            while self.listeners[at].ready && self.accept_at.is_none() {
                if left == 0 {
                    self.accept_at = Some(now);
                } else if self.driver.proxy.clients_len() >= self.clients_max {
                    self.pause_accepting("no descriptors are left for more", now);
                } else {
                    self.accept_one(at, now);
                    left -= 1;
                }
            }
        }
    }

    fn accept_one(&mut self, at: usize, now: Time) {
        let listener = &mut self.listeners[at];
        match listener.socket.accept() {
            Ok(socket) => {
                let id = self.driver.proxy.open_client(listener.pool, socket, now);
                let Some(client) = self.driver.proxy.client(id) else {
                    return;
                };
                let token = Source::Client(id).into();
                let both = Interest::READABLE | Interest::WRITABLE;
                if let Err(error) =
                    self.driver.net.poll.registry().register(&mut client.socket, token, both)
                {
                    self.driver.proxy.close_client(id, Close::Error(error.kind()));
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => listener.ready = false,
            // The client has gone before it was accepted, or was refused by a filter.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Interrupted
                        | ErrorKind::ConnectionAborted
                        | ErrorKind::ConnectionReset
                        | ErrorKind::PermissionDenied
                ) => {}
            Err(error) => self.pause_accepting(&error.to_string(), now),
        }
    }

    /// Those who wait stay in the kernel's queue. An edge will not come again for them: accepting
    /// is tried when a descriptor is closed, and after a pause.
    fn pause_accepting(&mut self, why: &str, now: Time) {
        if !self.accept_paused {
            self.accept_paused = true;
            warn!("accepting pauses at {} clients: {why}", self.driver.proxy.clients_len());
        }
        self.accept_at = Some(now.after(ACCEPT_PAUSE));
    }

    /// A descriptor has become free.
    pub(super) fn accept_again(&mut self, now: Time) {
        if self.accept_at.is_some() {
            self.accept(now);
        }
        if self.accept_paused && self.accept_at.is_none() {
            self.accept_paused = false;
        }
    }
}
