//! `--where`: prints which server has a key.

use super::problems::quoted;
use super::{Config, PoolConfig};
use crate::memcache::KEY_BYTES_MAX;
use std::fmt::Write;

/// Whether these are keys that memcache could have. The error is one line.
pub(super) fn check(keys: &[String]) -> Result<(), String> {
    for key in keys {
        let shown = quoted(key);
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(format!(
                "--where: {shown} is not a valid key; expected 1 to {KEY_BYTES_MAX} bytes"
            ));
        }
        if key.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return Err(format!(
                "--where: {shown} is not a valid key; expected no space or control character in it"
            ));
        }
    }
    Ok(())
}

/// A line for each key in each pool, with tabs: key, pool, server, its address, hash.
pub(super) fn text(config: &Config, keys: &[String]) -> String {
    let mut text = String::new();
    let placements: Vec<_> = config.pools.iter().map(PoolConfig::placement).collect();
    for key in keys {
        for (pool, placement) in config.pools.iter().zip(&placements) {
            // Checked when the configuration was read.
            let Ok(placement) = placement else {
                continue;
            };
            let server = &pool.servers[placement.place(key.as_bytes())];
            let (name, address, hash) =
                (server.label(), &server.address, placement.hash(key.as_bytes()));
            let _ = writeln!(text, "{key}\t{}\t{name}\t{address}\t{hash}", pool.name);
        }
    }
    text
}
