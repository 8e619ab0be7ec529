//! Retrievals of many keys: how they are taken up, and what becomes of the answers.

use super::Proxy;
use super::answer::Failure;
use super::asked::Asked;
use super::backend::{Backend, Policy};
use super::client::{Client, ClientId, Gathering};
use super::clients::Clients;
use super::close::Close;
use super::gather::{Gather, NO_PART};
use super::kind::Kind;
use super::limits::KEYS_PER_TURN;
use super::link::Link;
use super::links::Way;
use super::local::Next;
use super::pool::{Route, route};
use super::replies::Slot;
use crate::buffer::BufferPool;
use crate::memcache::op::{Outcome, Status};
use crate::memcache::text::encode;
use crate::memcache::text::line::Request;
use crate::memcache::text::words::Words;
use crate::time::Time;
use std::borrow::Cow;

impl<S> Proxy<S> {
    /// Sends keys of a retrieval to their backends, on a line for each of them: as many keys as the
    /// client may be owed. They have one place, and the end behind the last of them has another.
    pub(super) fn gather(&mut self, id: ClientId, gathering: Gathering, now: Time) -> Next {
        let Gathering { request, at } = gathering;
        let mut gather = self.clients.take_gather();
        gather.verb = request.op.command;
        let (at, finished) = self.collect(id, &request, at, &mut gather, now);
        self.clients.counters.retrieve(gather.verb, gather.len());
        if gather.len() > 0 {
            self.send(id, &request, gather, now);
        } else {
            self.clients.put_gather(gather);
        }
        let Some(client) = self.clients.get_mut(id) else {
            return Next::Rest;
        };
        if finished {
            client.input.consume(request.len);
            self.answer_here(id, Slot::End(encode::END));
        } else {
            client.gathering = Some(Gathering { request, at });
        }
        Next::More
    }

    /// Puts the keys behind `at` into parts, by their backends. Returns how far it came, and
    /// whether that was to the end.
    fn collect(
        &mut self,
        id: ClientId,
        request: &Request,
        mut at: usize,
        gather: &mut Gather,
        now: Time,
    ) -> (usize, bool) {
        let Self { clients, links, pools, scratch, part_of, .. } = self;
        let Some(client) = clients.get_mut(id) else {
            return (at, false);
        };
        let line = client.input.slice(0..request.op.forward_end, scratch);
        let mut words = Words::new(line, at);
        for _ in 0..client.may_owe_more().min(KEYS_PER_TURN) {
            let Some(key) = words.next() else {
                return (at, true);
            };
            let (text, end) = (&line[key.start - 1..key.end], key.end);
            let Route { backend, ttl } = route(pools, client.pool, &links.backends, &text[1..]);
            let mut part = part_of[backend];
            if part == NO_PART || gather.part(part).is_full() {
                let link = match links.way(backend, client.lane, now) {
                    Way::Open(link, _) => Some(link),
                    Way::Down => None,
                    Way::Full(link) => {
                        client.blocked = true;
                        link.waiting.push(id);
                        return (at, false);
                    }
                };
                part = gather.open(backend, link, ttl);
                part_of[backend] = part;
            }
            gather.add(part, text);
            at = end;
        }
        (at, false)
    }

    /// Writes the parts to their links.
    fn send(&mut self, id: ClientId, request: &Request, mut gather: Box<Gather>, now: Time) {
        let Self { clients, links, buffers, scratch, part_of, about, .. } = self;
        let Some(client) = clients.get_mut(id) else {
            return;
        };
        let kind = Kind::Part(request.op.command);
        client.noted(client.replies.next_place(), kind);
        let prefix = client.input.slice(0..request.op.key.start, scratch).trim_ascii_end();
        let place = client.replies.next_place();
        let mut failed = 0;
        for (at, part) in gather.parts().iter_mut().enumerate() {
            part_of[part.backend] = NO_PART;
            let Some(link) = part.link.and_then(|link| links.get_mut(link)) else {
                part.link = None;
                failed += 1;
                links.backends[part.backend].counters.errors += 1;
                part.failure = failure(Failure::Down, &links.backends[part.backend].policy);
                continue;
            };
            let capped =
                part.ttl.map(|ttl| about.capped_prefix(prefix, request.op.command, ttl, now));
            let asked = Asked { part: at as u16, ..Asked::new(id, place, kind, false, now) };
            let pieces = [capped.as_deref().unwrap_or(prefix), &part.asked, encode::LINE_END];
            link.ask(asked, pieces, buffers);
        }
        gather.sent();
        clients.counters.requests_failed += failed;
        clients.expect_all(id, gather, buffers);
    }
}

