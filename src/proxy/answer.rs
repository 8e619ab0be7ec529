//! What a reply means: whose it is, what that client is told, and what is counted.

use super::asked::Asked;
use super::backend::{Backend, Policy};
use super::client::ClientId;
use super::clients::Clients;
use super::close::Close;
use super::kind::Kind;
use super::link::Link;
use super::replies::{Dropped, Slot};
use crate::buffer::BufferPool;
use crate::memcache::op::{Command, Outcome, Status};
use crate::memcache::text::encode;
use crate::metrics::Counters;
use std::borrow::Cow;

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Its backend is down.
    Down,
    /// Its link was lost.
    Lost,
    /// It was not answered in time.
    Late,
    /// What came is not an answer.
    Broken,
    /// The backend is known not to have the command.
    Lacking,
    /// Its client has no room for the answer, and has asked for changes since.
    NoRoom,
}

impl Failure {
    pub(super) const fn text(self) -> &'static [u8] {
        match self {
            Self::Down => encode::BACKEND_DOWN,
            Self::Lost => encode::BACKEND_LOST,
            Self::Late => encode::BACKEND_TIMED_OUT,
            Self::Broken => encode::BACKEND_BROKE_PROTOCOL,
            // As the backend itself would say, if its answer did not break all that follows.
            Self::Lacking => encode::UNKNOWN_COMMAND,
            Self::NoRoom => encode::OUT_OF_MEMORY,
        }
    }

    pub(super) const fn is_miss(self, policy: &Policy) -> bool {
        match self {
            Self::Down => policy.failed_get_is_miss || policy.down_is_miss,
            Self::Lost | Self::Late | Self::Broken | Self::NoRoom => policy.failed_get_is_miss,
            Self::Lacking => false,
        }
    }
}

/// Gives the reply at the head of the link's input to whoever waits for it. Some or all of it may
/// be gone from there then.
#[inline]
pub(super) fn accept<S>(
    link: &mut Link<S>,
    reply: &Outcome,
    asked: &Asked,
    backend: &mut Backend,
    clients: &mut Clients<S>,
    buffers: &mut BufferPool,
) -> Result<(), Close> {
    if asked.kind.is_get() && reply.status == Status::Hit {
        return accept_hit(link, reply, asked, clients, buffers);
    }
    if !asked.kind.suits(reply.status) {
        return Err(Close::Malformed);
    }
    if let Kind::Again(_) = asked.kind {
        return accept_again(link, reply, asked, &backend.policy, clients, buffers);
    }
    if let (Some(client), 0) = (asked.client, link.late) {
        clients.counters.answered(asked.kind, reply.status);
        match told(asked, reply, &backend.policy, &link.input) {
            Some(slot) => {
                clients.saw(client, reply.len);
                clients.answer(client, asked.place, slot, buffers);
            }
            None => give(link, reply, asked, client, clients, buffers),
        }
    }
    link.answered();
    if !asked.kind.lost_value(reply.status) {
        return Ok(());
    }
    if let (Kind::Store(verb), Status::Error) = (asked.kind, reply.status) {
        backend.note_lack(verb);
    }
    Err(Close::ValueRefused)
}

/// A value.
#[inline]
fn accept_hit<S>(
    link: &mut Link<S>,
    reply: &Outcome,
    asked: &Asked,
    clients: &mut Clients<S>,
    buffers: &mut BufferPool,
) -> Result<(), Close> {
    if let (Some(client), 0) = (asked.client, link.late) {
        if matches!(asked.kind, Kind::Again(_)) {
            let value = Some((&link.input, reply.len - encode::END.len()));
            clients.resume(client, value, None, buffers);
        } else {
            if let Kind::Get(verb) = asked.kind {
                clients.counters.hit(verb, 1);
            }
            give(link, reply, asked, client, clients, buffers);
        }
    }
    link.answered();
    Ok(())
}

/// What was asked for again is gone meanwhile, or cannot be had.
fn accept_again<S>(
    link: &mut Link<S>,
    reply: &Outcome,
    asked: &Asked,
    policy: &Policy,
    clients: &mut Clients<S>,
    buffers: &mut BufferPool,
) -> Result<(), Close> {
    if let (Some(client), 0) = (asked.client, link.late) {
        let failed = reply.status.is_error() && !policy.failed_get_is_miss;
        let failure = failed.then(|| Cow::Owned(link.text(0..reply.len)));
        clients.resume(client, None, failure, buffers);
    }
    link.answered();
    Ok(())
}

/// Gives the reply at the head of the link's input to its client. A value that it has no room for
/// is asked for again later.
#[inline]
fn give<S>(
    link: &mut Link<S>,
    reply: &Outcome,
    asked: &Asked,
    client: ClientId,
    clients: &mut Clients<S>,
    buffers: &mut BufferPool,
) {
    let is_value = matches!(reply.status, Status::Hit | Status::MetaValue);
    if clients.answer_from(client, asked, &mut link.input, reply.len, is_value, buffers) {
        return;
    }
    let slot = if asked.repeats() {
        let Asked { kind, quiet, .. } = *asked;
        let text = match kind.again(&link.text(reply.key.clone())) {
            Some(text) => text,
            None => link.first_line(),
        };
        if let Some(client) = clients.get_mut(client) {
            client.last_dropped = Some(asked.place);
        }
        Slot::Dropped(Box::new(Dropped { kind, quiet, text }))
    } else {
        Slot::Text(Failure::NoRoom.text())
    };
    clients.answer(client, asked.place, slot, buffers);
}

