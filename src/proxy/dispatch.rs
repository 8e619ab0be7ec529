//! THE DATA PATH: what becomes of a request, and what becomes of a reply.
//!
//! ```text
//!         client_received                                link_received
//! client.input --decode--> request               link.input --decode--> outcome
//!           --route--> backend, link                       --match--> in_flight.front()
//!   window open, nobody waits? forwarded now               --reply--> replies.complete(seq)
//!   else the client waits for its turn           client gone? the reply is skipped, nothing else
//! replies.reserve() -> seq
//! in_flight.push { client, seq, .. }
//!                    pump (end of tick): whoever waits has a turn while the window is open
//!                    flush (end of tick)
//!        link.output --> spill                           client.output --> spill
//! ```
//!
//! A turn in the client's queue is reserved before anything can fail, and exactly one `complete`
//! follows: with an answer, an error line, or with nothing. Errors are replies.

use super::Proxy;
use super::admin_commands::Next;
use super::close::Close;
use super::complete;
use super::failure::Failure;
use super::frontend::client::MultiGet;
use super::frontend::replies::Slot;
use super::ids::{ClientId, LinkId, ReplySeq};
use super::limits::{KEYS_PER_VISIT, REQUESTS_PER_VISIT};
use super::pending::Pending;
use super::request_kind::RequestKind;
use super::route::{Route, placed_by, route};
use super::setup::About;
use super::upstream::link::{Link, Role};
use super::upstream::links::Admission;
use crate::buffer::{BufferPool, RingBuf};
use crate::memcache::binary::command;
use crate::memcache::text::encode;
use crate::memcache::text::line::Refusal;
use crate::memcache::text::line::Request;
use crate::memcache::text::request::Step;
use crate::memcache::text::words::Words;
use crate::time::Time;

/// A client is served.
#[derive(Debug, Clone, Copy)]
struct Visit {
    /// The link on which it is the client's turn.
    turn: Option<LinkId>,
    now: Time,
}

/// How long what is asked may be kept where it is asked.
struct Expiry<'a> {
    about: &'a About,
    /// Seconds, when that is not its usual place.
    ttl: Option<u32>,
    now: Time,
}

/// Writes the request of one key at the head of `input`, which loses it.
#[inline]
fn send<S>(
    link: &mut Link<S>,
    input: &mut RingBuf,
    request: &Request,
    pending: Pending,
    Expiry { about, ttl, now }: Expiry<'_>,
    (scratch, pool): (&mut Vec<u8>, &mut BufferPool),
) {
    let op = &request.op;
    let line = input.slice(0..op.forward_end, scratch);
    if pending.kind.is_retrieval() {
        let key = &line[op.key.clone()];
        link.push_key(op.command, about.exptime_within(op, ttl, now), key, pending, pool);
        return input.consume(request.len);
    }
    if op.is_frame() {
        let exptime = about.exptime_of_frame(op, ttl, now);
        return send_frame(link, input, request, (pending, exptime), (scratch, pool));
    }
    let kept = if op.refetchable { link.in_flight.keep(line, pool) } else { 0 };
    let head = ttl.map(|ttl| about.capped(line, op, ttl, now));
    let pending = Pending { kept, quiet: op.quiet, ..pending };
    link.push_request(pending, input, request, head.as_deref(), pool);
}

/// The same where that is a frame of the binary protocol.
#[inline(never)]
fn send_frame<S>(
    link: &mut Link<S>,
    input: &mut RingBuf,
    request: &Request,
    (pending, exptime): (Pending, i64),
    (scratch, pool): (&mut Vec<u8>, &mut BufferPool),
) {
    let line = command::line(input.slice(0..request.line_len, scratch), &request.op, exptime);
    link.push_frame(pending, &line, (input, request), pool);
}

impl<S> Proxy<S> {
    /// Bytes may have come from a client: takes up what it asks until the input runs dry or others
    /// are due.
    pub fn client_received(&mut self, id: ClientId, now: Time) {
        if let Some(client) = self.clients.get_mut(id) {
            client.heard_at = now;
            client.progress_at = now;
        }
        let visit = Visit { turn: None, now };
        for _ in 0..REQUESTS_PER_VISIT {
            if self.take_up(id, visit) == Next::Rest {
                return;
            }
        }
        self.clients.queue(id);
    }

