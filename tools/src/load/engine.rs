//! The loop: one thread, one turn after another, until all replies are in.

use super::connection::{Connection, Ended};
use super::keyspace::Keyspace;
use super::options::{Length, Options};
use super::reply::Rules;
use super::report::Report;
use super::schedule::Schedule;
use super::tally::{Mistake, Tally};
use crate::address::Socket;
use crate::failure::{Failure, Result, While};
use crate::process::{cpu_ns, raise_descriptor_limit};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// One read takes at most that many bytes.
const READ_BYTES: usize = 256 * 1024;
/// One turn handles at most that many events.
const EVENTS_MAX: usize = 1024;
/// So many connections are opened at a time: fewer than any listener's backlog.
const CONNECTING_MAX: usize = 100;
/// Connecting takes at most that long.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// The token of the timer; connections have their index.
const TIMER: Token = Token(usize::MAX);

/// Runs the load that `options` describe, and says what it found.
pub fn run(options: &Options) -> Result<Report> {
    options.check()?;
    raise_descriptor_limit();
    let keyspace = Keyspace::new(&options.key_shape(), options.value_size)?;
    let mut engine = Engine::connect(options, &keyspace)?;
    if options.fill {
        let fill = Schedule::fill(options, engine.now_ns());
        engine.run(fill, None)?;
    }
    let mut marks = Marks::default();
    if options.length() != Length::Requests(0) {
        let mix = Schedule::mix(options, engine.now_ns());
        engine.run(mix, Some(&mut marks))?;
    }
    let seconds = marks.end.at_ns.saturating_sub(marks.begin.at_ns) as f64 / 1e9;
    let used = marks.end.cpu_ns.iter().zip(&marks.begin.cpu_ns);
    let used: Vec<u64> = used.map(|(end, begin)| end.saturating_sub(*begin)).collect();
    Ok(Report::new(options, &engine.tally, seconds, &used))
}

struct Engine<'a> {
    options: &'a Options,
    keyspace: &'a Keyspace,
    rules: Rules<'a>,
    poll: Poll,
    timer: OwnedFd,
    started: Instant,
    buffer: Vec<u8>,
    connections: Vec<Connection>,
    /// Open loop: the connections that can take another request, longest idle first.
    idle: VecDeque<usize>,
    /// Open loop: the connections that were given requests in this turn.
    dirty: Vec<usize>,
    /// Requests in flight on all connections.
    owed: usize,
    /// Connections that have not ended.
    open: usize,
    /// When the timer goes off.
    timer_ns: u64,
    tally: Tally,
}

/// The clocks at one moment.
#[derive(Default)]
struct Mark {
    at_ns: u64,
    /// Processor time of this process, and of each group of those that are watched.
    cpu_ns: Vec<u64>,
}

/// Where the measured part of a phase begins and ends.
#[derive(Default)]
struct Marks {
    begin: Mark,
    end: Mark,
}

/// The parts of a phase that is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    WarmUp { until_ns: u64 },
    Measured { until_ns: u64 },
    Drain,
}

