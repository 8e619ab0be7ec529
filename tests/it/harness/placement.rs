//! Which backend holds which key: found out by looking, so that no test depends on a hash.

use super::bytes::set;
use super::fake::FakeBackend;
use super::memcached::Memcached;
use super::nodeproxy::Nodeproxy;

const TRIES_MAX: usize = 2_000;

pub(crate) trait Holds {
    fn holds(&self, key: &str) -> bool;
}

impl Holds for Memcached {
    fn holds(&self, key: &str) -> bool {
        Self::holds(self, key)
    }
}

impl Holds for FakeBackend {
    fn holds(&self, key: &str) -> bool {
        Self::holds(self, key)
    }
}

/// So many keys for each backend. Each is its own value.
#[track_caller]
pub(crate) fn keys_of(
    proxy: &Nodeproxy,
    backends: &[&dyn Holds],
    count: usize,
) -> Vec<Vec<String>> {
    let mut keys = vec![Vec::new(); backends.len()];
    let mut client = proxy.connect();
    for at in 0..TRIES_MAX {
        let key = format!("place-{at}");
        client.ask(&set(&key, key.as_bytes()), b"STORED\r\n");
        let home = backends.iter().position(|it| it.holds(&key)).expect("one of them holds it");
        if keys[home].len() < count {
            keys[home].push(key);
        }
        if keys.iter().all(|found: &Vec<_>| found.len() == count) {
            return keys;
        }
    }
    panic!("after {TRIES_MAX} keys a backend has still less than {count}");
}
