//! All links and the backends they lead to: which link carries a request, and what becomes of a
//! backend when its links fail.

use super::super::close::Close;
use super::super::failure::Failure;
use super::super::ids::{BackendId, ClientId, LinkId};
use super::super::limits::LINK_PAUSE;
use super::super::request_kind::RequestKind;
use super::super::timers::{Timers, Wake};
use super::backend::Backend;
use super::link::{Link, Role, Stage};
use super::turns::Credit;
use crate::slab::SlotMap;
use crate::time::Time;
use log::info;

/// All links, and what is to be done for which of them.
pub(in crate::proxy) struct Links<S> {
    pub(super) table: SlotMap<LinkId, Link<S>>,
    pub(in crate::proxy) backends: SlotMap<BackendId, Backend>,
    pub(in crate::proxy) timers: Timers,
    dirty: Vec<LinkId>,
    to_connect: Vec<LinkId>,
    /// Links whose waiting clients may have a turn.
    to_pump: Vec<LinkId>,
    /// Clients that waited for a link that is gone.
    pub(in crate::proxy) released: Vec<ClientId>,
    pub(in crate::proxy) closed: Vec<S>,
    /// Backends whose address could not be connected to.
    unreached: Vec<BackendId>,
    /// Backends that have gone down or come up.
    pub(in crate::proxy) changed: Vec<BackendId>,
    seed: u64,
    pub(super) stopping: bool,
}

/// What becomes of a request.
pub(in crate::proxy) enum Admission<'a, S> {
    /// It is written to this link.
    Open(&'a mut Link<S>),
    /// It waits for its turn on this link.
    Wait(LinkId),
    /// It fails at once.
    Fail(Failure),
}

impl<S> Links<S> {
    pub(in crate::proxy) fn new(seed: u64) -> Self {
        Self {
            table: SlotMap::new(),
            backends: SlotMap::new(),
            timers: Timers::default(),
            dirty: Vec::new(),
            to_connect: Vec::new(),
            to_pump: Vec::new(),
            released: Vec::new(),
            closed: Vec::new(),
            unreached: Vec::new(),
            changed: Vec::new(),
            seed: seed | 1,
            stopping: false,
        }
    }

    #[inline]
    pub(in crate::proxy) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link<S>> {
        self.table.get_mut(id)
    }

    /// How many there are.
    pub(in crate::proxy) fn len(&self) -> usize {
        self.table.len()
    }

    pub(in crate::proxy) fn iter(&self) -> impl Iterator<Item = &Link<S>> {
        self.table.iter().map(|(_, link)| link)
    }

    /// A link and its backend.
    #[inline]
    pub(in crate::proxy) fn with_backend(
        &mut self,
        id: LinkId,
    ) -> Option<(&mut Link<S>, &mut Backend)> {
        let link = self.table.get_mut(id)?;
        let backend = self.backends.get_mut(link.backend)?;
        Some((link, backend))
    }

    /// Whether the backend is known not to have the command.
    #[inline]
    pub(in crate::proxy) fn lacks(&self, backend: BackendId, kind: RequestKind) -> bool {
        matches!(kind, RequestKind::Store(_))
            && self.backends.get(backend).is_some_and(|backend| backend.lacks(kind))
    }