    /// Gives those who wait for a link a turn, while its window is open.
    pub fn pump(&mut self, now: Time) {
        let mut links = std::mem::take(&mut self.pumped_links);
        self.links.take_to_pump(&mut links);
        for id in &links {
            self.pump_link(*id, now);
        }
        self.pumped_links = links;
    }

    fn pump_link(&mut self, id: LinkId, now: Time) {
        let waiting = self.links.get_mut(id).map_or(0, |link| link.turns.len());
        // Who had a turn may have another one; but a tick has an end.
        for _ in 0..2 * waiting + 8 {
            let Some(link) = self.links.get_mut(id) else {
                return;
            };
            let next = if link.finds_room() { link.turns.next() } else { None };
            let Some(client) = next else {
                break;
            };
            self.take_turn(client, id, now);
        }
        self.links.pump_later(id);
    }

    /// It is this client's turn on a link: it may send one quantum.
    fn take_turn(&mut self, id: ClientId, link: LinkId, now: Time) {
        let Some(client) = self.clients.get_mut(id).filter(|it| it.waits_on == Some(link)) else {
            return;
        };
        client.waits_on = None;
        client.credit.pay_back(now);
        let visit = Visit { turn: Some(link), now };
        while self.clients.get_mut(id).is_some_and(|client| client.credit.is_left()) {
            if self.take_up(id, visit) == Next::Rest {
                return;
            }
        }
        let (Some(client), Some(to)) = (self.clients.get_mut(id), self.links.get_mut(link)) else {
            return self.clients.queue(id);
        };
        if client.input.is_empty() {
            // It gives its buffer back, and is read from again.
            self.take_up(id, visit);
            return;
        }
        client.waits_on = Some(link);
        to.turns.wait_again(id);
    }

