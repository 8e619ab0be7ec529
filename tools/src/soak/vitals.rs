//! What nodeproxy holds at a moment at which nobody asks anything.

use super::wire::Wire;
use crate::failure::{Failure, Result, While};
use crate::process::Memory;
use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;

/// What it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Vitals {
    /// Resident memory.
    pub(super) memory: Memory,
    /// Open descriptors.
    pub(super) descriptors: u64,
    /// Clients, the one who asks for this included.
    pub(super) clients: u64,
    /// Bytes of buffers that are in use.
    pub(super) buffer_bytes: u64,
    /// Links to memcacheds.
    pub(super) links: u64,
    /// Requests that are not answered.
    pub(super) in_flight: u64,
    /// Memcacheds that are down.
    pub(super) down: u64,
}

impl Vitals {
    pub(super) fn of(proxy: SocketAddr, pid: u32) -> Result<Self> {
        let mut wire = Wire::open(proxy).doing(|| "nodeproxy is gone".into())?;
        let general = stats(&mut wire, "stats")?;
        let backends = stats(&mut wire, "stats backends")?;
        let all =
            |figure: &'static str| backends.iter().filter(move |(name, _)| name.ends_with(figure));
        let sum = |figure| all(figure).filter_map(|(_, value)| value.parse::<u64>().ok()).sum();
        let folder = format!("/proc/{pid}/fd");
        Ok(Self {
            memory: Memory::of(pid)?,
            descriptors: fs::read_dir(&folder).doing(|| folder.clone())?.count() as u64,
            clients: number(&general, "curr_connections")?,
            buffer_bytes: number(&general, "buffer_bytes")?,
            links: sum(":links"),
            in_flight: sum(":in_flight"),
            down: all(":state").filter(|(_, value)| *value != "up").count() as u64,
        })
    }

    /// Whether all memcacheds are up, with all their links, nothing is in flight, and nobody else
    /// is there.
    pub(super) fn is_whole(&self, links: u64) -> bool {
        self.down == 0 && self.links == links && self.in_flight == 0 && self.clients == 1
    }

    /// What is there now and was not before.
    pub(super) fn leaks(&self, before: &Self) -> Vec<String> {
        let figures = [
            ("descriptors", before.descriptors, self.descriptors),
            ("clients", before.clients, self.clients),
            ("buffer bytes", before.buffer_bytes, self.buffer_bytes),
            ("links", before.links, self.links),
            ("requests in flight", before.in_flight, self.in_flight),
            ("memcacheds that are down", before.down, self.down),
        ];
        let changed = figures.iter().filter(|(_, before, now)| before != now);
        changed.map(|(what, before, now)| format!("{what}: {before} before, {now} now")).collect()
    }
}

fn stats(wire: &mut Wire, question: &str) -> Result<HashMap<String, String>> {
    let doing = || question.to_string();
    wire.send(format!("{question}\r\n").as_bytes()).doing(doing)?;
    let mut found = HashMap::new();
    loop {
        let line = wire.line().doing(doing)?;
        if line == "END" {
            return Ok(found);
        }
        let stat = line.strip_prefix("STAT ").and_then(|it| it.split_once(' '));
        let (name, value) = stat.ok_or_else(|| Failure::new(format!("{question}: {line}")))?;
        found.insert(name.into(), value.into());
    }
}

fn number(stats: &HashMap<String, String>, name: &str) -> Result<u64> {
    let number = stats.get(name).and_then(|value| value.parse().ok());
    number.ok_or_else(|| Failure::new(format!("stats has no {name}")))
}