/// Takes all values at the head of the link's input that are answers to its oldest request, a line
/// of some keys, and that are whole, in one go.
pub(super) fn accept_values<S>(
    link: &mut Link<S>,
    asked: &Asked,
    clients: &mut Clients<S>,
) -> Result<(), Close> {
    let Some((client, room)) = waiting(link, asked, clients) else {
        return Ok(());
    };
    let Some(gather) = client.replies.gather(asked.place) else {
        return Ok(());
    };
    let part = gather.part(asked.part);
    let input = link.input.front();
    let (mut taken, mut longest, mut hits) = (0, 0, 0);
    // What is refused comes behind values that have been noted already: their bytes are kept first.
    let end = loop {
        match part.take_value(&input[taken..], room - taken) {
            Ok(Some(len)) => {
                taken += len;
                longest = longest.max(len);
                hits += 1;
            }
            Ok(None) => break Ok(()),
            Err(why) => break Err(why),
        }
    };
    gather.keep(asked.part, [&input[..taken], &[]]);
    let verb = gather.verb;
    client.replies.hold(taken);
    client.saw(longest, hits);
    clients.hold(taken);
    clients.counters.hit(verb, hits);
    link.input.consume(taken);
    end
}

/// A reply to a line of some keys: one value, or the end of them, or an error in place of it.
pub(super) fn accept_part<S>(
    link: &mut Link<S>,
    reply: &Outcome,
    asked: &Asked,
    backend: &Backend,
    clients: &mut Clients<S>,
    buffers: &mut BufferPool,
    scratch: &mut Vec<u8>,
) -> Result<(), Close> {
    if !asked.kind.suits(reply.status) {
        return Err(Close::Malformed);
    }
    if reply.status == Status::Value {
        return accept_value(link, reply, asked, clients, scratch);
    }
    if let (Some(client), 0) = (asked.client, link.late) {
        clients.saw(client, reply.len);
        clients.count_misses(client, asked.place, asked.part);
        let failed = reply.status.is_error() && !backend.policy.failed_get_is_miss;
        let failure = failed.then(|| link.text(0..reply.len)).map(Cow::Owned);
        clients.finish_part(client, asked.place, asked.part, failure, buffers);
    }
    link.answered();
    Ok(())
}

/// One value. When there is no room for it, only its key is kept, and it is asked for again when
/// its turn comes.
fn accept_value<S>(
    link: &mut Link<S>,
    reply: &Outcome,
    asked: &Asked,
    clients: &mut Clients<S>,
    scratch: &mut Vec<u8>,
) -> Result<(), Close> {
    let Some((client, room)) = waiting(link, asked, clients) else {
        return Ok(());
    };
    client.saw(reply.len, 1);
    let dropped = reply.len > room && client.kept() > 0;
    let kept = if dropped { reply.key.clone() } else { 0..reply.len };
    if dropped {
        client.last_dropped = Some(asked.place);
    }
    let Some(gather) = client.replies.gather(asked.place) else {
        return Ok(());
    };
    let key = link.input.slice(reply.key.clone(), scratch);
    let part = gather.part(asked.part);
    part.found(key, kept.len(), dropped).map_err(|_| Close::Unsolicited)?;
    let (first, second) = link.input.pieces(kept.clone());
    gather.keep(asked.part, [first, second]);
    let verb = gather.verb;
    client.replies.hold(kept.len());
    clients.hold(kept.len());
    clients.counters.hit(verb, 1);
    Ok(())
}

/// The client that still waits for the oldest request of a link, and the bytes that may be kept for
/// it.
#[inline]
fn waiting<'a, S>(
    link: &Link<S>,
    asked: &Asked,
    clients: &'a mut Clients<S>,
) -> Option<(&'a mut Client<S>, usize)> {
    if link.late == 0 { clients.gathering(asked) } else { None }
}

/// What the end of a retrieval says of a part that failed; nothing when its keys are misses.
pub(super) fn failure(why: Failure, policy: &Policy) -> Option<Cow<'static, [u8]>> {
    (!why.is_miss(policy)).then(|| Cow::Borrowed(why.text()))
}
