//! How a run ends: everything heals, everything is answered, and nothing is left over.

use super::answer;
use super::peer::Peer;
use super::pipe::Pipe;
use super::plan::{Mood, PROBE_PAUSE_MAX, TIMEOUT};
use super::question::Question;
use super::shell::Mode;
use super::wire::Stage;
use super::world::World;

/// Turns that healing may take.
const ROUNDS_MAX: usize = 600;
/// Microseconds until everything has healed: the longest pause before a probe with its chance, one
/// probe that fails because it came too early, and the links that were still being waited for.
const HEALING: u64 = 3 * PROBE_PAUSE_MAX;

impl World {
    /// Lets everything come to rest, and checks that nothing is left over.
    pub(super) fn finish(&mut self) {
        self.heal();
        for at in 0..self.peers.len() {
            self.resume_peer(at);
            self.send_rest(at);
        }
        self.settle();
        self.wait_for("questions are left open", |world| world.peers.iter().all(Peer::is_settled));
        if self.plan.mood == Mood::Rough && self.rng.one_in(3) {
            self.outage();
        }
        while !self.peers.is_empty() {
            self.lose_peer();
        }
        self.settle();
        self.wait_for("timers are left", |world| world.shell.driver.proxy.holdings().timers == 0);
        self.check_rest();
        self.check_backends();
    }

    /// From now on nothing goes wrong.
    pub(super) fn heal(&mut self) {
        self.shell.driver.net.is_smooth = true;
        self.shell.driver.net.modes.fill(Mode::Well);
        self.set_busy(false);
        self.answer_all();
        self.pass_answering(HEALING);
    }

    /// Time passes, and backends answer what they are asked.
    pub(super) fn pass_answering(&mut self, time: u64) {
        let until = self.shell.now.after(time);
        while self.shell.now < until {
            self.answer_all();
            let rest = until.since(self.shell.now);
            let next =
                self.shell.driver.proxy.next_deadline().map_or(rest, |at| at.since(self.shell.now));
            self.pass(next.clamp(1, rest.clamp(1, TIMEOUT / 4)));
        }
        self.answer_all();
    }

    fn wait_for(&mut self, what: &str, is_done: impl Fn(&Self) -> bool) {
        for _ in 0..ROUNDS_MAX {
            self.answer_all();
            if is_done(self) {
                return;
            }
            self.pass_answering(TIMEOUT / 4);
        }
        let states: Vec<_> = self.peers.iter().map(Peer::state).collect();
        panic!("{what}: {}", states.join("; "));
    }

    /// Nobody is there any more, and nothing is asked.
    fn check_rest(&mut self) {
        let holdings = self.shell.driver.proxy.holdings();
        assert_eq!(holdings.clients, 0, "clients are left");
        assert_eq!(holdings.buffer_bytes, 0, "buffers are still in use");
        assert_eq!(holdings.held_bytes, 0, "bytes of replies are left held");
        let links = (self.plan.backends + 1) * self.plan.links;
        assert_eq!(holdings.links, links, "links");
        let whole = self.shell.driver.net.wires.iter().filter(|it| it.is_whole()).count();
        assert_eq!(whole, links, "connections of links");
        let open = |at: &usize| self.shell.driver.net.wires[*at].stage != Stage::Closed;
        let all = 0..self.shell.driver.net.wires.len();
        let kept = all.filter(open).filter(|at| !self.shell.driver.net.wires[*at].given_up).count();
        assert_eq!(kept, links, "connections that nobody knows");
    }

    /// All backends are up, and nothing is in flight; where there were only blips, none ever was
    /// down.
    fn check_backends(&mut self) {
        for (name, value) in self.stats("stats backends\r\n") {
            match name.rsplit_once(':').map_or("", |(_, figure)| figure) {
                "state" => assert_eq!(value, "up", "{name}"),
                "in_flight" => assert_eq!(value, "0", "{name}"),
                "links" => assert_eq!(value, self.plan.links.to_string(), "{name}"),
                "downs" if self.plan.mood != Mood::Rough => assert_eq!(value, "0", "{name}"),
                _ => {}
            }
        }
    }

    /// What the proxy tells of itself.
    pub(super) fn stats(&mut self, question: &str) -> Vec<(String, String)> {
        let name = self.shell.open(0);
        self.shell.driver.net.ends[name].sent.push(question.as_bytes());
        self.shell.client_event(name);
        let mut answer = Pipe::default();
        while !answer.front().ends_with(b"END\r\n") {
            self.settle();
            answer.push(self.shell.driver.net.ends[name].got.front());
            assert!(!self.shell.driver.net.ends[name].got.is_empty(), "no statistics");
            self.shell.was_read(name);
        }
        let (parts, _) = answer::parts(&Question::Stats, answer.front()).expect("all there");
        let stat = |line: &str| {
            let (name, value) = line.strip_prefix("STAT ")?.split_once(' ')?;
            Some((name.to_string(), value.to_string()))
        };
        let stats = parts.iter().filter_map(|part| stat(part.line)).collect();
        self.shell.lose(name);
        self.settle();
        stats
    }
}
