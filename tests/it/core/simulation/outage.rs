//! One backend is away for a while: how soon the proxy knows, how patiently it looks whether it is
//! back, and how soon it is.

use super::peer::Peer;
use super::plan::{CONNECT_TIMEOUT, FAILURES_MAX, PROBE_PAUSE_MAX, TIMEOUT};
use super::question::Question;
use super::shell::Mode;
use super::world::{LAG, World};
use nodeproxy::proxy::DownSetup;
use nodeproxy::proxy::limits::{PROBE_PAUSE_MIN, SILENT_TIMEOUTS};

/// So many keys are looked at.
const KEYS: usize = 10;

impl World {
    pub(super) fn outage(&mut self) {
        while !self.peers.is_empty() {
            self.lose_peer();
        }
        self.settle();
        let backend = self.rng.below(self.plan.backends);
        let routes = self.routes();
        let name = self.shell.open(0);
        self.peers.push(Peer::new(name, &self.plan, false, self.shell.now));
        self.shell.driver.net.modes[backend] =
            [Mode::Refusing, Mode::Unreachable, Mode::Stalled][self.rng.below(3)];
        self.lose_wires(backend);
        self.learn(backend);
        self.check_routes(&routes, backend);
        let attempts = self.shell.driver.net.attempts[backend];
        let time = 5_000_000 + self.rng.below(20_000_000) as u64;
        let until = self.shell.now.after(time);
        self.pass_answering((SILENT_TIMEOUTS + 1) * TIMEOUT);
        while self.shell.now < until {
            let before = self.shell.now;
            self.inquire();
            let waits = self.peers.iter().find(|peer| !peer.is_settled()).map(Peer::state);
            assert_eq!(waits, None, "a backend that is down is waited for");
            assert_eq!(self.shell.now, before);
            let pause = self.rng.below(500_000) as u64;
            self.pass_answering(1 + pause);
        }
        let links: usize = self.figure(backend, "links").parse().expect("a number");
        assert!(links <= 1, "{links} links, and no more than a probe is needed");
        let attempts = self.shell.driver.net.attempts[backend] - attempts;
        let (least, most) = (
            time / (PROBE_PAUSE_MAX / 10 * 11 + CONNECT_TIMEOUT.max(TIMEOUT) + 2 * LAG),
            time / PROBE_PAUSE_MIN + 1,
        );
        assert!((least..=most).contains(&(attempts as u64)), "{attempts} probes in {time} us");
        self.shell.driver.net.modes[backend] = Mode::Well;
        self.pass_answering(PROBE_PAUSE_MAX / 10 * 11 + TIMEOUT + 4 * LAG);
        assert_eq!(self.figure(backend, "state"), "up");
        assert_eq!(self.routes(), routes, "keys are not back where they were");
    }

    /// Which backends have some keys.
    fn routes(&mut self) -> Vec<String> {
        let route = |at| {
            let stats = self.stats(&format!("stats route key{at}\r\n"));
            stats.into_iter().find(|it| it.0 == "backend").expect("a backend").1
        };
        (0..KEYS).map(route).collect()
    }

    /// The keys of a backend that is down, and no others, are where they are to be.
    fn check_routes(&mut self, before: &[String], backend: usize) {
        let down = format!("simulated{backend}");
        let only = self.plan.backends == 1;
        for (before, now) in before.iter().zip(self.routes()) {
            match self.plan.on_down {
                DownSetup::Gutter { .. } if *before == down => assert_eq!(now, "gutter0"),
                DownSetup::Rehash if !only => assert_ne!(now, down),
                DownSetup::Fail | DownSetup::Gutter { .. } | DownSetup::Rehash => {
                    assert_eq!(now, *before);
                }
            }
        }
    }

    /// Asks until the backend is known to be down.
    fn learn(&mut self, backend: usize) {
        let attempts = self.shell.driver.net.attempts[backend];
        for _ in 0..FAILURES_MAX {
            self.inquire();
            self.pass(TIMEOUT + 2 * LAG);
        }
        self.answer_all();
        let waited = self.shell.driver.net.modes[backend] == Mode::Stalled;
        let attempts = self.shell.driver.net.attempts[backend] - attempts;
        let most = (FAILURES_MAX as usize + 1) * self.plan.links;
        assert!(attempts <= most, "{attempts} attempts to connect; answers none: {waited}");
        assert_eq!(self.figure(backend, "state"), "down");
    }

    /// Asks all backends something.
    fn inquire(&mut self) {
        let Self { peers, rng, shell, .. } = self;
        if let Some(peer) = peers.first_mut() {
            peer.ask(Question::Verbosity, rng, shell.now);
            self.send_rest(0);
        }
        self.answer_all();
    }

    fn figure(&mut self, backend: usize, figure: &str) -> String {
        let name = format!("simulated{backend}:{figure}");
        let stats = self.stats("stats backends\r\n");
        stats.into_iter().find(|it| it.0 == name).expect("a figure").1
    }
}
