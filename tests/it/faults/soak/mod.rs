//! The soak: load and random faults together, for as long as one likes. `make soak` runs it before
//! the release binary, and `make test` for a moment.
//!
//! ```text
//! talkers (ask, and check every reply) --+             +-- memcacheds: stopped, killed, restarted
//! vandals (vanish, never read, babble) --+- nodeproxy -+
//!                                                      +-- a scripted one: cuts, dribbles ...
//! Vitals of nodeproxy before, and after all has healed: what is left over is a leak
//! ```

mod beliefs;
mod talker;
mod vandal;

use crate::harness::client::Client;
use crate::harness::fake::{Act, Asked, FakeBackend, Greeting};
use crate::harness::memcached::{Memcached, addresses};
use crate::harness::nodeproxy::{Nodeproxy, pool};
use crate::harness::random::Random;
use crate::harness::stats::Stats;
use crate::harness::wait::within;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use talker::Talker;
use vandal::Vandal;

const TALKERS: usize = 8;
const VANDALS: usize = 4;
const MEMCACHEDS: usize = 3;
const LINKS: u64 = 2;
/// Short, so that much goes wrong: requests are late, and probes come, so soon.
const POOL: [&str; 6] = [
    "timeout: 300",
    "connect_timeout: 300",
    "server_connections: 2",
    "preconnect: true",
    "server_retry_timeout: 2000",
    "max_client_memory: 1m",
];
/// Milliseconds between two faults, and that one of them lasts, at most.
const PAUSE_MAX: usize = 600;
const FAULT_MAX: usize = 1200;
/// All is well for so long now and then.
const REST: Duration = Duration::from_millis(1500);
/// How long everything may take to heal: the longest pause before a probe, and then some.
const HEALING_MAX: Duration = Duration::from_secs(15);
/// Memory may grow by so much: spare buffers and tables, which have their ceilings. The limit of
/// what clients may hold is lower.
const GROWTH_MAX: u64 = 48 << 20;
/// The most that the process may ever hold.
const PEAK_MAX: u64 = 96 << 20;

/// What all threads count.
#[derive(Default)]
struct Counts {
    /// Requests that were answered.
    requests: AtomicUsize,
    /// Those of them that were answered with an error, as they may be.
    errors: AtomicUsize,
    /// Faults of backends, and clients that misbehaved.
    faults: AtomicUsize,
    vandalism: AtomicUsize,
    /// Memcacheds that were killed, and with them what they kept: each counts once before and once
    /// when it is over, so that an odd number says that it is happening.
    kills: AtomicU64,
    /// Microseconds that the slowest batch took.
    slowest: AtomicU64,
}

/// What nodeproxy holds at a moment at which nobody asks anything.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Vitals {
    descriptors: usize,
    /// The one who asks for this included.
    clients: u64,
    buffer_bytes: u64,
    links: u64,
    in_flight: u64,
    backends_up: usize,
}

#[test]
#[ignore = "`make test` runs it by itself, so that nothing else is disturbed"]
fn load_and_random_faults_together_find_nothing() {
    let seconds = number("SOAK_SECONDS").unwrap_or(3);
    let seed = number("SEED").unwrap_or_else(any_seed);
    eprintln!("soak: {seconds} s, SEED={seed} begins the same way");
    let mut random = Random::new(seed);
    let mut memcacheds = Memcached::several(MEMCACHEDS);
    let mut fake = FakeBackend::start();
    fake.forget();
    let servers = [addresses(&memcacheds), vec![fake.address()]].concat();
    let text = format!("global:\n  max_memory: 32m\n{}", pool("soak", &servers, &POOL));
    let mut proxy = Nodeproxy::configured(&text);
    let mut observer = proxy.connect();
    let before = healed(&mut proxy, &mut observer, None);
    let resident = proxy.process().resident();
    let counts = &Counts::default();
    let end = Instant::now() + Duration::from_secs(seconds);
    thread::scope(|scope| {
        let address = proxy.address();
        for number in 0..TALKERS {
            let mut talker = Talker::new(number, address, counts, random.fork());
            scope.spawn(move || talker.talk_until(end));
        }
        for number in 0..VANDALS {
            let mut vandal = Vandal::new(number, address, random.fork());
            scope.spawn(move || counts.vandalism.fetch_add(vandal.rage_until(end), SeqCst));
        }
        strike_until(end, &mut memcacheds, &mut fake, counts, &mut random);
    });
    let after = healed(&mut proxy, &mut observer, Some(&before));
    report(counts, &before, &after);
    assert_eq!(after, before, "what is left over is a leak");
    let process = proxy.process();
    let (now, peak) = (process.resident(), process.resident_peak());
    eprintln!(
        "memory: {} kB before, {} kB after, {} at most",
        resident >> 10,
        now >> 10,
        peak >> 10
    );
    assert!(now <= resident + GROWTH_MAX && peak <= PEAK_MAX, "memory grows");
    process.signal("TERM");
    assert_eq!(process.exit_status().code(), Some(0), "{}", process.log());
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text}: expected a number")))
}