    /// Takes up one request.
    fn take_up(&mut self, id: ClientId, visit: Visit) -> Next {
        let Self { clients, pool, scratch, .. } = self;
        let allowance = clients.allowance;
        let Some(client) = clients.get_mut(id) else {
            return Next::Rest;
        };
        if client.input.is_empty() {
            client.input.release_if_empty(pool);
            client.bytes_needed = 1;
            clients.queue_if_behind(id);
            return Next::Rest;
        }
        if !client.may_ask(&allowance) {
            client.wait_for_itself();
            return Next::Rest;
        }
        client.bytes_needed = 0;
        client.is_write_blocked = false;
        if let Some(multiget) = client.multiget.take() {
            return self.multiget(id, multiget, visit);
        }
        match client.next_step(scratch) {
            Step::Partial { total } => {
                client.bytes_needed = total;
                clients.queue_if_behind(id);
                Next::Rest
            }
            Step::Request(request) => self.serve(id, request, visit),
            Step::Oversize(request) => {
                self.forget_value(id, &request, visit.now);
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
            Step::Binary => {
                client.speak_binary();
                Next::More
            }
            Step::Unterminated => {
                self.refuse(id, Refusal::LineTooLong, false);
                self.end_reading(id);
                Next::Rest
            }
        }
    }

    fn serve(&mut self, id: ClientId, request: Request, visit: Visit) -> Next {
        match RequestKind::of(request.op.command) {
            None => self.serve_own(id, &request, visit.now),
            Some(_) if request.op.many_keys => {
                let at = request.op.key.start;
                self.multiget(id, MultiGet { request, at }, visit)
            }
            Some(kind) => self.forward(id, &request, kind, visit),
        }
    }

    /// Sends a request of one key to its backend, or has its client wait for its turn.
    #[inline]
    fn forward(
        &mut self,
        id: ClientId,
        request: &Request,
        kind: RequestKind,
        visit: Visit,
    ) -> Next {
        let Visit { turn, now } = visit;
        self.clients.begin_owing(id);
        let Self { clients, links, pools, pool, scratch, about, .. } = self;
        let allowance = clients.allowance;
        let Some(client) = clients.get_mut(id) else {
            return Next::Rest;
        };
        if !kind.is_read() && !client.may_write(&allowance) {
            client.is_write_blocked = true;
            client.wait_for_itself();
            return Next::Rest;
        }
        let op = &request.op;
        let line = client.input.slice(0..op.forward_end, scratch);
        let key = &line[op.key.clone()];
        let place = |key: &[u8]| route(pools, client.pool, &links.backends, key);
        let Route { backend, ttl } = placed_by(op, key, place);
        let since = client.waits_since.unwrap_or(now);
        let admission = match links.lacks(backend, kind) {
            true => Admission::Fail(Failure::Lacking),
            false => links.admit(backend, client.lane, turn, since, now),
        };
        let failure = match admission {
            Admission::Wait(link) => {
                client.wait_on(link, since);
                links.wait(link, id, &mut client.credit, now);
                return Next::Rest;
            }
            Admission::Open(link) => {
                let seq = client.replies.reserve();
                let reply = if kind.is_read() { client.expected_reply(&allowance) } else { 0 };
                client.credit.spend(request.len + reply);
                let pending = Pending::new(id, seq, kind, since, now).expecting(reply);
                let expiry = Expiry { about, ttl, now };
                send(link, &mut client.input, request, pending, expiry, (scratch, pool));
                client.record_request(seq, kind);
                None
            }
            Admission::Fail(failure) => {
                client.input.consume(request.len);
                Some(failure)
            }
        };
        client.waits_since = None;
        clients.counters.requested(kind);
        if let Some(failure) = failure {
            self.fail_here(id, backend, kind, op.quiet, failure);
        }
        Next::More
    }

    /// Takes up keys of a retrieval, as many as its client may be owed and as the windows of their
    /// links allow. Each has a turn in the client's queue, and the end behind them all has another.
    fn multiget(&mut self, id: ClientId, multiget: MultiGet, visit: Visit) -> Next {
        self.clients.begin_owing(id);
        let MultiGet { request, at } = multiget;
        let first =
            self.clients.get_mut(id).map_or(ReplySeq::default(), |it| it.replies.next_seq());
        let (at, next) = self.take_up_keys(id, &request, at, visit);
        let Some(client) = self.clients.get_mut(id) else {
            return Next::Rest;
        };
        let taken = client.replies.next_seq().from(first);
        client.record_keys(first, taken, RequestKind::Key(request.op.command));
        self.clients.counters.retrieved(request.op.command, taken);
        self.clients.mark_dirty(id);
        let Some(client) = self.clients.get_mut(id) else {
            return Next::Rest;
        };
        if at < request.op.forward_end {
            client.multiget = Some(MultiGet { request, at });
            return next;
        }
        client.waits_since = None;
        client.input.consume(request.len);
        self.answer_own(id, Slot::End(encode::END));
        Next::More
    }

    /// Takes up the keys behind `at`. Returns how far it came: to the end of the line when there is
    /// no further key.
    fn take_up_keys(
        &mut self,
        id: ClientId,
        request: &Request,
        mut at: usize,
        visit: Visit,
    ) -> (usize, Next) {
        let Visit { turn, now } = visit;
        let Self { clients, links, pools, pool, scratch, about, .. } = self;
        let allowance = clients.allowance;
        let Some(client) = clients.get_mut(id) else {
            return (at, Next::Rest);
        };
        let op = &request.op;
        let kind = RequestKind::Key(op.command);
        let reply = client.expected_reply(&allowance);
        let line = client.input.slice(0..op.forward_end, scratch);
        let mut words = Words::new(line, at);
        // It is the next key that waits; once one has waited too long, the others have, too.
        let mut since = client.waits_since.unwrap_or(now);
        let (mut next, mut failed) = (Next::More, 0);
        for _ in 0..KEYS_PER_VISIT {
            if !client.may_owe(&allowance) || turn.is_some() && !client.credit.is_left() {
                client.waits_since = None;
                break;
            }
            let Some(word) = words.next() else {
                at = op.forward_end;
                break;
            };
            let key = &line[word.clone()];
            let Route { backend, ttl } = route(pools, client.pool, &links.backends, key);
            match links.admit(backend, client.lane, turn, since, now) {
                Admission::Wait(link) => {
                    client.wait_on(link, since);
                    links.wait(link, id, &mut client.credit, now);
                    next = Next::Rest;
                    break;
                }
                Admission::Open(link) => {
                    let seq = client.replies.reserve();
                    client.credit.spend(key.len() + reply);
                    let pending = Pending::new(id, seq, kind, since, now).expecting(reply);
                    let exptime = about.exptime_within(op, ttl, now);
                    link.push_key(op.command, exptime, key, pending, pool);
                    (since, client.waits_since) = (now, None);
                }
                Admission::Fail(failure) => {
                    let slot =
                        complete::reject(&mut links.backends, backend, (kind, false), failure);
                    let seq = client.replies.reserve();
                    client.replies.complete(seq, slot, &mut client.output, pool);
                    failed += 1;
                }
            }
            at = word.end;
        }
        clients.counters.requests_failed += failed;
        (at, next)
    }

    /// Bytes may have come on a link: decode, match, reply, until the input runs dry.
    pub fn link_received(&mut self, id: LinkId, now: Time) {
        let heard = self.links.get_mut(id).filter(|link| link.has_heard());
        let standby = heard.and_then(|link| link.standby.take());
        if let Some(standby) = standby {
            self.close_link(standby, Close::Retired, now);
        }
        match self.take_replies(id, now) {
            Ok(false) => self.links.pump_later(id),
            Ok(true) => self.probe_answered(id, now),
            Err(why) => self.close_link(id, why, now),
        }
    }

    /// Hands on the replies of a link. Returns whether the answer to a probe was among them.
    fn take_replies(&mut self, id: LinkId, now: Time) -> Result<bool, Close> {
        let Self { clients, links, pool, scratch, about, .. } = self;
        let Some((link, backend)) = links.with_backend(id) else {
            return Ok(false);
        };
        link.hear(now);
        let mut is_probe = false;
        let (mut answered, mut newest) = (None, None);
        while let Some(front) = link.in_flight.front()
            && !link.input.is_empty()
        {
            let pending = *front;
            let joined = pending.kind.is_whole_retrieval() && pending.is_alone();
            let outcome = link.parser.advance(&link.input, joined, scratch);
            let Some(outcome) = outcome.map_err(|_| Close::Malformed)? else {
                // A value that would take all the memory there is cannot be what was asked for.
                if link.parser.bytes_needed() > about.memory_max / 2 {
                    return Err(Close::Malformed);
                }
                break;
            };
            let rest = link.input.len() - outcome.len;
            // A late answer does not undo the failure that it was.
            if !pending.is_late() {
                answered.get_or_insert(pending.sent_at);
            }
            newest = Some(pending.sent_at);
            is_probe |= pending.kind == RequestKind::Probe;
            complete::accept(link, backend, &outcome, &pending, clients, pool)?;
            link.input.consume(link.input.len() - rest);
        }
        if link.in_flight.is_empty() && !link.input.is_empty() {
            return Err(Close::Unsolicited);
        }
        link.rest(pool);
        if let Some(sent_at) = newest {
            link.window.answered(sent_at, now);
        }
        if let Some(sent_at) = answered {
            backend.succeeded(now.since(sent_at));
        }
        Ok(is_probe)
    }

    /// A probe was answered: the backend is up again, or the link that was silent is dead.
    fn probe_answered(&mut self, id: LinkId, now: Time) {
        let Some(link) = self.links.get_mut(id) else {
            return;
        };
        match link.role {
            Role::Probe => {
                for old in self.links.recovered(id, now) {
                    self.close_link(old, Close::Retired, now);
                }
            }
            Role::Standby(_) => {
                if let Some(silent) = self.links.replace_silent(id) {
                    self.close_link(silent, Close::Stale, now);
                }
            }
            Role::Lane(_) | Role::Retired => {}
        }
    }
}
