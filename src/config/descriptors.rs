//! What the open files are used for: how many links and how many clients there may be.

use super::{Config, PoolConfig, Source};
use rlimit::Resource;

/// Descriptors that are neither clients nor links: standard streams, epoll, signals, and some to
/// spare.
const RESERVED: usize = 16;

/// Links may take so many quarters of the descriptors; the rest is for clients.
const LINKS_QUARTERS: usize = 3;

/// With less room for clients the proxy does not start.
const CLIENTS_MIN: usize = 8;

/// How the descriptors of the process are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors {
    /// Links to each backend, at most.
    pub links_max: usize,
    /// Clients at the same time, of all pools together.
    pub clients: usize,
}

impl Descriptors {
    /// Divides so many. The error says that they are too few: one line.
    pub fn plan(pools: &[PoolConfig], descriptors: usize) -> Result<Self, String> {
        let servers = servers(pools);
        let fixed = RESERVED + pools.len();
        // Beside its links a server may have one that asks whether it is well.
        let room = (descriptors / 4 * LINKS_QUARTERS).saturating_sub(fixed + servers);
        let most = pools.iter().map(|pool| pool.links).max().unwrap_or(1);
        let links_max =
            (1..=most).rev().find(|links_max| links(pools, *links_max) <= room).unwrap_or(1);
        let taken = fixed + servers + links(pools, links_max);
        let needed = taken + CLIENTS_MIN;
        if needed > descriptors {
            let expected = "raise it (ulimit -n, LimitNOFILE)";
            return Err(format!(
                "{servers} servers need {needed} open files, and the limit is {descriptors}; \
                 {expected}"
            ));
        }
        Ok(Self { links_max, clients: descriptors - taken })
    }

    /// That there are fewer links than were asked for, if it is so: one line.
    pub fn fewer_links(&self, pools: &[PoolConfig], descriptors: usize) -> Option<String> {
        let most = pools.iter().map(|pool| pool.links).max().unwrap_or(1);
        let (links_max, servers, wanted) = (self.links_max, servers(pools), links(pools, most));
        (links_max < most).then(|| {
            format!(
                "{wanted} connections to {servers} servers were asked for, and the limit of open \
                 files is {descriptors}: at most {links_max} are opened to each server"
            )
        })
    }
}

fn servers(pools: &[PoolConfig]) -> usize {
    pools.iter().map(|pool| pool.servers.len()).sum()
}

/// Links to all backends, if each has so many at most.
fn links(pools: &[PoolConfig], links_max: usize) -> usize {
    pools.iter().map(|pool| pool.links.min(links_max) * pool.servers.len()).sum()
}

/// What this process may open at most, once it has raised its limit.
pub(super) fn limit() -> usize {
    let hard = Resource::NOFILE.get_hard().unwrap_or(u64::MAX);
    usize::try_from(hard).unwrap_or(usize::MAX)
}

/// No pool asks for more clients than there are descriptors for. It is an error of the command
/// line, where somebody has just written it, and a warning elsewhere: other hosts may share it.
pub(super) fn check(config: &mut Config, descriptors: usize) -> Result<(), String> {
    let Ok(Descriptors { clients: most, .. }) = Descriptors::plan(&config.pools, descriptors)
    else {
        // The start says so, where there are as few.
        return Ok(());
    };
    for pool in config.pools.iter().filter(|pool| pool.client_connections > most) {
        let asked = pool.client_connections;
        let wrong = format!(
            "{asked} is more than the {most} for which the limit of open files, {descriptors}, has \
             room; expected at most that, or a higher limit (ulimit -Hn, LimitNOFILE=)"
        );
        match config.source {
            Source::Flags => return Err(format!("--client-connections: {wrong}")),
            Source::Environment | Source::File(_) => {
                let warning = format!("pool {}: client_connections: {wrong}", pool.name);
                config.warnings.push(warning);
            }
        }
    }
    Ok(())
}
