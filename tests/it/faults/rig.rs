//! The fault rig: real memcacheds and one that is scripted, behind one proxy, under the load of
//! clients that check every reply; one backend fails in some way, and heals.
//!
//! Whatever the fault is: no reply is wrong, nobody waits for much longer than the timeout, those
//! who ask the healthy backends are served all the time, and soon after the fault so is everybody.

use crate::harness::bytes::{is_server_error, shown};
use crate::harness::client::Client;
use crate::harness::fake::{Act, Asked, FakeBackend};
use crate::harness::memcached::Memcached;
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::parallel::at_once;
use crate::harness::placement::keys_of;
use crate::harness::wait::eventually;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const CLIENTS: usize = 6;
const KEYS: usize = 3;
const TIMEOUT: Duration = Duration::from_millis(300);
/// Nobody may wait longer for a batch: each of its requests has the timeout, all at the same time.
const HANG: Duration = Duration::from_secs(4);
/// From the end of the fault until everybody is served: the first probe comes after 1.1 s at most,
/// the second after 1.65 s more.
const RECOVERY: Duration = Duration::from_secs(5);

/// Which of the backends fails.
const VICTIM: usize = 0;

/// What the clients of one rig have seen.
#[derive(Default)]
struct Tally {
    /// Replies that were as they should be.
    good: AtomicUsize,
    /// Requests of the victim's keys that failed, or missed.
    failed: AtomicUsize,
    /// The same of the other keys: there should be none.
    failed_elsewhere: AtomicUsize,
    /// The longest that a batch took, microseconds.
    slowest: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

/// A key of one client only, and what it knows of it.
struct Record {
    key: String,
    victims: bool,
    /// The serial that was stored last, if that is certain.
    stored: Option<u64>,
    /// Serials whose `set` failed: each may have been done, and at any time since.
    doubtful: Vec<u64>,
}

impl Record {
    fn value(&self, serial: u64) -> Vec<u8> {
        // As long as makes it matter where it is cut.
        format!("{} {serial} {}", self.key, "x".repeat(serial as usize % 500)).into_bytes()
    }

    /// Whether the value may be what is stored.
    fn allows(&self, value: &[u8]) -> bool {
        let mut serials = self.stored.iter().chain(&self.doubtful);
        serials.any(|serial| self.value(*serial) == value)
    }
}

/// Sets and gets its own keys in one pipeline, again and again.
fn load(proxy: &Nodeproxy, mut records: Vec<Record>, tally: &Tally, over: &AtomicBool) {
    let mut client = proxy.connect();
    let mut serial = 0;
    while !over.load(Ordering::Relaxed) {
        serial += 1;
        let start = Instant::now();
        for record in &records {
            let value = record.value(serial);
            let head = format!("set {} 0 0 {}\r\n", record.key, value.len());
            let get = format!("\r\nget {}\r\n", record.key);
            client.send(&[head.as_bytes(), &value, get.as_bytes()].concat());
        }
        for record in &mut records {
            check(&mut client, record, serial, tally);
        }
        let took = start.elapsed().as_micros() as u64;
        tally.slowest.fetch_max(took, Ordering::Relaxed);
        // A pace, so that several rigs fit a small machine.
        thread::sleep(Duration::from_millis(1));
    }
    client.expect_in_step();
}

/// Reads the replies to a `set` and a `get` of a key.
fn check(client: &mut Client, record: &mut Record, serial: u64, tally: &Tally) {
    let reply = client.reply();
    match &reply[..] {
        b"STORED\r\n" => record.stored = Some(serial),
        _ if is_server_error(&reply) => record.doubtful.push(serial),
        _ => tally.note_wrong(record, serial, &reply),
    }
    let stored = reply == b"STORED\r\n";
    let reply = client.reply();
    let value = reply
        .strip_prefix(format!("VALUE {} 0 ", record.key).as_bytes())
        .and_then(|rest| rest.strip_suffix(b"\r\nEND\r\n"))
        .and_then(|rest| Some(&rest[rest.iter().position(|byte| *byte == b'\n')? + 1..]));
    let found = value.is_some_and(|value| record.allows(value));
    if !found && reply != b"END\r\n" && !is_server_error(&reply) {
        tally.note_wrong(record, serial, &reply);
    }
    tally.good.fetch_add(usize::from(stored && found), Ordering::Relaxed);
    let failed = if record.victims { &tally.failed } else { &tally.failed_elsewhere };
    failed.fetch_add(usize::from(!(stored && found)), Ordering::Relaxed);
}

impl Tally {
    fn note_wrong(&self, record: &Record, serial: u64, reply: &[u8]) {
        let text = format!("{} at {serial}: {}", record.key, shown(reply));
        self.wrong.lock().expect("wrong").push(text);
    }

