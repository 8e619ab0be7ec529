//! What no single backend answers: the proxy does, or all of them together.

use super::Proxy;
use super::answer::{self, Failure};
use super::asked::Asked;
use super::backend::Health;
use super::client::{ClientId, Reading};
use super::kind::Kind;
use super::links::Way;
use super::pool::{placed_by, route};
use super::replies::Slot;
use crate::memcache::KEY_BYTES_MAX;
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

impl<S> Proxy<S> {
    /// Serves a request that is not sent to the backend of its key.
    pub(super) fn serve_here(&mut self, id: ClientId, request: &Request, now: Time) -> Next {
        let verb = request.op.command;
        if verb == Command::Quit {
            self.end_reading(id);
            return Next::Rest;
        }
        if matches!(verb, Command::FlushAll | Command::Verbosity) {
            return self.broadcast(id, request, now);
        }
        let reply = if verb == Command::Stats {
            self.stats(id, request, now)
        } else if verb == Command::MetaNoop {
            Slot::Text(encode::META_NOOP)
        } else {
            Slot::Text(encode::VERSION_REPLY)
        };
        if let Some(client) = self.clients.get_mut(id) {
            client.input.consume(request.len);
        }
        self.answer_here(id, reply);
        Next::More
    }

    /// Sends a request to all backends of the pool; the client gets one answer, when all have
    /// answered, and an error if there was one.
    fn broadcast(&mut self, id: ClientId, request: &Request, now: Time) -> Next {
        let Self { clients, links, pools, buffers, .. } = self;
        let Some(client) = clients.get_mut(id) else {
            return Next::Rest;
        };
        if !client.may_write() {
            client.hesitates = true;
            return Next::Rest;
        }
        for backend in pools[client.pool].backends() {
            let place = client.replies.expect();
            client.noted(place, Kind::Broadcast);
            match links.way(backend, client.lane, now) {
                Way::Open(_, link) | Way::Full(link) => {
                    let before = link.output.len();
                    link.forward(&client.input, request, buffers);
                    link.asked(Asked::new(id, place, Kind::Broadcast, false, now), before);
                }
                Way::Down => {
                    let policy = &links.backends[backend].policy;
                    let reply = answer::failed(Kind::Broadcast, false, Failure::Down, policy);
                    client.replies.fulfil(place, reply, &mut client.output, buffers);
                }
            }
        }
        client.input.consume(request.len);
        if request.op.command == Command::FlushAll {
            clients.counters.cmd_flush += 1;
        }
        self.answer_here(id, Slot::End(if request.op.quiet { b"" } else { encode::OK }));
        Next::More
    }

    /// A value was refused for its size. What it was to replace must not stay: memcached drops it
    /// too, so that nobody reads what its writer believes to be gone.
    pub(super) fn forget(&mut self, id: ClientId, request: &Request, now: Time) {
        let Self { clients, links, pools, buffers, scratch, .. } = self;
        let Some(client) = clients.get_mut(id) else {
            return;
        };
        let line = &request.op;
        if !matches!(line.command, Command::Set | Command::MetaSet) {
            return client.input.consume(request.line_len);
        }
        // The refusal will have this place, or one behind it.
        client.last_write = Some(client.replies.next_place());
        let key = client.input.slice(line.key.clone(), scratch);
        let kind = if line.key_is_base64 { Kind::MetaDelete } else { Kind::Delete };
        let backend =
            placed_by(line, key, |key| route(pools, client.pool, &links.backends, key).backend);
        if let Way::Open(_, link) | Way::Full(link) = links.way(backend, client.lane, now) {
            let pieces = encode::delete_pieces(key, line.key_is_base64);
            link.ask(Asked::nobody(kind, now), pieces, buffers);
        }
        client.input.consume(request.line_len);
    }

    /// Answers a request that is not as it should be.
    pub(super) fn refuse(&mut self, id: ClientId, refusal: Refusal, quiet: bool) -> Next {
        self.clients.counters.requests_refused += 1;
        self.answer_here(id, if quiet { Slot::Nothing } else { Slot::Text(refusal.text()) });
        if !refusal.is_final() {
            return Next::More;
        }
        self.end_reading(id);
        Next::Rest
    }

    /// Answers a request that no backend is asked about.
    pub(super) fn answer_here(&mut self, id: ClientId, reply: Slot) {
        if let Some(client) = self.clients.get_mut(id) {
            let place = client.replies.expect();
            self.clients.answer(id, place, reply, &mut self.buffers);
        }
    }

    /// Takes no more from the client; it is closed once it has got what it is owed.
    pub(super) fn end_reading(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id) {
            client.reading = Reading::Over;
            client.stop_reading(&mut self.buffers);
            self.clients.mark_dirty(id);
        }
    }

    fn stats(&mut self, id: ClientId, request: &Request, now: Time) -> Slot {
        let Some(client) = self.clients.get_mut(id) else {
            return Slot::Nothing;
        };
        let pool = client.pool;
        let line = client.input.slice(0..request.line_len, &mut self.scratch).trim_ascii_end();
        let mut words = Words::new(line, "stats".len());
        let mut word = || words.next().map_or_else(Vec::new, |word| line[word].to_vec());
        let (argument, second) = (word(), word());
        let mut text = Text::default();
        match argument.as_slice() {
            b"" => self.general_stats(&mut text, now),
            b"settings" => {
                for (name, value) in self.about.settings.get(pool).into_iter().flatten() {
                    text.line(name, value);
                }
            }
            b"backends" => self.backend_stats(&mut text, pool, now),
            b"route" => self.route_stats(&mut text, pool, &second),
            b"reset" => {
                self.clients.counters = Default::default();
                for backend in &mut self.links.backends {
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
        Slot::Bytes(text.finish())
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
        text.line("buffer_bytes", self.buffers.in_use());
        let up = self.links.backends.iter().filter(|backend| backend.is_up()).count();
        text.line("backends", self.links.backends.len());
        text.line("backends_up", up);
    }

    /// Where a key belongs: the operator's question at night.
    fn route_stats(&self, text: &mut Text, pool: usize, key: &[u8]) {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return;
        }
        let route = route(&self.pools, pool, &self.links.backends, key);
        let backend = &self.links.backends[route.backend];
        text.line("pool", &self.pools[pool].name);
        text.line("hash", self.pools[pool].hash(key));
        text.line("backend", &backend.name);
        text.line("state", if backend.is_up() { "up" } else { "down" });
        if let Some(ttl) = route.ttl {
            text.line("gutter_ttl", ttl);
        }
    }

    fn backend_stats(&self, text: &mut Text, pool: usize, now: Time) {
        let loads = self.links.loads();
        for at in self.pools[pool].backends() {
            let backend = &self.links.backends[at];
            let (state, since) = match backend.health {
                Health::Up { since, .. } => ("up", since),
                Health::Down { since, .. } => ("down", since),
            };
            let (links, in_flight) = loads[at];
            let counters = backend.counters;
            let mut line = |name, value: u64| text.line(&format!("{}:{name}", backend.name), value);
            line("links", links);
            line("requests", counters.requests);
            line("errors", counters.errors);
            line("timeouts", counters.timeouts);
            line("downs", counters.downs);
            line("in_flight", in_flight);
            line("latency_us", counters.latency);
            line("seconds_in_state", now.since(since) / 1_000_000);
            text.line(&format!("{}:state", backend.name), state);
        }
    }
}
