//! What a run of load is asked to do, and the command line that says so.

use super::keyspace::{KEY_BYTES_MAX, KeyShape};
use super::request::Protocol;
use crate::address::Address;
use crate::failure::{Failure, Result};
use getopts::Matches;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// Values are at most that long.
const VALUE_BYTES_MAX: usize = 64 << 20;
/// A connection has at most that many requests in flight.
const PIPELINE_MAX: usize = 100_000;
/// A get names at most that many keys.
const KEYS_PER_GET_MAX: u32 = 10_000;

/// When the measured part of a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// After that time.
    Time(Duration),
    /// After so many replies.
    Requests(u64),
}

/// Everything about a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Whom to ask.
    pub address: Address,
    /// How many connections.
    pub connections: usize,
    /// How many requests a connection has in flight at most.
    pub pipeline: usize,
    /// Of a hundred requests, how many are sets.
    pub sets_percent: u32,
    /// The length of all values.
    pub value_bytes: usize,
    /// The keys.
    pub keys: KeyShape,
    /// How many keys a get names.
    pub keys_per_get: u32,
    /// Text or meta commands.
    pub protocol: Protocol,
    /// Open loop: so many requests a second, whatever the replies do. Closed loop if absent.
    pub rate: Option<f64>,
    /// How long to measure.
    pub length: Length,
    /// What to leave out before that.
    pub warm_up: Duration,
    /// Store every key first.
    pub fill: bool,
    /// A key that is not found is not a mistake.
    pub misses_allowed: bool,
    /// Give up when no reply comes for so long.
    pub patience: Duration,
    /// Of the choice of keys and verbs.
    pub seed: u64,
    /// The process whose processor time to report.
    pub cpu_of: Option<u32>,
}

/// The options as getopts knows them, for the usage text and for parsing.
pub fn grammar() -> getopts::Options {
    let mut grammar = getopts::Options::new();
    grammar
        .optopt("c", "connections", "connections (50)", "N")
        .optopt("p", "pipeline", "requests in flight on each (1)", "N")
        .optopt("", "sets", "of 100 requests, how many are sets (0)", "PERCENT")
        .optopt("v", "value-size", "bytes of every value (32)", "BYTES")
        .optopt("k", "keys", "how many keys there are (10000)", "N")
        .optopt(
            "",
            "key-size",
            "bytes of a key; a range gives keys of all those lengths (16)",
            "MIN[-MAX]",
        )
        .optopt("", "key-prefix", "what every key starts with (key:)", "TEXT")
        .optopt("g", "keys-per-get", "keys that one get asks for (1)", "N")
        .optopt("", "protocol", "text or meta (text)", "NAME")
        .optopt("r", "rate", "open loop: requests a second, latency from the intended time", "N")
        .optopt("s", "seconds", "how long to measure (5)", "SECONDS")
        .optopt("n", "requests", "measure so many requests instead", "N")
        .optopt("w", "warm-up", "seconds to leave out first (0.5)", "SECONDS")
        .optflag("f", "fill", "store every key first; with --requests 0 do nothing else")
        .optflag("", "allow-misses", "a key that is not found is no mistake")
        .optopt("", "patience", "give up when no reply comes for so long (10)", "SECONDS")
        .optopt("", "seed", "of the choice of keys (1)", "N")
        .optopt("", "cpu-of", "report the processor time of that process too", "PID")
        .optflag("j", "json", "print the report as JSON")
        .optflag("h", "help", "print this");
    grammar
}

impl Options {
    /// What the defaults ask of `address`.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            connections: 50,
            pipeline: 1,
            sets_percent: 0,
            value_bytes: 32,
            keys: KeyShape { prefix: "key:".into(), count: 10_000, bytes: 16..=16 },
            keys_per_get: 1,
            protocol: Protocol::Text,
            rate: None,
            length: Length::Time(Duration::from_secs(5)),
            warm_up: Duration::from_millis(500),
            fill: false,
            misses_allowed: false,
            patience: Duration::from_secs(10),
            seed: 1,
            cpu_of: None,
        }
    }

    /// Reads the command line.
    pub fn from_matches(found: &Matches) -> Result<Self> {
        let [address] = found.free.as_slice() else {
            return Err(Failure::new(
                "expected exactly one address: host:port or /path of a socket",
            ));
        };
        let default = Self::new(Address::parse(address)?);
        let rate = optional(found, "rate", 0.001..=1e9)?;
        let seconds = |name, default: Duration| -> Result<Duration> {
            Ok(optional(found, name, 0.0..=1e6)?.map_or(default, Duration::from_secs_f64))
        };
        let length =
            match (optional(found, "requests", 0..=u64::MAX)?, found.opt_present("seconds")) {
                (Some(_), true) => {
                    return Err(Failure::new("expected --seconds or --requests, not both"));
                }
                (Some(count), false) => Length::Requests(count),
                (None, _) => Length::Time(seconds("seconds", Duration::from_secs(5))?),
            };
        let options = Self {
            connections: number(found, "connections", default.connections, 1..=1_000_000)?,
            pipeline: number(found, "pipeline", default.pipeline, 1..=PIPELINE_MAX)?,
            sets_percent: number(found, "sets", default.sets_percent, 0..=100)?,
            value_bytes: number(found, "value-size", default.value_bytes, 0..=VALUE_BYTES_MAX)?,
            keys: keys(found, default.keys)?,
            keys_per_get: number(
                found,
                "keys-per-get",
                default.keys_per_get,
                1..=KEYS_PER_GET_MAX,
            )?,
            protocol: protocol(found)?,
            rate,
            length,
            warm_up: seconds("warm-up", default.warm_up)?,
            fill: found.opt_present("fill"),
            misses_allowed: found.opt_present("allow-misses"),
            patience: seconds("patience", default.patience)?,
            seed: number(found, "seed", default.seed, 0..=u64::MAX)?,
            cpu_of: optional(found, "cpu-of", 1..=u32::MAX)?,
            address: default.address,
        };
        options.validated()
    }

    fn validated(self) -> Result<Self> {
        if self.keys_per_get > self.keys.count {
            return Err(Failure::new(format!(
                "--keys-per-get {} of {} keys; expected at most as many as there are",
                self.keys_per_get, self.keys.count
            )));
        }
        if self.keys_per_get > 1 && self.protocol == Protocol::Meta {
            return Err(Failure::new("--keys-per-get: a meta get names one key; use --pipeline"));
        }
        Ok(self)
    }
}

