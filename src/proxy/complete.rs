//! What a reply means: whose it is, what that client is told, and what is counted.

use super::close::Close;
use super::failure::Failure;
use super::frontend::clients::Clients;
use super::frontend::replies::{Evicted, Slot, Tail};
use super::ids::{BackendId, ClientId};
use super::pending::Pending;
use super::request_kind::RequestKind;
use super::upstream::backend::{Backend, Policy};
use super::upstream::link::Link;
use crate::buffer::{BufferPool, RingBuf};
use crate::memcache::op::{Command, Outcome, Status};
use crate::memcache::text::encode;
use crate::metrics::Counters;
use crate::slab::SlotMap;
use std::borrow::Cow;

/// Gives the reply at the head of the link's input to whoever waits for it; `pending` is the oldest
/// request in flight. Some or all of the reply may be gone from the input then.
#[inline]
pub(super) fn accept<S>(
    link: &mut Link<S>,
    backend: &mut Backend,
    outcome: &Outcome,
    pending: &Pending,
    clients: &mut Clients<S>,
    pool: &mut BufferPool,
) -> Result<(), Close> {
    if !pending.kind.suits(outcome.status) {
        return Err(Close::Malformed);
    }
    if pending.kind.is_retrieval() {
        return accept_retrieval(link, outcome, &backend.policy, clients, pool);
    }
    if let Some(client) = pending.client {
        clients.counters.answered(pending.kind, outcome.status);
        match translated(pending, outcome, &backend.policy, &link.input) {
            Some(slot) => clients.complete(client, pending.seq, slot, pool),
            None => give(link, outcome, pending, clients, pool),
        }
    }
    link.in_flight.pop();
    if outcome.status == Status::Error && pending.kind.is_meta() {
        backend.tell_of_lack();
    }
    if !pending.kind.lost_value(outcome.status) {
        return Ok(());
    }
    if let (RequestKind::Store(command), Status::Error) = (pending.kind, outcome.status) {
        backend.note_lack(command);
    }
    Err(Close::ValueRefused)
}

/// A reply to a line of keys: a value, the end, or an error in its place.
#[inline]
fn accept_retrieval<S>(
    link: &mut Link<S>,
    outcome: &Outcome,
    policy: &Policy,
    clients: &mut Clients<S>,
    pool: &mut BufferPool,
) -> Result<(), Close> {
    if matches!(outcome.status, Status::Hit | Status::Value) {
        return accept_value(link, outcome, clients, pool);
    }
    // An error in the place of an end: a value before it has to be the one that was asked for.
    if !outcome.key.is_empty() && !link.front_is_for(&outcome.key) {
        return Err(Close::Unsolicited);
    }
    if outcome.status == Status::End {
        end_line(link, |pending| miss(pending, clients, pool));
    } else {
        let text = copied(&link.input, outcome.len);
        end_line(link, |pending| {
            refused(pending, &text, outcome.status, policy, clients, pool);
        });
    }
    Ok(())
}

/// A value: it answers the first key of the line that it fits, and those before it were misses.
#[inline]
fn accept_value<S>(
    link: &mut Link<S>,
    outcome: &Outcome,
    clients: &mut Clients<S>,
    pool: &mut BufferPool,
) -> Result<(), Close> {
    if !link.front_is_for(&outcome.key) {
        pass_over(link, outcome, clients, pool)?;
    }
    let pending = *link.in_flight.front().ok_or(Close::Unsolicited)?;
    link.observe_reply(outcome.len);
    let is_joined = outcome.status == Status::Hit;
    give_value(link, outcome, &pending, is_joined, clients, pool);
    // The last key of a line is done with when the end of the line has come.
    if pending.last && !is_joined {
        link.in_flight.answer_front();
    } else {
        link.in_flight.pop();
    }
    Ok(())
}

/// The keys of the line before the one that a value is for were misses. The value of a key that is
/// not in the line is the answer to another question.
fn pass_over<S>(
    link: &mut Link<S>,
    outcome: &Outcome,
    clients: &mut Clients<S>,
    pool: &mut BufferPool,
) -> Result<(), Close> {
    let misses = link.position_in_line(&outcome.key).ok_or(Close::Unsolicited)?;
    for _ in 0..misses {
        if let Some(pending) = link.in_flight.front().copied() {
            miss(&pending, clients, pool);
            link.in_flight.pop();
        }
    }
    Ok(())
}

