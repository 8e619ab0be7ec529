//! `-t`: prints every setting that is in force.

use super::units::show_size;
use super::{Config, PoolConfig, Source};
use crate::placement::Placement;
use std::fmt::{Display, Write};

/// Keys that are placed to estimate each server's share.
const SAMPLE: usize = 20_000;

/// The whole summary.
pub(super) fn text(config: &Config) -> String {
    let mut text = String::new();
    for warning in &config.warnings {
        line(&mut text, format_args!("warning: {warning}"));
    }
    for note in &config.notes {
        line(&mut text, format_args!("note: {note}"));
    }
    let source = match &config.source {
        Source::Flags => "the flags",
        Source::Environment => "the environment",
        Source::File(name) => name,
    };
    line(&mut text, format_args!("{source}: this is a valid configuration\n"));
    row(&mut text, "max_memory", show_size(config.memory_max));
    row(&mut text, "verbosity", config.verbosity);
    for pool in &config.pools {
        pool_text(&mut text, pool, &config.pools);
    }
    text
}

fn pool_text(text: &mut String, pool: &PoolConfig, pools: &[PoolConfig]) {
    line(text, format_args!("\npool {}", pool.name));
    row(text, "listen", &pool.listen);
    row(text, "placement", &pool.scheme);
    row(text, "timeout", format_args!("{} ms", pool.timeout));
    row(text, "connect_timeout", format_args!("{} ms", pool.connect_timeout));
    row(text, "on_down", pool.on_down.name(pools));
    row(text, "on_error", pool.on_error.name());
    row(text, "server_connections", pool.links);
    row(text, "server_failure_limit", format_args!("{} in a row", pool.server_failure_limit));
    row(text, "server_retry_timeout", format_args!("{} ms at most", pool.server_retry_timeout));
    row(text, "max_value_size", show_size(pool.value_bytes_max));
    row(text, "max_client_memory", show_size(pool.client_memory_max));
    match pool.client_connections {
        0 => row(text, "client_connections", "limited by the open files only"),
        limit => row(text, "client_connections", limit),
    }
    match pool.client_idle_timeout {
        0 => row(text, "client_idle_timeout", "never"),
        limit => row(text, "client_idle_timeout", format_args!("{limit} ms")),
    }
    row(text, "backlog", pool.backlog);
    row(text, "reuseport", pool.reuseport);
    row(text, "tcpkeepalive", pool.tcpkeepalive);
    line(text, format_args!("  servers, and the share of the keys that each gets:"));
    let shares = shares(pool);
    for (index, server) in pool.servers.iter().enumerate() {
        let name = server.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
        let (number, address, weight) = (index + 1, &server.address, server.weight);
        let share = shares.get(index).copied().unwrap_or_default() * 100.0;
        line(text, format_args!("  {number:>4}  {share:>5.1} %  {address} weight {weight}{name}"));
    }
    for note in &pool.notes {
        line(text, format_args!("  note: {note}"));
    }
}

/// Each server's share of the keys.
fn shares(pool: &PoolConfig) -> Vec<f64> {
    let Ok(placement) = pool.placement() else {
        return Vec::new();
    };
    let mut counts = vec![0_u32; pool.servers.len()];
    for index in 0..SAMPLE {
        counts[place(&placement, index)] += 1;
    }
    counts.into_iter().map(|count| f64::from(count) / SAMPLE as f64).collect()
}

/// Places a key of a common form.
fn place(placement: &Placement, index: usize) -> usize {
    let number = index.wrapping_mul(2_654_435_761) % 100_000_000;
    placement.place(format!("user:{number:08}:profile").as_bytes())
}

fn row(text: &mut String, key: &str, value: impl Display) {
    line(text, format_args!("  {key:<21} {value}"));
}

fn line(text: &mut String, content: impl Display) {
    // To a string: it cannot fail.
    let _ = writeln!(text, "{content}");
}
