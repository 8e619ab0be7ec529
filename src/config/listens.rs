//! Which pools cannot listen beside each other.

use super::address::Listen;
use super::pool::ReadPool;
use super::problems::{Problems, quoted};
use std::collections::HashMap;
use std::net::IpAddr;

/// The addresses of this host that a listening socket takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Reach {
    /// All of IPv4: `0.0.0.0`.
    EveryV4,
    /// All of both: Linux accepts IPv4 on `[::]` too.
    Every,
    OneV4,
    OneV6,
}

impl Reach {
    /// None of a name, which is only looked up at start.
    fn of(host: &str) -> Option<Self> {
        let address = host.split('%').next()?.parse::<IpAddr>().ok()?.to_canonical();
        Some(match (address, address.is_unspecified()) {
            (IpAddr::V4(_), true) => Self::EveryV4,
            (IpAddr::V6(_), true) => Self::Every,
            (IpAddr::V4(_), false) => Self::OneV4,
            (IpAddr::V6(_), false) => Self::OneV6,
        })
    }

    /// What overlaps with it without being the same address.
    const fn overlaps(self) -> &'static [Self] {
        match self {
            Self::EveryV4 => &[Self::OneV4, Self::Every],
            Self::Every => &[Self::OneV4, Self::OneV6, Self::EveryV4],
            Self::OneV4 => &[Self::EveryV4, Self::Every],
            Self::OneV6 => &[Self::Every],
        }
    }
}

/// The first pool of each kind on a port, by its reach and its `reuseport`. The first is enough to
/// find a conflict, and a file of a million pools is checked in one pass.
type Ports<'a> = HashMap<(u16, Reach, bool), &'a ReadPool>;

/// No two pools listen on the same address, nor on overlapping ones unless both share their port.
/// The kernel gives a client to the most specific address then.
pub(super) fn check(pools: &[ReadPool], problems: &mut Problems) {
    let mut seen: HashMap<String, &ReadPool> = HashMap::new();
    let mut ports = Ports::new();
    for read in pools {
        let Some(at) = read.listen_at else {
            continue;
        };
        let key = match &read.pool.listen {
            Listen::Tcp(endpoint) if endpoint.port == 0 => continue,
            Listen::Tcp(endpoint) => endpoint.normal().to_string(),
            Listen::Unix { path, .. } => path.clone(),
        };
        if let Some(other) = seen.get(&key) {
            let (key, other) = (quoted(&key), quoted(&other.pool.name));
            let wrong = format!("{key} is already used by the pool {other}");
            problems.error(at, format!("listen: {wrong}; expected another address"));
        } else if let Some(other) = overlapping(read, &mut ports) {
            let (key, theirs) = (quoted(&key), quoted(&other.pool.listen));
            let wrong =
                format!("{key} overlaps with {theirs} of the pool {}", quoted(&other.pool.name));
            let expected = "expected another port, or reuseport: true in both pools";
            problems.error(at, format!("listen: {wrong}; {expected}"));
        }
        seen.entry(key).or_insert(read);
    }
}

/// A pool before this one that takes some of its addresses.
fn overlapping<'a>(read: &'a ReadPool, ports: &mut Ports<'a>) -> Option<&'a ReadPool> {
    let Listen::Tcp(endpoint) = &read.pool.listen else {
        return None;
    };
    let (port, reach) = (endpoint.port, Reach::of(&endpoint.host)?);
    let shares = read.pool.reuseport;
    let others = reach.overlaps().iter().flat_map(|other| [(*other, false), (*other, true)]);
    let mut conflicting = others.filter(|(_, other_shares)| !(shares && *other_shares));
    let other = conflicting.find_map(|(other, shares)| ports.get(&(port, other, shares)));
    let other = other.copied();
    ports.entry((port, reach, shares)).or_insert(read);
    other
}
