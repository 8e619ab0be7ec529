//! A steady request allocates nothing: the core, with virtual sockets, in front of backends that
//! answer at once. What the first requests had to allocate is used again by all that follow.

use crate::harness::frame::{Frame, Reply};
use crate::harness::sockets::{self, Sockets};
use nodeproxy::driver::Driver;
use nodeproxy::placement::{self, Node, Scheme};
use nodeproxy::proxy::{About, DownSetup, Limits, Policy, PoolSetup, Proxy};
use nodeproxy::time::Time;
use std::io::Write;

const BACKENDS: u16 = 4;
/// So often everything is asked before allocations are counted, and then while they are.
const ROUNDS_BEFORE: usize = 100;
const ROUNDS: usize = 1_000;
/// From one tick to the next, microseconds: timers go off while allocations are counted.
const TICK: u64 = 50;
const TIMEOUT: u64 = 10_000;
/// No round takes more ticks.
const TICKS_MAX: usize = 2_000;
/// Bytes that the far end of a socket has room for in either direction, so that it never grows.
const ROOM: usize = 1 << 21;

struct World {
    driver: Driver<Sockets>,
    now: Time,
    /// The sockets of the clients, and behind them those of the links.
    clients: usize,
    backend: Backend,
}

/// What all backends know: every key but those that begin with `miss`.
#[derive(Clone, Copy)]
struct Backend {
    value_len: usize,
}

impl Backend {
    /// Answers every request that is all there.
    fn answer(self, requests: &mut Vec<u8>, replies: &mut Vec<u8>) {
        let mut done = 0;
        while let Some(taken) = self.answer_one(&requests[done..], replies) {
            done += taken;
        }
        requests.drain(..done);
    }

    fn answer_one(self, requests: &[u8], replies: &mut Vec<u8>) -> Option<usize> {
        let end = requests.windows(2).position(|pair| pair == b"\r\n")?;
        let mut words = requests[..end].split(|byte| *byte == b' ');
        let verb = words.next()?;
        let reply: &[u8] = match verb {
            b"set" | b"ms" => {
                let len = words.nth(if verb == b"ms" { 1 } else { 3 }).expect("a length");
                let len: usize = str::from_utf8(len).expect("text").parse().expect("a number");
                let taken = end + 2 + len + 2;
                if requests.len() < taken {
                    return None;
                }
                replies.extend(match (verb, requests[..end].ends_with(b" c")) {
                    (b"ms", true) => &b"HD c7\r\n"[..],
                    (b"ms", false) => b"HD\r\n",
                    _ => b"STORED\r\n",
                });
                return Some(taken);
            }
            b"get" | b"gets" => {
                let cas = if verb == b"gets" { " 7" } else { "" };
                words.for_each(|key| self.value(key, cas, replies));
                b"END\r\n"
            }
            b"mg" if words.next().is_some_and(is_known) => {
                write!(replies, "VA {}\r\n", self.value_len).expect("memory takes all");
                self.data(replies);
                b""
            }
            b"mg" => b"EN\r\n",
            b"delete" => b"DELETED\r\n",
            b"incr" => b"8\r\n",
            b"md" => b"HD\r\n",
            b"ma" => b"VA 1 c7\r\n8\r\n",
            b"touch" => b"TOUCHED\r\n",
            _ => panic!("a backend was asked {:?}", str::from_utf8(&requests[..end])),
        };
        replies.extend(reply);
        Some(end + 2)
    }

    fn value(self, key: &[u8], cas: &str, replies: &mut Vec<u8>) {
        if is_known(key) {
            replies.extend(b"VALUE ");
            replies.extend(key);
            write!(replies, " 0 {}{cas}\r\n", self.value_len).expect("memory takes all");
            self.data(replies);
        }
    }

    fn data(self, replies: &mut Vec<u8>) {
        replies.resize(replies.len() + self.value_len, b'x');
        replies.extend(b"\r\n");
    }
}

fn is_known(key: &[u8]) -> bool {
    !key.starts_with(b"miss")
}

impl World {
    /// So many clients, whose links to all backends are open.
    fn new(clients: usize, value_len: usize, piece: usize) -> Self {
        let now = Time::default();
        let about = About { memory_max: usize::MAX, ..About::default() };
        let proxy = Proxy::new(vec![setup()], about, 1, now).expect("backends to place on");
        let net = Sockets { read_max: piece, ..Sockets::new() };
        let mut driver = Driver::new(proxy, net);
        for _ in 0..clients {
            sockets::open_client(&mut driver, now);
        }
        for _ in 0..2 {
            sockets::tick(&mut driver, now);
        }
        assert_eq!(driver.net.ends.len(), clients + usize::from(BACKENDS));
        for end in &mut driver.net.ends {
            end.sent.reserve(ROOM);
            end.received.reserve(ROOM);
        }
        Self { driver, now, clients, backend: Backend { value_len } }
    }

