//! The log: lines that `simple_logger` writes to standard error, in a thread of its own. Whoever
//! reads them may be slow or gone, and the disk that they go to may be full: neither may stop the
//! proxy.

use log::{Level, LevelFilter, Log, Metadata, Record, SetLoggerError};
use simple_logger::SimpleLogger;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

/// Lines that wait to be written; further ones are dropped, and counted.
const LINES_MAX: usize = 1 << 10;

/// How long the end of the process waits for the last lines.
const FLUSH_MAX: Duration = Duration::from_millis(500);

/// The thread's name.
const THREAD: &str = "log";

/// What the thread is told.
enum Entry {
    Line {
        level: Level,
        target: String,
        text: String,
    },
    /// Says so when everything before it has been written.
    Flush(SyncSender<()>),
}

struct Logger {
    level: LevelFilter,
    entries: SyncSender<Entry>,
    dropped: AtomicU64,
}

/// Starts logging up to this level.
pub fn start(level: LevelFilter) -> Result<(), SetLoggerError> {
    let (entries, written) = sync_channel(LINES_MAX);
    let lines = SimpleLogger::new().with_level(level).with_utc_timestamps();
    outlive_the_log();
    // Without a thread there is no log, and the proxy serves all the same.
    let _ = thread::Builder::new().name(THREAD.into()).spawn(move || write(&lines, &written));
    log::set_boxed_logger(Box::new(Logger { level, entries, dropped: AtomicU64::new(0) }))?;
    log::set_max_level(level);
    Ok(())
}

/// `simple_logger` panics when a line cannot be written. That ends the log, not the process: its
/// thread stays where it is.
fn outlive_the_log() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        while thread::current().name() == Some(THREAD) {
            thread::park();
        }
        others(panic);
    }));
}

fn write(lines: &SimpleLogger, entries: &Receiver<Entry>) {
    for entry in entries {
        match entry {
            Entry::Line { level, target, text } => lines.log(
                &Record::builder()
                    .level(level)
                    .target(&target)
                    .args(format_args!("{text}"))
                    .build(),
            ),
            Entry::Flush(done) => drop(done.try_send(())),
        }
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = match self.dropped.swap(0, Ordering::Relaxed) {
            0 => record.args().to_string(),
            count => format!("{} (before it {count} lines were dropped)", record.args()),
        };
        let (level, target) = (record.level(), record.target().to_string());
        if let Err(TrySendError::Full(_)) =
            self.entries.try_send(Entry::Line { level, target, text })
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was logged has been written, but not for ever.
    fn flush(&self) {
        let (done, is_done) = sync_channel(1);
        if self.entries.try_send(Entry::Flush(done)).is_ok() {
            let _ = is_done.recv_timeout(FLUSH_MAX);
        }
    }
}
