//! When memory is used up, whoever holds it pays for that, and not those who hold nothing.

use crate::harness::core::Core;
use nodeproxy::proxy::Limits;

const LIMITS: Limits = Limits { value_bytes_max: 1 << 20, memory_max: 4 << 20 };
const MEMORY_MAX: usize = 8 << 20;

fn core(backends: u16) -> Core {
    Core::with(backends, LIMITS, |_, about| about.memory_max = MEMORY_MAX)
}

/// Room was made for all of it at once, and then clients were closed until none was left.
#[test]
fn a_value_that_is_only_announced_costs_nobody_the_connection() {
    let mut core = core(1);
    let link = core.connect()[0];
    let (asking, idle) = (core.client(), core.client());
    core.send(asking, b"get k\r\n");
    core.flush(true);
    core.reply(link, b"VALUE k 0 2147483000\r\n");
    core.reply(link, b"and that is all");
    core.flush(true);
    assert!(core.proxy.holdings().bytes() < MEMORY_MAX);
    assert!(core.proxy.client(asking).is_some() && core.proxy.client(idle).is_some());
}

#[test]
fn a_link_whose_input_is_too_much_is_closed_and_no_client() {
    let mut core = core(1);
    let link = core.connect()[0];
    let (asking, idle) = (core.client(), core.client());
    core.send(asking, b"get k\r\n");
    core.flush(true);
    core.reply(link, b"VALUE k 0 2147483000\r\n");
    core.reply(link, &vec![b'x'; MEMORY_MAX]);
    core.flush(true);
    core.expect_client(asking, b"SERVER_ERROR backend lost\r\n");
    assert!(core.proxy.holdings().bytes() < MEMORY_MAX);
    assert!(core.proxy.link(link).is_none() && core.proxy.client(idle).is_some());
}

/// What clients had sent waited on the links of backends that did not read; clients were closed for
/// it until none was left, though none of them held any of it.
#[test]
fn links_that_hold_what_is_too_much_are_closed_and_no_clients() {
    let mut core = core(40);
    core.connect();
    let idle = core.client();
    let senders: Vec<_> = (0..12).map(|_| core.client()).collect();
    for (at, sender) in senders.iter().enumerate() {
        let value = vec![b'x'; 900_000];
        let line = format!("set key{at} 0 0 {}\r\n", value.len());
        core.send(*sender, &[line.as_bytes(), &value, b"\r\n"].concat());
    }
    assert!(core.proxy.holdings().bytes() > MEMORY_MAX);
    for _ in 0..3 {
        core.proxy.flush(core.now, |_, output| Ok(output.is_empty()));
    }
    assert!(core.proxy.holdings().bytes() <= MEMORY_MAX);
    assert!(core.proxy.client(idle).is_some());
    for sender in senders {
        assert!(core.proxy.client(sender).is_some());
    }
}
