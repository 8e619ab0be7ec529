//! Whether a backend is asked at all: what becomes of it when its links fail, how it is found out
//! that it is back, and whether it is only one link that is dead.

use super::super::close::Close;
use super::super::ids::{BackendId, LinkId};
use super::super::pending::Pending;
use super::super::request_kind::RequestKind;
use super::super::timers::Wake;
use super::backend::Health;
use super::link::{Link, Role};
use super::links::Links;
use crate::buffer::BufferPool;
use crate::memcache::text::encode;
use crate::time::Time;
use log::{info, warn};

impl<S> Links<S> {
    /// Opens a link that asks whether its backend answers: to find out whether one that is down is
    /// up again, or whether it is only one silent link that is dead.
    fn open_asking(
        &mut self,
        backend: BackendId,
        role: Role,
        now: Time,
        pool: &mut BufferPool,
    ) -> LinkId {
        let id = self.open(backend, role, now);
        if let Some(link) = self.ready_to_write(id, now) {
            let question = Pending::own(RequestKind::Probe, now);
            link.push_pieces(question, &[encode::VERSION_REQUEST], pool);
        }
        id
    }

    /// Opens a link beside one that owes replies and is silent.
    pub(in crate::proxy) fn open_standby(&mut self, id: LinkId, now: Time, pool: &mut BufferPool) {
        let Some(link) = self.table.get_mut(id) else {
            return;
        };
        let (backend, Role::Lane(lane)) = (link.backend, link.role) else {
            return;
        };
        if link.standby.is_none() && !self.stopping {
            let standby = self.open_asking(backend, Role::Standby(lane), now, pool);
            if let Some(link) = self.table.get_mut(id) {
                link.standby = Some(standby);
            }
        }
    }

    /// A standby was answered: it takes the place of the silent link, which is returned.
    pub(in crate::proxy) fn replace_silent(&mut self, id: LinkId) -> Option<LinkId> {
        let link = self.table.get_mut(id)?;
        let Role::Standby(lane) = link.role else {
            return None;
        };
        link.role = Role::Lane(lane);
        self.backends.get_mut(link.backend)?.lanes[lane].replace(id)
    }

    /// A probe has failed.
    pub(super) fn probe_closed(&mut self, backend: BackendId, now: Time) {
        let jitter = self.random();
        if let Some(to) = self.backends.get_mut(backend)
            && let Some(at) = to.probe_failed(now, jitter)
        {
            self.timers.set(at, Wake::Backend(backend));
        }
    }

    /// Records a failure of a backend; once there are too many it is down.
    pub(in crate::proxy) fn record_failure(&mut self, backend: BackendId, why: Close, now: Time) {
        let jitter = self.random();
        let Some(to) = self.backends.get_mut(backend) else {
            return;
        };
        to.last_failure = Some(why);
        if !to.failed(now, jitter) {
            return;
        }
        warn!("backend {} down: {why}", to.name);
        to.announced = true;
        self.changed.push(backend);
        if let Health::Down { probe_at, .. } = to.health {
            self.timers.set(probe_at, Wake::Backend(backend));
        }
        for id in to.lanes.iter_mut().filter_map(Option::take) {
            if let Some(link) = self.table.get_mut(id) {
                link.role = Role::Retired;
                link.turns.take_all(&mut self.released);
                self.timers.set(now, Wake::Link(id));
            }
        }
    }

    /// The backend's timer fired: it is probed, or gets the links that it lacks.
    pub(in crate::proxy) fn wake_backend(
        &mut self,
        id: BackendId,
        now: Time,
        pool: &mut BufferPool,
    ) {
        let Some(to) = self.backends.get(id) else {
            return;
        };
        match to.health {
            _ if self.stopping => {}
            Health::Up { .. } => self.open_lanes(id, now),
            Health::Down { probe_at, .. } if to.probe.is_none() && probe_at <= now => {
                self.open_asking(id, Role::Probe, now, pool);
            }
            Health::Down { .. } => {}
        }
    }

    /// A probe was answered: its link is the first of the backend's new ones.
    /// Returns the old ones, which are to be closed.
    pub(in crate::proxy) fn recovered(&mut self, id: LinkId, now: Time) -> Vec<LinkId> {
        let Some(link) = self.table.get_mut(id) else {
            return Vec::new();
        };
        let backend = link.backend;
        link.role = Role::Lane(0);
        let Some(to) = self.backends.get_mut(backend) else {
            return Vec::new();
        };
        let down = to.recovered(now);
        info!("backend {} up again after {}.{} s", to.name, down / 1_000_000, down / 100_000 % 10);
        to.lanes[0] = Some(id);
        self.changed.push(backend);
        self.open_lanes(backend, now);
        let retired = |(id, it): (LinkId, &Link<S>)| {
            (it.backend == backend && it.role == Role::Retired).then_some(id)
        };
        self.table.iter().filter_map(retired).collect()
    }
}