    /// Every client asks this, and waits for the answer.
    fn round(&mut self, request: &[u8], answer: &[u8]) {
        for client in &mut self.driver.net.ends[..self.clients] {
            client.received.clear();
            client.sent.extend(request);
        }
        for _ in 0..TICKS_MAX {
            self.tick();
            let clients = &self.driver.net.ends[..self.clients];
            if clients.iter().all(|client| client.received.len() >= answer.len()) {
                break;
            }
        }
        let clients = &self.driver.net.ends[..self.clients];
        assert!(clients.iter().all(|client| client.received == answer), "another answer");
    }

    fn tick(&mut self) {
        self.now = self.now.after(TICK);
        sockets::tick(&mut self.driver, self.now);
        for link in &mut self.driver.net.ends[self.clients..] {
            self.backend.answer(&mut link.received, &mut link.sent);
        }
    }
}

fn setup() -> PoolSetup {
    let node = |at| Node { host: "10.0.0.1".into(), port: 11211 + at, weight: 1, name: None };
    PoolSetup {
        name: "steady".into(),
        backends: (0..BACKENDS).map(|at| format!("backend{at}")).collect(),
        links: 1,
        policy: Policy {
            timeout: TIMEOUT,
            connect_timeout: TIMEOUT,
            probe_pause_max: 2_000_000,
            failures_max: 2,
            failed_get_is_miss: false,
            down_is_miss: false,
        },
        scheme: Scheme::new(placement::DEFAULT, &placement::Options::default()).expect("known"),
        nodes: (0..BACKENDS).map(node).collect(),
        on_down: DownSetup::Fail,
        client_limits: Limits { value_bytes_max: 1 << 20, memory_max: 1 << 22 },
        clients_max: 0,
        idle_timeout: 0,
        settings: Vec::new(),
    }
}

/// Fails if a steady stream of this request makes the core allocate.
#[track_caller]
fn assert_steady(world: World, request: &str) {
    let mut answer = Vec::new();
    world.backend.answer(&mut request.as_bytes().to_vec(), &mut answer);
    assert_steadily_answered(world, request.as_bytes(), &answer);
}

#[track_caller]
fn assert_steadily_answered(mut world: World, request: &[u8], answer: &[u8]) {
    for _ in 0..ROUNDS_BEFORE {
        world.round(request, answer);
    }
    let counted = allocation_counter::measure(|| {
        for _ in 0..ROUNDS {
            world.round(request, answer);
        }
    });
    let request = request[..request.len().min(60)].escape_ascii();
    assert_eq!(counted.count_total, 0, "{counted:?} for {ROUNDS} times {request}");
}

/// The same for a stream of frames; each comes with the answer to it, none when it is quiet.
#[track_caller]
fn assert_steady_frames(world: World, frames: &[(Frame, Option<Reply>)]) {
    let request: Vec<_> = frames.iter().flat_map(|(frame, _)| frame.bytes()).collect();
    let replies = frames.iter().filter_map(|(_, reply)| reply.as_ref());
    let answer: Vec<_> = replies.flat_map(Reply::bytes).collect();
    assert_steadily_answered(world, &request, &answer);
}

/// Frames of every kind with their answers.
fn frames(value_len: usize) -> Vec<(Frame, Option<Reply>)> {
    let value = vec![b'x'; value_len];
    let answer = |frame: &Frame, status, extras: &[u8], value: &[u8], cas| {
        let (opcode, opaque) = (frame.opcode, frame.opaque);
        let (extras, value) = (extras.to_vec(), value.to_vec());
        let key = if matches!(opcode, 0x0c | 0x0d) { frame.key.clone() } else { Vec::new() };
        Some(Reply { opcode, status, opaque, cas, key, extras, value })
    };
    let hit = |frame: Frame| (frame.clone(), answer(&frame, 0, &[0; 4], &value, 7));
    let done =
        |frame: Frame, value: &[u8], cas| (frame.clone(), answer(&frame, 0, &[], value, cas));
    let set = Frame::set("two", &value);
    let missed = Frame::new(0x0c, "missing");
    let mut frames = vec![
        hit(Frame::new(0x00, "one").opaque(9)),
        done(set.clone(), &[], 7),
        (missed.clone(), answer(&missed, 1, &[], &[], 0)),
        (Frame { opcode: 0x11, ..set }, None),
        done(Frame::new(0x04, "three"), &[], 0),
        done(Frame::count(0x05, "four", 1, 0, 0), &8u64.to_be_bytes(), 7),
    ];
    for at in 0..20 {
        let quiet = Frame::new(0x0d, format!("{}{at}", name(at))).opaque(at as u32);
        frames.push(if name(at) == "missing" { (quiet, None) } else { hit(quiet) });
    }
    frames.push(done(Frame::noop(3), &[], 0));
    frames
}

