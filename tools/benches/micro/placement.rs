//! Each hash of a key, and each way from a key to a backend.

use super::keys::Keys;
use divan::{Bencher, black_box};
use nodeproxy::placement::{Node, Options, Placement, Problem, Scheme};
use std::fmt;

/// Between them these have all hashes.
const SCHEMES_OF_HASHES: [&str; 10] = [
    "ketama",
    "nodeproxy",
    "libmemcached-modula",
    "twemproxy",
    "php-memcache",
    "python-memcached",
    "xmemcached",
    "memjs",
    "mcrouter",
    "memcached-proxy-ring",
];

/// A scheme, and its hash where there is a choice.
struct Hash {
    scheme: &'static str,
    hash: Option<&'static str>,
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.scheme, self.hash.unwrap_or_default())
    }
}

/// Whoever asks for a hash that does not exist is told those that do.
fn hashes() -> Vec<Hash> {
    let mut all = Vec::new();
    for scheme in SCHEMES_OF_HASHES {
        let none = Options { hash: Some("?".into()), ..Options::default() };
        let errors = Scheme::new(scheme, &none).expect_err("no hash has this name");
        match &errors[0].problem {
            Problem::Unknown { known, .. } => {
                all.extend(known.iter().map(|hash| Hash { scheme, hash: Some(hash) }));
            }
            Problem::NotTaken(_) | Problem::Malformed(_) => all.push(Hash { scheme, hash: None }),
        }
    }
    all
}

#[divan::bench(args = hashes())]
fn hash(bencher: Bencher<'_, '_>, Hash { scheme, hash }: &Hash) {
    let options = Options { hash: hash.map(str::to_owned), ..Options::default() };
    let placement = placement(scheme, &options, 4);
    let mut keys = Keys::new();
    bencher.bench_local(|| placement.hash(black_box(keys.next().as_bytes())));
}

#[divan::bench(args = Scheme::names())]
fn place_on_4(bencher: Bencher<'_, '_>, scheme: &str) {
    place(bencher, scheme, 4);
}

#[divan::bench(args = Scheme::names())]
fn place_on_100(bencher: Bencher<'_, '_>, scheme: &str) {
    place(bencher, scheme, 100);
}

fn place(bencher: Bencher<'_, '_>, scheme: &str, backends: u16) {
    let placement = placement(scheme, &Options::default(), backends);
    let mut keys = Keys::new();
    bencher.bench_local(|| placement.place(black_box(keys.next().as_bytes())));
}

fn placement(scheme: &str, options: &Options, backends: u16) -> Placement {
    // The names are those that the rings of Java ask for.
    let node = |at| Node {
        host: "10.0.0.1".into(),
        port: 11_211 + at,
        weight: 1,
        name: Some(format!("cache{at}/10.0.0.1:{}", 11_211 + at)),
    };
    let nodes: Vec<Node> = (0..backends).map(node).collect();
    let scheme = Scheme::new(scheme, options).expect("a scheme of the catalogue");
    Placement::build(&scheme, &nodes).expect("backends to place on")
}
