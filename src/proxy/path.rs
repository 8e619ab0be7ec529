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
use super::client::{ClientId, Clients, Gathering, Reading};
use super::close::Close;
use super::limits::{KEYS_PER_TURN, PLACES_MAX, REQUESTS_PER_TICK};
use super::link::{Asked, Kind, Link, LinkId, Stage};
use super::replies::{Place, Slot};
use crate::memcache::line::{Refusal, Verb};
use crate::memcache::reply::{Form, Reply, Word};
use crate::memcache::request::{Request, Step};
use crate::memcache::words::Words;
use crate::stock::Stock;
use crate::time::Time;
use std::borrow::Cow;

const DOWN: &[u8] = b"SERVER_ERROR backend down\r\n";
const LOST: &[u8] = b"SERVER_ERROR backend lost\r\n";
const LATE: &[u8] = b"SERVER_ERROR backend timed out\r\n";
const BROKEN: &[u8] = b"SERVER_ERROR backend broke the protocol\r\n";

/// What the proxy says it is. Clients parse the number, and decide by it what they may send: it is
/// that of the memcached whose protocol this is.
const VERSION: &[u8] =
    concat!("VERSION 1.6.45 nodeproxy-", env!("CARGO_PKG_VERSION"), "\r\n").as_bytes();

/// Whether there may be more to do for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Its input may hold another request.
    More,
    /// It does not, or that one has to wait.
    Rest,
}

impl<S> Proxy<S> {
    /// The request path: parse, route, forward, until the input runs dry or others are due.
    pub fn client_received(&mut self, id: ClientId, now: Time) {
        for _ in 0..REQUESTS_PER_TICK {
            if self.take_up(id, now) == Next::Rest {
                return;
            }
        }
        self.clients.queue(id);
    }

