//! Ports that stay ours: for backends that go away and come back, and for those that refuse.

use socket2::{Domain, Socket, Type};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const FIRST: u32 = 12_000;

/// On this host a connection is there at once, unless it has to wait.
const QUEUED_SOON: Duration = Duration::from_millis(200);

static TAKEN: AtomicU32 = AtomicU32::new(0);

/// A free port below those that the system hands out by itself: as long as nobody listens there,
/// it refuses, and no connection of another test gets it by accident.
pub(crate) fn reserve() -> u16 {
    listen().local_addr().expect("bound").port()
}

/// A listener on such a port. A process running at the same time starts its search elsewhere.
pub(crate) fn listen() -> TcpListener {
    let count = ephemeral_from() - FIRST;
    // Far apart also for processes with neighbouring ids.
    let start = std::process::id().wrapping_mul(0x9E37_79B1) % count;
    for _ in 0..count {
        let at = start + TAKEN.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(FIRST + at % count).expect("below the ephemeral ports");
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return listener;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + count);
}

fn ephemeral_from() -> u32 {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .filter(|first| (FIRST + 1_000..=65_000).contains(first))
        .unwrap_or(32_768)
}

/// A port where every attempt to connect waits for ever: nobody accepts, and the queue is full.
pub(crate) struct Blackhole {
    listener: Socket,
    _waiting: Vec<Socket>,
}

impl Blackhole {
    pub(crate) fn open() -> Self {
        let listener = Socket::from(listen());
        listener.listen(0).expect("a shorter queue");
        let mut waiting = Vec::new();
        for _ in 0..100 {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            let address = listener.local_addr().expect("bound");
            if socket.connect_timeout(&address, QUEUED_SOON).is_err() {
                return Self { listener, _waiting: waiting };
            }
            waiting.push(socket);
        }
        panic!("a queue that is never full");
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("bound").as_socket().expect("of IP")
    }
}
