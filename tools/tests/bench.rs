//! The bench driver with a real memcached. Without one the test says so, loudly, and passes.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tools::bench::children::find;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("nodeproxy-{name}-{}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn bench(line: &str, folder: &Folder) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command.args(line.split(' ')).arg("--folder").arg(&folder.0);
    command.output().expect("it runs")
}

#[test]
fn every_figure_is_in_the_json_and_the_table_beside_it() {
    if find(Path::new("memcached")).is_none() {
        eprintln!("SKIPPED: memcached is not installed");
        return;
    }
    let folder = Folder::new("bench");
    let line = "--quick --seconds 0.05 --peers direct,relay --only 1x1 --only mget20 --json";
    let output = bench(line, &folder);
    let table = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{table}");
    assert!(table.contains("mget20: 50 connections"), "{table}");
    let results: Value = serde_json::from_slice(&output.stdout).expect("nothing but JSON");
    for outcome in results["workloads"].as_array().expect("a list") {
        assert_eq!(outcome["failures"], Value::Array(Vec::new()), "{table}");
        for peer in outcome["peers"].as_array().expect("a list") {
            for figure in ["rate", "cpu_us", "p50_us", "p99_us", "p999_us", "resident_mb"] {
                assert!(peer["median"][figure].as_f64() > Some(0.0), "{figure} in {peer}");
            }
        }
    }
}

#[test]
fn a_peer_that_was_named_has_to_be_there() {
    let folder = Folder::new("bench-missing");
    let line = "--quick --peers twemproxy --nutcracker /no/such/program";
    let output = bench(line, &folder);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("twemproxy: no program /no/such/program"), "{said}");
}
