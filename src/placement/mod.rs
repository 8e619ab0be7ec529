//! Key placement: which backend a key belongs to, in the ways of many programs, so that whoever
//! moves to nodeproxy finds a warm cache warm.
//!
//! A placement is built once from a scheme and the backends, and asked for every key:
//!
//! ```text
//!   scheme: "libmemcached-ketama", "hash: md5", ...           backends: host, port, weight, name
//!                         \                                           /
//!                          catalogue ---> function, layout ---> table
//!   key --rule--> the bytes to hash --function--> hash --table--> index of a backend
//! ```
//!
//! Each file states the program it follows and where its facts are from. The vectors in the tests
//! were made by those programs.
//!
//! Bytes above 0x7f are hashed as these programs do on x86, where C's `char` is signed; on ARM they
//! would put such keys elsewhere.

mod function;
mod node;

mod continuum;
mod jump;
mod list;
mod rendezvous;

mod java;
mod javascript;
mod ketama;
mod libmemcached;
mod mcrouter;
mod memcached_proxy;
mod perl;
mod php;
mod ruby;
mod twemproxy;

mod key;
mod table;

mod catalogue;
mod scheme;

pub use node::Node;
pub use scheme::{DEFAULT, Options, Problem, Scheme, SchemeError};

use function::Function;
use key::KeyRule;
use node::Live;
use std::fmt;
use table::{Plan, Table};

/// More backends than mcrouter's trees can tell apart are refused.
const NODES_MAX: usize = 1 << 23;

/// What maps every key to a backend.
#[derive(Debug)]
pub struct Placement {
    /// None where the whole key is hashed.
    rule: Option<KeyRule>,
    function: Function,
    table: Table,
}

/// Why backends cannot be placed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildError {
    /// There is no backend, or none is live.
    NoNodes,
    /// There are more backends than can be told apart.
    TooManyNodes,
    /// No backend has a point on the ring.
    NoPoints,
    /// The weights, or the points of each backend, come to a ring that is too large.
    TooManyPoints,
    /// Two backends have the same name; these are their indexes.
    SameName(usize, usize),
    /// The scheme needs names for these backends: it hashes the address that the name of a host had
    /// when the old client started.
    NamesNeeded {
        /// The indexes of the backends.
        nodes: Vec<usize>,
        /// What a name looks like.
        pattern: &'static str,
    },
}

impl Placement {
    /// The placement on all these backends.
    pub fn build(scheme: &Scheme, nodes: &[Node]) -> Result<Self, BuildError> {
        Self::build_live(scheme, nodes, &vec![true; nodes.len()])
    }

    /// The placement on those backends that are live, by a flag for each. It is what the scheme
    /// makes of a list of these alone, but its indexes count in the full list. With `ketama` and
    /// `rendezvous` no key of a live backend moves.
    pub fn build_live(scheme: &Scheme, nodes: &[Node], live: &[bool]) -> Result<Self, BuildError> {
        assert_eq!(nodes.len(), live.len(), "a flag for each node");
        if nodes.len() > NODES_MAX {
            return Err(BuildError::TooManyNodes);
        }
        if scheme.layout.needs_distinct_names() {
            check_names(nodes)?;
        }
        let nodes_live = nodes.iter().zip(0..).zip(live).filter(|(_, live)| **live);
        let live: Vec<_> = nodes_live.map(|((node, index), _)| Live { index, node }).collect();
        if live.is_empty() {
            return Err(BuildError::NoNodes);
        }
        let Scheme { function, points, .. } = *scheme;
        let table = scheme.layout.build(&Plan { all: nodes, live: &live, function, points })?;
        let rule = Some(&scheme.rule).filter(|rule| **rule != KeyRule::default()).cloned();
        Ok(Self { rule, function, table })
    }

    /// The index of the backend that this key belongs to. It takes any bytes; those of a key are 1
    /// to 250.
    #[inline]
    pub fn place(&self, key: &[u8]) -> usize {
        match &self.rule {
            None => self.table.owner(self.function, key),
            Some(rule) => rule.apply(key, |bytes| self.table.owner(self.function, bytes)),
        }
    }

    /// The hash that decides where this key belongs: of 32 bits or fewer for most schemes. Of
    /// `ketama` the upper 32 are the place on the ring; of pymemcache it is the bid that won, of
    /// the original nodeproxy a double, as its bits.
    pub fn hash(&self, key: &[u8]) -> u64 {
        match &self.rule {
            None => self.table.hash(self.function, key),
            Some(rule) => rule.apply(key, |bytes| self.table.hash(self.function, bytes)),
        }
    }

    /// The points of the ring, ascending, each with the index of the backend that owns what lies
    /// before it; nothing where the scheme has no ring. The points of dalli own what lies behind
    /// them: in place of these there are the ones before which the same keys lie.
    pub fn points(&self) -> impl Iterator<Item = (u32, usize)> {
        self.table.continuum().into_iter().flat_map(continuum::Continuum::points)
    }
}

fn check_names(nodes: &[Node]) -> Result<(), BuildError> {
    let mut labels: Vec<_> = nodes.iter().map(Node::label).zip(0..).collect();
    labels.sort_unstable();
    let same = labels.windows(2).find(|pair| pair[0].0 == pair[1].0);
    same.map_or(Ok(()), |pair| Err(BuildError::SameName(pair[0].1, pair[1].1)))
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNodes => f.write_str("no backend takes keys"),
            Self::TooManyNodes => write!(f, "more than {NODES_MAX} backends"),
            Self::NoPoints => f.write_str("no point on the ring; expected more points"),
            Self::TooManyPoints => {
                f.write_str("too many points on the ring; expected lower weights, or fewer points")
            }
            Self::SameName(one, other) => {
                write!(f, "the backends {} and {} have the same name", one + 1, other + 1)
            }
            Self::NamesNeeded { nodes, pattern } => write!(
                f,
                "{} backends lack the name that the old client gave them; expected {pattern}",
                nodes.len()
            ),
        }
    }
}

impl std::error::Error for BuildError {}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
