//! Memory: what each client costs, what all do, and that somebody is closed when there is none
//! left.

use super::plan::Plan;
use super::shell::{Cost, Shell};
use nodeproxy::driver::Driver;
use nodeproxy::proxy::limits::OVERDRAFT;

/// What a client may cost beyond its limit: a reply whose turn it is, error lines, statistics.
const CLIENT_SLACK: usize = 100_000;
/// The buffer that it sends into.
const INPUT_BYTES_MAX: usize = 1 << 16;
/// What each link may borrow for the values that are asked for again, after the limit was looked
/// at.
const LINK_SLACK: usize = 1 << 15;
/// What may wait to be written to one link: a window as it is at first, and the values that are
/// asked for again.
const LINK_OUTPUT_MAX: usize = 5 << 20;
/// Timers that a link or client may have at a time, those of links that are gone counted too.
const TIMERS_EACH: usize = 12;

#[derive(Default)]
pub(super) struct Scales {}

impl Scales {
    /// To be called after each tick.
    pub(super) fn check(&mut self, shell: &mut Shell, plan: &Plan) {
        let each_max = 2 * OVERDRAFT * plan.client_memory + 2 * CLIENT_SLACK + INPUT_BYTES_MAX;
        for Cost { name, memory, .. } in &shell.costs {
            assert!(*memory <= each_max, "client {name} costs {memory} bytes");
        }
        check_links(shell);
        if plan.memory != usize::MAX {
            check_limit(shell, plan);
        }
        let holdings = shell.driver.proxy.holdings();
        let (clients, wires) = (holdings.clients, shell.driver.net.wires.len());
        let timers_max = TIMERS_EACH * (clients + wires + shell.driver.net.modes.len());
        assert!(holdings.timers <= timers_max, "{} timers", holdings.timers);
    }
}

/// No more than its window waits for a link.
fn check_links(shell: &mut Shell) {
    let Driver { net, proxy, .. } = &mut shell.driver;
    for wire in net.wires.iter().filter(|it| !it.given_up) {
        let waiting = proxy.link(wire.link).map_or(0, |link| link.output.len());
        assert!(waiting <= LINK_OUTPUT_MAX, "{waiting} bytes wait for one link");
    }
}

/// When there is no memory left, clients are closed until there is, or nobody holds any.
fn check_limit(shell: &mut Shell, plan: &Plan) {
    let holdings = shell.driver.proxy.holdings();
    let most = shell.costs.iter().map(|it| it.memory).max().unwrap_or(0);
    let slack = LINK_SLACK * holdings.links + shell.link_costs.iter().map(|it| it.1).sum::<usize>();
    let is_within = most == 0 || holdings.bytes() <= plan.memory + slack;
    assert!(is_within, "{} bytes are used, and {} may be", holdings.bytes(), plan.memory);
}
