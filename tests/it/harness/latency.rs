//! How long requests take, as many clients see it.

use super::client::Client;
use super::nodeproxy::Nodeproxy;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

/// The times of many requests, sorted.
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// Lets so many clients at the same time ask this so often, with a pause between two requests.
    /// Every reply has to be this one.
    #[track_caller]
    pub(crate) fn of(
        proxy: &Nodeproxy,
        clients: usize,
        requests: usize,
        pause: Duration,
        request: &[u8],
        reply: &[u8],
    ) -> Self {
        let measure = |mut client: Client| {
            let mut times = Vec::with_capacity(requests);
            for _ in 0..requests {
                let start = Instant::now();
                client.ask(request, reply);
                times.push(start.elapsed());
                thread::sleep(pause);
            }
            times
        };
        let mut times: Vec<_> = thread::scope(|scope| {
            let measure = &measure;
            let connect = |_| proxy.connect();
            let clients: Vec<_> = (0..clients).map(connect).collect();
            let threads: Vec<_> =
                clients.into_iter().map(|it| scope.spawn(move || measure(it))).collect();
            threads.into_iter().flat_map(|it| it.join().expect("a client")).collect()
        });
        times.sort_unstable();
        Self(times)
    }

    pub(crate) fn p99(&self) -> Duration {
        self.0[self.0.len() * 99 / 100]
    }

    pub(crate) fn longest(&self) -> Duration {
        self.0[self.0.len() - 1]
    }

    pub(crate) fn median(&self) -> Duration {
        self.0[self.0.len() / 2]
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "median {:?}, p99 {:?}, longest {:?}", self.median(), self.p99(), self.longest())
    }
}
