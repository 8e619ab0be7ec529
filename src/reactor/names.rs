//! Host names, looked up where that may take its time: in a thread of its own, because the system's
//! way of doing it blocks. That thread is only there when a backend has a name, and sleeps but for
//! the moments when one is asked for.

use crate::proxy::ids::BackendId;
use mio::Waker;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// A name and a port.
type Name = (String, u16);

/// What is found for a name: the addresses, or what went wrong.
pub(super) type Found = Result<Vec<SocketAddr>, String>;

/// The reactor's end.
pub(super) struct Names {
    asks: Sender<(BackendId, Name)>,
    answers: Receiver<(BackendId, Found)>,
}

impl Names {
    /// Starts the thread. It wakes the reactor for each answer.
    pub(super) fn start(waker: Waker) -> io::Result<Self> {
        let (asks, asked) = channel::<(BackendId, Name)>();
        let (answer, answers) = channel();
        let waker = Arc::new(waker);
        thread::Builder::new().name("names".into()).spawn(move || {
            // It ends with the reactor: then nobody asks any more.
            for (backend, (host, port)) in asked {
                let found = look_up(&host, port);
                if answer.send((backend, found)).is_err() || waker.wake().is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { asks, answers })
    }

    /// Asks for the addresses of a backend's name.
    pub(super) fn ask(&self, backend: BackendId, host: &str, port: u16) {
        // The thread is gone only when the process is ending.
        let _ = self.asks.send((backend, (host.into(), port)));
    }

    /// The answers that have come.
    pub(super) fn answers(&self) -> impl Iterator<Item = (BackendId, Found)> {
        self.answers.try_iter()
    }
}

/// The addresses of a name. Blocks.
pub(super) fn look_up(host: &str, port: u16) -> Found {
    let addresses: Vec<_> =
        (host, port).to_socket_addrs().map_err(|error| error.to_string())?.collect();
    if addresses.is_empty() { Err("it has no address".into()) } else { Ok(addresses) }
}
