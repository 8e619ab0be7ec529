//! One backend: its links, and its health, which is counted over all of them.

use super::super::close::Close;
use super::super::ids::LinkId;
use super::super::limits::{FIRST_CONTACT_PAUSE, PROBE_PAUSE_MIN, RETRIES_AT_ONCE, STABLE_AFTER};
use super::super::request_kind::RequestKind;
use crate::memcache::op::Command;
use crate::time::Time;
use log::warn;

/// Whether a backend is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Health {
    /// It is asked; it has failed so many times in a row since it answered last.
    Up {
        /// Failures in a row.
        failures: u32,
        /// When it came up.
        since: Time,
    },
    /// It is not: whatever is asked fails at once, until a probe is answered.
    Down {
        /// When it went down.
        since: Time,
        /// When the next probe is due, unless one is under way.
        probe_at: Time,
    },
}

/// A memcached of the configuration.
pub(in crate::proxy) struct Backend {
    /// As the operator named it.
    pub(in crate::proxy) name: String,
    /// The links, by lane. A lane without a link gets one when it is asked.
    pub(in crate::proxy) lanes: Vec<Option<LinkId>>,
    pub(in crate::proxy) health: Health,
    /// The link that asks whether it is up again.
    pub(in crate::proxy) probe: Option<LinkId>,
    /// Whether the log has said that it is up, or down.
    pub(in crate::proxy) announced: bool,
    /// Whether a connection to it was ever opened.
    pub(in crate::proxy) was_reached: bool,
    /// Why it failed last.
    pub(in crate::proxy) last_failure: Option<Close>,
    /// Microseconds before the next probe.
    pause: u64,
    pub(in crate::proxy) policy: Policy,
    /// The commands, as bits, of values that it answered with `ERROR`: some servers lack some.
    lacks: u32,
    /// The log has told of it that it has no meta commands.
    told_of_lack: bool,
    pub(in crate::proxy) counters: Counters,
}

/// What has become of a backend's requests.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::proxy) struct Counters {
    /// Requests sent, a line of many keys counted as one.
    pub(in crate::proxy) requests: u64,
    /// Requests that failed.
    pub(in crate::proxy) errors: u64,
    /// Those of them that were not answered in time.
    pub(in crate::proxy) timeouts: u64,
    /// Those that waited for their turn for too long and were never sent.
    pub(in crate::proxy) overloads: u64,
    /// How often it went down.
    pub(in crate::proxy) downs: u64,
    /// Microseconds from request to reply, a moving average.
    pub(in crate::proxy) latency: u64,
}

/// How a backend is treated.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Microseconds until a request is late.
    pub timeout: u64,
    /// Microseconds until a link that has not opened is given up.
    pub connect_timeout: u64,
    /// The longest pause between two probes, microseconds.
    pub probe_pause_max: u64,
    /// Failures in a row that make it down.
    pub failures_max: u32,
    /// Whether a retrieval that fails is told to be a miss.
    pub failed_get_is_miss: bool,
    /// Whether a retrieval that fails because the backend is down is told to be a miss.
    pub down_is_miss: bool,
}

impl Backend {
    pub(in crate::proxy) fn new(name: String, lanes: usize, policy: Policy, now: Time) -> Self {
        Self {
            name,
            lanes: vec![None; lanes],
            health: Health::Up { failures: 0, since: now },
            probe: None,
            announced: false,
            was_reached: false,
            last_failure: None,
            pause: PROBE_PAUSE_MIN,
            policy,
            lacks: 0,
            told_of_lack: false,
            counters: Counters::default(),
        }
    }

    /// Whether it is known not to have this command.
    #[inline]
    pub(in crate::proxy) fn lacks(&self, kind: RequestKind) -> bool {
        matches!(kind, RequestKind::Store(command) if self.lacks & 1 << command as u32 != 0)
    }

    /// It answered a value with `ERROR`: it does not have this command, and took the value for
    /// commands.
    pub(in crate::proxy) fn note_lack(&mut self, command: Command) {
        self.lacks |= 1 << command as u32;
    }

    /// It answered a meta command with `ERROR`. Clients that speak the binary protocol can do
    /// nothing but read then, which the log tells once.
    #[cold]
    pub(in crate::proxy) fn tell_of_lack(&mut self) {
        if !self.told_of_lack {
            self.told_of_lack = true;
            warn!("backend {} has no meta commands: it is older than memcached 1.6", self.name);
        }
    }

    pub(in crate::proxy) fn is_up(&self) -> bool {
        matches!(self.health, Health::Up { .. })
    }

    /// Whether it is tried again at once after a failure.
    pub(in crate::proxy) fn is_retried_at_once(&self) -> bool {
        matches!(self.health, Health::Up { failures, .. } if failures <= RETRIES_AT_ONCE)
    }

