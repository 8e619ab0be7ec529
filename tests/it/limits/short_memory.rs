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
    assert!(core.driver.proxy.holdings().bytes() < MEMORY_MAX);
    assert!(core.has_client(asking) && core.has_client(idle));
}

/// No value can be so long, whatever a backend says of it.
#[test]
fn a_value_that_would_take_all_memory_ends_its_link_and_no_client() {
    let mut core = core(1);
    let link = core.connect()[0];
    let (asking, idle) = (core.client(), core.client());
    core.send(asking, b"get k\r\n");
    core.flush(true);
    core.reply(link, format!("VALUE k 0 {}\r\n", MEMORY_MAX / 2).as_bytes());
    core.flush(true);
    core.expect_client(asking, b"SERVER_ERROR backend broke the protocol\r\n");
    assert!(!core.has_link(link) && core.has_client(idle));
}

/// What clients had sent waited on the links of backends that did not read; clients were closed for
/// it until none was left, though none of them held any of it.
#[test]
fn what_waits_on_links_costs_no_client_its_connection() {
    let mut core = core(40);
    core.connect();
    let idle = core.client();
    let senders: Vec<_> = (0..12).map(|_| core.client()).collect();
    for (at, sender) in senders.iter().enumerate() {
        let value = vec![b'x'; 900_000];
        let line = format!("set key{at} 0 0 {}\r\n", value.len());
        core.send(*sender, &[line.as_bytes(), &value, b"\r\n"].concat());
    }
    core.driver.net.backends_read = false;
    for _ in 0..3 {
        core.flush(true);
    }
    assert!(core.has_client(idle));
    for sender in senders {
        assert!(core.has_client(sender));
    }
}

/// Values of which only some has come: who goes on sending stays, and who stopped first goes first.
#[test]
fn who_makes_no_progress_goes_first_and_the_oldest_before_the_others() {
    let mut core = core(1);
    core.connect();
    let half = |core: &mut Core| {
        let client = core.client();
        core.send(client, &[b"set k 0 0 900000\r\n", &[b'x'; 200_000][..]].concat());
        client
    };
    let active = half(&mut core);
    let mut stalled = Vec::new();
    for _ in 0..60 {
        stalled.push(half(&mut core));
        core.pass(10_000);
        core.send(active, &[b'x'; 5_000]);
        core.flush(true);
        assert!(core.driver.proxy.holdings().bytes() <= MEMORY_MAX);
        let gone: Vec<_> = stalled.iter().map(|client| !core.has_client(*client)).collect();
        assert!(gone.is_sorted_by(|older, newer| older >= newer), "{gone:?}");
    }
    assert!(core.has_client(active));
    assert!(!core.has_client(stalled[0]) && core.has_client(stalled[59]));
}
