//! THE DATA PATH: what becomes of a request, and what becomes of a reply.
//!
//! ```text
//!         client_received                                link_received
//! client.input --parse--> request                link.input --parse--> reply
//!           --route--> backend, link                       --match--> in_flight.pop_front()
//!           --forward-> link.output                        --reply--> replies.fulfil(place)
//! replies.expect() -> place                      client gone? the reply is dropped, nothing else
//! in_flight.push_back { client, place, .. }
//!                               flush (end of tick)
//!        link.output --> spill                           client.output --> spill
//! ```
//!
//! A place is reserved before anything can fail, and exactly one `fulfil` follows: with an answer,
//! an error line, or with nothing. Errors are replies.

use super::Proxy;
use super::answer::{self, Failure};
use super::asked::Asked;
use super::client::{ClientId, Gathering};
use super::close::Close;
use super::kind::Kind;
use super::limits::REQUESTS_PER_TICK;
use super::link::{LinkId, Stage};
use super::links::Way;
use super::local::Next;
use super::many;
use super::pool::{Route, placed_by, route};
use super::replies::Dropped;
use crate::memcache::text::encode;
use crate::memcache::text::grammar;
use crate::memcache::text::line::{ParsedLine, Refusal, Request};
use crate::memcache::text::request::Step;
use crate::time::Time;

/// What a link brought.
enum Heard {
    /// Answers to clients, or nothing whole.
    Replies,
    /// The answer to a probe.
    Probe,
}

impl<S> Proxy<S> {
    /// The request path: parse, route, forward, until the input runs dry or others are due.
    pub fn client_received(&mut self, id: ClientId, now: Time) {
        let places_max = self.clients.places_max(id, now);
        if let Some(client) = self.clients.get_mut(id) {
            client.heard_at = now;
            client.places_max = places_max;
            client.replies.wake(&mut self.spare_queues);
        }
        for _ in 0..REQUESTS_PER_TICK {
            if self.take_up(id, now) == Next::Rest {
                return;
            }
        }
        self.clients.queue(id);
    }

    /// Takes up one request.
    fn take_up(&mut self, id: ClientId, now: Time) -> Next {
        let Self { clients, buffers, scratch, .. } = self;
        let Some(client) = clients.get_mut(id) else {
            return Next::Rest;
        };
        if client.input.is_empty() {
            client.input.release_if_empty(buffers);
            client.wanted = 1;
            if client.is_behind() {
                clients.queue(id);
            }
            return Next::Rest;
        }
        if !client.may_ask() {
            return Next::Rest;
        }
        client.wanted = 0;
        client.hesitates = false;
        if let Some(gathering) = client.gathering.take() {
            return self.gather(id, gathering, now);
        }
        match client.parser.advance(&client.input, scratch) {
            Step::Partial { total } => {
                client.wanted = total;
                if client.is_behind() {
                    clients.queue(id);
                }
                Next::Rest
            }
            Step::Request(request) => self.serve(id, request, now),
            Step::Oversize(request) => {
                self.forget(id, &request, now);
                Next::More
            }
            Step::Skip(count) => {
                client.input.consume(count);
                Next::More
            }
            Step::Refused { refusal, quiet, len } => {
                client.input.consume(len);
                self.refuse(id, refusal, quiet)
            }
            Step::Unterminated => {
                self.refuse(id, Refusal::LineTooLong, false);
                self.end_reading(id);
                Next::Rest
            }
        }
    }

    fn serve(&mut self, id: ClientId, request: Request, now: Time) -> Next {
        match Kind::of(request.op.command) {
            None => self.serve_here(id, &request, now),
            Some(_) if request.op.many_keys => {
                let at = request.op.key.start;
                self.gather(id, Gathering { request, at }, now)
            }
            Some(kind) => self.forward(id, &request, kind, now),
        }
    }

