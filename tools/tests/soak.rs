//! A very short soak, before the nodeproxy that was built with the tests. Without it, or without a
//! memcached, the test says so, loudly, and passes.

use std::path::Path;
use std::process::Command;
use tools::bench::children::is_installed;

#[test]
fn a_short_soak_finds_nothing() {
    let soak = Path::new(env!("CARGO_BIN_EXE_soak"));
    let nodeproxy = soak.with_file_name("nodeproxy");
    if !nodeproxy.is_file() || !is_installed("memcached") {
        eprintln!("SKIPPED: nodeproxy or memcached is not there, nothing is soaked");
        return;
    }
    let folder = std::env::temp_dir().join(format!("nodeproxy-soak-{}", std::process::id()));
    let mut command = Command::new(soak);
    command.args(["--seconds", "3", "--memcacheds", "3"]);
    command.arg("--nodeproxy").arg(nodeproxy).arg("--folder").arg(&folder);
    let output = command.output().expect("runs");
    let (text, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}{errors}");
    let _ = std::fs::remove_dir_all(folder);
}