impl<'a> Engine<'a> {
    fn connect(options: &'a Options, keyspace: &'a Keyspace) -> Result<Self> {
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        );
        let mut engine = Self {
            options,
            keyspace,
            rules: Rules::new(keyspace, options.protocol),
            poll: Poll::new().doing(|| "epoll".into())?,
            timer: timer.doing(|| "timer".into())?,
            started: Instant::now(),
            buffer: vec![0; READ_BYTES],
            connections: Vec::with_capacity(options.connections),
            idle: VecDeque::with_capacity(options.connections),
            dirty: Vec::with_capacity(options.connections),
            owed: 0,
            open: options.connections,
            timer_ns: 0,
            tally: Tally::new(options.allow_misses),
        };
        engine.open_connections().doing(|| format!("cannot connect to {}", options.address))?;
        let registry = engine.poll.registry();
        let timer = engine.timer.as_raw_fd();
        registry
            .register(&mut SourceFd(&timer), TIMER, Interest::READABLE)
            .doing(|| "timer".into())?;
        Ok(engine)
    }

    /// Opens the connections, some at a time. Each first asks for a key that does not exist and
    /// waits for the answer: a connection that only the kernel knows of is none, and a backlog
    /// that overflows costs a second.
    fn open_connections(&mut self) -> Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let deadline = Instant::now() + CONNECT_MAX;
        let greeting = format!("get {}greeting\r\n", self.options.key_prefix);
        let say = |error: std::io::Error| Failure::new(error.to_string());
        let mut greeted = 0;
        while greeted < self.options.connections {
            let wanted = self.options.connections.min(greeted + CONNECTING_MAX);
            while self.connections.len() < wanted {
                let mut socket = Socket::connect(&self.options.address).map_err(say)?;
                let token = Token(self.connections.len());
                socket.register(self.poll.registry(), token).map_err(say)?;
                let greeting = greeting.as_bytes();
                self.connections.push(Connection::new(socket, greeting, self.options.pipeline));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Failure::new(format!("{greeted} connections after {CONNECT_MAX:?}")));
            }
            wait(&mut self.poll, &mut events, Some(left))?;
            for event in &events {
                let connection = &mut self.connections[event.token().0];
                greeted += usize::from(connection.greet(&mut self.buffer).map_err(say)?);
            }
        }
        Ok(())
    }

    /// One phase: sends what the schedule says, until all of it is answered. With `marks` it is
    /// measured, after the warm-up.
    fn run(&mut self, mut schedule: Schedule, marks: Option<&mut Marks>) -> Result<()> {
        let now_ns = self.now_ns();
        let mut progress = Progress::new(marks, now_ns + nanoseconds(self.options.warm_up));
        let mut events = Events::with_capacity(EVENTS_MAX);
        progress.advance(self, &mut schedule, now_ns)?;
        self.begin(&mut schedule, now_ns);
        let mut last_reply_ns = now_ns;
        loop {
            let now_ns = self.now_ns();
            progress.advance(self, &mut schedule, now_ns)?;
            self.send_due(&mut schedule, now_ns);
            if self.open == 0 || (self.owed == 0 && schedule.is_over(now_ns)) {
                return progress.finish(self);
            }
            if self.owed > 0
                && now_ns.saturating_sub(last_reply_ns) > nanoseconds(self.options.patience)
            {
                self.give_up();
                return progress.finish(self);
            }
            self.sleep(&mut events, &schedule, progress.next_ns())?;
            let mut any_reply = self.owed == 0;
            for event in events.iter().filter(|event| event.token() != TIMER) {
                any_reply |= event.is_readable();
                self.ready(event, &mut schedule);
            }
            if any_reply {
                last_reply_ns = self.now_ns();
            }
        }
    }

    /// Gives every connection its first requests.
    fn begin(&mut self, schedule: &mut Schedule, now_ns: u64) {
        self.idle.clear();
        for index in 0..self.connections.len() {
            if schedule.is_open_loop() {
                self.idle.push_back(index);
            } else {
                self.refill(index, schedule, now_ns);
            }
        }
    }

    /// One connection has something for us, or takes bytes again.
    fn ready(&mut self, event: &mio::event::Event, schedule: &mut Schedule) {
        let index = event.token().0;
        if event.is_readable() || event.is_read_closed() {
            self.receive(index, event.is_read_closed(), schedule);
        }
        if event.is_writable() && self.connections[index].has_output() {
            self.send(index);
        }
    }

    /// Checks the replies that have come on a connection, and lets it ask again.
    fn receive(&mut self, index: usize, closing: bool, schedule: &mut Schedule) {
        let started = self.started;
        let clock = || nanoseconds(started.elapsed());
        let connection = &mut self.connections[index];
        let before = connection.in_flight();
        let received =
            connection.receive(&mut self.buffer, closing, &self.rules, &mut self.tally, clock);
        let after = connection.in_flight();
        self.owed -= before - after;
        match received {
            Err(Ended) => self.end(index),
            Ok(now_ns) if !schedule.is_open_loop() => self.refill(index, schedule, now_ns),
            Ok(_) if before >= self.options.pipeline && after < self.options.pipeline => {
                self.idle.push_back(index);
            }
            Ok(_) => {}
        }
    }

    /// Closed loop: a connection asks as much as it may, at once.
    fn refill(&mut self, index: usize, schedule: &mut Schedule, now_ns: u64) {
        let connection = &mut self.connections[index];
        while connection.in_flight() < self.options.pipeline {
            if !connection.ask(schedule, self.options.protocol, self.keyspace, now_ns) {
                break;
            }
            self.owed += 1;
        }
        if connection.has_output() {
            self.send(index);
        }
    }

    /// Open loop: what is due goes to the connections in turn. What finds none that can take it
    /// waits, and its latency runs.
    fn send_due(&mut self, schedule: &mut Schedule, now_ns: u64) {
        if !schedule.is_open_loop() {
            return;
        }
        while let Some(index) = self.idle.front().copied() {
            let connection = &mut self.connections[index];
            if !connection.is_open() {
                self.idle.pop_front();
                continue;
            }
            let had_output = connection.has_output();
            if !connection.ask(schedule, self.options.protocol, self.keyspace, now_ns) {
                break;
            }
            self.owed += 1;
            self.idle.pop_front();
            if connection.in_flight() < self.options.pipeline {
                self.idle.push_back(index);
            }
            if !had_output {
                self.dirty.push(index);
            }
        }
        while let Some(index) = self.dirty.pop() {
            self.send(index);
        }
    }

    fn send(&mut self, index: usize) {
        if self.connections[index].send().is_err() {
            self.end(index);
        }
    }

    /// Gives a connection up, unless that was done already.
    fn end(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if connection.is_open() {
            self.open -= 1;
            self.owed -= connection.in_flight();
            connection.end(index, &mut self.tally);
        }
    }

    /// Waits for replies, for the next request of an open loop, or for the next part of the run.
    fn sleep(
        &mut self,
        events: &mut Events,
        schedule: &Schedule,
        part_ends_ns: Option<u64>,
    ) -> Result<()> {
        // Who waits for a place, waits for a reply and not for a time.
        let next_ns = schedule.next_ns().filter(|_| !self.idle.is_empty());
        let wake_ns = next_ns.into_iter().chain(part_ends_ns).min();
        let mut timeout = Some(self.options.patience);
        if let Some(wake_ns) = wake_ns {
            let left_ns = wake_ns.saturating_sub(self.now_ns());
            if left_ns == 0 {
                timeout = Some(Duration::ZERO);
            } else if self.timer_ns != wake_ns {
                self.set_timer(left_ns)?;
                self.timer_ns = wake_ns;
            }
        }
        wait(&mut self.poll, events, timeout)
    }

    /// A timer of its own, because epoll counts in milliseconds and an open loop cannot.
    fn set_timer(&self, left_ns: u64) -> Result<()> {
        let it_value = Timespec {
            tv_sec: (left_ns / 1_000_000_000) as i64,
            tv_nsec: (left_ns % 1_000_000_000) as _,
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once).doing(|| "timer".into())?;
        Ok(())
    }

    fn give_up(&mut self) {
        let (owed, patience) = (self.owed as u64, self.options.patience);
        self.tally.mistakes(Mistake::Unanswered, owed, || format!("no reply for {patience:?}"));
    }

    fn mark(&self) -> Result<Mark> {
        let at_ns = self.now_ns();
        let own = [vec![std::process::id()]];
        let groups = own.iter().chain(&self.options.cpu_of);
        let of_all = |pids: &Vec<u32>| pids.iter().map(|pid| cpu_ns(*pid)).sum::<Result<u64>>();
        Ok(Mark { at_ns, cpu_ns: groups.map(of_all).collect::<Result<Vec<u64>>>()? })
    }

    fn now_ns(&self) -> u64 {
        nanoseconds(self.started.elapsed())
    }
}