/// What the client is told in place of the reply; None when it is the reply itself.
#[inline]
fn told(
    asked: &Asked,
    reply: &Outcome,
    policy: &Policy,
    input: &crate::buffer::RingBuf,
) -> Option<Slot> {
    if asked.quiet && asked.kind.hides(reply.status) {
        return Some(Slot::Nothing);
    }
    if asked.kind == Kind::Broadcast {
        let failed = reply.status.is_error();
        return Some(if failed { Slot::Failed(copied(input, reply.len)) } else { Slot::Nothing });
    }
    if reply.status == Status::ServerError && policy.failed_get_is_miss {
        return miss(asked.kind, asked.quiet);
    }
    None
}

/// Tells whoever waits that the request has failed.
pub(super) fn fail<S>(
    asked: &Asked,
    failure: Failure,
    policy: &Policy,
    clients: &mut Clients<S>,
    buffers: &mut BufferPool,
) {
    if let Some(client) = asked.client {
        clients.counters.requests_failed += 1;
        let text = || (!failure.is_miss(policy)).then(|| Cow::Borrowed(failure.text()));
        if let Kind::Part(_) = asked.kind {
            return clients.finish_part(client, asked.place, asked.part, text(), buffers);
        }
        if let Kind::Again(_) = asked.kind {
            return clients.resume(client, None, text(), buffers);
        }
        clients.answer(
            client,
            asked.place,
            failed(asked.kind, asked.quiet, failure, policy),
            buffers,
        );
    }
}

/// What a client is told of a request that has failed.
pub(super) fn failed(kind: Kind, quiet: bool, failure: Failure, policy: &Policy) -> Slot {
    if failure.is_miss(policy)
        && let Some(slot) = miss(kind, quiet)
    {
        return slot;
    }
    if kind == Kind::Broadcast {
        Slot::Failed(Cow::Borrowed(failure.text()))
    } else if quiet && kind.hides_failure() {
        Slot::Nothing
    } else {
        Slot::Text(failure.text())
    }
}

/// What a retrieval that found nothing is answered; None when it is no retrieval.
fn miss(kind: Kind, quiet: bool) -> Option<Slot> {
    if matches!(kind, Kind::Get(_)) {
        Some(Slot::Text(encode::END))
    } else if kind == Kind::MetaGet && !quiet {
        Some(Slot::Text(encode::META_MISS))
    } else {
        (kind == Kind::MetaGet).then_some(Slot::Nothing)
    }
}

fn copied(input: &crate::buffer::RingBuf, len: usize) -> Cow<'static, [u8]> {
    let (start, end) = input.pieces(0..len);
    Cow::Owned([start, end].concat())
}

impl Counters {
    /// A request of one key was taken up.
    #[inline]
    pub(super) fn asked(&mut self, kind: Kind) {
        match kind {
            Kind::Get(verb) => self.retrieve(verb, 1),
            Kind::Store(_) => self.cmd_set += 1,
            Kind::Touch => self.cmd_touch += 1,
            Kind::MetaGet => self.cmd_get += 1,
            Kind::MetaDelete | Kind::MetaArithmetic | Kind::MetaDebug => {}
            Kind::Delete | Kind::Incr | Kind::Decr => {}
            Kind::Part(_) | Kind::Again(_) | Kind::Broadcast | Kind::Probe => {}
        }
        self.cmd_meta += u64::from(kind.is_meta());
    }

    /// So many keys are retrieved. Those that are touched by the way count as touched, as memcached
    /// has it.
    #[inline]
    pub(super) fn retrieve(&mut self, verb: Command, keys: usize) {
        *if verb.touches() { &mut self.cmd_touch } else { &mut self.cmd_get } += keys as u64;
    }

    /// So many keys were found.
    #[inline]
    pub(super) fn hit(&mut self, verb: Command, keys: usize) {
        *if verb.touches() { &mut self.touch_hits } else { &mut self.get_hits } += keys as u64;
    }

    /// So many keys were not found.
    pub(super) fn miss(&mut self, verb: Command, keys: usize) {
        *if verb.touches() { &mut self.touch_misses } else { &mut self.get_misses } += keys as u64;
    }

    /// A request of one key was answered by its backend.
    #[inline]
    fn answered(&mut self, kind: Kind, status: Status) {
        let counter = match (kind, status) {
            (Kind::Get(verb), Status::End) => return self.miss(verb, 1),
            (Kind::MetaGet, Status::MetaHeader | Status::MetaValue) => &mut self.get_hits,
            (Kind::MetaGet, Status::MetaMiss) => &mut self.get_misses,
            (Kind::Delete, Status::Deleted) => &mut self.delete_hits,
            (Kind::MetaDelete, Status::MetaHeader) => &mut self.delete_hits,
            (Kind::Delete, Status::NotFound) => &mut self.delete_misses,
            (Kind::MetaDelete, Status::MetaNotFound) => &mut self.delete_misses,
            (Kind::Incr, Status::Number) => &mut self.incr_hits,
            (Kind::Incr, Status::NotFound) => &mut self.incr_misses,
            (Kind::Decr, Status::Number) => &mut self.decr_hits,
            (Kind::Decr, Status::NotFound) => &mut self.decr_misses,
            (Kind::Touch, Status::Touched) => &mut self.touch_hits,
            (Kind::Touch, Status::NotFound) => &mut self.touch_misses,
            (Kind::Store(Command::Cas), Status::Stored) => &mut self.cas_hits,
            (Kind::Store(Command::Cas), Status::Exists) => &mut self.cas_badval,
            (Kind::Store(Command::Cas), Status::NotFound) => &mut self.cas_misses,
            _ => return,
        };
        *counter += 1;
    }
}