fn any_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros() as u64
}

/// The vitals once all backends are up and nothing is left over, or, when that does not come, as
/// they are.
fn healed(proxy: &mut Nodeproxy, observer: &mut Client, before: Option<&Vitals>) -> Vitals {
    let whole = (MEMCACHEDS as u64 + 1) * LINKS;
    let mut vitals = Vitals::of(proxy, observer);
    within(HEALING_MAX, || {
        vitals = Vitals::of(proxy, observer);
        let is_whole = vitals.links == whole && vitals.backends_up == MEMCACHEDS + 1;
        is_whole && before.is_none_or(|before| vitals == *before)
    });
    vitals
}

impl Vitals {
    fn of(proxy: &mut Nodeproxy, observer: &mut Client) -> Self {
        let [general, backends] = ["", "backends"].map(|words| Stats::ask(observer, words));
        let folder = format!("/proc/{}/fd", proxy.process().id());
        Self {
            descriptors: std::fs::read_dir(folder).expect("it runs").count(),
            clients: general.number("curr_connections"),
            buffer_bytes: general.number("buffer_bytes"),
            links: backends.sum(":links"),
            in_flight: backends.sum(":in_flight"),
            backends_up: backends.all(":state").filter(|state| *state == "up").count(),
        }
    }
}

/// One fault after the other; in the end all backends are well.
fn strike_until(
    end: Instant,
    memcacheds: &mut [Memcached],
    fake: &mut FakeBackend,
    counts: &Counts,
    random: &mut Random,
) {
    let wait =
        |most: Duration| thread::sleep(most.min(end.saturating_duration_since(Instant::now())));
    let some = |random: &mut Random, most| Duration::from_millis(random.below(most) as u64);
    while Instant::now() < end {
        wait(some(random, PAUSE_MAX));
        counts.faults.fetch_add(1, SeqCst);
        let victim = random.below(memcacheds.len());
        match random.below(8) {
            0 => {
                heal(fake);
                wait(REST);
            }
            1..4 => {
                memcacheds[victim].process().freeze();
                wait(some(random, FAULT_MAX));
                memcacheds[victim].process().thaw();
            }
            4..6 => {
                counts.kills.fetch_add(1, SeqCst);
                memcacheds[victim].kill();
                wait(some(random, FAULT_MAX));
                memcacheds[victim].restart();
                counts.kills.fetch_add(1, SeqCst);
            }
            6 => sabotage(fake, random),
            _ => {
                fake.refuse();
                wait(some(random, FAULT_MAX));
                fake.listen();
            }
        }
    }
    heal(fake);
}

fn heal(fake: &FakeBackend) {
    fake.greet(Greeting::Serve);
    fake.plan(|_| Act::Answer);
}

/// A backend that misbehaves until it is told otherwise.
fn sabotage(fake: &FakeBackend, random: &mut Random) {
    let which = random.below(6);
    let every = 20 + random.below(200);
    let (count, delay) = (random.below(40), Duration::from_millis(random.below(500) as u64));
    let act = move || match which {
        0 => Act::CloseAfter(count),
        1 => Act::Trickle,
        2 => Act::After(delay),
        3 => Act::Mute,
        _ => Act::Say(b"VALUE unasked 0 1\r\nx\r\nEND\r\n".to_vec()),
    };
    let fits = move |asked: &Asked| asked.place % every == every - 1;
    fake.plan(move |asked| if fits(asked) { act() } else { Act::Answer });
    let greets = which == 5;
    fake.greet(if greets { Greeting::Speak(b"VALUE unasked 0 1\r\n") } else { Greeting::Serve });
}

fn report(counts: &Counts, before: &Vitals, after: &Vitals) {
    let Counts { requests, errors, faults, vandalism, kills, slowest } = counts;
    let (requests, errors) = (requests.load(SeqCst), errors.load(SeqCst));
    let slowest = Duration::from_micros(slowest.load(SeqCst));
    eprintln!("{requests} requests, {errors} errors, the slowest batch took {slowest:?}");
    let (faults, kills) = (faults.load(SeqCst), kills.load(SeqCst) / 2);
    eprintln!("{faults} faults, {kills} of them kills; {} vandals", vandalism.load(SeqCst));
    eprintln!("before {before:?}\nafter  {after:?}");
    assert!(requests > 0, "nothing was asked");
}
