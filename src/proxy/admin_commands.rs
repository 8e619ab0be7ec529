//! What no single backend answers: the proxy does, or all of them together.

use super::Proxy;
use super::complete;
use super::failure::Failure;
use super::frontend::client::Reading;
use super::frontend::replies::Slot;
use super::ids::{BackendId, ClientId, PoolId};
use super::pending::Pending;
use super::request_kind::RequestKind;
use super::route::{is_up, placed_by, route};
use super::upstream::backend::Health;
use crate::memcache::KEY_BYTES_MAX;
use crate::memcache::binary::command;
use crate::memcache::op::Command;
use crate::memcache::text::encode;
use crate::memcache::text::line::{Refusal, Request};
use crate::memcache::text::words::Words;
use crate::metrics::Text;
use crate::time::Time;

/// Whether there may be more to do for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Its input may hold another request.
    More,
    /// It does not, or that one has to wait.
    Rest,
}

/// Bytes of an answer of the proxy's own that count as one unit of work.
const WORK_UNIT_BYTES: usize = 1_000;

impl<S> Proxy<S> {
    /// Serves a request that is not sent to the backend of its key.
    pub(super) fn serve_own(&mut self, id: ClientId, request: &Request, now: Time) -> Next {
        let command = request.op.command;
        if command == Command::Quit {
            if request.op.is_frame() {
                self.answer_own(id, Slot::Text(encode::OK));
            }
            self.end_reading(id);
            return Next::Rest;
        }
        if matches!(command, Command::FlushAll | Command::Verbosity) {
            return self.broadcast(id, request, now);
        }
        if command == Command::Stats && self.own_work_left == 0 {
            self.clients.pass_over(id);
            return Next::Rest;
        }
        let reply = if command == Command::Stats {
            self.stats(id, request, now)
        } else if command == Command::MetaNoop {
            Slot::Text(encode::META_NOOP)
        } else {
            Slot::Text(encode::VERSION_REPLY)
        };
        if let Some(client) = self.clients.get_mut(id) {
            client.input.consume(request.len);
        }
        self.answer_own(id, reply);
        Next::More
    }

    /// Sends a request to all backends of the pool; the client gets one answer, when all have
    /// answered, and an error if there was one.
    fn broadcast(&mut self, id: ClientId, request: &Request, now: Time) -> Next {
        self.clients.begin_owing(id);
        let Self { clients, links, pools, pool, scratch, .. } = self;
        let allowance = clients.allowance;
        let Some(client) = clients.get_mut(id) else {
            return Next::Rest;
        };
        if !client.may_write(&allowance) {
            client.is_write_blocked = true;
            return Next::Rest;
        }
        let kind = RequestKind::Broadcast;
        let line = request.op.is_frame().then(|| {
            let head = client.input.slice(0..request.line_len, scratch);
            command::line(head, &request.op, 0)
        });
        for backend in &pools[client.pool].members {
            let seq = client.replies.reserve();
            client.record_request(seq, kind);
            match links.unwindowed(*backend, client.lane, now) {
                Some(link) => {
                    let pending = Pending::new(id, seq, kind, now, now);
                    match &line {
                        Some(line) => link.push_pieces(pending, &[line.bytes()], pool),
                        None => link.push_copy(pending, &client.input, request, pool),
                    }
                }
                None => {
                    let down = Failure::Down;
                    let reply =
                        complete::reject(&mut links.backends, *backend, (kind, false), down);
                    client.replies.complete(seq, reply, &mut client.output, pool);
                }
            }
        }
        client.input.consume(request.len);
        if request.op.command == Command::FlushAll {
            clients.counters.cmd_flush += 1;
        }
        self.answer_own(id, Slot::End(if request.op.quiet { b"" } else { encode::OK }));
        Next::More
    }

    /// A value was refused for its size. What it was to replace must not stay: memcached drops it
    /// too, so that nobody reads what its writer believes to be gone.
    pub(super) fn forget_value(&mut self, id: ClientId, request: &Request, now: Time) {
        let Self { clients, links, pools, pool, scratch, .. } = self;
        let Some(client) = clients.get_mut(id) else {
            return;
        };
        let op = &request.op;
        let head = client.input.slice(0..op.forward_end, scratch);
        let key = &head[op.key.clone()];
        let line = if op.is_frame() { command::forgetting_line(head, op) } else { None };
        let is_text_set = !op.is_frame() && matches!(op.command, Command::Set | Command::MetaSet);
        if !is_text_set && line.is_none() {
            return client.input.consume(request.line_len);
        }
        let kind = match op.key_is_base64 || line.is_some() {
            true => RequestKind::MetaForget,
            false => RequestKind::Forget,
        };
        let place = |key: &[u8]| route(pools, client.pool, &links.backends, key).backend;
        let backend = placed_by(op, key, place);
        if let Some(link) = links.unwindowed(backend, client.lane, now) {
            let pieces = match &line {
                Some(line) => [line.bytes(), b"", b""],
                None => encode::delete_pieces(key, op.key_is_base64),
            };
            link.push_pieces(Pending::own(kind, now), &pieces, pool);
        }
        client.record_refused_write();
        client.input.consume(request.line_len);
    }

    /// A request fails before it is sent.
    pub(super) fn fail_here(
        &mut self,
        id: ClientId,
        backend: BackendId,
        kind: RequestKind,
        quiet: bool,
        failure: Failure,
    ) {
        self.clients.counters.requests_failed += 1;
        let slot = complete::reject(&mut self.links.backends, backend, (kind, quiet), failure);
        self.answer_own(id, slot);
    }

