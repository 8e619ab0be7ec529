//! The log: lines on standard error, written by a thread of its own. Whoever reads them may be slow
//! or gone, and the disk that they go to may be full: neither may stop the proxy.
//!
//! To a terminal or a file they are as `simple_logger` writes them. The journal of systemd has
//! times of its own, and wants the priority in front. JSON is for collectors.

use log::{Level, LevelFilter, Log, Metadata, Record, SetLoggerError};
use simple_logger::SimpleLogger;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

/// Lines that wait to be written; further ones are dropped, and counted.
const LINES_MAX: usize = 1 << 10;

/// How long the end of the process waits for the last lines.
const FLUSH_MAX: Duration = Duration::from_millis(500);

/// The thread's name.
const THREAD: &str = "log";

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people, or for the journal if it is there.
    Text,
    /// An object of JSON.
    Json,
}

impl Format {
    /// As it is written in a file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Where the lines go.
enum Lines {
    Terminal(SimpleLogger),
    Journal,
    Json,
}

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
pub fn start(level: LevelFilter, format: Format) -> Result<(), SetLoggerError> {
    let (entries, written) = sync_channel(LINES_MAX);
    let lines = match format {
        Format::Json => Lines::Json,
        Format::Text if is_journal() => Lines::Journal,
        Format::Text => {
            Lines::Terminal(SimpleLogger::new().with_level(level).with_utc_timestamps())
        }
    };
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

/// Whether standard error is the journal's: systemd says which file is, since what it has started
/// may have sent its lines elsewhere.
fn is_journal() -> bool {
    let (Ok(journal), Ok(stderr)) =
        (std::env::var("JOURNAL_STREAM"), std::fs::metadata("/proc/self/fd/2"))
    else {
        return false;
    };
    journal == format!("{}:{}", stderr.dev(), stderr.ino())
}

/// An error that ends the process, as the journal wants it if it is there.
pub fn fatal(text: &str) -> String {
    if is_journal() { in_journal(Level::Error, text) } else { text.into() }
}

/// With its priority in front, one of syslog's.
fn in_journal(level: Level, text: &str) -> String {
    let priority = match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    format!("<{priority}>{text}")
}

/// An object on one line. `now` is since 1970.
fn in_json(now: Duration, level: Level, target: &str, text: &str) -> String {
    let (seconds, millis) = (now.as_secs(), now.subsec_millis());
    let level = level.as_str().to_lowercase();
    let (target, text) = (json_string(target), json_string(text));
    format!(
        "{{\"time\":{seconds}.{millis:03},\"level\":\"{level}\",\"target\":{target},\
         \"message\":{text}}}"
    )
}

fn json_string(text: &str) -> String {
    let mut json = String::from("\"");
    for it in text.chars() {
        match it {
            '"' | '\\' => json.extend(['\\', it]),
            // To a string: it cannot fail.
            it if it < ' ' => drop(write!(json, "\\u{:04x}", u32::from(it))),
            it => json.push(it),
        }
    }
    json.push('"');
    json
}

fn write_line(lines: &Lines, level: Level, target: &str, text: &str) {
    let line = match lines {
        Lines::Terminal(lines) => {
            let args = format_args!("{text}");
            return lines.log(&Record::builder().level(level).target(target).args(args).build());
        }
        Lines::Journal => in_journal(level, text),
        // A line has its time as `simple_logger` gives it one: when it is written.
        Lines::Json => in_json(UNIX_EPOCH.elapsed().unwrap_or_default(), level, target, text),
    };
    // In one piece, so that nobody else's can come between; when it is lost, nobody is left to
    // tell.
    let _ = std::io::stderr().write_all((line + "\n").as_bytes());
}

fn write(lines: &Lines, entries: &Receiver<Entry>) {
    for entry in entries {
        match entry {
            Entry::Line { level, target, text } => write_line(lines, level, &target, &text),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_one_line_whatever_is_told() {
        let now = Duration::from_millis(1_700_000_000_007);
        assert_eq!(
            in_json(now, Level::Warn, "a::b", "a \"key\" \\ é\n\u{1b}[0m"),
            "{\"time\":1700000000.007,\"level\":\"warn\",\"target\":\"a::b\",\
             \"message\":\"a \\\"key\\\" \\\\ é\\u000a\\u001b[0m\"}"
        );
    }

    #[test]
    fn the_journal_is_told_priorities() {
        let levels = [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace];
        let lines = levels.map(|level| in_journal(level, "x"));
        assert_eq!(lines, ["<3>x", "<4>x", "<6>x", "<7>x", "<7>x"]);
    }
}