    fn good(&self) -> usize {
        self.good.load(Ordering::Relaxed)
    }

    fn failed(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }

    /// Holds what was seen against what is promised.
    #[track_caller]
    fn judge(&self, name: &str, recovery: Duration) {
        let (good, failed) = (self.good(), self.failed());
        let slowest = Duration::from_micros(self.slowest.load(Ordering::Relaxed));
        eprintln!(
            "{name}: {good} good, {failed} failed, {slowest:?} at most, {recovery:?} to heal"
        );
        let wrong = self.wrong.lock().expect("wrong");
        assert!(wrong.is_empty(), "{name}: {} wrong replies, as {}", wrong.len(), wrong[0]);
        assert!(slowest < HANG, "{name}: a batch took {slowest:?}");
        assert!(recovery < RECOVERY, "{name}: served again after {recovery:?}");
        let elsewhere = self.failed_elsewhere.load(Ordering::Relaxed);
        assert_eq!(elsewhere, 0, "{name}: requests of other backends failed");
    }

    /// Waits until so many more replies were good.
    #[track_caller]
    fn more_good(&self, count: usize) {
        let before = self.good();
        eventually("good replies", || (self.good() >= before + count).then_some(()));
    }

    /// Waits until so many more requests have failed.
    #[track_caller]
    fn more_failed(&self, count: usize) {
        let before = self.failed();
        eventually("failed requests", || (self.failed() >= before + count).then_some(()));
    }
}

/// The keys of each client: some of each backend.
fn records(keys: &[Vec<String>], client: usize) -> Vec<Record> {
    let own = |home: usize| keys[home][client * KEYS..][..KEYS].iter().map(move |it| (home, it));
    (0..keys.len())
        .flat_map(own)
        .map(|(home, key)| Record {
            key: key.clone(),
            victims: home == VICTIM,
            stored: None,
            doubtful: Vec::new(),
        })
        .collect()
}

/// Runs a fault under load: `fault` breaks the victim and heals it, and returns when it was healed.
#[track_caller]
fn run(name: &str, proxy: &Nodeproxy, keys: &[Vec<String>], fault: impl FnOnce(&Tally) -> Instant) {
    let (tally, over) = (&Tally::default(), &AtomicBool::new(false));
    let recovery = thread::scope(|scope| {
        for client in 0..CLIENTS {
            let records = records(keys, client);
            scope.spawn(move || load(proxy, records, tally, over));
        }
        // However that ends, the clients must end too.
        let ended = catch_unwind(AssertUnwindSafe(|| {
            tally.more_good(200);
            let healed = fault(tally);
            until_served(proxy, &keys[VICTIM][0]);
            let recovery = healed.elapsed();
            tally.more_good(200);
            recovery
        }));
        over.store(true, Ordering::Relaxed);
        ended.unwrap_or_else(|panic| resume_unwind(panic))
    });
    tally.judge(name, recovery);
}

#[track_caller]
fn until_served(proxy: &Nodeproxy, key: &str) {
    let mut client = proxy.connect();
    eventually("the victim in service", || {
        client.send(format!("touch {key} 0\r\n").as_bytes());
        (!is_server_error(&client.line())).then_some(())
    });
}

fn proxy_before(addresses: &[SocketAddr]) -> Nodeproxy {
    let timeout = format!("timeout: {}", TIMEOUT.as_millis());
    Nodeproxy::pool(addresses, &[&timeout, "server_connections: 2"])
}

/// What is done to a real memcached.
#[derive(Debug, Clone, Copy)]
enum Blow {
    Killed,
    Stopped,
    StoppedForMoments,
}

#[test]
fn a_real_memcached_is_killed_or_stopped_and_comes_back() {
    at_once([Blow::Killed, Blow::Stopped, Blow::StoppedForMoments], |blow| {
        let (mut victim, other) = (Memcached::start(), Memcached::start());
        let fake = FakeBackend::start();
        let proxy = proxy_before(&[victim.address(), other.address(), fake.address()]);
        let keys = keys_of(&proxy, &[&victim, &other, &fake], CLIENTS * KEYS);
        run(&format!("{blow:?}"), &proxy, &keys, |tally| strike(blow, &mut victim, tally));
    });
}

/// Breaks a memcached and mends it; returns when that was.
fn strike(blow: Blow, victim: &mut Memcached, tally: &Tally) -> Instant {
    match blow {
        Blow::Killed => {
            victim.kill();
            tally.more_failed(100);
            victim.restart();
        }
        Blow::Stopped => {
            victim.process().freeze();
            tally.more_failed(100);
            victim.process().thaw();
        }
        Blow::StoppedForMoments => {
            for _ in 0..5 {
                victim.process().freeze();
                // As long as the timeout: some requests are late, others just not.
                thread::sleep(TIMEOUT);
                victim.process().thaw();
                thread::sleep(TIMEOUT / 2);
            }
        }
    }
    Instant::now()
}

/// How a scripted backend fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    NeverAnswers,
    AnswersLate,
    ClosesMidReply,
    SendsGarbage,
    SendsAnotherValue,
    AnswersByteByByte,
    Refuses,
    Flaps,
}