    /// Sends a request of one key to its backend.
    #[inline]
    fn forward(&mut self, id: ClientId, request: &Request, kind: Kind, now: Time) -> Next {
        let Self { clients, links, pools, buffers, scratch, prints, .. } = self;
        let Some(client) = clients.get_mut(id) else {
            return Next::Rest;
        };
        if !kind.is_read() && !client.may_write() {
            client.hesitates = true;
            return Next::Rest;
        }
        let line = client.input.slice(0..request.op.forward_end, scratch);
        let key = &line[request.op.key.clone()];
        let Route { backend, ttl } =
            placed_by(&request.op, key, |key| route(pools, client.pool, &links.backends, key));
        let quiet = request.op.quiet;
        let lacking = links.backends[backend].lacks(kind);
        let failure = match links.way(backend, client.lane, now) {
            Way::Full(link) => {
                client.blocked = true;
                link.waiting.push(id);
                return Next::Rest;
            }
            Way::Open(_, link) if !lacking => {
                let place = client.replies.expect();
                let print = if kind.is_get() { prints.of(key) } else { 0 };
                let kept = if request.op.refetchable { link.keep(line, buffers) } else { 0 };
                let before = link.output.len();
                match ttl {
                    None => link.take_over(&mut client.input, request, buffers),
                    Some(ttl) => {
                        let head = self.about.capped(&client.input, request, ttl, now);
                        link.forward_as(&head, &client.input, request, buffers);
                        client.input.consume(request.len);
                    }
                }
                let asked = Asked::new(id, place, kind, quiet, now);
                link.asked(Asked { print, kept, ..asked }, before);
                client.noted(place, kind);
                clients.counters.asked(kind);
                return Next::More;
            }
            Way::Open(..) => Failure::Lacking,
            Way::Down => Failure::Down,
        };
        client.input.consume(request.len);
        clients.counters.asked(kind);
        clients.counters.requests_failed += 1;
        links.backends[backend].counters.errors += 1;
        let reply = answer::failed(kind, quiet, failure, &links.backends[backend].policy);
        self.answer_here(id, reply);
        Next::More
    }

    /// A value was dropped because its client had no room for it, and now its turn has come. If the
    /// client has asked for changes since, what it would read now is not what it asked for.
    pub(super) fn ask_again(&mut self, id: ClientId, now: Time) {
        let Self { clients, links, pools, buffers, prints, .. } = self;
        let Some(client) = clients.get_mut(id) else {
            return;
        };
        let Some((place, Dropped { kind, quiet, text })) = client.replies.take_dropped() else {
            return;
        };
        let asked = Asked::new(id, place, kind, quiet, now);
        // All backends of a pool have the same.
        let policy = links.backends[pools[client.pool].backends().start].policy;
        let line = match grammar::understand(&text, true) {
            ParsedLine::Ask(line) if !client.has_written_since(place) => line,
            ParsedLine::Ask(_) | ParsedLine::Refuse { .. } | ParsedLine::Discard { .. } => {
                return answer::fail(&asked, Failure::NoRoom, &policy, clients, buffers);
            }
        };
        let key = &text[line.key.clone()];
        let Route { backend, .. } =
            placed_by(&line, key, |key| route(pools, client.pool, &links.backends, key));
        match links.way(backend, client.lane, now) {
            Way::Open(_, link) | Way::Full(link) => {
                let kept = if line.refetchable { link.keep(&text, buffers) } else { 0 };
                let asked = Asked { print: prints.of(key), kept, ..asked };
                let pieces = [
                    &text[..line.quiet_flag.start],
                    &text[line.quiet_flag.end..],
                    encode::LINE_END,
                ];
                link.ask(asked, pieces, buffers);
            }
            Way::Down => answer::fail(&asked, Failure::Down, &policy, clients, buffers),
        }
    }

