//! Values that are asked for a second time.
//!
//! A value that comes when there is no room for it is dropped, and only its key is kept (an
//! eviction). When its turn has come and its client has read what was before it, it is asked for
//! again: so a slow reader costs memory for its keys and not for its values, which wait in
//! memcached. That is right only while its client has not changed anything since: a write waits
//! for reads that may not fit (`Client::may_write`), and what was written in between all the same
//! makes the value an error (`Failure::NoRoom`), never a value that is too new.
//!
//! Reads that waited on a connection that turned out to be dead are asked again in the same way.

use super::Proxy;
use super::complete;
use super::failure::Failure;
use super::frontend::replies::Evicted;
use super::ids::{BackendId, ClientId, PoolId};
use super::pending::Pending;
use super::request_kind::RequestKind;
use super::route::{placed_by, route};
use super::upstream::link::Link;
use crate::buffer::BufferPool;
use crate::memcache::op::Command;
use crate::memcache::text::grammar;
use crate::memcache::text::line::ParsedLine;
use crate::time::Time;

impl<S> Proxy<S> {
    /// A value was evicted, and now its turn has come.
    pub(super) fn refetch(&mut self, id: ClientId, now: Time) {
        let allowance = self.clients.allowance;
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        let Some((seq, Evicted { kind, quiet, kept })) = client.replies.take_evicted() else {
            return;
        };
        let pending = Pending { quiet, ..Pending::new(id, seq, kind, now, now) };
        let pending = pending.expecting(client.expected_reply(&allowance));
        let (pool, lane) = (client.pool, client.lane);
        let is_stale = client.has_written_since(seq);
        let Some(backend) = self.backend_of(pool, kind, &kept) else {
            return;
        };
        let Self { clients, links, pool, .. } = self;
        let failure = match links.unwindowed(backend, lane, now) {
            Some(link) if !is_stale => return push_again(link, pending, &kept, pool),
            Some(_) => Failure::NoRoom,
            None => Failure::Down,
        };
        if let Some(backend) = links.backends.get(backend) {
            complete::fail(&pending, failure, &backend.policy, clients, pool);
        }
    }

    /// Where what is kept of a read is asked.
    fn backend_of(&self, pool: PoolId, kind: RequestKind, kept: &[u8]) -> Option<BackendId> {
        let place = |key: &[u8]| route(&self.pools, pool, &self.links.backends, key).backend;
        if kind.is_retrieval() {
            return Some(place(kept));
        }
        match grammar::understand(kept, true) {
            ParsedLine::Ask(op) => Some(placed_by(&op, &kept[op.key.clone()], place)),
            ParsedLine::Refuse { .. } | ParsedLine::Discard { .. } => None,
        }
    }
}

/// Asks a read again.
pub(super) fn push_again<S>(
    link: &mut Link<S>,
    pending: Pending,
    kept: &[u8],
    pool: &mut BufferPool,
) {
    let (RequestKind::Get(command) | RequestKind::Key(command)) = pending.kind else {
        return push_line_again(link, pending, kept, pool);
    };
    let command = if command.returns_cas() { Command::Gets } else { Command::Get };
    link.push_key(command, 0, kept, pending, pool);
}

/// A meta command: without the flag that made it quiet, for its answer is waited for.
fn push_line_again<S>(link: &mut Link<S>, pending: Pending, line: &[u8], pool: &mut BufferPool) {
    if let ParsedLine::Ask(op) = grammar::understand(line, true) {
        let pending = Pending { kept: link.in_flight.keep(line, pool), ..pending };
        let (before, after) = (&line[..op.quiet_flag.start], &line[op.quiet_flag.end..]);
        link.push_pieces(pending, &[before, after, crate::memcache::text::encode::LINE_END], pool);
    }
}
