//! Memory: what each client costs, what all do, and who is closed when there is none left.

use super::plan::Plan;
use super::shell::{Cost, Shell};
use nodeproxy::driver::Driver;
use nodeproxy::proxy::Proxy;
use nodeproxy::proxy::limits::{ALLOWANCE_WHEN_SHORT, LINK_BYTES_MAX, LINK_BYTES_MODEST};

/// What a client may cost beyond its limit: a reply whose turn it is, error lines, statistics.
const CLIENT_SLACK: usize = 100_000;
/// The buffer that it sends into.
const INPUT_BYTES_MAX: usize = 1 << 16;
/// What each link may borrow for the values that are asked for again, after the limit was looked
/// at.
const LINK_SLACK: usize = 1 << 15;
/// Timers that a link or client may have at a time, those of links that are gone counted too.
const TIMERS_EACH: usize = 8;

#[derive(Default)]
pub(super) struct Scales {
    /// Memory was short when the proxy looked last.
    was_short: bool,
    /// What was kept for the clients then.
    before: Vec<Cost>,
}

impl Scales {
    /// To be called after each tick.
    pub(super) fn check(&mut self, shell: &mut Shell, plan: &Plan) {
        let each_max = 2 * (plan.client_memory + CLIENT_SLACK) + INPUT_BYTES_MAX;
        for Cost { name, memory, .. } in &shell.costs {
            assert!(*memory <= each_max, "client {name} costs {memory} bytes");
        }
        if plan.heavy {
            check_links(shell);
        }
        if plan.memory != usize::MAX {
            self.check_allowance(shell);
            check_victims(shell, plan);
        }
        self.was_short = shell.used > plan.memory / 4 * 3;
        self.before.clone_from(&shell.costs);
        let holdings = shell.driver.proxy.holdings();
        let (clients, wires) = (holdings.clients, shell.driver.net.wires.len());
        let timers_max = TIMERS_EACH * (clients + wires + shell.driver.net.modes.len());
        assert!(holdings.timers <= timers_max, "{} timers", holdings.timers);
    }

    /// While memory is short, no more than the allowance is kept for anybody; twice that when a
    /// retrieval of many keys has left in part, and counts until it has left in whole.
    fn check_allowance(&self, shell: &Shell) {
        if !self.was_short {
            return;
        }
        for Cost { name, kept, .. } in &shell.costs {
            let before = self.before.iter().find(|it| it.name == *name);
            let before = before.map_or(0, |it| it.kept);
            let max = 2 * before.max(ALLOWANCE_WHEN_SHORT) + CLIENT_SLACK / 2;
            assert!(
                *kept <= max,
                "{kept} bytes, were {before}, for client {name}; memory is short"
            );
        }
    }
}

/// No more than it takes waits for a link.
fn check_links(shell: &mut Shell) {
    let Driver { net, proxy, .. } = &mut shell.driver;
    for wire in net.wires.iter().filter(|it| !it.given_up) {
        let waiting = proxy.link(wire.link).map_or(0, |link| link.output.len());
        assert!(waiting <= LINK_BYTES_MAX + CLIENT_SLACK, "{waiting} bytes wait for one link");
    }
}

/// When there is no memory left, those who cost most are closed, until there is.
fn check_victims(shell: &mut Shell, plan: &Plan) {
    let holdings = shell.driver.proxy.holdings();
    let of_clients = shell.costs.iter().map(|it| it.memory);
    let of_links = shell.link_costs.iter().map(|(_, memory)| *memory);
    let worst = of_clients.chain(of_links.filter(|it| *it > LINK_BYTES_MODEST)).max().unwrap_or(0);
    if shell.used > plan.memory && worst > 0 {
        let Shell { driver, costs, link_costs, .. } = shell;
        let Driver { net, proxy, .. } = driver;
        let is_gone = |name: usize, proxy: &mut Proxy<_>| proxy.client(net.ends[name].id).is_none();
        let is_client = |it: &Cost| it.memory == worst && is_gone(it.name, proxy);
        let is_closed = costs.iter().any(is_client)
            || link_costs.iter().any(|(id, it)| *it == worst && proxy.link(*id).is_none());
        assert!(is_closed, "another than the worst was closed");
    }
    let slack = LINK_SLACK * holdings.links;
    let is_within = worst == 0 || holdings.bytes() <= plan.memory + slack;
    assert!(is_within, "{} bytes are used, and {} may be", holdings.bytes(), plan.memory);
}
