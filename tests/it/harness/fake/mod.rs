//! A backend that does what a test tells it to: a tiny memcached that can be late, silent, cut
//! short, wrong or gone, and that remembers every byte it received.
//!
//! Each connection has two threads. One only reads, so that what was received is known even while
//! no answer is given; the other answers in order, as memcached does.

mod connection;
mod request;
mod store;

pub(crate) use request::Asked;

use super::ports;
use super::wait::{SOON, eventually};
use connection::serve;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use store::Store;

/// What to do with one request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Answer as a memcached would.
    Answer,
    /// Answer, and say this behind it, in the same packet.
    AnswerAnd(&'static [u8]),
    /// Answer, but so much later.
    After(Duration),
    /// Answer when the test says `release`.
    Hold,
    /// Say nothing, to this and to all that follows on this connection.
    Mute,
    /// Say this instead, without doing what was asked.
    Say(Vec<u8>),
    /// Do it, send so many bytes of the answer, and close.
    CloseAfter(usize),
    /// Answer one byte at a time.
    Trickle,
}

/// What to do with a new connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Greeting {
    Serve,
    Close,
    /// Say this first, unasked.
    Speak(&'static [u8]),
    /// Say this, and close.
    SpeakAndClose(&'static [u8]),
}

type Plan = dyn Fn(&Asked) -> Act + Send + Sync;

pub(crate) struct FakeBackend {
    address: SocketAddr,
    shared: Arc<Shared>,
    door: Option<JoinHandle<()>>,
}

/// What all threads of one backend share.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    store: Mutex<Store>,
    open: AtomicBool,
}

struct State {
    plan: Arc<Plan>,
    greeting: Greeting,
    connections: Vec<Connection>,
    asked: Vec<Asked>,
    /// Whether what was received is kept to be looked at.
    remembers: bool,
    /// How many held answers may still go.
    released: usize,
    over: bool,
}

struct Connection {
    socket: TcpStream,
    received: Vec<u8>,
    ended: bool,
}

impl FakeBackend {
    /// One that answers everything as a memcached would, until it has another plan.
    pub(crate) fn start() -> Self {
        let state = State {
            plan: Arc::new(|_: &Asked| Act::Answer),
            greeting: Greeting::Serve,
            connections: Vec::new(),
            asked: Vec::new(),
            remembers: true,
            released: 0,
            over: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            store: Mutex::new(Store::default()),
            open: AtomicBool::new(false),
        });
        let listener = ports::listen();
        let address = listener.local_addr().expect("bound");
        let mut started = Self { address, shared, door: None };
        started.open(listener);
        started
    }

    /// One with a plan for every request.
    pub(crate) fn with(plan: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> Self {
        let started = Self::start();
        started.plan(plan);
        started
    }

    /// From now on it keeps nothing of what it receives: for a long time under load.
    pub(crate) fn forget(&self) {
        self.state().remembers = false;
    }

    /// From now on requests are treated so.
    pub(crate) fn plan(&self, plan: impl Fn(&Asked) -> Act + Send + Sync + 'static) {
        self.state().plan = Arc::new(plan);
    }

    /// From now on connections are treated so.
    pub(crate) fn greet(&self, greeting: Greeting) {
        self.state().greeting = greeting;
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes connections again, on the same port.
    pub(crate) fn listen(&mut self) {
        self.open(eventually("the port again", || TcpListener::bind(self.address).ok()));
    }

    fn open(&mut self, listener: TcpListener) {
        self.shared.open.store(true, Ordering::SeqCst);
        let shared = Arc::clone(&self.shared);
        self.door = Some(thread::spawn(move || open_door(&listener, &shared)));
    }

    /// Closes the port and every connection: from now on it refuses.
    pub(crate) fn refuse(&mut self) {
        self.shared.open.store(false, Ordering::SeqCst);
        if let Some(door) = self.door.take() {
            // Wakes the thread from its accept.
            let woken = TcpStream::connect_timeout(&self.address, SOON);
            door.join().expect("the door");
            drop(woken);
        }
        self.hang_up();
    }

    /// Closes every connection, and takes new ones.
    pub(crate) fn hang_up(&self) {
        for connection in &self.state().connections {
            // It may be closed already.
            let _ = connection.socket.shutdown(Shutdown::Both);
        }
    }

    /// Says this on every open connection, unasked.
    pub(crate) fn speak(&self, bytes: &[u8]) {
        for connection in self.state().connections.iter().filter(|it| !it.ended) {
            // It may have been closed by the other side.
            let _ = std::io::Write::write_all(&mut &connection.socket, bytes);
        }
    }

    /// Lets so many held answers go.
    pub(crate) fn release(&self, count: usize) {
        self.state().released += count;
        self.shared.changed.notify_all();
    }

    /// Every request so far, in the order in which they were received.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// How many requests so far have this verb.
    pub(crate) fn count(&self, verb: &str) -> usize {
        let state = self.state();
        let asked = state.asked.iter().filter(|it| it.verb() == verb.as_bytes());
        asked.map(Asked::keys).sum()
    }

    /// Waits until so many requests of this verb were received, each key of a retrieval counted.
    #[track_caller]
    pub(crate) fn wait_for(&self, verb: &str, count: usize) {
        let what = format!("{count} {verb} received");
        eventually(&what, || (self.count(verb) >= count).then_some(()));
    }

    /// Every byte received so far, one connection behind the other.
    pub(crate) fn received(&self) -> Vec<u8> {
        self.state().connections.iter().flat_map(|it| it.received.clone()).collect()
    }

    /// How many connections were accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.state().connections.len()
    }

    /// How many connections are open now.
    pub(crate) fn connected(&self) -> usize {
        self.state().connections.iter().filter(|it| !it.ended).count()
    }

    pub(crate) fn holds(&self, key: &str) -> bool {
        self.shared.store.lock().expect("store").holds(key)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("state")
    }
}

impl Drop for FakeBackend {
    fn drop(&mut self) {
        self.state().over = true;
        self.shared.changed.notify_all();
        self.refuse();
    }
}

fn open_door(listener: &TcpListener, shared: &Arc<Shared>) {
    for socket in listener.incoming() {
        if !shared.open.load(Ordering::SeqCst) {
            return;
        }
        let Ok(socket) = socket else {
            continue;
        };
        socket.set_nodelay(true).expect("nodelay");
        let mut state = shared.state.lock().expect("state");
        let number = state.connections.len();
        let greeting = state.greeting;
        let handle = socket.try_clone().expect("a second handle");
        state.connections.push(Connection { socket: handle, received: Vec::new(), ended: false });
        drop(state);
        serve(socket, number, greeting, shared);
    }
}
