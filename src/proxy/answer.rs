//! What a reply means: whose it is, what that client is told, and what is counted.

use super::backend::{Backend, Policy};
use super::client::Clients;
use super::close::Close;
use super::kind::Kind;
use super::link::{Asked, Link};
use super::replies::Slot;
use crate::memcache::line::Verb;
use crate::memcache::reply::{Form, Reply, Word};
use crate::stats::Counters;
use crate::stock::Stock;
use std::borrow::Cow;

pub(super) const DOWN: &[u8] = b"SERVER_ERROR backend down\r\n";
pub(super) const LOST: &[u8] = b"SERVER_ERROR backend lost\r\n";
pub(super) const LATE: &[u8] = b"SERVER_ERROR backend timed out\r\n";
pub(super) const BROKEN: &[u8] = b"SERVER_ERROR backend broke the protocol\r\n";
/// What the backend itself would say, if its answer did not break everything that follows.
pub(super) const LACKING: &[u8] = b"ERROR\r\n";

/// Gives a reply to whoever waits for it. The reply is still in the link's input, and stays.
#[inline]
pub(super) fn accept<S>(
    link: &mut Link<S>,
    reply: &Reply,
    backend: &mut Backend,
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
        return accept_part(link, reply, &backend.policy, clients, stock);
    }
    if reply.form == Form::Hit && !link.is_first_key(&reply.key) {
        return Err(Close::Unsolicited);
    }
    if let (Some(client), 0) = (asked.client, link.late) {
        clients.counters.answered(asked.kind, reply.form);
        match told(&asked, reply, &backend.policy, &link.input) {
            Some(slot) => clients.answer(client, asked.place, slot, stock),
            None => clients.answer_from(client, asked.place, &link.input, reply.len, stock),
        }
    }
    link.answered();
    if !asked.kind.lost_value(reply.form) {
        return Ok(());
    }
    if let (Kind::Store(verb), Form::Line(Word::Error)) = (asked.kind, reply.form) {
        backend.note_lack(verb);
    }
    Err(Close::ValueRefused)
}

/// What the client is told in place of the reply; None when it is the reply itself.
#[inline]
fn told(asked: &Asked, reply: &Reply, policy: &Policy, input: &crate::ring::Ring) -> Option<Slot> {
    if asked.quiet && asked.kind.hides(reply.form) {
        return Some(Slot::Nothing);
    }
    if asked.kind == Kind::Broadcast {
        let failed = matches!(reply.form, Form::Line(word) if word.is_error());
        return Some(if failed { Slot::Failed(copied(input, reply.len)) } else { Slot::Nothing });
    }
    if reply.form == Form::Line(Word::ServerError) && policy.failed_get_is_miss {
        return miss(asked.kind, asked.quiet);
    }
    None
}