const FAULTS: [Fault; 8] = [
    Fault::NeverAnswers,
    Fault::AnswersLate,
    Fault::ClosesMidReply,
    Fault::SendsGarbage,
    Fault::SendsAnotherValue,
    Fault::AnswersByteByByte,
    Fault::Refuses,
    Fault::Flaps,
];

#[test]
fn a_scripted_backend_fails_in_every_way_and_heals() {
    at_once(FAULTS, |fault| {
        let mut victim = FakeBackend::start();
        let others = Memcached::several(2);
        let proxy = proxy_before(&[victim.address(), others[0].address(), others[1].address()]);
        let keys = keys_of(&proxy, &[&victim, &others[0], &others[1]], CLIENTS * KEYS);
        run(&format!("{fault:?}"), &proxy, &keys, |tally| play(fault, &mut victim, tally));
    });
}

/// The same for a scripted backend.
fn play(fault: Fault, victim: &mut FakeBackend, tally: &Tally) -> Instant {
    // So that there are good answers before and behind.
    let sometimes = |act: Act| {
        move |asked: &Asked| if asked.place % 5 == 4 { act.clone() } else { Act::Answer }
    };
    match fault {
        Fault::NeverAnswers => victim.plan(|_| Act::Mute),
        Fault::AnswersLate => victim.plan(sometimes(Act::After(TIMEOUT * 3 / 2))),
        Fault::ClosesMidReply => victim.plan(sometimes(Act::CloseAfter(9))),
        Fault::SendsGarbage => victim.plan(sometimes(Act::Say(b"\0\xFF garbage\r\n".to_vec()))),
        Fault::SendsAnotherValue => {
            victim.plan(sometimes(Act::Say(b"VALUE evil 0 4\r\nevil\r\nEND\r\n".to_vec())));
        }
        Fault::AnswersByteByByte => {
            let before = tally.failed();
            victim.plan(|_| Act::Trickle);
            tally.more_good(500);
            assert_eq!(tally.failed(), before, "slow is not failed");
        }
        Fault::Refuses => victim.refuse(),
        Fault::Flaps => {
            for _ in 0..10 {
                victim.refuse();
                tally.more_failed(10);
                victim.listen();
                thread::sleep(TIMEOUT / 2);
            }
        }
    }
    if fault != Fault::AnswersByteByByte {
        tally.more_failed(100);
    }
    if fault == Fault::Refuses {
        victim.listen();
    }
    victim.plan(|_| Act::Answer);
    Instant::now()
}
