//! A child process: its log is at hand, and it never outlives its test.

use super::wait::{SOON, eventually};
use std::fs;
use std::io::{self, Read};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

pub(crate) struct Process {
    child: Child,
    log: Arc<Log>,
}

/// What the process wrote to stderr so far.
#[derive(Default)]
struct Log {
    state: Mutex<(Vec<u8>, bool)>,
    grew: Condvar,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let log = Arc::new(Log::default());
        let stderr = child.stderr.take().expect("piped");
        let copy = Arc::clone(&log);
        thread::spawn(move || copy.collect(stderr));
        Ok(Self { child, log })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name without `SIG`.
    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &id]).status();
        assert!(sent.expect("sh is there").success(), "{name} could not be sent to {id}");
    }

    /// SIGSTOP, and not before the process has stopped.
    #[track_caller]
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
        eventually("a stopped process", || (self.stat(0) == "T").then_some(()));
    }

    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Waits for the end that is due.
    #[track_caller]
    pub(crate) fn exit_status(&mut self) -> ExitStatus {
        let status = eventually("the end of the process", || self.child.try_wait().expect("child"));
        self.log.wait(|_, ended| ended.then_some(()));
        status
    }

    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&self.log.state.lock().expect("log").0).into_owned()
    }

    /// Waits until the log holds what `find` looks for; the end of the log makes it `None`.
    pub(crate) fn find_in_log<T>(&self, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.log.wait(|text, ended| find(text).map(Some).or(ended.then_some(None))).flatten()
    }

    /// CPU time used so far, in ticks: there are a hundred to a second.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        [11, 12].map(|at| self.stat(at).parse::<u64>().expect("a number")).iter().sum()
    }

    /// Bytes of resident memory.
    pub(crate) fn resident(&self) -> u64 {
        self.kilobytes("smaps_rollup", "Rss:") << 10
    }

    /// The most that these were since `forget_peak`.
    pub(crate) fn resident_peak(&self) -> u64 {
        self.kilobytes("status", "VmHWM:") << 10
    }

    pub(crate) fn forget_peak(&self) {
        let path = format!("/proc/{}/clear_refs", self.id());
        fs::write(path, "5").expect("it is our child");
    }

    fn kilobytes(&self, file: &str, name: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/{file}", self.id())).expect("running");
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("the line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// A word of `/proc/PID/stat`, counted from the state, behind the name in parentheses.
    fn stat(&self, at: usize) -> String {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id())).expect("running");
        let words = &stat[stat.rfind(')').expect("the name") + 2..];
        words.split(' ').nth(at).expect("the word").to_string()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let log = self.log();
        if thread::panicking() && !log.is_empty() {
            eprintln!("--- log of process {}:\n{log}---", self.id());
        }
    }
}

impl Log {
    fn collect(&self, mut stderr: ChildStderr) {
        let mut piece = [0; 4096];
        loop {
            let count = stderr.read(&mut piece).unwrap_or(0);
            let mut state = self.state.lock().expect("log");
            state.0.extend_from_slice(&piece[..count]);
            state.1 = count == 0;
            self.grew.notify_all();
            if count == 0 {
                return;
            }
        }
    }

    fn wait<T>(&self, find: impl Fn(&str, bool) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + SOON;
        let mut state = self.state.lock().expect("log");
        loop {
            if let Some(found) = find(&String::from_utf8_lossy(&state.0), state.1) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            state = self.grew.wait_timeout(state, left).expect("log").0;
        }
    }
}