/// The value at the head of the input, for one key.
#[inline]
fn give_value<S>(
    link: &mut Link<S>,
    outcome: &Outcome,
    pending: &Pending,
    is_joined: bool,
    clients: &mut Clients<S>,
    pool: &mut BufferPool,
) {
    let Some(client) = pending.client else {
        return;
    };
    clients.observe_value(outcome.len);
    let tail = match (pending.kind, is_joined) {
        (RequestKind::Key(_), _) => Tail::Keys,
        // Its own `END` comes with it.
        (_, true) => Tail::Nothing,
        (_, false) => Tail::End,
    };
    let source = (&mut link.input, outcome.len);
    if !clients.complete_value(pending, source, tail, pool) {
        return evict(link, pending, client, clients, pool);
    }
    if let RequestKind::Get(command) | RequestKind::Key(command) = pending.kind {
        clients.counters.hit(command);
    }
}

/// Calls `with` for the keys of the oldest line that have no answer yet; they are done with.
fn end_line<S>(link: &mut Link<S>, mut with: impl FnMut(&Pending)) {
    while let Some(pending) = link.in_flight.front().copied() {
        if !pending.answered {
            with(&pending);
        }
        link.in_flight.pop();
        if pending.last {
            return;
        }
    }
}

/// A key was not found.
#[inline]
fn miss<S>(pending: &Pending, clients: &mut Clients<S>, pool: &mut BufferPool) {
    let Some(client) = pending.client else {
        return;
    };
    if let RequestKind::Get(command) | RequestKind::Key(command) = pending.kind {
        clients.counters.miss(command);
    }
    clients.observe_miss(client);
    let slot = missed(pending.kind, pending.quiet).unwrap_or(Slot::Nothing);
    clients.complete(client, pending.seq, slot, pool);
}

/// A line of keys was answered with an error, from this key on.
fn refused<S>(
    pending: &Pending,
    text: &[u8],
    status: Status,
    policy: &Policy,
    clients: &mut Clients<S>,
    pool: &mut BufferPool,
) {
    let Some(client) = pending.client else {
        return;
    };
    let is_miss = policy.failed_get_is_miss && status == Status::ServerError;
    let slot = if is_miss {
        missed(pending.kind, pending.quiet).unwrap_or(Slot::Nothing)
    } else if matches!(pending.kind, RequestKind::Key(_)) {
        Slot::Failed(Cow::Owned(text.to_vec()))
    } else {
        Slot::Bytes(text.to_vec())
    };
    clients.complete(client, pending.seq, slot, pool);
}

/// Gives the reply at the head of the link's input to its client as it is.
#[inline]
fn give<S>(
    link: &mut Link<S>,
    outcome: &Outcome,
    pending: &Pending,
    clients: &mut Clients<S>,
    pool: &mut BufferPool,
) {
    let Some(client) = pending.client else {
        return;
    };
    if outcome.status == Status::MetaValue {
        clients.observe_value(outcome.len);
        let source = (&mut link.input, outcome.len);
        if !clients.complete_value(pending, source, Tail::Nothing, pool) {
            evict(link, pending, client, clients, pool);
        }
        return;
    }
    clients.complete_line(client, pending.seq, (&mut link.input, outcome.len), pool);
}

/// There is no room for a value: it is asked for again when its turn comes, or its client has to do
/// without it.
#[cold]
fn evict<S>(
    link: &mut Link<S>,
    pending: &Pending,
    client: ClientId,
    clients: &mut Clients<S>,
    pool: &mut BufferPool,
) {
    let slot = if pending.is_refetchable() {
        if let Some(client) = clients.get_mut(client) {
            client.record_eviction(pending.seq);
        }
        let Pending { kind, quiet, .. } = *pending;
        Slot::Evicted(Box::new(Evicted { kind, quiet, kept: link.in_flight.front_kept() }))
    } else {
        Slot::Text(Failure::NoRoom.text())
    };
    clients.complete(client, pending.seq, slot, pool);
}

/// What the client is told in place of the reply; None when it is the reply itself.
#[inline]
fn translated(
    pending: &Pending,
    outcome: &Outcome,
    policy: &Policy,
    input: &RingBuf,
) -> Option<Slot> {
    if pending.quiet && pending.kind.hides(outcome.status) {
        return Some(Slot::Nothing);
    }
    if pending.kind == RequestKind::Broadcast {
        let failed = outcome.status.is_error();
        let text = || Cow::Owned(copied(input, outcome.len));
        return Some(if failed { Slot::Failed(text()) } else { Slot::Nothing });
    }
    if outcome.status == Status::ServerError && policy.failed_get_is_miss {
        return missed(pending.kind, pending.quiet);
    }
    None
}

/// Tells whoever waits that the request has failed.
pub(super) fn fail<S>(
    pending: &Pending,
    failure: Failure,
    policy: &Policy,
    clients: &mut Clients<S>,
    pool: &mut BufferPool,
) {
    if let Some(client) = pending.client.filter(|_| !pending.answered) {
        clients.counters.requests_failed += 1;
        let slot = failed(pending.kind, pending.quiet, failure, policy);
        clients.complete(client, pending.seq, slot, pool);
    }
}