/// How far a phase has come, and the marks it leaves.
struct Progress<'m> {
    marks: Option<&'m mut Marks>,
    part: Part,
}

impl<'m> Progress<'m> {
    fn new(marks: Option<&'m mut Marks>, warm_until_ns: u64) -> Self {
        Self { marks, part: Part::WarmUp { until_ns: warm_until_ns } }
    }

    /// When the part at hand ends by itself.
    fn next_ns(&self) -> Option<u64> {
        match self.part {
            Part::WarmUp { until_ns } | Part::Measured { until_ns } => {
                (self.marks.is_some() && until_ns != u64::MAX).then_some(until_ns)
            }
            Part::Drain => None,
        }
    }

    /// Goes on to the next part when its time has come.
    fn advance(
        &mut self,
        engine: &mut Engine<'_>,
        schedule: &mut Schedule,
        now_ns: u64,
    ) -> Result<()> {
        let Some(marks) = self.marks.as_deref_mut() else {
            return Ok(());
        };
        match self.part {
            Part::WarmUp { until_ns } if now_ns >= until_ns => {
                marks.begin = engine.mark()?;
                let now_ns = marks.begin.at_ns;
                engine.tally.start(now_ns);
                let (left, until_ns) = match engine.options.length() {
                    Length::Time(time) => (u64::MAX, now_ns + nanoseconds(time)),
                    Length::Requests(count) => (count, u64::MAX),
                };
                schedule.limit(left, until_ns);
                self.part = Part::Measured { until_ns };
            }
            Part::Measured { until_ns } if now_ns >= until_ns => {
                engine.tally.stop();
                marks.end = engine.mark()?;
                self.part = Part::Drain;
            }
            Part::WarmUp { .. } | Part::Measured { .. } | Part::Drain => {}
        }
        Ok(())
    }

    /// The phase is over: if its end was not a time, it is now.
    fn finish(self, engine: &mut Engine<'_>) -> Result<()> {
        if let (Some(marks), Part::WarmUp { .. } | Part::Measured { .. }) = (self.marks, self.part)
        {
            engine.tally.stop();
            marks.end = engine.mark()?;
        }
        Ok(())
    }
}

fn wait(poll: &mut Poll, events: &mut Events, timeout: Option<Duration>) -> Result<()> {
    match poll.poll(events, timeout) {
        Err(error) if error.kind() == ErrorKind::Interrupted => {
            events.clear();
            Ok(())
        }
        result => result.doing(|| "epoll".into()),
    }
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos() as u64
}
