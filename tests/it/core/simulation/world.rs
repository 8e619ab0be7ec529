//! Everything around the core: clients, wires, backends, time.

use super::peer::Peer;
use super::plan::{Mood, Plan, TIMEOUT};
use super::scales::Scales;
use super::shell::{Mode, Shell};
use super::store::{Store, Written};
use super::wire::Stage;
use crate::harness::random::Random;
use nodeproxy::proxy::limits::IDLE_RECHECK;

const PEERS_MAX: usize = 6;
/// Ticks until the proxy has done all that there is to do at one moment.
const TICKS_MAX: usize = 20_000;
/// So late a tick may be, microseconds.
pub(super) const LAG: u64 = 2_000;

pub(super) struct World {
    pub(super) rng: Random,
    pub(super) plan: Plan,
    pub(super) shell: Shell,
    pub(super) peers: Vec<Peer>,
    stores: Vec<Store>,
    written: Written,
    /// Wires on which a backend talked nonsense: none of them is used any more.
    babbled: Vec<usize>,
    scales: Scales,
    /// Backends that have answered something since they last failed.
    is_well: Vec<bool>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Random::new(seed);
        let plan = Plan::new(&mut rng);
        let shell = Shell::new(&plan, seed, Random::new(rng.number()));
        let mut stores: Vec<Store> = (0..=plan.backends).map(|_| Store::default()).collect();
        stores[plan.gutter()].is_gutter = true;
        Self {
            is_well: vec![false; stores.len()],
            rng,
            plan,
            shell,
            peers: Vec::new(),
            stores,
            written: Written::default(),
            babbled: Vec::new(),
            scales: Scales::default(),
        }
    }

    pub(super) fn step(&mut self) {
        match self.rng.below(100) {
            0..6 if self.peers.len() < PEERS_MAX => self.connect_peer(),
            6..8 if !self.peers.is_empty() => self.lose_peer(),
            8..10 => self.on_any_peer(|world, at| world.end_peer(at)),
            10..12 => self.on_any_peer(|world, at| world.peers[at].pause()),
            12..15 => self.on_any_peer(|world, at| world.resume_peer(at)),
            15..18 => self.on_any_peer(|world, at| world.send_rest(at)),
            18..28 => self.trouble(),
            28..31 => self.flood(),
            31..60 => self.on_any_peer(|world, at| world.ask(at)),
            _ => self.answer(),
        }
        self.settle();
    }

    /// Something goes wrong, or time passes.
    fn trouble(&mut self) {
        if self.plan.mood != Mood::Rough {
            // Whatever is asked is answered before time passes.
            self.answer_all();
            match self.rng.below(4) {
                0 => self.close_idle(),
                1 | 2 if self.plan.mood == Mood::Blips => self.blip(),
                _ => {}
            }
            let most = if self.rng.one_in(5) { 3_000_000 } else { 60_000 };
            return self.pass_some(most);
        }
        match self.rng.below(20) {
            0..5 => self.break_any_wire(),
            5..8 => self.lag_behind(),
            8..14 => self.pass_some(60_000),
            14..16 => self.pass_some(1_000_000),
            16 => self.stop_for_a_while(),
            17 => {
                let at = self.rng.below(self.stores.len());
                self.stores[at].is_busy = !self.stores[at].is_busy;
            }
            _ => {
                let modes =
                    [Mode::Well, Mode::Well, Mode::Refusing, Mode::Unreachable, Mode::Stalled];
                let at = self.rng.below(self.stores.len());
                self.shell.driver.net.modes[at] = modes[self.rng.below(modes.len())];
            }
        }
    }

    /// The process does not run, and is late for everything then. What it had not yet asked has its
    /// whole timeout then, also the keys of a retrieval whose other keys were late.
    fn stop_for_a_while(&mut self) {
        let now = self.shell.now.after(self.rng.below(3_000_000) as u64);
        self.shell.now = now;
        self.peers.iter_mut().for_each(|peer| peer.since = now);
    }

    fn pass_some(&mut self, most: usize) {
        let time = self.rng.below(most) as u64;
        self.pass(time);
    }

    fn on_any_peer(&mut self, act: impl FnOnce(&mut Self, usize)) {
        if !self.peers.is_empty() {
            let at = self.rng.below(self.peers.len());
            act(self, at);
        }
    }

    fn connect_peer(&mut self) {
        let max = self.plan.clients_max;
        let there = self.shell.driver.proxy.holdings().clients;
        let name = self.shell.open(0);
        let peer = Peer::new(name, &self.plan, max > 0 && there >= max, self.shell.now);
        let peer = if self.rng.one_in(3) { peer.in_frames() } else { peer };
        self.peers.push(peer);
    }

    pub(super) fn lose_peer(&mut self) {
        let at = self.rng.below(self.peers.len());
        let peer = self.peers.swap_remove(at);
        self.shell.lose(peer.name);
    }

    /// It sends its end, maybe in the middle of a request.
    fn end_peer(&mut self, at: usize) {
        let peer = &mut self.peers[at];
        let end = &mut self.shell.driver.net.ends[peer.name];
        peer.end(&mut end.sent, self.shell.now);
        end.ended = true;
        self.shell.client_event(peer.name);
    }

    pub(super) fn resume_peer(&mut self, at: usize) {
        self.peers[at].resume(self.shell.now);
    }

    pub(super) fn send_rest(&mut self, at: usize) {
        self.send(at, usize::MAX);
    }

    fn send(&mut self, at: usize, most: usize) {
        let peer = &mut self.peers[at];
        let into = &mut self.shell.driver.net.ends[peer.name].sent;
        if !peer.ended && peer.send(most, into, self.shell.now) {
            self.shell.client_event(peer.name);
        }
    }

    fn ask(&mut self, at: usize) {
        let Self { peers, rng, shell, .. } = self;
        if !peers[at].is_curious() {
            return;
        }
        for _ in 0..1 + rng.below(6) {
            peers[at].ask_any(rng, shell.now);
        }
        let most = if rng.one_in(4) { rng.below(500) } else { usize::MAX };
        self.send(at, most);
    }

    /// A client asks for more than its links take at once; perhaps they are lost then.
    fn flood(&mut self) {
        let scarce = self.plan.memory != usize::MAX;
        if !(self.plan.heavy || scarce) || self.peers.len() >= PEERS_MAX {
            return;
        }
        self.connect_peer();
        let at = self.peers.len() - 1;
        let Self { peers, rng, shell, .. } = self;
        let kind = rng.below(if scarce { 6 } else { 3 });
        for _ in 0..rng.below(150) {
            match kind {
                0 => peers[at].store_large(rng, shell.now),
                1 => peers[at].ask_any(rng, shell.now),
                _ => peers[at].want_large(rng, shell.now),
            }
        }
        self.send_rest(at);
        self.settle();
        if self.plan.mood == Mood::Rough && self.rng.one_in(2) {
            let all = 0..self.shell.driver.net.wires.len();
            let fullest = all.max_by_key(|at| self.shell.driver.net.wires[*at].requests.len());
            fullest.into_iter().for_each(|at| self.break_wire(at));
        }
    }

    /// Everything that is asked comes too late, and while it may not be read.
    fn lag_behind(&mut self) {
        if self.rng.one_in(2) {
            self.on_any_peer(|world, at| world.peers[at].pause());
        }
        for _ in 0..1 + self.rng.below(3) {
            self.on_any_peer(|world, at| world.ask(at));
        }
        self.settle();
        self.answer();
        self.pass(TIMEOUT + LAG);
        for at in 0..self.shell.driver.net.wires.len() {
            while self.rng.below(8) > 0 && self.work(at) {}
        }
        self.settle();
    }

    /// A backend closes a connection, maybe in the middle of a reply, or talks nonsense.
    fn break_any_wire(&mut self) {
        if !self.shell.driver.net.wires.is_empty() {
            let at = self.rng.below(self.shell.driver.net.wires.len());
            self.break_wire(at);
        }
    }

    fn break_wire(&mut self, at: usize) {
        let babbles = self.rng.one_in(4);
        let wire = &mut self.shell.driver.net.wires[at];
        if wire.stage != Stage::Open {
            return;
        }
        if babbles {
            wire.replies.push(b"nonsense\r\n");
            self.babbled.push(at);
        } else {
            wire.replies.truncate(self.rng.below(wire.replies.len() + 1));
            wire.stage = Stage::Closed;
        }
        self.shell.wire_event(at);
    }

    /// A backend closes links on which nothing is asked, which is no failure.
    fn close_idle(&mut self) {
        let backend = self.rng.below(self.plan.backends);
        for _ in 0..3 {
            self.lose_wires(backend);
            self.answer_all();
        }
    }

    /// A link is lost while something is asked on it, if its backend has been well since the last
    /// time.
    fn blip(&mut self) {
        self.on_any_peer(|world, at| world.ask(at));
        // What was just asked is written before the link is lost, or is not.
        if self.rng.one_in(2) {
            self.settle();
        }
        let is_ripe = |at: &usize| {
            let wire = &self.shell.driver.net.wires[*at];
            wire.is_whole() && self.is_well[wire.backend]
        };
        let ripe: Vec<usize> = (0..self.shell.driver.net.wires.len()).filter(is_ripe).collect();
        if !ripe.is_empty() {
            let at = ripe[self.rng.below(ripe.len())];
            let backend = self.shell.driver.net.wires[at].backend;
            self.break_wire(at);
            self.settle();
            self.is_well[backend] = false;
        }
        self.answer_all();
    }

    /// A backend does some of what it was asked; also on connections that the proxy has given up.
    fn answer(&mut self) {
        if self.shell.driver.net.wires.is_empty() {
            return;
        }
        let at = self.rng.below(self.shell.driver.net.wires.len());
        for _ in 0..1 + self.rng.below(8) {
            self.work(at);
        }
    }

    /// Backends do all that they are asked.
    pub(super) fn answer_all(&mut self) {
        for _ in 0..TICKS_MAX {
            self.settle();
            let mut worked = false;
            for at in 0..self.shell.driver.net.wires.len() {
                while self.work(at) {
                    worked = true;
                }
            }
            if !worked && !self.shell.is_opening() {
                return;
            }
        }
        panic!("there is always something to be answered");
    }

    /// All connections to a backend end.
    pub(super) fn lose_wires(&mut self, backend: usize) {
        for at in 0..self.shell.driver.net.wires.len() {
            let wire = &mut self.shell.driver.net.wires[at];
            if wire.backend == backend && wire.stage == Stage::Open {
                wire.stage = Stage::Closed;
                self.shell.wire_event(at);
            }
        }
        self.settle();
    }

    pub(super) fn set_busy(&mut self, is_busy: bool) {
        for store in &mut self.stores {
            store.is_busy = is_busy;
        }
    }

    fn work(&mut self, at: usize) -> bool {
        let Self { shell, stores, written, .. } = self;
        let wire = &mut shell.driver.net.wires[at];
        let backend = wire.backend;
        if shell.driver.net.modes[backend] == Mode::Stalled
            || !wire.answer_one(&mut stores[backend], written)
        {
            return false;
        }
        self.is_well[backend] |= wire.is_whole();
        wire.is_full = false;
        shell.wire_event(at);
        true
    }

    /// Time passes; the proxy is woken when it wants to be, or a little later.
    pub(super) fn pass(&mut self, time: u64) {
        let until = self.shell.now.after(time);
        for _ in 0..TICKS_MAX {
            let Some(at) = self.shell.driver.proxy.next_deadline().filter(|at| *at <= until) else {
                self.shell.now = until.max(self.shell.now);
                return self.settle();
            };
            let lag = self.rng.below(LAG as usize) as u64;
            self.shell.now = self.shell.now.max(at).after(lag);
            self.settle();
            if self.plan.mood != Mood::Rough {
                self.answer_all();
            }
        }
        panic!("there is always another deadline");
    }

    /// Lets the proxy do all that there is to do at this moment.
    pub(super) fn settle(&mut self) {
        for _ in 0..TICKS_MAX {
            self.shell.tick();
            self.scales.check(&mut self.shell, &self.plan);
            self.hand_out();
            if !self.shell.is_busy() {
                return self.check_peers();
            }
        }
        panic!("the proxy spins");
    }

    /// Whoever is owed something is not owed it for too long; for whoever is owed nothing, nothing
    /// is kept.
    fn check_peers(&mut self) {
        let Self { peers, shell, babbled, .. } = self;
        for at in babbled.drain(..) {
            assert!(
                shell.driver.net.wires[at].given_up,
                "a backend that talks nonsense is believed"
            );
        }
        for peer in peers {
            peer.check_deadline(shell.now, 2 * LAG);
            let kept = shell
                .driver
                .proxy
                .client(shell.driver.net.ends[peer.name].id)
                .map_or(0, |it| it.kept());
            assert!(!peer.is_settled() || !peer.reads || kept == 0, "{kept} bytes are left held");
        }
    }

    fn hand_out(&mut self) {
        let Self { peers, shell, .. } = self;
        for peer in peers.iter_mut() {
            let end = &shell.driver.net.ends[peer.name];
            if (peer.reads || end.closed) && !end.got.is_empty() {
                peer.receive(&end.got, shell.now);
                shell.was_read(peer.name);
            }
            for mark in peer.lost.drain(..) {
                let got = shell.driver.net.wires.iter().any(|wire| wire.may_have_got(&mark));
                assert!(got, "{mark} was lost, and never sent");
            }
        }
        let was_scarce = shell.used > self.plan.memory;
        let idle = self.plan.idle_timeout;
        peers.retain(|peer| {
            let closed = shell.driver.net.ends[peer.name].closed;
            if closed {
                peer.check_end(shell.now, was_scarce);
            } else if idle > 0 && peer.is_settled() && peer.reads {
                let quiet = shell.now.since(peer.heard_at.max(peer.since));
                assert!(quiet <= idle + IDLE_RECHECK + TIMEOUT, "idle for {quiet} us");
            }
            !closed
        });
    }
}
