//! Ports that stay ours: for backends that go away and come back, and for those that refuse.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u32 = 12_000;

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