/// A request fails before it is sent: what its client is told.
pub(super) fn reject(
    backends: &mut SlotMap<BackendId, Backend>,
    backend: BackendId,
    (kind, quiet): (RequestKind, bool),
    failure: Failure,
) -> Slot {
    let Some(backend) = backends.get_mut(backend) else {
        return Slot::Text(failure.text());
    };
    backend.counters.errors += 1;
    backend.counters.overloads += u64::from(failure == Failure::Overloaded);
    failed(kind, quiet, failure, &backend.policy)
}

/// What a client is told of a request that has failed.
fn failed(kind: RequestKind, quiet: bool, failure: Failure, policy: &Policy) -> Slot {
    if failure.is_miss(policy)
        && let Some(slot) = missed(kind, quiet)
    {
        return slot;
    }
    if matches!(kind, RequestKind::Broadcast | RequestKind::Key(_)) {
        Slot::Failed(Cow::Borrowed(failure.text()))
    } else if quiet && kind.hides_failure() {
        Slot::Nothing
    } else {
        Slot::Text(failure.text())
    }
}

/// What a retrieval that found nothing is answered; None when it is no retrieval.
fn missed(kind: RequestKind, quiet: bool) -> Option<Slot> {
    if matches!(kind, RequestKind::Get(_)) {
        Some(Slot::Text(encode::END))
    } else if matches!(kind, RequestKind::Key(_)) || kind == RequestKind::MetaGet && quiet {
        Some(Slot::Nothing)
    } else {
        (kind == RequestKind::MetaGet).then_some(Slot::Text(encode::META_MISS))
    }
}

fn copied(input: &RingBuf, len: usize) -> Vec<u8> {
    let (start, end) = input.pieces(0..len);
    [start, end].concat()
}

impl Counters {
    /// A request of one key was taken up.
    #[inline]
    pub(super) fn requested(&mut self, kind: RequestKind) {
        if let RequestKind::Get(command) = kind {
            self.retrieved(command, 1);
        }
        self.cmd_set += u64::from(matches!(kind, RequestKind::Store(_)));
        self.cmd_touch += u64::from(kind == RequestKind::Touch);
        self.cmd_get += u64::from(kind == RequestKind::MetaGet);
        self.cmd_meta += u64::from(kind.is_meta());
    }

    /// So many keys are retrieved. Those that are touched by the way count as touched, as memcached
    /// has it.
    #[inline]
    pub(super) fn retrieved(&mut self, command: Command, keys: usize) {
        *if command.touches() { &mut self.cmd_touch } else { &mut self.cmd_get } += keys as u64;
    }

    /// A key was found.
    #[inline]
    fn hit(&mut self, command: Command) {
        *if command.touches() { &mut self.touch_hits } else { &mut self.get_hits } += 1;
    }

    /// A key was not found.
    #[inline]
    fn miss(&mut self, command: Command) {
        *if command.touches() { &mut self.touch_misses } else { &mut self.get_misses } += 1;
    }

    /// A request of one key, no classic retrieval, was answered by its backend.
    #[inline]
    fn answered(&mut self, kind: RequestKind, status: Status) {
        use Status as T;
        let counter = match (kind, status) {
            (RequestKind::MetaGet, T::MetaHeader | T::MetaValue) => &mut self.get_hits,
            (RequestKind::MetaGet, T::MetaMiss) => &mut self.get_misses,
            (RequestKind::Delete, T::Deleted) => &mut self.delete_hits,
            (RequestKind::MetaDelete, T::MetaHeader) => &mut self.delete_hits,
            (RequestKind::Delete, T::NotFound) => &mut self.delete_misses,
            (RequestKind::MetaDelete, T::MetaNotFound) => &mut self.delete_misses,
            (RequestKind::Incr, T::Number) => &mut self.incr_hits,
            (RequestKind::Incr, T::NotFound) => &mut self.incr_misses,
            (RequestKind::Decr, T::Number) => &mut self.decr_hits,
            (RequestKind::Decr, T::NotFound) => &mut self.decr_misses,
            (RequestKind::Touch, T::Touched) => &mut self.touch_hits,
            (RequestKind::Touch, T::NotFound) => &mut self.touch_misses,
            (RequestKind::Store(Command::Cas), T::Stored) => &mut self.cas_hits,
            (RequestKind::Store(Command::Cas), T::Exists) => &mut self.cas_badval,
            (RequestKind::Store(Command::Cas), T::NotFound) => &mut self.cas_misses,
            _ => return,
        };
        *counter += 1;
    }
}
