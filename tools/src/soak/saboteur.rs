//! A bad network before one memcached: it relays, and sometimes cuts, dribbles, refuses or greets
//! with what nobody asked for.

use super::chance::Chance;
use super::stage::Memcached;
use crate::failure::{Result, While};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

/// Pieces of what dribbles, bytes, and the pause between them.
const DROP_MAX: u64 = 8;
const DROP_EVERY: Duration = Duration::from_micros(100);
/// So many pieces dribble before it flows again.
const DROPS: usize = 200;
const BUFFER_BYTES: usize = 1 << 16;

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mischief {
    /// Nothing.
    None,
    /// It cuts connections, perhaps in the middle of a reply.
    Cut,
    /// Replies come in small pieces.
    Dribble,
    /// New connections are closed at once.
    Refuse,
    /// New connections are greeted.
    Greet,
}

impl Mischief {
    pub(super) const ALL: [Self; 5] =
        [Self::None, Self::Cut, Self::Dribble, Self::Refuse, Self::Greet];
}

#[derive(Debug)]
pub(super) struct Saboteur {
    pub(super) address: SocketAddr,
    /// The index of what it does.
    mischief: Arc<AtomicU8>,
    _memcached: Memcached,
}

impl Saboteur {
    /// Relays to that memcached, until the process ends.
    pub(super) fn start(memcached: Memcached, mut chance: Chance) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing(|| "saboteur".into())?;
        let address = listener.local_addr().doing(|| "saboteur".into())?;
        let mischief = Arc::new(AtomicU8::new(0));
        let (to, shared) = (memcached.address, mischief.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                relay(client, to, &shared, &mut chance);
            }
        });
        Ok(Self { address, mischief, _memcached: memcached })
    }

    pub(super) fn act(&self, mischief: Mischief) {
        let at = Mischief::ALL.iter().position(|it| *it == mischief).unwrap_or(0);
        self.mischief.store(at as u8, Ordering::SeqCst);
    }

    pub(super) fn rest(&self) {
        self.act(Mischief::None);
    }
}

fn current(mischief: &AtomicU8) -> Mischief {
    Mischief::ALL[usize::from(mischief.load(Ordering::SeqCst))]
}

/// Two threads carry the bytes, one in each direction.
fn relay(mut client: TcpStream, to: SocketAddr, mischief: &Arc<AtomicU8>, chance: &mut Chance) {
    match current(mischief) {
        Mischief::Refuse => return,
        Mischief::Greet => {
            let _ = client.write_all(b"VALUE unasked 0 1\r\n");
        }
        Mischief::None | Mischief::Cut | Mischief::Dribble => {}
    }
    let Ok(server) = TcpStream::connect(to) else {
        return;
    };
    let (Ok(other_client), Ok(other_server)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    let quiet = Arc::new(AtomicU8::new(0));
    let (theirs, ours) = (chance.fork(), chance.fork());
    let shared = mischief.clone();
    thread::spawn(move || carry(client, server, &quiet, theirs));
    thread::spawn(move || carry(other_server, other_client, &shared, ours));
}

/// Carries bytes until one side ends.
fn carry(mut from: TcpStream, mut to: TcpStream, mischief: &AtomicU8, mut chance: Chance) {
    let _ = to.set_nodelay(true);
    let mut buffer = vec![0; BUFFER_BYTES];
    while let Ok(count) = from.read(&mut buffer)
        && count > 0
    {
        let mut bytes = &buffer[..count];
        match current(mischief) {
            Mischief::Cut if chance.one_in(20) => {
                let _ = to.write_all(&bytes[..chance.below(count as u64) as usize]);
                break;
            }
            Mischief::Dribble => {
                for _ in 0..DROPS {
                    let count = bytes.len().min(1 + chance.below(DROP_MAX) as usize);
                    let (drop, rest) = bytes.split_at(count);
                    if to.write_all(drop).is_err() {
                        break;
                    }
                    bytes = rest;
                    thread::sleep(DROP_EVERY);
                }
            }
            Mischief::None | Mischief::Cut | Mischief::Refuse | Mischief::Greet => {}
        }
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    for side in [&from, &to] {
        let _ = side.shutdown(Shutdown::Both);
    }
}