fn get_of(keys: usize) -> String {
    let keys: Vec<String> = (0..keys).map(|at| format!("{}{at}", name(at))).collect();
    format!("get {}\r\n", keys.join(" "))
}

/// Every seventh key is missing.
fn name(at: usize) -> &'static str {
    if at % 7 == 6 { "missing" } else { "key" }
}

const EVERYTHING: &str = "get one\r\nset two 0 0 5\r\nvalue\r\nmg three v\r\nget missing four\r\n\
                          delete five\r\nms six 5\r\nvalue\r\nincr seven 1\r\nget missing\r\n\
                          mg missing v\r\ntouch eight 60\r\n";

const SIMPLE: [&str; 6] = [
    "get one\r\n",
    "get missing\r\n",
    "set one 0 0 5\r\nvalue\r\n",
    "mg one v\r\n",
    "mg missing v\r\n",
    "ms one 5\r\nvalue\r\n",
];

#[test]
fn steady_requests_of_one_key_allocate_nothing() {
    for request in SIMPLE {
        assert_steady(World::new(1, 32, usize::MAX), request);
        assert_steady(World::new(10, 32, usize::MAX), request);
    }
}

#[test]
fn steady_pipelines_allocate_nothing() {
    assert_steady(World::new(10, 32, usize::MAX), EVERYTHING);
    assert_steady(World::new(2, 32, usize::MAX), &EVERYTHING.repeat(30));
    for request in SIMPLE {
        assert_steady(World::new(2, 32, usize::MAX), &request.repeat(200));
    }
}

#[test]
fn steady_gets_of_many_keys_allocate_nothing() {
    for keys in [2, 20, 100, 1_000] {
        assert_steady(World::new(3, 32, usize::MAX), &get_of(keys));
    }
    assert_steady(World::new(3, 32, usize::MAX), &get_of(20).repeat(20));
}

/// What a part of a `get` keeps was given up above 8 KB.
#[test]
fn steady_gets_of_many_large_values_allocate_nothing() {
    assert_steady(World::new(3, 1_000, usize::MAX), &get_of(100));
    assert_steady(World::new(3, 10_000, usize::MAX), &get_of(20));
}

#[test]
fn steady_requests_in_pieces_allocate_nothing() {
    for piece in [7, 100] {
        assert_steady(World::new(2, 32, piece), EVERYTHING);
        assert_steady(World::new(2, 32, piece), &get_of(20));
    }
    assert_steady(World::new(2, 200, 1_460), &get_of(100));
}

#[test]
fn steady_frames_allocate_nothing() {
    for frame in frames(32) {
        if frame.1.is_some() {
            assert_steady_frames(World::new(2, 32, usize::MAX), &[frame]);
        }
    }
    assert_steady_frames(World::new(10, 32, usize::MAX), &frames(32));
    assert_steady_frames(World::new(2, 32, 100), &frames(32));
    assert_steady_frames(World::new(2, 32, usize::MAX), &[frames(32), frames(32)].concat());
    assert_steady_frames(World::new(2, 10_000, usize::MAX), &frames(10_000));
    assert_steady_frames(World::new(3, 100_000, usize::MAX), &frames(100_000)[..2]);
}

#[test]
fn steady_large_values_allocate_nothing() {
    for value_len in [10_000, 100_000] {
        assert_steady(World::new(3, value_len, usize::MAX), "get one\r\n");
        assert_steady(World::new(3, value_len, usize::MAX), "mg one v\r\n");
        let value = "x".repeat(value_len);
        let set = format!("set one 0 0 {value_len}\r\n{value}\r\n");
        assert_steady(World::new(3, value_len, usize::MAX), &set);
    }
}
