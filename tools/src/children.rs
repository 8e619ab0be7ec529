//! The processes a bench starts. None outlives it: each is ended when its handle goes, all are
//! ended when a signal arrives, and where `setpriv` is installed the kernel ends them even when
//! the bench itself is killed.

use crate::failure::{Failure, Result, While};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a process may take to end when it is asked to.
const END_MAX: Duration = Duration::from_secs(5);
/// Between two looks at a process that is about to do something.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// So much of the end of a log is shown.
const LOG_SHOWN_BYTES: usize = 600;

/// The user without rights has this number, and so has its group.
const NOBODY: &str = "65534";

/// As whom a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// As whom we run.
    Same,
    /// As nobody, if we are root.
    Nobody,
}

/// All processes that were started and not yet ended.
#[derive(Debug, Clone)]
pub struct Children {
    all: Arc<Mutex<Vec<Child>>>,
    logs: PathBuf,
    /// What makes the kernel end a process together with its parent.
    tie: Option<&'static str>,
}

/// A process that is ended when this is dropped.
#[derive(Debug)]
pub struct Running {
    children: Children,
    pid: u32,
    name: String,
    log: PathBuf,
}

impl Children {
    /// Nothing started yet. `logs` is the folder for what the processes write.
    pub fn new(logs: PathBuf) -> Result<Self> {
        fs::create_dir_all(&logs).doing(|| logs.display().to_string())?;
        let tie = is_installed("setpriv").then_some("setpriv");
        let children = Self { all: Arc::default(), logs, tie };
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).doing(|| "signals".into())?;
        let watcher = children.clone();
        thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                // Keeps the list locked, so that nothing is started any more.
                let _all = watcher.end_all();
                std::process::exit(128 + signal);
            }
        });
        Ok(children)
    }

    /// Starts a process; `name` names its log. If we are root it runs as `user`.
    pub fn start(&self, name: &str, words: &[String], user: User) -> Result<Running> {
        let log = self.logs.join(format!("{name}.log"));
        let file = File::create(&log).doing(|| log.display().to_string())?;
        let copy = file.try_clone().doing(|| log.display().to_string())?;
        let mut command = self.command(words, user);
        command.stdin(Stdio::null()).stdout(file).stderr(copy);
        // Locked around the start, so that a signal finds either no process or a known one.
        let mut all = self.lock();
        let child = command.spawn().doing(|| format!("cannot start {}", words[0]))?;
        let pid = child.id();
        all.push(child);
        Ok(Running { children: self.clone(), pid, name: name.to_owned(), log })
    }

    /// Runs a process to its end: how it ended and what it printed.
    pub fn run(&self, words: &[String]) -> Result<(ExitStatus, String)> {
        let mut command = self.command(words, User::Same);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut all = self.lock();
        let mut child = command.spawn().doing(|| format!("cannot start {}", words[0]))?;
        let (pid, output) = (child.id(), child.stdout.take());
        all.push(child);
        drop(all);
        let mut text = String::new();
        if let Some(mut output) = output {
            output.read_to_string(&mut text).doing(|| words[0].clone())?;
        }
        let mut all = self.lock();
        let at = all.iter().position(|child| child.id() == pid);
        let mut child = all.swap_remove(at.ok_or_else(|| Failure::new("ended by a signal"))?);
        Ok((child.wait().doing(|| words[0].clone())?, text))
    }

    fn command(&self, words: &[String], user: User) -> Command {
        let Some(tie) = self.tie else {
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]);
            return command;
        };
        let mut command = Command::new(tie);
        if user == User::Nobody && rustix::process::geteuid().is_root() {
            // A program that changes its user itself would be untied by that.
            command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
        }
        command.args(["--pdeathsig", "KILL", "--"]).args(words);
        command
    }

    fn end_all(&self) -> MutexGuard<'_, Vec<Child>> {
        let mut all = self.lock();
        for child in all.iter_mut() {
            // Either fails only if the process has ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        all.clear();
        all
    }

    /// A panic elsewhere leaves the list as good as it was.
    fn lock(&self) -> MutexGuard<'_, Vec<Child>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until `is_ready`, but not beyond `limit` and not after the process has ended.
    pub fn wait_until(
        &self,
        limit: Duration,
        what: &str,
        is_ready: impl Fn() -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + limit;
        while !is_ready() {
            let say = |why: &str| Failure::new(format!("{} {why}{}", self.name, self.last_words()));
            if self.has_ended() {
                return Err(say("ended at once"));
            }
            if Instant::now() > deadline {
                return Err(say(&format!("does not {what} after {limit:?}")));
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Asks it to end, and waits for that.
    pub fn end(self, limit: Duration) -> Result<()> {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + limit;
        while !self.has_ended() {
            if Instant::now() > deadline {
                return Err(Failure::new(format!("{} does not end after {limit:?}", self.name)));
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Sends it a signal, unless it has ended.
    pub fn signal(&self, signal: Signal) {
        let all = self.children.lock();
        // Only while it is in the list, not waited for, is the pid certain to be still its own.
        if all.iter().any(|child| child.id() == self.pid)
            && let Some(pid) = Pid::from_raw(self.pid.cast_signed())
        {
            let _ = kill_process(pid, signal);
        }
    }

    /// Whether it has ended; then it leaves the list.
    fn has_ended(&self) -> bool {
        let mut all = self.children.lock();
        let Some(at) = all.iter().position(|child| child.id() == self.pid) else {
            return true;
        };
        let ended = !matches!(all[at].try_wait(), Ok(None));
        if ended {
            let _ = all.swap_remove(at).wait();
        }
        ended
    }

    fn last_words(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let end =
            String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_SHOWN_BYTES)..]).into_owned();
        if end.trim().is_empty() { String::new() } else { format!("; it said:\n{}", end.trim()) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + END_MAX;
        while !self.has_ended() {
            if Instant::now() > deadline {
                let mut all = self.children.lock();
                if let Some(at) = all.iter().position(|child| child.id() == self.pid) {
                    let mut child = all.swap_remove(at);
                    let _ = child.kill();
                    let _ = child.wait();
                }
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// Where a program is, if it is a path to a file or a name in `PATH`.
pub fn find(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    // Daemons live in the sbin folders, which not every user has in the path.
    let more = ["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(more)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Whether a program of that name is in `PATH`.
pub fn is_installed(program: &str) -> bool {
    find(Path::new(program)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_process_ends_with_its_handle_and_with_all_others() {
        let logs = std::env::temp_dir().join(format!("nodeproxy-children-{}", std::process::id()));
        let children = Children::new(logs.clone()).expect("starts");
        let first = children.start("first", &words("sleep 1000"), User::Same).expect("starts");
        let second = children.start("second", &words("sleep 1000"), User::Same).expect("starts");
        let alive = |pid: u32| Path::new(&format!("/proc/{pid}")).exists();
        let (one, two) = (first.pid(), second.pid());
        assert!(alive(one) && alive(two));
        drop(first);
        assert!(!alive(one) && alive(two));
        drop(children.end_all());
        assert!(!alive(two));
        drop(second);
        let (status, text) = children.run(&words("echo done")).expect("runs");
        assert!(status.success());
        assert_eq!(text, "done\n");
        let brief = children.start("brief", &words("sh -c exit"), User::Same).expect("starts");
        let error =
            brief.wait_until(END_MAX, "listen", || false).expect_err("it ended").to_string();
        assert!(error.starts_with("brief ended at once"), "{error}");
        let _ = fs::remove_dir_all(logs);
    }

    #[test]
    fn programs_are_found_by_name_and_by_path() {
        assert!(is_installed("sh"));
        assert!(!is_installed("no-such-program-here"));
        assert_eq!(find(Path::new("/no/such/file")), None);
    }
}