    /// It answered a request that was `age` microseconds old.
    #[inline]
    pub(in crate::proxy) fn succeeded(&mut self, age: u64) {
        let latency = &mut self.counters.latency;
        *latency = if *latency == 0 { age } else { (*latency * 15 + age) / 16 };
        if let Health::Up { failures, .. } = &mut self.health {
            *failures = 0;
        }
    }

    /// It failed to answer. Returns whether that was once too often, and it is down now.
    /// `jitter` is any number; it spreads the probes of many proxies.
    pub(in crate::proxy) fn failed(&mut self, now: Time, jitter: u64) -> bool {
        let Health::Up { failures, since } = &mut self.health else {
            return false;
        };
        *failures += 1;
        if *failures < self.policy.failures_max {
            return false;
        }
        if now.since(*since) >= STABLE_AFTER {
            self.pause = PROBE_PAUSE_MIN;
        }
        self.counters.downs += 1;
        let probe_at = self.next_probe(now, jitter);
        self.health = Health::Down { since: now, probe_at };
        true
    }

    /// A probe failed: the next one waits longer. Returns when it is due.
    pub(in crate::proxy) fn probe_failed(&mut self, now: Time, jitter: u64) -> Option<Time> {
        self.probe = None;
        let at = self.next_probe(now, jitter);
        let Health::Down { probe_at, .. } = &mut self.health else {
            return None;
        };
        *probe_at = at;
        Some(at)
    }

    /// A probe was answered. Returns for how many microseconds it was down.
    pub(in crate::proxy) fn recovered(&mut self, now: Time) -> u64 {
        self.probe = None;
        self.lacks = 0;
        let since = match self.health {
            Health::Down { since, .. } | Health::Up { since, .. } => since,
        };
        self.health = Health::Up { failures: 0, since: now };
        now.since(since)
    }

    /// The pause grows by half each time, with a tenth of chance.
    fn next_probe(&mut self, now: Time, jitter: u64) -> Time {
        if !self.was_reached {
            return now.after(FIRST_CONTACT_PAUSE);
        }
        let pause = self.pause.min(self.policy.probe_pause_max);
        self.pause = (pause + pause / 2).min(self.policy.probe_pause_max);
        now.after(pause + jitter % (pause / 10).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBE_PAUSE_MAX: u64 = 30_000_000;

    const POLICY: Policy = Policy {
        timeout: 1,
        connect_timeout: 1,
        probe_pause_max: PROBE_PAUSE_MAX,
        failures_max: 2,
        failed_get_is_miss: false,
        down_is_miss: false,
    };

    fn reached(now: Time) -> Backend {
        Backend { was_reached: true, ..Backend::new("a".into(), 1, POLICY, now) }
    }

    #[test]
    fn one_that_was_never_reached_is_tried_again_soon() {
        let start = Time::from_micros(0);
        let mut backend = Backend::new("a".into(), 1, POLICY, start);
        for _ in 0..2 {
            backend.failed(start, 0);
        }
        for at in 1..5 {
            let now = start.after(at);
            assert_eq!(backend.probe_failed(now, 0), Some(now.after(FIRST_CONTACT_PAUSE)));
        }
    }

    fn probe_at(backend: &Backend) -> Time {
        match backend.health {
            Health::Down { probe_at, .. } => probe_at,
            Health::Up { .. } => panic!("up"),
        }
    }

    #[test]
    fn it_is_down_after_failures_in_a_row_only() {
        let start = Time::from_micros(0);
        let mut backend = reached(start);
        assert!(!backend.failed(start, 0));
        backend.succeeded(1);
        assert!(!backend.failed(start, 0));
        assert!(backend.failed(start, 0));
        assert!(!backend.failed(start, 0), "it is down already");
        assert_eq!(probe_at(&backend), start.after(PROBE_PAUSE_MIN));
    }

    #[test]
    fn probes_come_ever_more_slowly_and_so_does_a_backend_that_flaps() {
        let mut now = Time::from_micros(0);
        let mut backend = reached(now);
        backend.failed(now, 0);
        backend.failed(now, 0);
        let mut pauses = vec![probe_at(&backend).since(now)];
        for _ in 0..12 {
            now = probe_at(&backend);
            backend.probe_failed(now, 7);
            pauses.push(probe_at(&backend).since(now));
        }
        assert!(pauses.is_sorted(), "{pauses:?}");
        assert!(pauses[1] > pauses[0] && *pauses.last().expect("some") >= PROBE_PAUSE_MAX);
        backend.recovered(now);
        backend.failed(now, 0);
        backend.failed(now, 0);
        assert_eq!(probe_at(&backend).since(now), PROBE_PAUSE_MAX, "it flapped");
        backend.recovered(now);
        now = now.after(STABLE_AFTER);
        backend.failed(now, 0);
        backend.failed(now, 0);
        assert_eq!(probe_at(&backend).since(now), PROBE_PAUSE_MIN, "it was stable");
    }
}