    /// Decides whether a request of this lane to this backend, whose client wants to send it since
    /// `since`, is sent now. Who has the turn on a link need not wait behind the others.
    #[inline]
    pub(in crate::proxy) fn admit(
        &mut self,
        backend: BackendId,
        lane: usize,
        turn: Option<LinkId>,
        since: Time,
        now: Time,
    ) -> Admission<'_, S> {
        let Some(id) = self.lane(backend, lane, now) else {
            return Admission::Fail(Failure::Down);
        };
        let Some((link, to)) = self.with_backend(id) else {
            return Admission::Fail(Failure::Down);
        };
        if !(link.turns.is_empty() || turn == Some(id)) || !link.finds_room() {
            link.window.limits();
            let is_late = now.since(since) >= to.policy.timeout;
            return if is_late {
                Admission::Fail(Failure::Overloaded)
            } else {
                Admission::Wait(id)
            };
        }
        match self.ready_to_write(id, since) {
            Some(link) => Admission::Open(link),
            None => Admission::Fail(Failure::Down),
        }
    }

    /// The link of this lane, whatever its window says; none when the backend is down.
    pub(in crate::proxy) fn unwindowed(
        &mut self,
        backend: BackendId,
        lane: usize,
        now: Time,
    ) -> Option<&mut Link<S>> {
        let id = self.lane(backend, lane, now)?;
        self.ready_to_write(id, now)
    }

    /// The link that carries requests of this lane; opens one when there is none.
    #[inline]
    fn lane(&mut self, backend: BackendId, lane: usize, now: Time) -> Option<LinkId> {
        let to = self.backends.get(backend)?;
        if !to.is_up() {
            return None;
        }
        let lane = if to.lanes.len() == 1 { 0 } else { lane % to.lanes.len() };
        Some(match to.lanes[lane] {
            Some(id) => id,
            None => self.open(backend, Role::Lane(lane), now),
        })
    }

    /// A link that a request is to be written to, which has waited since `since`. It is flushed at
    /// the end of the tick, and looked at before the request would be late.
    #[inline]
    pub(super) fn ready_to_write(&mut self, id: LinkId, since: Time) -> Option<&mut Link<S>> {
        let link = self.table.get_mut(id)?;
        if !link.dirty {
            link.dirty = true;
            self.dirty.push(id);
        }
        let backend = self.backends.get_mut(link.backend)?;
        backend.counters.requests += 1;
        let look = since.after(backend.policy.timeout / 2);
        if link.timer.is_none_or(|timer| timer > look) {
            link.timer = Some(look);
            self.timers.set(look, Wake::Link(id));
        }
        Some(link)
    }

    /// A client waits for its turn on a link.
    pub(in crate::proxy) fn wait(
        &mut self,
        id: LinkId,
        client: ClientId,
        credit: &mut Credit,
        now: Time,
    ) {
        let Some((link, backend)) = self.with_backend(id) else {
            return;
        };
        link.turns.join(client, credit, now);
        let look = now.after(backend.policy.timeout / 8);
        let sooner = link.timer.is_none_or(|timer| timer > look);
        if sooner {
            link.timer = Some(look);
        }
        if sooner {
            self.timers.set(look, Wake::Link(id));
        }
        self.pump_later(id);
    }

    /// Whoever waits for this link may have a turn before the tick ends, if its window is open.
    #[inline]
    pub(in crate::proxy) fn pump_later(&mut self, id: LinkId) {
        if let Some(link) = self.table.get_mut(id)
            && !link.is_pumped
            && !link.turns.is_empty()
            && link.has_room()
        {
            link.is_pumped = true;
            self.to_pump.push(id);
        }
    }

    /// The links whose waiting clients may have a turn.
    pub(in crate::proxy) fn take_to_pump(&mut self, into: &mut Vec<LinkId>) {
        into.clear();
        std::mem::swap(into, &mut self.to_pump);
        for id in into {
            if let Some(link) = self.table.get_mut(*id) {
                link.is_pumped = false;
            }
        }
    }

    /// Adds a backend, and opens its links.
    pub(in crate::proxy) fn add_backend(&mut self, backend: Backend, now: Time) -> BackendId {
        let id = self.backends.insert(backend);
        self.open_lanes(id, now);
        id
    }

    /// Has the shell open a link.
    pub(super) fn open(&mut self, backend: BackendId, role: Role, now: Time) -> LinkId {
        let id = self.table.insert(Link::new(backend, role, now));
        if let Some(to) = self.backends.get_mut(backend) {
            match role {
                Role::Lane(lane) => to.lanes[lane] = Some(id),
                Role::Probe => to.probe = Some(id),
                Role::Standby(_) | Role::Retired => {}
            }
        }
        self.to_connect.push(id);
        self.set_timer(id, now);
        id
    }

    pub(super) fn open_lanes(&mut self, backend: BackendId, now: Time) {
        let lanes = self.backends.get(backend).map_or(0, |to| to.lanes.len());
        for lane in 0..lanes {
            if self.backends.get(backend).is_some_and(|to| to.lanes[lane].is_none()) {
                self.open(backend, Role::Lane(lane), now);
            }
        }
    }

    /// Whether there are links to be opened, to be flushed, or to be pumped.
    pub(in crate::proxy) fn has_work(&self) -> bool {
        !self.to_connect.is_empty() || !self.dirty.is_empty() || !self.to_pump.is_empty()
    }

    /// The links that the shell has to open.
    pub(in crate::proxy) fn take_to_connect(&mut self) -> Vec<(LinkId, BackendId)> {
        let to_connect = std::mem::take(&mut self.to_connect);
        let backend = |id: &LinkId| Some((*id, self.table.get(*id)?.backend));
        to_connect.iter().filter_map(backend).collect()
    }

    /// The backends that could not be connected to where the shell has tried last.
    pub(in crate::proxy) fn take_unreached(&mut self) -> Vec<BackendId> {
        let mut unreached = std::mem::take(&mut self.unreached);
        unreached.sort_unstable();
        unreached.dedup();
        unreached
    }

    /// The link is open.
    pub(in crate::proxy) fn connected(&mut self, id: LinkId) {
        let Some(link) = self.table.get_mut(id) else {
            return;
        };
        if link.stage != Stage::Connecting {
            return;
        }
        link.stage = Stage::Open;
        link.readiness.writable = true;
        let Some(to) = self.backends.get_mut(link.backend) else {
            return;
        };
        to.was_reached = true;
        if !to.announced && to.is_up() {
            to.announced = true;
            info!("backend {} up", to.name);
        }
        self.mark_dirty(id);
    }

    /// Sets a timer for the next moment at which the link has to be looked at.
    pub(in crate::proxy) fn set_timer(&mut self, id: LinkId, now: Time) {
        let Some((link, backend)) = self.with_backend(id) else {
            return;
        };
        let (timeout, connect_timeout) = (backend.policy.timeout, backend.policy.connect_timeout);
        let opened = match link.stage {
            Stage::Idle | Stage::Connecting => Some(link.created_at.after(connect_timeout)),
            Stage::Open => None,
        };
        let oldest =
            link.in_flight.iter().filter(|it| it.client.is_some()).map(|it| it.since).min();
        let late = oldest.map(|since| since.after(timeout));
        let silent = link.silent_since().map(|at| at.after(timeout / 2));
        let waits = (!link.turns.is_empty()).then(|| now.after(timeout / 8));
        // What is past already is looked at again before long, and not at once.
        let soon = now.after(timeout / 64 + 1);
        link.timer =
            [opened, late, silent, waits].into_iter().flatten().min().map(|at| at.max(soon));
        if let Some(at) = link.timer {
            self.timers.set(at, Wake::Link(id));
        }
    }

    /// The links to be flushed.
    pub(in crate::proxy) fn take_dirty(&mut self, into: &mut Vec<LinkId>) {
        into.clear();
        std::mem::swap(into, &mut self.dirty);
        for id in into {
            if let Some(link) = self.table.get_mut(*id) {
                link.dirty = false;
            }
        }
    }

    /// Has the link flushed at the end of the tick.
    pub(in crate::proxy) fn mark_dirty(&mut self, id: LinkId) {
        if let Some(link) = self.table.get_mut(id)
            && !link.dirty
        {
            link.dirty = true;
            self.dirty.push(id);
        }
    }

    /// Takes a link out, and decides what that means for its backend. The requests that were in
    /// flight on it are the caller's to fail.
    pub(in crate::proxy) fn close(&mut self, id: LinkId, why: Close, now: Time) -> Option<Link<S>> {
        let mut link = self.table.remove(id)?;
        self.closed.extend(link.socket.take());
        link.turns.take_all(&mut self.released);
        let failed = link.is_failure(why);
        if link.stage != Stage::Open && failed {
            self.unreached.push(link.backend);
        }
        match link.role {
            Role::Lane(lane) => self.lane_closed(&link, lane, id, why, now),
            Role::Probe => self.probe_closed(link.backend, now),
            Role::Standby(_) | Role::Retired => {}
        }
        Some(link)
    }

    fn lane_closed(&mut self, link: &Link<S>, lane: usize, id: LinkId, why: Close, now: Time) {
        let Some(to) = self.backends.get_mut(link.backend) else {
            return;
        };
        if to.lanes[lane] == Some(id) {
            to.lanes[lane] = None;
        }
        if link.is_failure(why) {
            self.record_failure(link.backend, why, now);
        }
        self.reopen(link, why, now);
    }

    /// Puts a new link into the lane of one that is gone, now or, when that one did not live long,
    /// a little later. Failures are followed up at once, so that it is soon known whether the
    /// backend is down; but not for ever, where very many are allowed.
    fn reopen(&mut self, gone: &Link<S>, why: Close, now: Time) {
        let Some(to) = self.backends.get(gone.backend) else {
            return;
        };
        if self.stopping || !to.is_up() {
            return;
        }
        let retried = gone.is_failure(why) && to.is_retried_at_once();
        if retried || now.since(gone.created_at) >= LINK_PAUSE {
            self.open_lanes(gone.backend, now);
        } else {
            self.timers.set(now.after(LINK_PAUSE), Wake::Backend(gone.backend));
        }
    }

    /// The link that comes in place of one that is gone, for what can be asked there.
    pub(in crate::proxy) fn replacement(
        &mut self,
        gone: &Link<S>,
        now: Time,
    ) -> Option<&mut Link<S>> {
        let Role::Lane(lane) = gone.role else {
            return None;
        };
        if self.stopping {
            return None;
        }
        let id = self.lane(gone.backend, lane, now)?;
        self.ready_to_write(id, now)
    }

    /// Gives back memory that was not needed lately.
    pub(in crate::proxy) fn trim(&mut self) {
        for link in self.table.values_mut() {
            link.in_flight.trim();
        }
    }

    /// Asserts its own accounting; for tests, between two ticks.
    pub(in crate::proxy) fn check(&self) {
        for (id, link) in self.table.iter() {
            link.in_flight.check();
            assert!(self.backends.get(link.backend).is_some(), "a link has a backend");
            let waits = !link.turns.is_empty() && link.has_room();
            assert!(!waits || link.is_pumped, "nobody waits for an open window: {id:?}");
        }
    }

    /// No link is opened any more.
    pub(in crate::proxy) fn stop(&mut self) {
        self.stopping = true;
    }

    /// Xorshift (Marsaglia, 2003): chance enough to spread probes.
    pub(super) fn random(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }
}
