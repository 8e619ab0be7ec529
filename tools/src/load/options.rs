//! What a run of load is asked to do.

use super::keyspace::{KEY_BYTES_MAX, KeyShape};
use super::request::Protocol;
use crate::address::Address;
use crate::failure::{Failure, Result};
use crate::options::{duration, list, one_of, parsed, within};
use argh::FromArgs;
use std::ops::RangeInclusive;
use std::time::Duration;

/// When the measured part of a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// After that time.
    Time(Duration),
    /// After so many replies.
    Requests(u64),
}

/// Asks a memcache server; checks and times every reply.
#[derive(Debug, Clone, PartialEq, FromArgs)]
#[argh(subcommand, name = "load")]
pub struct Options {
    /// host:port, or the path of a unix socket
    #[argh(positional, from_str_fn(read_address))]
    pub address: Address,
    /// connections (50)
    #[argh(option, short = 'c', default = "50", from_str_fn(within::<_, 1, 1_000_000>))]
    pub connections: usize,
    /// requests in flight on each (1)
    #[argh(option, short = 'p', default = "1", from_str_fn(within::<_, 1, 100_000>))]
    pub pipeline: usize,
    /// of 100 requests, how many are sets (0)
    #[argh(option, default = "0", from_str_fn(within::<_, 0, 100>))]
    pub sets: u32,
    /// bytes of every value (32)
    #[argh(option, short = 'v', default = "32", from_str_fn(within::<_, 0, 67_108_864>))]
    pub value_size: usize,
    /// how many keys there are (10000)
    #[argh(option, short = 'k', default = "10_000", from_str_fn(within::<_, 1, 100_000_000>))]
    pub keys: u32,
    /// bytes of a key; a range MIN-MAX gives keys of all those lengths (16)
    #[argh(option, default = "16..=16", from_str_fn(size_range))]
    pub key_size: RangeInclusive<usize>,
    /// what every key starts with (key:)
    #[argh(option, default = "\"key:\".into()")]
    pub key_prefix: String,
    /// keys that one get asks for (1)
    #[argh(option, short = 'g', default = "1", from_str_fn(within::<_, 1, 10_000>))]
    pub keys_per_get: u32,
    /// text or meta (text)
    #[argh(option, default = "Protocol::Text", from_str_fn(read_protocol))]
    pub protocol: Protocol,
    /// open loop: requests a second, latency from the intended time
    #[argh(option, short = 'r', from_str_fn(within::<_, 1, 1_000_000_000>))]
    pub rate: Option<u32>,
    /// how long to measure (5)
    #[argh(option, short = 's', from_str_fn(duration))]
    pub seconds: Option<Duration>,
    /// measure so many requests instead
    #[argh(option, short = 'n')]
    pub requests: Option<u64>,
    /// seconds to leave out first (0.5)
    #[argh(option, short = 'w', default = "Duration::from_millis(500)", from_str_fn(duration))]
    pub warm_up: Duration,
    /// store every key first; with --requests 0 do nothing else
    #[argh(switch, short = 'f')]
    pub fill: bool,
    /// a key that is not found is no mistake
    #[argh(switch)]
    pub allow_misses: bool,
    /// give up when no reply comes for so many seconds (10)
    #[argh(option, default = "Duration::from_secs(10)", from_str_fn(duration))]
    pub patience: Duration,
    /// of the choice of keys (1)
    #[argh(option, default = "1")]
    pub seed: u64,
    /// report the processor time of these processes too, PID[,PID...], together; can be repeated
    #[argh(option, from_str_fn(pids))]
    pub cpu_of: Vec<Vec<u32>>,
    /// print the report as JSON
    #[argh(switch, short = 'j')]
    pub json: bool,
}

impl Options {
    /// How long to measure.
    pub fn length(&self) -> Length {
        let time = self.seconds.unwrap_or(Duration::from_secs(5));
        self.requests.map_or(Length::Time(time), Length::Requests)
    }

    /// How keys look.
    pub fn key_shape(&self) -> KeyShape {
        let Self { key_prefix, keys, key_size, .. } = self;
        KeyShape { prefix: key_prefix.clone(), count: *keys, bytes: key_size.clone() }
    }

    /// Refuses what does not go together.
    pub fn check(&self) -> Result<()> {
        if self.seconds.is_some() && self.requests.is_some() {
            return Err(Failure::new("expected --seconds or --requests, not both"));
        }
        if self.keys_per_get > self.keys {
            return Err(Failure::new(format!(
                "--keys-per-get {} of {} keys; expected at most as many as there are",
                self.keys_per_get, self.keys
            )));
        }
        if self.keys_per_get > 1 && self.protocol == Protocol::Meta {
            return Err(Failure::new("--keys-per-get: a meta get names one key; use --pipeline"));
        }
        Ok(())
    }
}

fn read_address(text: &str) -> Result<Address, String> {
    Address::parse(text).map_err(|failure| failure.to_string())
}

fn size_range(text: &str) -> Result<RangeInclusive<usize>, String> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    match (low.parse(), high.parse()) {
        (Ok(low), Ok(high)) if low <= high && high <= KEY_BYTES_MAX => Ok(low..=high),
        _ => Err(format!("expected bytes, or a range like 8-40, at most {KEY_BYTES_MAX}")),
    }
}

fn read_protocol(text: &str) -> Result<Protocol, String> {
    one_of(text, &[Protocol::Text, Protocol::Meta], |it| match it {
        Protocol::Text => "text",
        Protocol::Meta => "meta",
    })
}

fn pids(text: &str) -> Result<Vec<u32>, String> {
    list(text, parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, String> {
        let words: Vec<&str> = line.split(' ').collect();
        let options = Options::from_args(&["load"], &words).map_err(|early| early.output)?;
        options.check().map_err(|failure| failure.to_string()).map(|()| options)
    }

    #[test]
    fn every_option_arrives_where_it_belongs() {
        let line = "-c 3 -p 4 --sets 5 -v 6 -k 70 --key-size 8-9 --key-prefix x -g 10 -r 11 \
                    -n 12 -w 0.25 -f --allow-misses --patience 2 --seed 13 --cpu-of 14 \
                    --cpu-of 15,16 /tmp/s";
        let expected = Options {
            address: Address::Unix("/tmp/s".into()),
            connections: 3,
            pipeline: 4,
            sets: 5,
            value_size: 6,
            keys: 70,
            key_size: 8..=9,
            key_prefix: "x".into(),
            keys_per_get: 10,
            protocol: Protocol::Text,
            rate: Some(11),
            seconds: None,
            requests: Some(12),
            warm_up: Duration::from_millis(250),
            fill: true,
            allow_misses: true,
            patience: Duration::from_secs(2),
            seed: 13,
            cpu_of: vec![vec![14], vec![15, 16]],
            json: false,
        };
        assert_eq!(parsed(line), Ok(expected));
    }

    #[test]
    fn a_wrong_option_is_refused_with_what_was_expected() {
        for (line, expected) in [
            ("127.0.0.1:1 127.0.0.1:2", "Unrecognized argument"),
            ("--sets 101 127.0.0.1:1", "from 0 to 100"),
            ("-c 0 127.0.0.1:1", "from 1 to"),
            ("--key-size 9-8 127.0.0.1:1", "a range like 8-40"),
            ("--protocol binary 127.0.0.1:1", "text meta"),
            ("-n 1 -s 1 127.0.0.1:1", "not both"),
            ("-g 11 -k 10 127.0.0.1:1", "at most as many"),
            ("-g 2 --protocol meta 127.0.0.1:1", "use --pipeline"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