    /// The reply path: parse, match, reply, until the input runs dry.
    pub fn link_received(&mut self, id: LinkId, now: Time) {
        match self.take_replies(id, now) {
            Ok(Heard::Replies) => {}
            Ok(Heard::Probe) => {
                for old in self.links.recovered(id, now) {
                    self.close_link(old, Close::Retired, now);
                }
            }
            Err(why) => self.close_link(id, why, now),
        }
    }

    fn take_replies(&mut self, id: LinkId, now: Time) -> Result<Heard, Close> {
        let Self { clients, links, buffers, scratch, prints, .. } = self;
        let Some((link, backend)) = links.hearing(id) else {
            return Ok(Heard::Replies);
        };
        link.heard_at = now;
        let mut heard = Heard::Replies;
        let mut oldest = None;
        while let Some(asked) = link.in_flight.front().copied() {
            let is_part = matches!(asked.kind, Kind::Part(_));
            if is_part && link.parser.is_fresh() {
                many::accept_values(link, &asked, clients)?;
            }
            let reply = link.parser.advance(&link.input, asked.kind.is_get(), scratch);
            let Some(reply) = reply.map_err(|_| Close::Malformed)? else {
                break;
            };
            let rest = link.input.len() - reply.len;
            // The value of another key is the answer to another question.
            if !is_part
                && !reply.key.is_empty()
                && prints.of(link.input.slice(reply.key.clone(), scratch)) != asked.print
            {
                return Err(Close::Unsolicited);
            }
            // A late answer does not undo the failure that it has been.
            if link.late == 0 {
                oldest.get_or_insert(asked.asked_at);
            }
            if is_part {
                many::accept_part(link, &reply, &asked, backend, clients, buffers, scratch)?;
            } else {
                answer::accept(link, &reply, &asked, backend, clients, buffers)?;
            }
            link.input.consume(link.input.len() - rest);
            if asked.kind == Kind::Probe {
                heard = Heard::Probe;
            }
        }
        if link.in_flight.is_empty() && !link.input.is_empty() {
            return Err(Close::Unsolicited);
        }
        link.rest(buffers);
        if let Some(asked_at) = oldest {
            backend.succeeded(now.since(asked_at));
        }
        Ok(heard)
    }

    /// Answers what has been in flight for too long; the late answers will be skipped. Returns
    /// whether there was any.
    pub(super) fn answer_late(&mut self, id: LinkId, now: Time) -> bool {
        let Self { clients, links, buffers, .. } = self;
        let Some((link, backend)) = links.hearing(id) else {
            return false;
        };
        let before = link.late;
        while let Some(asked) = link.in_flight.get(link.late)
            && now.since(asked.asked_at) >= backend.policy.timeout
        {
            answer::fail(asked, Failure::Late, &backend.policy, clients, buffers);
            link.late += 1;
        }
        backend.counters.timeouts += (link.late - before) as u64;
        backend.counters.errors += (link.late - before) as u64;
        link.late > before
    }

    /// A link is gone: whoever waits for it gets an error, in order, like any other reply. What was
    /// never written to it waits for the link that comes in its place, if there is one.
    pub fn close_link(&mut self, id: LinkId, why: Close, now: Time) {
        let Some(mut link) = self.links.close(id, why, now) else {
            return;
        };
        if link.stage == Stage::Open && why != Close::Memory {
            self.links.move_unsent(&mut link, now, &mut self.buffers);
        }
        let failure = if link.stage != Stage::Open {
            Failure::Down
        } else if matches!(why, Close::Malformed | Close::Unsolicited) {
            Failure::Broken
        } else {
            Failure::Lost
        };
        let backend = &mut self.links.backends[link.backend];
        for asked in link.in_flight.iter().skip(link.late) {
            backend.counters.errors += 1;
            answer::fail(asked, failure, &backend.policy, &mut self.clients, &mut self.buffers);
        }
        for ring in [&mut link.input, &mut link.output, &mut link.lines] {
            ring.clear();
            ring.release_if_empty(&mut self.buffers);
        }
        self.release_waiting();
    }
}
