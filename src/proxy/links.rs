//! All links and the backends they lead to: which link carries a request, and what becomes of a
//! backend when its links fail.

use super::asked::Asked;
use super::backend::{Backend, Health};
use super::client::ClientId;
use super::clients::mark;
use super::close::Close;
use super::kind::Kind;
use super::limits::{LINK_BYTES_MODEST, LINK_PAUSE};
use super::link::{Link, LinkId, Role, Stage};
use super::timers::{Timers, Wake};
use crate::buffer::BufferPool;
use crate::memcache::text::encode;
use crate::slab::SlotMap;
use crate::time::Time;
use log::{info, warn};

/// All links, and what is to be done for which of them.
pub(super) struct Links<S> {
    table: SlotMap<LinkId, Link<S>>,
    pub(super) backends: Vec<Backend>,
    pub(super) timers: Timers,
    dirty: Vec<LinkId>,
    wanted: Vec<LinkId>,
    /// Clients whose next request waits until the link has written some of what it has.
    pub(super) released: Vec<ClientId>,
    pub(super) closed: Vec<S>,
    /// Backends whose address could not be connected to.
    pub(super) unreached: Vec<usize>,
    /// Backends that have gone down or come up.
    pub(super) changed: Vec<usize>,
    seed: u64,
    stopping: bool,
}