    /// Answers a request that is not as it should be.
    pub(super) fn refuse(&mut self, id: ClientId, refusal: Refusal, quiet: bool) -> Next {
        self.clients.counters.requests_refused += 1;
        self.answer_own(id, if quiet { Slot::Nothing } else { Slot::Text(refusal.text()) });
        if !refusal.is_final() {
            return Next::More;
        }
        self.end_reading(id);
        Next::Rest
    }

    /// Answers a request that no backend is asked about.
    pub(super) fn answer_own(&mut self, id: ClientId, reply: Slot) {
        self.clients.begin_owing(id);
        if let Some(client) = self.clients.get_mut(id) {
            let seq = client.replies.reserve();
            self.clients.complete(id, seq, reply, &mut self.pool);
        }
    }

    /// Takes no more from the client; it is closed once it has got what it is owed.
    pub(super) fn end_reading(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id) {
            client.reading = Reading::Over;
            client.stop_reading(&mut self.pool);
            self.clients.mark_dirty(id);
        }
    }

    fn stats(&mut self, id: ClientId, request: &Request, now: Time) -> Slot {
        let Some(client) = self.clients.get_mut(id) else {
            return Slot::Nothing;
        };
        let pool = client.pool;
        let (range, start) = match request.op.is_frame() {
            true => (request.op.key.clone(), 0),
            false => (0..request.line_len, "stats".len()),
        };
        let line = client.input.slice(range, &mut self.scratch).trim_ascii_end();
        let mut words = Words::new(line, start);
        let mut word = || words.next().map_or_else(Vec::new, |word| line[word].to_vec());
        let (argument, second) = (word(), word());
        let mut text = Text::default();
        match argument.as_slice() {
            b"" => self.general_stats(&mut text, now),
            b"settings" => {
                for (name, value) in self.pools[pool].settings.iter() {
                    text.line(name, value);
                }
            }
            b"backends" => self.backend_stats(&mut text, pool, now),
            b"route" => self.route_stats(&mut text, pool, &second),
            b"reset" => {
                self.clients.counters = Default::default();
                for backend in self.links.backends.values_mut() {
                    backend.counters = Default::default();
                }
                return Slot::Text(encode::RESET);
            }
            // What only one server could tell: nothing.
            b"items" | b"slabs" | b"sizes" | b"conns" | b"cachedump" | b"extstore" => {}
            b"detail" => match second.as_slice() {
                b"on" | b"off" => return Slot::Text(encode::OK),
                b"dump" => {}
                _ => return Slot::Text(encode::STATS_DETAIL_USAGE),
            },
            _ => return Slot::Text(Refusal::Unknown.text()),
        }
        let reply = text.finish();
        let work = 1 + reply.len() / WORK_UNIT_BYTES;
        self.own_work_left = self.own_work_left.saturating_sub(work);
        Slot::Bytes(reply)
    }

    fn general_stats(&self, text: &mut Text, now: Time) {
        let uptime = now.micros() / 1_000_000;
        text.line("pid", self.about.pid);
        text.line("uptime", uptime);
        text.line("time", self.about.started_at + uptime);
        text.line("version", encode::VERSION);
        text.line("nodeproxy_version", env!("CARGO_PKG_VERSION"));
        text.line("pointer_size", usize::BITS);
        text.line("max_connections", self.about.clients_max);
        text.line("curr_connections", self.clients.len());
        for (name, value) in self.clients.counters.all() {
            text.line(name, value);
        }
        text.line("threads", 1);
        text.line("buffer_bytes", self.pool.in_use());
        let up = self.links.backends.iter().filter(|(_, backend)| backend.is_up()).count();
        text.line("backends", self.links.backends.len());
        text.line("backends_up", up);
    }

    /// Where a key belongs: the operator's question at night.
    fn route_stats(&self, text: &mut Text, pool: PoolId, key: &[u8]) {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return;
        }
        let route = route(&self.pools, pool, &self.links.backends, key);
        let Some(backend) = self.links.backends.get(route.backend) else {
            return;
        };
        text.line("pool", &self.pools[pool].name);
        text.line("hash", self.pools[pool].hash(key));
        text.line("backend", &backend.name);
        text.line("state", if is_up(&self.links.backends, route.backend) { "up" } else { "down" });
        if let Some(ttl) = route.ttl {
            text.line("gutter_ttl", ttl);
        }
    }

    fn backend_stats(&self, text: &mut Text, pool: PoolId, now: Time) {
        for id in &self.pools[pool].members {
            let Some(backend) = self.links.backends.get(*id) else {
                continue;
            };
            let (state, since) = match backend.health {
                Health::Up { since, .. } => ("up", since),
                Health::Down { since, .. } => ("down", since),
            };
            let links = self.links.iter().filter(|link| link.backend == *id);
            let (mut count, mut in_flight, mut waiting) = (0, 0, 0);
            for link in links {
                count += 1;
                in_flight += link.in_flight.len() as u64;
                waiting += link.turns.len() as u64;
            }
            let counters = backend.counters;
            let mut line = |name, value: u64| text.line(&format!("{}:{name}", backend.name), value);
            line("links", count);
            line("requests", counters.requests);
            line("errors", counters.errors);
            line("timeouts", counters.timeouts);
            line("overloads", counters.overloads);
            line("downs", counters.downs);
            line("in_flight", in_flight);
            line("waiting_clients", waiting);
            line("latency_us", counters.latency);
            line("seconds_in_state", now.since(since) / 1_000_000);
            text.line(&format!("{}:state", backend.name), state);
            if let Some(why) = backend.last_failure {
                text.line(&format!("{}:last_failure", backend.name), why);
            }
        }
    }
}
