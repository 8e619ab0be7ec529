//! A backend as placement sees it, and the names that clients made of one.

/// A backend, as the operator (or the client that placed keys before) listed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The host as written, never as resolved; the path of a unix socket.
    pub host: String,
    /// 0 for a unix socket.
    pub port: u16,
    /// Its share of the keys, where the scheme honours weights; 0 counts as 1.
    pub weight: u32,
    /// What stands for the backend in the names of its points, instead of the text that the scheme
    /// makes of host and port. So a backend may move to another address and keep its keys.
    pub name: Option<String>,
}

impl Node {
    /// The name, or `host:port`, or the path of a unix socket.
    pub fn label(&self) -> String {
        self.named(|| {
            if self.is_socket() {
                self.host.clone()
            } else {
                format!("{}:{}", self.host, self.port)
            }
        })
    }

    /// The name, or `host:port`, or only the host where the port is memcached's own.
    pub(super) fn short_label(&self) -> String {
        if self.name.is_none() && self.port == 11211 { self.host.clone() } else { self.label() }
    }

    /// The name, or what `otherwise` makes of host and port.
    pub(super) fn named(&self, otherwise: impl FnOnce() -> String) -> String {
        self.name.clone().unwrap_or_else(otherwise)
    }

    pub(super) fn is_socket(&self) -> bool {
        self.port == 0
    }
}

/// A node that takes keys, with its index in the full list.
#[derive(Clone, Copy)]
pub(super) struct Live<'a> {
    pub(super) index: u32,
    pub(super) node: &'a Node,
}

impl Live<'_> {
    pub(super) fn weight(&self) -> u64 {
        u64::from(self.node.weight.max(1))
    }
}

/// The sum of the weights.
pub(super) fn total_weight(nodes: &[Live<'_>]) -> u64 {
    nodes.iter().map(Live::weight).sum()
}

/// The indexes, in the order of the list.
pub(super) fn indexes(nodes: &[Live<'_>]) -> Box<[u32]> {
    nodes.iter().map(|node| node.index).collect()
}
