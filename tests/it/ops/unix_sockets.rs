//! Unix sockets, on both sides: the mode of the one that clients use, and what is done about a path
//! where something is already.

use crate::harness::nodeproxy::run;
use crate::harness::process::Process;
use crate::harness::wait::eventually;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A directory that goes when its test does. Its path is short: a socket's has room for 107 bytes.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("np-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a path that is text").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs before no memcached, on this path.
fn listening(path: &str) -> Process {
    let process = run(&["-s", "127.0.0.1:1", "-b", path]);
    let told = format!("listening on {path}");
    let found = process.find_in_log(|log| log.contains(&told).then_some(()));
    assert!(found.is_some(), "{}", process.log());
    process
}

/// Does not start, with this reason, and leaves what is there.
#[track_caller]
fn refused(path: &str, reason: &str) {
    let mut process = run(&["-s", "127.0.0.1:1", "-b", path]);
    let status = process.exit_status();
    assert_eq!(status.code(), Some(1), "{}", process.log());
    let expected = format!("cannot listen on {path}: {reason}; expected a path that is free");
    assert!(process.log().contains(&expected), "{}", process.log());
    assert!(fs::symlink_metadata(path).is_ok(), "it is gone");
}

#[track_caller]
fn asked(path: &str, request: &[u8], reply: &[u8]) {
    let mut socket = UnixStream::connect(path).expect("connected");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    socket.write_all(request).expect("sent");
    let mut got = vec![0; reply.len()];
    socket.read_exact(&mut got).expect("a reply");
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(reply));
}

fn mode(path: &str) -> u32 {
    fs::metadata(path).expect("a socket").permissions().mode() & 0o777
}

#[test]
fn clients_and_servers_may_be_on_unix_sockets() {
    let folder = Folder::new();
    let (server, front) = (folder.path("server"), folder.path("front"));
    let mut command = Command::new("memcached");
    command.args(["-s", &server, "-U", "0", "-t", "1", "-u", "root"]);
    let _memcached = Process::start(&mut command).expect("memcached starts");
    eventually("memcached listens", || UnixStream::connect(&server).ok());
    let mut process = run(&["-s", &server, "-b", &format!("{front} 0606")]);
    eventually("nodeproxy listens", || UnixStream::connect(&front).ok());
    assert_eq!(mode(&front), 0o606);
    asked(&front, b"set k 0 0 1\r\nx\r\nget k\r\n", b"STORED\r\nVALUE k 0 1\r\nx\r\nEND\r\n");
    asked(&server, b"get k\r\n", b"VALUE k 0 1\r\nx\r\nEND\r\n");
    process.signal("TERM");
    assert_eq!(process.exit_status().code(), Some(0));
    assert!(!Path::new(&front).exists(), "the socket is still there");
}

#[test]
fn a_stale_socket_is_replaced() {
    let folder = Folder::new();
    let path = folder.path("stale");
    drop(UnixListener::bind(&path).expect("a socket"));
    let _process = listening(&path);
    asked(&path, b"version\r\n", b"VERSION ");
}

#[test]
fn what_is_in_use_or_no_socket_is_left_alone() {
    let folder = Folder::new();
    let path = folder.path("used");
    let _first = listening(&path);
    refused(&path, "address in use");
    asked(&path, b"version\r\n", b"VERSION ");
    let path = folder.path("file");
    fs::write(&path, "precious").expect("a file");
    refused(&path, "a file is there that is no socket");
    assert_eq!(fs::read(&path).expect("a file"), b"precious");
}

#[test]
fn a_path_that_is_missing_is_told_as_that() {
    let folder = Folder::new();
    let (server, inside) = (folder.path("server"), folder.path("no/front"));
    let mut process = run(&["-s", &server, "-b", &inside]);
    assert_eq!(process.exit_status().code(), Some(1), "{}", process.log());
    let told = format!(
        "cannot listen on {inside}: the folder {} is missing; expected one that exists",
        folder.path("no")
    );
    assert!(process.log().contains(&told), "{}", process.log());
    let process = run(&["-s", &server, "-b", &folder.path("front")]);
    let missing = |log: &str| log.contains("there is no socket at this path").then_some(());
    assert!(process.find_in_log(missing).is_some(), "{}", process.log());
}

#[test]
fn a_start_does_not_hang_at_a_socket_whose_queue_is_full() {
    let folder = Folder::new();
    let path = folder.path("full");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    socket.bind(&socket2::SockAddr::unix(&path).expect("a path")).expect("bound");
    socket.listen(0).expect("listening");
    let connect = || {
        let client = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
        client.set_nonblocking(true)?;
        client.connect(&socket2::SockAddr::unix(&path)?)?;
        Ok(client)
    };
    let waiting: Result<Vec<_>, std::io::Error> = (0..100).map(|_| connect()).collect();
    assert_eq!(waiting.err().map(|error| error.kind()), Some(ErrorKind::WouldBlock));
    let _client = connect();
    refused(&path, "address in use");
}

#[test]
fn a_start_that_fails_leaves_no_socket() {
    let folder = Folder::new();
    let (path, file) = (folder.path("first"), folder.path("pools.yml"));
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let taken = taken.local_addr().expect("bound");
    let pools = format!(
        "a: {{listen: {path}, servers: [127.0.0.1:1]}}\n\
         b: {{listen: {taken}, servers: [127.0.0.1:1]}}\n"
    );
    fs::write(&file, pools).expect("a file");
    let mut process = run(&["-c", &file]);
    let status = process.exit_status();
    assert_eq!(status.code(), Some(1), "{}", process.log());
    assert!(process.log().contains(&format!("cannot listen on {taken}")), "{}", process.log());
    assert!(!Path::new(&path).exists(), "the socket of the first pool is still there");
}
