//! The proxy's own process.

use super::client::Client;
use super::file::File;
use super::process::Process;
use super::stats::Stats;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

pub(crate) struct Nodeproxy {
    process: Process,
    address: SocketAddr,
    _file: Option<File>,
}

/// How to start it.
pub(crate) struct Setup {
    servers: Vec<SocketAddr>,
    links: usize,
    timeout: Duration,
    shell: Option<&'static str>,
    flags: Vec<&'static str>,
}

impl Nodeproxy {
    /// In front of these backends, with one link to each and the default timeout.
    pub(crate) fn start(servers: &[SocketAddr]) -> Self {
        Self::before(servers).start()
    }

    pub(crate) fn before(servers: &[SocketAddr]) -> Setup {
        Setup {
            servers: servers.to_vec(),
            links: 1,
            timeout: Duration::from_millis(1000),
            shell: None,
            flags: Vec::new(),
        }
    }

    /// In front of these backends, by a file with these lines about their pool.
    #[track_caller]
    pub(crate) fn pool(servers: &[SocketAddr], lines: &[&str]) -> Self {
        Self::configured(&pool("cache", servers, lines))
    }

    /// By a file of this text; it is the first of its pools that clients connect to.
    #[track_caller]
    pub(crate) fn configured(text: &str) -> Self {
        let file = File::new(text);
        Self::listening(run(&["-c", file.path()]), Some(file))
    }

    #[track_caller]
    fn listening(process: Process, file: Option<File>) -> Self {
        let Some(address) = process.find_in_log(listening_on) else {
            panic!("nodeproxy does not say where it listens: {}", process.log());
        };
        Self { process, address, _file: file }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// What it tells of itself: `stats`, or `stats WORD`.
    pub(crate) fn stats(&self, words: &str) -> Stats {
        Stats::ask(&mut self.connect(), words)
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Setup {
    /// So many links to each backend.
    pub(crate) fn links(mut self, links: usize) -> Self {
        self.links = links;
        self
    }

    pub(crate) fn timeout_ms(mut self, timeout: u64) -> Self {
        self.timeout = Duration::from_millis(timeout);
        self
    }

    /// With these flags too.
    pub(crate) fn flags(mut self, flags: &[&'static str]) -> Self {
        self.flags.extend(flags);
        self
    }

    /// Lets a shell do something first, such as set limits.
    pub(crate) fn after(mut self, shell: &'static str) -> Self {
        self.shell = Some(shell);
        self
    }

    #[track_caller]
    pub(crate) fn start(self) -> Nodeproxy {
        let mut command = match self.shell {
            Some(line) => shell(line),
            None => Command::new(binary()),
        };
        let servers: Vec<_> = self.servers.iter().map(SocketAddr::to_string).collect();
        command.args(["-s", &servers.join(","), "-b", "127.0.0.1", "-p", "0"]);
        command.args(["-n", &self.links.to_string()]);
        command.args(["--timeout", &self.timeout.as_millis().to_string()]);
        command.args(&self.flags);
        Nodeproxy::listening(Process::start(&mut command).expect("nodeproxy starts"), None)
    }
}

/// A pool of a file, that listens on any port.
pub(crate) fn pool(name: &str, servers: &[SocketAddr], lines: &[&str]) -> String {
    let mut text = format!("{name}:\n  listen: 127.0.0.1:0\n");
    for line in lines {
        text += &format!("  {line}\n");
    }
    text += "  servers:\n";
    for server in servers {
        text += &format!("    - {server}:1\n");
    }
    text
}

/// The address in the line that says where it listens.
pub(crate) fn listening_on(log: &str) -> Option<SocketAddr> {
    let (_, behind) = log.split_once("listening on ")?;
    let (address, _) = behind.split_once(|end: char| end.is_whitespace() || end == ',')?;
    Some(address.parse().unwrap_or_else(|_| panic!("an address behind 'listening on': {log}")))
}

/// The program with these arguments, however that ends.
pub(crate) fn run(arguments: &[&str]) -> Process {
    Process::start(Command::new(binary()).args(arguments)).expect("nodeproxy starts")
}

/// The binary under test; `NODEPROXY` names another build of it, such as the static one.
pub(crate) fn binary() -> String {
    std::env::var("NODEPROXY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_nodeproxy").to_string())
}

/// The program, once the shell has run this line.
pub(crate) fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{line}; exec \"$0\" \"$@\""), &binary()]);
    command
}