/// Where a request can be written to.
pub(super) enum Way<'a, S> {
    /// To this link.
    Open(LinkId, &'a mut Link<S>),
    /// To this link, when it has written some of what it has.
    Full(&'a mut Link<S>),
    /// Nowhere: the backend is down.
    Down,
}

impl<S> Links<S> {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            table: SlotMap::new(),
            backends: Vec::new(),
            timers: Timers::default(),
            dirty: Vec::new(),
            wanted: Vec::new(),
            released: Vec::new(),
            closed: Vec::new(),
            unreached: Vec::new(),
            changed: Vec::new(),
            seed: seed | 1,
            stopping: false,
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link<S>> {
        self.table.get_mut(id)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// A link that something was read from, and its backend.
    pub(super) fn hearing(&mut self, id: LinkId) -> Option<(&mut Link<S>, &mut Backend)> {
        let link = self.table.get_mut(id)?;
        let backend = &mut self.backends[link.backend];
        Some((link, backend))
    }

    /// The name of the backend that a link leads to.
    pub(super) fn backend_of(&self, id: LinkId) -> &str {
        self.table.get(id).map_or("", |link| &self.backends[link.backend].name)
    }

    /// For each backend, how many links it has, and how many requests are in flight on them.
    pub(super) fn loads(&self) -> Vec<(u64, u64)> {
        let mut loads = vec![(0, 0); self.backends.len()];
        for link in self.table.ids().filter_map(|id| self.table.get(id)) {
            let (links, in_flight) = &mut loads[link.backend];
            *links += 1;
            *in_flight += link.in_flight.len() as u64;
        }
        loads
    }

    /// The link that costs the most memory, and how much that is; none when no link has more than
    /// it needs.
    pub(super) fn worst(&self) -> Option<(usize, LinkId)> {
        let memory = |id: LinkId| Some((self.table.get(id)?.memory(), id));
        self.table.ids().filter_map(memory).max().filter(|(most, _)| *most > LINK_BYTES_MODEST)
    }

    /// The link that carries a request of this lane to this backend; opens one when there is none.
    #[inline]
    pub(super) fn way(&mut self, backend: usize, lane: usize, now: Time) -> Way<'_, S> {
        let to = &self.backends[backend];
        if !to.is_up() {
            return Way::Down;
        }
        let lane = if to.lanes.len() == 1 { 0 } else { lane % to.lanes.len() };
        let id = match to.lanes[lane] {
            Some(id) => id,
            None => self.open(backend, Role::Lane(lane), now),
        };
        match self.asking(id, now) {
            None => Way::Down,
            Some(link) if link.is_full() => Way::Full(link),
            Some(link) => Way::Open(id, link),
        }
    }

    /// A link that requests are to be written to. It is flushed at the end of the tick, and looked
    /// at when the request that is asked now would be late.
    #[inline]
    fn asking(&mut self, id: LinkId, now: Time) -> Option<&mut Link<S>> {
        let link = self.table.get_mut(id)?;
        mark(&mut link.dirty, id, &mut self.dirty);
        let backend = &mut self.backends[link.backend];
        backend.counters.requests += u64::from(!link.is_full());
        let late = now.after(backend.policy.timeout);
        if link.timer.is_none_or(|timer| timer > late) {
            link.timer = Some(late);
            self.timers.set(late, Wake::Link(id));
        }
        Some(link)
    }

    /// Opens links for all lanes of all backends.
    pub(super) fn open_all(&mut self, now: Time) {
        for backend in 0..self.backends.len() {
            self.open_lanes(backend, now);
        }
    }

    /// Has the shell open a link.
    fn open(&mut self, backend: usize, role: Role, now: Time) -> LinkId {
        let id = self.table.insert(Link::new(backend, role, now));
        let to = &mut self.backends[backend];
        match role {
            Role::Lane(lane) => to.lanes[lane] = Some(id),
            Role::Probe => to.probe = Some(id),
            Role::Retired => {}
        }
        self.wanted.push(id);
        self.set_timer(id);
        id
    }

    fn open_lanes(&mut self, backend: usize, now: Time) {
        for lane in 0..self.backends[backend].lanes.len() {
            if self.backends[backend].lanes[lane].is_none() {
                self.open(backend, Role::Lane(lane), now);
            }
        }
    }

    /// Whether there are links to be opened, or to be flushed.
    pub(super) fn has_work(&self) -> bool {
        !self.wanted.is_empty() || !self.dirty.is_empty()
    }

    /// The links that the shell has to open.
    pub(super) fn take_wanted(&mut self) -> Vec<(LinkId, usize)> {
        let wanted = std::mem::take(&mut self.wanted);
        let backend = |id: &LinkId| Some((*id, self.table.get(*id)?.backend));
        wanted.iter().filter_map(backend).collect()
    }

    /// The link is open.
    pub(super) fn connected(&mut self, id: LinkId) {
        let Some(link) = self.table.get_mut(id) else {
            return;
        };
        if link.stage != Stage::Connecting {
            return;
        }
        link.stage = Stage::Open;
        link.readiness.writable = true;
        mark(&mut link.dirty, id, &mut self.dirty);
        let to = &mut self.backends[link.backend];
        if !to.announced && to.is_up() {
            to.announced = true;
            info!("backend {} up", to.name);
        }
    }

    /// Sets a timer for the next moment at which the link has to be looked at.
    pub(super) fn set_timer(&mut self, id: LinkId) {
        let Some(link) = self.table.get_mut(id) else {
            return;
        };
        let policy = self.backends[link.backend].policy;
        link.timer = link.deadline(policy.timeout, policy.connect_timeout);
        if let Some(at) = link.timer {
            self.timers.set(at, Wake::Link(id));
        }
    }

    /// The links to be flushed.
    pub(super) fn take_dirty(&mut self, into: &mut Vec<LinkId>) {
        into.clear();
        std::mem::swap(into, &mut self.dirty);
        for id in into {
            if let Some(link) = self.table.get_mut(*id) {
                link.dirty = false;
            }
        }
    }

    /// Has the link flushed at the end of the tick.
    pub(super) fn mark_dirty(&mut self, id: LinkId) {
        if let Some(link) = self.table.get_mut(id) {
            mark(&mut link.dirty, id, &mut self.dirty);
        }
    }

    /// Takes a link out, and decides what that means for its backend. The requests that were in
    /// flight on it are the caller's to fail.
    pub(super) fn close(&mut self, id: LinkId, why: Close, now: Time) -> Option<Link<S>> {
        let mut link = self.table.remove(id)?;
        self.closed.extend(link.socket.take());
        self.released.append(&mut link.waiting);
        let backend = link.backend;
        if link.stage != Stage::Open && link.failed(why) {
            self.unreached.push(backend);
        }
        match link.role {
            Role::Lane(lane) => {
                self.backends[backend].lanes[lane] = None;
                if link.failed(why) {
                    self.note_failure(backend, why, now);
                }
                self.reopen(&link, why, now);
            }
            Role::Probe => {
                let jitter = self.random();
                if let Some(at) = self.backends[backend].probe_failed(now, jitter) {
                    self.timers.set(at, Wake::Backend(backend));
                }
            }
            Role::Retired => {}
        }
        Some(link)
    }

    /// Puts a new link into the lane of one that is gone, now or, when that one did not live long,
    /// a little later. Failures are followed up at once, so that it is soon known whether the
    /// backend is down; but not for ever, where very many are allowed.
    fn reopen(&mut self, gone: &Link<S>, why: Close, now: Time) {
        let backend = gone.backend;
        if self.stopping || !self.backends[backend].is_up() {
            return;
        }
        let retried = gone.failed(why) && self.backends[backend].is_retried_at_once();
        if retried || now.since(gone.wanted_at) >= LINK_PAUSE {
            self.open_lanes(backend, now);
        } else {
            self.timers.set(now.after(LINK_PAUSE), Wake::Backend(backend));
        }
    }

    /// Leaves what was never written to a link that is gone to the one that comes in its place.
    pub(super) fn move_unsent(&mut self, gone: &mut Link<S>, now: Time, buffers: &mut BufferPool) {
        let backend = gone.backend;
        let Role::Lane(lane) = gone.role else {
            return;
        };
        if self.stopping || !self.backends[backend].is_up() || gone.output.is_empty() {
            return;
        }
        let next = self.backends[backend].lanes[lane];
        let id = next.unwrap_or_else(|| self.open(backend, gone.role, now));
        if let Some(link) = self.table.get_mut(id) {
            gone.leave_unsent(link, buffers);
            self.set_timer(id);
        }
    }

    /// Counts a failure of a backend; once there are too many it is down.
    pub(super) fn note_failure(&mut self, backend: usize, why: Close, now: Time) {
        let jitter = self.random();
        let to = &mut self.backends[backend];
        if !to.failed(now, jitter) {
            return;
        }
        warn!("backend {} down: {why}", to.name);
        to.announced = true;
        self.changed.push(backend);
        if let Health::Down { probe_at, .. } = to.health {
            self.timers.set(probe_at, Wake::Backend(backend));
        }
        for lane in 0..self.backends[backend].lanes.len() {
            if let Some(id) = self.backends[backend].lanes[lane].take()
                && let Some(link) = self.table.get_mut(id)
            {
                link.role = Role::Retired;
                self.released.append(&mut link.waiting);
                self.timers.set(now, Wake::Link(id));
            }
        }
    }

    /// The backend's timer fired: it is probed, or gets the links that it lacks.
    pub(super) fn wake_backend(&mut self, backend: usize, now: Time, buffers: &mut BufferPool) {
        let to = &self.backends[backend];
        match to.health {
            _ if self.stopping => {}
            Health::Up { .. } => self.open_lanes(backend, now),
            Health::Down { probe_at, .. } if to.probe.is_none() && probe_at <= now => {
                let id = self.open(backend, Role::Probe, now);
                if let Some(link) = self.asking(id, now) {
                    let probe = [encode::VERSION_REQUEST, b"", b""];
                    link.ask(Asked::nobody(Kind::Probe, now), probe, buffers);
                }
            }
            Health::Down { .. } => {}
        }
    }

    /// A probe was answered: its link is the first of the backend's new ones.
    /// Returns the old ones, which are to be closed.
    pub(super) fn recovered(&mut self, id: LinkId, now: Time) -> Vec<LinkId> {
        let Some(link) = self.table.get_mut(id) else {
            return Vec::new();
        };
        let backend = link.backend;
        link.role = Role::Lane(0);
        let to = &mut self.backends[backend];
        let down = to.recovered(now);
        info!("backend {} up again after {}.{} s", to.name, down / 1_000_000, down / 100_000 % 10);
        to.lanes[0] = Some(id);
        self.changed.push(backend);
        self.open_lanes(backend, now);
        let retired = |id: &LinkId| {
            self.table.get(*id).is_some_and(|it| it.backend == backend && it.role == Role::Retired)
        };
        self.table.ids().filter(retired).collect()
    }

    /// No link is opened any more.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
    }

    /// Xorshift (Marsaglia, 2003): chance enough to spread probes.
    fn random(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }
}
