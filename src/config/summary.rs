//! `-t`: prints every setting that is in force.

use super::units::show_size;
use super::{Config, Origins, PoolConfig, Source};
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
    let rows = [
        ("max_memory", show_size(config.memory_max)),
        ("verbosity", config.verbosity.to_string()),
        ("log_format", config.log_format.name().into()),
    ];
    write_rows(&mut text, rows, &config.origins);
    for pool in &config.pools {
        pool_text(&mut text, pool, &config.pools);
    }
    text
}

fn pool_text(text: &mut String, pool: &PoolConfig, pools: &[PoolConfig]) {
    line(text, format_args!("\npool {}", pool.name));
    write_rows(text, rows(pool, pools), &pool.origins);
    let origin = origin(&pool.origins, "servers");
    line(text, format_args!("  servers, and the share of the keys that each gets:{origin}"));
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

fn rows(pool: &PoolConfig, pools: &[PoolConfig]) -> [(&'static str, String); 16] {
    let clients = match pool.client_connections {
        0 => "limited by the open files only".into(),
        limit => limit.to_string(),
    };
    let idle = match pool.client_idle_timeout {
        0 => "never".into(),
        limit => format!("{limit} ms"),
    };
    [
        ("listen", pool.listen.to_string()),
        ("placement", pool.scheme.to_string()),
        ("timeout", format!("{} ms", pool.timeout)),
        ("connect_timeout", format!("{} ms", pool.connect_timeout)),
        ("on_down", pool.on_down.name(pools)),
        ("on_error", pool.on_error.name().into()),
        ("server_connections", pool.links.to_string()),
        ("server_failure_limit", format!("{} in a row", pool.server_failure_limit)),
        ("server_retry_timeout", format!("{} ms at most", pool.server_retry_timeout)),
        ("max_value_size", show_size(pool.value_bytes_max)),
        ("max_client_memory", show_size(pool.client_memory_max)),
        ("client_connections", clients),
        ("client_idle_timeout", idle),
        ("backlog", pool.backlog.to_string()),
        ("reuseport", pool.reuseport.to_string()),
        ("tcpkeepalive", pool.tcpkeepalive.to_string()),
    ]
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

/// A line for each setting; what is no default has behind it where it was written.
fn write_rows<const N: usize>(text: &mut String, rows: [(&str, String); N], origins: &Origins) {
    for (key, value) in rows {
        line(text, format_args!("  {key:<21} {value}{}", origin(origins, key)));
    }
}

fn origin(origins: &Origins, key: &str) -> String {
    origins.get(key).map(|origin| format!("  ({origin})")).unwrap_or_default()
}

fn line(text: &mut String, content: impl Display) {
    // To a string: it cannot fail.
    let _ = writeln!(text, "{content}");
}