fn keys(found: &Matches, default: KeyShape) -> Result<KeyShape> {
    let prefix = found.opt_str("key-prefix").unwrap_or(default.prefix);
    let bytes = match found.opt_str("key-size") {
        Some(text) => size_range(&text)?,
        None => default.bytes,
    };
    Ok(KeyShape { prefix, count: number(found, "keys", default.count, 1..=100_000_000)?, bytes })
}

fn size_range(text: &str) -> Result<RangeInclusive<usize>> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    match (low.parse(), high.parse()) {
        (Ok(low), Ok(high)) if low <= high && high <= KEY_BYTES_MAX => Ok(low..=high),
        _ => Err(Failure::new(format!(
            "--key-size {text}: expected bytes, or a range like 8-40, at most {KEY_BYTES_MAX}"
        ))),
    }
}

fn protocol(found: &Matches) -> Result<Protocol> {
    match found.opt_str("protocol").as_deref() {
        None | Some("text") => Ok(Protocol::Text),
        Some("meta") => Ok(Protocol::Meta),
        Some(other) => Err(Failure::new(format!("--protocol {other}: expected text or meta"))),
    }
}

/// The value of a number option, if it is given.
pub fn optional<T>(found: &Matches, name: &str, allowed: RangeInclusive<T>) -> Result<Option<T>>
where
    T: FromStr + PartialOrd + std::fmt::Display,
{
    let Some(text) = found.opt_str(name) else {
        return Ok(None);
    };
    match text.parse::<T>() {
        Ok(value) if allowed.contains(&value) => Ok(Some(value)),
        _ => Err(Failure::new(format!(
            "--{name} {text}: expected a number from {} to {}",
            allowed.start(),
            allowed.end()
        ))),
    }
}

/// The value of a number option, or its default.
pub fn number<T>(found: &Matches, name: &str, default: T, allowed: RangeInclusive<T>) -> Result<T>
where
    T: FromStr + PartialOrd + std::fmt::Display,
{
    Ok(optional(found, name, allowed)?.unwrap_or(default))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options> {
        let found =
            grammar().parse(line.split(' ')).map_err(|error| Failure::new(error.to_string()))?;
        Options::from_matches(&found)
    }

    #[test]
    fn the_defaults_are_those_of_the_usage_text() {
        let address = Address::parse("127.0.0.1:1").expect("valid");
        assert_eq!(parsed("127.0.0.1:1"), Ok(Options::new(address)));
    }

    #[test]
    fn every_option_arrives_where_it_belongs() {
        let line = "-c 3 -p 4 --sets 5 -v 6 -k 70 --key-size 8-9 --key-prefix x -g 10 -r 11.5 \
                    -n 12 -w 0.25 -f --allow-misses --patience 2 --seed 13 --cpu-of 14 /tmp/s";
        let expected = Options {
            address: Address::Unix("/tmp/s".into()),
            connections: 3,
            pipeline: 4,
            sets_percent: 5,
            value_bytes: 6,
            keys: KeyShape { prefix: "x".into(), count: 70, bytes: 8..=9 },
            keys_per_get: 10,
            protocol: Protocol::Text,
            rate: Some(11.5),
            length: Length::Requests(12),
            warm_up: Duration::from_millis(250),
            fill: true,
            misses_allowed: true,
            patience: Duration::from_secs(2),
            seed: 13,
            cpu_of: Some(14),
        };
        assert_eq!(parsed(line), Ok(expected));
    }

    #[test]
    fn a_wrong_option_is_refused_with_what_was_expected() {
        for (line, expected) in [
            ("a:1 b:2", "exactly one address"),
            ("--sets 101 127.0.0.1:1", "from 0 to 100"),
            ("-c 0 127.0.0.1:1", "from 1 to"),
            ("-c x 127.0.0.1:1", "from 1 to"),
            ("--key-size 9-8 127.0.0.1:1", "a range like 8-40"),
            ("--protocol binary 127.0.0.1:1", "text or meta"),
            ("-n 1 -s 1 127.0.0.1:1", "not both"),
            ("-g 11 -k 10 127.0.0.1:1", "at most as many"),
            ("-g 2 --protocol meta 127.0.0.1:1", "use --pipeline"),
        ] {
            let error = parsed(line).expect_err(line).to_string();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