    /// Takes up one request.
    fn take_up(&mut self, id: ClientId, now: Time) -> Next {
        let Self { clients, stock, scratch, .. } = self;
        let Some(client) = clients.get_mut(id) else {
            return Next::Rest;
        };
        if !client.may_ask() {
            return Next::Rest;
        }
        client.wanted = 0;
        if let Some(gathering) = client.gathering.take() {
            return self.gather(id, gathering, now);
        }
        match client.parser.advance(&client.input, scratch) {
            Step::Partial { total } => {
                client.wanted = total;
                client.input.release(stock);
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
            Step::Refused { refusal, noreply, len } => {
                client.input.consume(len);
                let reply = if noreply { Slot::Nothing } else { Slot::Text(refusal.text()) };
                self.answer_here(id, reply);
                Next::More
            }
            Step::Endless => {
                self.answer_here(id, Slot::Text(Refusal::LineTooLong.text()));
                self.end_reading(id);
                Next::Rest
            }
        }
    }

    fn serve(&mut self, id: ClientId, request: Request, now: Time) -> Next {
        match Kind::of(request.line.verb) {
            None if request.line.verb == Verb::Quit => {
                self.end_reading(id);
                Next::Rest
            }
            None => {
                if let Some(client) = self.clients.get_mut(id) {
                    client.input.consume(request.len);
                }
                self.answer_here(id, Slot::Text(VERSION));
                Next::More
            }
            Some(_) if request.line.many => {
                let at = request.line.key.start;
                self.gather(id, Gathering { request, at }, now)
            }
            Some(kind) => self.forward(id, &request, kind, now),
        }
    }

    /// Sends a request of one key to its backend.
    #[inline]
    fn forward(&mut self, id: ClientId, request: &Request, kind: Kind, now: Time) -> Next {
        let Self { clients, links, pools, stock, scratch, .. } = self;
        let Some(client) = clients.get_mut(id) else {
            return Next::Rest;
        };
        let key = client.input.slice(request.line.key.clone(), scratch);
        let backend = pools[client.pool].backend(key);
        let Some(link_id) = links.find(backend, client.lane, now) else {
            client.input.consume(request.len);
            self.answer_here(id, failed(kind, request.line.noreply, DOWN));
            return Next::More;
        };
        if links.is_full(link_id, id) {
            client.blocked = true;
            return Next::Rest;
        }
        if let Some(link) = links.asking(link_id, now) {
            let place = client.replies.expect();
            let (client_id, quiet) = (Some(id), request.line.noreply);
            let asked = Asked { client: client_id, asked_at: now, place, kind, quiet, key_len: 0 };
            let key = if kind == Kind::Get { key } else { b"" };
            link.ask(asked, key, stock);
            link.forward(&client.input, request, stock);
        }
        client.input.consume(request.len);
        Next::More
    }

    /// Sends the keys of a retrieval to their backends, on one line for each of them. A place is
    /// reserved for every key, and one for the end.
    fn gather(&mut self, id: ClientId, gathering: Gathering, now: Time) -> Next {
        let Self { clients, links, pools, stock, scratch, .. } = self;
        let Some(client) = clients.get_mut(id) else {
            return Next::Rest;
        };
        let Gathering { request, mut at } = gathering;
        let line = client.input.slice(0..request.line.head, scratch);
        let prefix = &line[..request.line.key.start].trim_ascii_end();
        let mut words = Words::new(line, at);
        let mut turns = KEYS_PER_TURN;
        let rest = loop {
            if turns == 0 || client.replies.len() >= PLACES_MAX {
                break true;
            }
            let Some(key) = words.next() else {
                break false;
            };
            turns -= 1;
            let backend = pools[client.pool].backend(&line[key.clone()]);
            let link_id = links.find(backend, client.lane, now);
            if let Some(link_id) = link_id
                && links.is_full(link_id, id)
            {
                client.blocked = true;
                break true;
            }
            at = key.end;
            let place = client.replies.expect();
            match link_id.and_then(|id| Some((id, links.asking(id, now)?))) {
                Some((link_id, link)) => {
                    let (kind, quiet) = (Kind::Part, false);
                    let asked =
                        Asked { client: Some(id), asked_at: now, place, kind, quiet, key_len: 0 };
                    if link.ask_part(asked, prefix, &line[key.start - 1..key.end], stock) {
                        links.begin_batch(link_id);
                    }
                }
                None => {
                    let reply = failed(Kind::Part, false, DOWN);
                    client.replies.fulfil(place, reply, &mut client.output, stock);
                }
            }
        };
        links.end_batches(now, stock);
        if rest {
            client.gathering = Some(Gathering { request, at });
            return if client.may_ask() { Next::More } else { Next::Rest };
        }
        client.input.consume(request.len);
        self.answer_here(id, Slot::End);
        Next::More
    }

    /// A value was refused for its size. What it was to replace must not stay: memcached drops it
    /// too, so that nobody reads what its writer believes to be gone.
    fn forget(&mut self, id: ClientId, request: &Request, now: Time) {
        let Self { clients, links, pools, stock, scratch, .. } = self;
        let Some(client) = clients.get_mut(id) else {
            return;
        };
        if request.line.verb == Verb::Set {
            let key = client.input.slice(request.line.key.clone(), scratch);
            let backend = pools[client.pool].backend(key);
            let link = links.find(backend, client.lane, now);
            if let Some(link) = link.and_then(|id| links.asking(id, now)) {
                let (kind, place) = (Kind::Delete, Place::default());
                let asked =
                    Asked { client: None, asked_at: now, place, kind, quiet: true, key_len: 0 };
                link.ask(asked, b"", stock);
                for piece in [b"delete ", key, b"\r\n"] {
                    link.output.extend(stock, piece);
                }
            }
        }
        client.input.consume(request.line_len);
    }

    /// Answers a request that no backend is asked about.
    fn answer_here(&mut self, id: ClientId, reply: Slot) {
        if let Some(client) = self.clients.get_mut(id) {
            let place = client.replies.expect();
            self.clients.answer(id, place, reply, &mut self.stock);
        }
    }

    /// Takes no more from the client; it is closed once it has got what it is owed.
    fn end_reading(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id) {
            client.reading = Reading::Over;
            client.stop_reading(&mut self.stock);
            self.clients.mark_dirty(id);
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
        let Self { clients, links, stock, scratch, .. } = self;
        let mut heard = Heard::Replies;
        let Some(link) = links.get_mut(id) else {
            return Ok(heard);
        };
        link.heard_at = now;
        let mut replies = 0;
        while let Some(asked) = link.in_flight.front() {
            let joined = asked.kind == Kind::Get;
            if asked.kind == Kind::Probe {
                heard = Heard::Probe;
            }
            let reply = link.parser.advance(&link.input, joined, scratch);
            let Some(reply) = reply.map_err(|_| Close::Malformed)? else {
                break;
            };
            accept(link, &reply, clients, stock)?;
            link.input.consume(reply.len);
            replies += 1;
        }
        if link.in_flight.is_empty() && !link.input.is_empty() {
            return Err(Close::Unsolicited);
        }
        link.input.release(stock);
        link.keys.release(stock);
        let backend = link.backend;
        if replies == 0 {
            return Ok(Heard::Replies);
        }
        links.backends[backend].succeeded();
        Ok(heard)
    }

    /// Answers what has been in flight for too long; the late answers will be skipped. Returns
    /// whether there was any.
    pub(super) fn answer_late(&mut self, id: LinkId, now: Time, timeout: u64) -> bool {
        let Some(link) = self.links.get_mut(id) else {
            return false;
        };
        let before = link.late;
        while let Some(asked) = link.in_flight.get(link.late)
            && now.since(asked.asked_at) >= timeout
        {
            fail(asked, LATE, &mut self.clients, &mut self.stock);
            link.late += 1;
        }
        link.late > before
    }

    /// A link is gone: whoever waits for it gets an error, in order, like any other reply.
    pub fn close_link(&mut self, id: LinkId, why: Close, now: Time) {
        let Some(mut link) = self.links.close(id, why, now) else {
            return;
        };
        let text = if link.stage != Stage::Open {
            DOWN
        } else if matches!(why, Close::Malformed | Close::Unsolicited) {
            BROKEN
        } else {
            LOST
        };
        for asked in link.in_flight.iter().skip(link.late) {
            fail(asked, text, &mut self.clients, &mut self.stock);
        }
        for ring in [&mut link.input, &mut link.output, &mut link.keys] {
            ring.clear();
            ring.release(&mut self.stock);
        }
        self.release_waiting();
    }
}

/// What a link brought.
enum Heard {
    /// Answers to clients.
    Replies,
    /// The answer to a probe.
    Probe,
}

/// Gives a reply to whoever waits for it. The reply is still in the link's input, and stays.
#[inline]
fn accept<S>(
    link: &mut Link<S>,
    reply: &Reply,
    clients: &mut Clients<S>,
    stock: &mut Stock,
) -> Result<(), Close> {
    let Some(asked) = link.in_flight.front().copied() else {
        return Err(Close::Unsolicited);
    };
    if !asked.kind.suits(reply.form) {
        return Err(Close::Malformed);
    }
    if matches!(asked.kind, Kind::Part | Kind::PartsEnd) {
        return accept_part(link, reply, clients, stock);
    }
    if reply.form == Form::Hit && !link.is_first_key(&reply.key) {
        return Err(Close::Unsolicited);
    }
    if let (Some(client), 0) = (asked.client, link.late) {
        if asked.quiet {
            clients.answer(client, asked.place, Slot::Nothing, stock);
        } else {
            clients.answer_from(client, asked.place, &link.input, reply.len, stock);
        }
    }
    link.answered();
    let refused = matches!(reply.form, Form::Line(Word::Error | Word::ClientError));
    if asked.kind == Kind::Store && refused {
        return Err(Close::ValueRefused);
    }
    Ok(())
}

/// A reply to one of many keys, or to the rest of them: keys that are passed over were misses.
fn accept_part<S>(
    link: &mut Link<S>,
    reply: &Reply,
    clients: &mut Clients<S>,
    stock: &mut Stock,
) -> Result<(), Close> {
    while let Some(asked) = link.in_flight.front().copied() {
        let client = asked.client.filter(|_| link.late == 0);
        let found = reply.form == Form::Value && link.is_first_key(&reply.key);
        match (asked.kind, client) {
            (Kind::Part, None) => {}
            (Kind::Part, Some(client)) if found => {
                clients.answer_from(client, asked.place, &link.input, reply.len, stock);
            }
            (Kind::Part, Some(client)) => {
                clients.answer(client, asked.place, missed(link, reply), stock);
            }
            _ if reply.form == Form::Value => return Err(Close::Unsolicited),
            _ => {}
        }
        link.answered();
        if found || asked.kind == Kind::PartsEnd {
            return Ok(());
        }
    }
    Err(Close::Unsolicited)
}

/// What a key gets that this reply is not the value of: nothing, unless the reply is an error.
fn missed<S>(link: &Link<S>, reply: &Reply) -> Slot {
    match reply.form {
        Form::Line(_) => {
            let (start, end) = link.input.pieces(0..reply.len);
            Slot::Failed(Cow::Owned([start, end].concat()))
        }
        Form::Hit | Form::Value | Form::End => Slot::Nothing,
    }
}

fn fail<S>(asked: &Asked, text: &'static [u8], clients: &mut Clients<S>, stock: &mut Stock) {
    if let Some(client) = asked.client {
        clients.answer(client, asked.place, failed(asked.kind, asked.quiet, text), stock);
    }
}

/// What a client is told of a request that has failed.
fn failed(kind: Kind, quiet: bool, text: &'static [u8]) -> Slot {
    if quiet {
        Slot::Nothing
    } else if kind == Kind::Part {
        Slot::Failed(Cow::Borrowed(text))
    } else {
        Slot::Text(text)
    }
}
