//! What is measured.

use crate::load::request::Protocol;

/// The most backends that any workload needs.
pub const BACKENDS_MAX: usize = 100;
/// How many backends there are unless a workload says otherwise.
pub const BACKENDS: usize = 4;

/// One kind of load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Workload {
    /// Connections x requests in flight on each, or what is special about it.
    pub name: &'static str,
    /// Connections.
    pub connections: usize,
    /// Requests in flight on each.
    pub pipeline: usize,
    /// Of a hundred requests, how many are sets.
    pub sets_percent: u32,
    /// Keys of each get.
    pub keys_per_get: u32,
    /// The length of all values.
    pub value_bytes: usize,
    /// How many keys there are.
    pub keys: u32,
    /// Text or meta.
    pub protocol: Protocol,
    /// Requests a second in an open loop.
    pub rate: Option<u32>,
    /// How many backends a proxy spreads the keys over. Who is no proxy has one.
    pub backends: usize,
}

const PLAIN: Workload = Workload {
    name: "",
    connections: 50,
    pipeline: 1,
    sets_percent: 0,
    keys_per_get: 1,
    value_bytes: 32,
    keys: 10_000,
    protocol: Protocol::Text,
    rate: None,
    backends: BACKENDS,
};

/// All of them, in the order in which they are run. The one with many backends is last, because
/// its proxies are other processes, and the memory of the first is looked at when they are done.
pub const ALL: [Workload; 15] = [
    Workload { name: "50x1", ..PLAIN },
    Workload { name: "1x1", connections: 1, ..PLAIN },
    Workload { name: "50x16", pipeline: 16, ..PLAIN },
    Workload { name: "1x1000", connections: 1, pipeline: 1000, ..PLAIN },
    Workload { name: "500x1", connections: 500, ..PLAIN },
    Workload { name: "5000x1", connections: 5000, ..PLAIN },
    Workload { name: "mget20", keys_per_get: 20, ..PLAIN },
    Workload { name: "mget100", keys_per_get: 100, ..PLAIN },
    Workload { name: "10KB", value_bytes: 10_000, keys: 1_000, ..PLAIN },
    Workload { name: "100KB", value_bytes: 100_000, keys: 200, ..PLAIN },
    Workload { name: "900KB", connections: 10, value_bytes: 900_000, keys: 50, ..PLAIN },
    Workload { name: "sets", sets_percent: 100, ..PLAIN },
    Workload { name: "meta", protocol: Protocol::Meta, ..PLAIN },
    Workload { name: "paced", rate: Some(10_000), ..PLAIN },
    Workload { name: "50x1-100", backends: BACKENDS_MAX, ..PLAIN },
];

impl Workload {
    /// In words.
    pub fn about(&self) -> String {
        let Self { connections, pipeline, keys_per_get, value_bytes, keys, backends, .. } = self;
        let kind = match (self.protocol, self.sets_percent, keys_per_get) {
            (_, 100, _) => "sets".to_owned(),
            (Protocol::Meta, ..) => "meta gets".to_owned(),
            (Protocol::Text, _, 1) => "gets".to_owned(),
            (Protocol::Text, ..) => format!("gets of {keys_per_get} keys"),
        };
        let loop_ = match self.rate {
            Some(rate) => format!("{rate} a second whatever the replies do (open loop)"),
            None => format!("{pipeline} in flight on each"),
        };
        format!(
            "{connections} connections, {loop_}; {kind}; {keys} keys, \
             values of {value_bytes} bytes; \
             {backends} backends"
        )
    }

    /// What is special about it, in a few words: all else is as it is for most.
    pub fn label(&self) -> String {
        let Self { connections, pipeline, keys_per_get, value_bytes, backends, .. } = self;
        let clients =
            if *connections == 1 { "1 client" } else { &format!("{connections} clients") };
        match self {
            Self { rate: Some(rate), .. } => format!("open loop, {rate} a second"),
            Self { protocol: Protocol::Meta, .. } => "meta gets".to_owned(),
            Self { sets_percent: 100, .. } => "sets".to_owned(),
            _ if *keys_per_get > 1 => format!("gets of {keys_per_get} keys"),
            _ if *value_bytes != PLAIN.value_bytes && *connections != PLAIN.connections => {
                format!("values of {} KB, {clients}", value_bytes / 1_000)
            }
            _ if *value_bytes != PLAIN.value_bytes => {
                format!("values of {} KB", value_bytes / 1_000)
            }
            _ if *backends != PLAIN.backends => format!("{backends} memcacheds"),
            _ if *pipeline > 1 => format!("{clients}, pipelines of {pipeline}"),
            _ => clients.to_owned(),
        }
    }

    /// What most of them have in common.
    pub fn common() -> String {
        let Self { connections, value_bytes, backends, .. } = PLAIN;
        format!("gets of {value_bytes} bytes by {connections} clients over {backends} memcacheds")
    }

    /// The command line of the load generator: what to ask, and of whom.
    pub fn load_words(&self) -> Vec<String> {
        let mut words = self.keyspace_words();
        let mut option = |name: &str, value: String| words.extend([format!("--{name}"), value]);
        option("connections", self.connections.to_string());
        option("pipeline", self.pipeline.to_string());
        option("sets", self.sets_percent.to_string());
        option("keys-per-get", self.keys_per_get.to_string());
        if self.protocol == Protocol::Meta {
            option("protocol", "meta".into());
        }
        if let Some(rate) = self.rate {
            option("rate", rate.to_string());
        }
        words
    }

    /// The part of it that says which keys and values there are. Where it is the same, one fill
    /// is enough.
    pub fn keyspace_words(&self) -> Vec<String> {
        let option = |name: &str, value: String| [format!("--{name}"), value];
        [
            option("keys", self.keys.to_string()),
            option("key-prefix", format!("v{}:", self.value_bytes)),
            option("value-size", self.value_bytes.to_string()),
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Options;
    use argh::FromArgs;

    #[test]
    fn every_workload_is_one_that_load_understands() {
        for workload in &ALL {
            let mut words = workload.load_words();
            words.push("127.0.0.1:1".into());
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let options = Options::from_args(&["load"], &words).expect(workload.name);
            options.check().expect(workload.name);
            assert_eq!(options.connections, workload.connections);
            assert_eq!(options.keys, workload.keys);
        }
    }

    #[test]
    fn names_are_unique_and_many_backends_come_last() {
        for (at, workload) in ALL.iter().enumerate() {
            assert!(ALL[..at].iter().all(|other| other.name != workload.name));
            assert!(ALL[..at].iter().all(|other| other.label() != workload.label()));
            assert!(ALL[..at].iter().all(|other| other.backends <= workload.backends));
        }
    }
}
