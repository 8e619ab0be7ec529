//! What the lines of the log look like, to whom.

use crate::harness::nodeproxy::binary;
use crate::harness::ports;
use crate::harness::wait::eventually;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command};

/// A proxy whose log is a file, which may be said to be the journal.
struct Logged {
    child: Child,
    path: PathBuf,
}

impl Logged {
    fn start(arguments: &[&str], is_journal: bool) -> Self {
        let path = std::env::temp_dir().join(format!("nodeproxy-log-{}", ports::reserve()));
        let file = File::create(&path).expect("a file");
        let metadata = file.metadata().expect("of a file");
        let inode = metadata.ino() + u64::from(!is_journal);
        let mut command = Command::new(binary());
        command.args(arguments).args(["-p", "0"]).stderr(file);
        command.env("JOURNAL_STREAM", format!("{}:{inode}", metadata.dev()));
        Self { child: command.spawn().expect("nodeproxy starts"), path }
    }

    /// The line with these words in it, once it is there.
    fn line_with(&self, words: &str) -> String {
        eventually(words, || {
            let log = fs::read_to_string(&self.path).expect("a log");
            let (whole, _) = log.rsplit_once('\n')?;
            whole.lines().find(|line| line.contains(words)).map(String::from)
        })
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.path);
    }
}

const GOOD: [&str; 2] = ["-s", "127.0.0.1:1"];
const BAD: [&str; 2] = ["-s", "no-such-host.invalid:1"];

#[test]
fn the_journal_is_told_priorities_and_no_times() {
    let line = Logged::start(&GOOD, true).line_with("listening on");
    assert!(line.starts_with("<6>listening on 127.0.0.1:"), "{line}");
    let line = Logged::start(&BAD, true).line_with("cannot resolve");
    assert!(line.starts_with("<3>nodeproxy: --servers: cannot resolve"), "{line}");
}

#[test]
fn a_log_that_systemd_does_not_read_has_times_and_no_priorities() {
    let line = Logged::start(&GOOD, false).line_with("listening on");
    assert!(line.starts_with("20") && line.contains("Z INFO "), "{line}");
    let line = Logged::start(&BAD, false).line_with("cannot resolve");
    assert!(line.starts_with("nodeproxy: --servers: cannot resolve"), "{line}");
}

#[test]
fn json_is_an_object_a_line_wherever_it_goes() {
    for is_journal in [false, true] {
        let flags = ["-s", "127.0.0.1:1", "--log-format", "json"];
        let line = Logged::start(&flags, is_journal).line_with("listening on");
        let message = "\"level\":\"info\",\"target\":\"nodeproxy::reactor::start\",\
                       \"message\":\"listening on 127.0.0.1:";
        assert!(line.starts_with("{\"time\":") && line.ends_with("\"}"), "{line}");
        assert!(line.contains(message), "{line}");
    }
}