/// A reply to one of many keys, or to the rest of them: keys that are passed over were misses.
fn accept_part<S>(
    link: &mut Link<S>,
    reply: &Reply,
    policy: &Policy,
    clients: &mut Clients<S>,
    stock: &mut Stock,
) -> Result<(), Close> {
    while let Some(asked) = link.in_flight.front().copied() {
        let client = asked.client.filter(|_| link.late == 0);
        let found = reply.form == Form::Value && link.is_first_key(&reply.key);
        match (asked.kind, client) {
            (Kind::Part, None) => {}
            (Kind::Part, Some(client)) if found => {
                clients.counters.get_hits += 1;
                clients.answer_from(client, asked.place, &link.input, reply.len, stock);
            }
            (Kind::Part, Some(client)) => {
                clients.counters.get_misses += 1;
                let failed = matches!(reply.form, Form::Line(_)) && !policy.failed_get_is_miss;
                let slot = match failed {
                    true => Slot::Failed(copied(&link.input, reply.len)),
                    false => Slot::Nothing,
                };
                clients.answer(client, asked.place, slot, stock);
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

/// Tells whoever waits that the request has failed.
pub(super) fn fail<S>(
    asked: &Asked,
    text: &'static [u8],
    policy: &Policy,
    clients: &mut Clients<S>,
    stock: &mut Stock,
) {
    if let Some(client) = asked.client {
        clients.counters.requests_failed += 1;
        clients.answer(client, asked.place, failed(asked.kind, asked.quiet, text, policy), stock);
    }
}

/// What a client is told of a request that has failed.
pub(super) fn failed(kind: Kind, quiet: bool, text: &'static [u8], policy: &Policy) -> Slot {
    if policy.failed_get_is_miss
        && let Some(slot) = miss(kind, quiet)
    {
        return slot;
    }
    if matches!(kind, Kind::Part | Kind::Broadcast) {
        Slot::Failed(Cow::Borrowed(text))
    } else if quiet && kind.hides_failure() {
        Slot::Nothing
    } else {
        Slot::Text(text)
    }
}

/// What a retrieval that found nothing is answered; None when it is no retrieval.
fn miss(kind: Kind, quiet: bool) -> Option<Slot> {
    if kind == Kind::Get {
        Some(Slot::Text(b"END\r\n"))
    } else if kind == Kind::MetaGet && !quiet {
        Some(Slot::Text(b"EN\r\n"))
    } else {
        matches!(kind, Kind::Part | Kind::MetaGet).then_some(Slot::Nothing)
    }
}

fn copied(input: &crate::ring::Ring, len: usize) -> Cow<'static, [u8]> {
    let (start, end) = input.pieces(0..len);
    Cow::Owned([start, end].concat())
}

impl Counters {
    /// A request of one key was taken up.
    #[inline]
    pub(super) fn asked(&mut self, kind: Kind) {
        match kind {
            Kind::Get => self.cmd_get += 1,
            Kind::Store(Verb::MetaSet) => self.cmd_meta += 1,
            Kind::Store(_) => self.cmd_set += 1,
            Kind::Touch => self.cmd_touch += 1,
            Kind::MetaGet | Kind::MetaDelete | Kind::MetaArithmetic | Kind::MetaDebug => {
                self.cmd_meta += 1;
            }
            Kind::Delete | Kind::Incr | Kind::Decr => {}
            Kind::Part | Kind::PartsEnd | Kind::Broadcast | Kind::Probe => {}
        }
    }

    /// A request of one key was answered by its backend.
    #[inline]
    fn answered(&mut self, kind: Kind, form: Form) {
        let word = match form {
            Form::Hit | Form::Value => {
                self.get_hits += 1;
                return;
            }
            Form::End => {
                self.get_misses += 1;
                return;
            }
            Form::Line(word) => word,
        };
        let counter = match (kind, word) {
            (Kind::MetaGet, Word::MetaHeader | Word::MetaValue) => &mut self.get_hits,
            (Kind::MetaGet, Word::MetaMiss) => &mut self.get_misses,
            (Kind::Delete, Word::Deleted) => &mut self.delete_hits,
            (Kind::MetaDelete, Word::MetaHeader) => &mut self.delete_hits,
            (Kind::Delete, Word::NotFound) => &mut self.delete_misses,
            (Kind::MetaDelete, Word::MetaNotFound) => &mut self.delete_misses,
            (Kind::Incr, Word::Number) => &mut self.incr_hits,
            (Kind::Incr, Word::NotFound) => &mut self.incr_misses,
            (Kind::Decr, Word::Number) => &mut self.decr_hits,
            (Kind::Decr, Word::NotFound) => &mut self.decr_misses,
            (Kind::Touch, Word::Touched) => &mut self.touch_hits,
            (Kind::Touch, Word::NotFound) => &mut self.touch_misses,
            (Kind::Store(Verb::Cas), Word::Stored) => &mut self.cas_hits,
            (Kind::Store(Verb::Cas), Word::Exists) => &mut self.cas_badval,
            (Kind::Store(Verb::Cas), Word::NotFound) => &mut self.cas_misses,
            _ => return,
        };
        *counter += 1;
    }
}
