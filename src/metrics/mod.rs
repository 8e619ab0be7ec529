//! What the proxy counts, and how it is told: memcached's own names where they mean the same, so
//! that tools made for memcached work.

/// Counters. They only grow, until `stats reset`.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names are memcached's own, where they are not explained")]
pub struct Counters {
    pub total_connections: u64,
    /// Clients that were turned away.
    pub rejected_connections: u64,
    pub cmd_get: u64,
    pub cmd_set: u64,
    pub cmd_flush: u64,
    pub cmd_touch: u64,
    pub cmd_meta: u64,
    pub get_hits: u64,
    pub get_misses: u64,
    pub delete_misses: u64,
    pub delete_hits: u64,
    pub incr_misses: u64,
    pub incr_hits: u64,
    pub decr_misses: u64,
    pub decr_hits: u64,
    pub cas_misses: u64,
    pub cas_hits: u64,
    pub cas_badval: u64,
    pub touch_hits: u64,
    pub touch_misses: u64,
    /// From clients.
    pub bytes_read: u64,
    /// To clients.
    pub bytes_written: u64,
    /// Clients and links that were closed because memory was used up.
    pub closed_for_memory: u64,
    /// Requests that the proxy refused.
    pub requests_refused: u64,
    /// Requests that a backend's failure cost.
    pub requests_failed: u64,
}

impl Counters {
    /// Each with its name, in memcached's order.
    pub fn all(&self) -> [(&'static str, u64); 25] {
        [
            ("total_connections", self.total_connections),
            ("rejected_connections", self.rejected_connections),
            ("cmd_get", self.cmd_get),
            ("cmd_set", self.cmd_set),
            ("cmd_flush", self.cmd_flush),
            ("cmd_touch", self.cmd_touch),
            ("cmd_meta", self.cmd_meta),
            ("get_hits", self.get_hits),
            ("get_misses", self.get_misses),
            ("delete_misses", self.delete_misses),
            ("delete_hits", self.delete_hits),
            ("incr_misses", self.incr_misses),
            ("incr_hits", self.incr_hits),
            ("decr_misses", self.decr_misses),
            ("decr_hits", self.decr_hits),
            ("cas_misses", self.cas_misses),
            ("cas_hits", self.cas_hits),
            ("cas_badval", self.cas_badval),
            ("touch_hits", self.touch_hits),
            ("touch_misses", self.touch_misses),
            ("bytes_read", self.bytes_read),
            ("bytes_written", self.bytes_written),
            ("closed_for_memory", self.closed_for_memory),
            ("requests_refused", self.requests_refused),
            ("requests_failed", self.requests_failed),
        ]
    }
}

/// A reply of `STAT` lines.
#[derive(Debug, Default)]
pub struct Text(Vec<u8>);

impl Text {
    /// Adds a line.
    pub fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        self.0.extend(format!("STAT {name} {value}\r\n").bytes());
    }

    /// The lines, and the end.
    pub fn finish(mut self) -> Vec<u8> {
        self.0.extend(b"END\r\n");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_memcached_writes_them() {
        let mut text = Text::default();
        text.line("pid", 7);
        text.line("version", "1.6.45");
        assert_eq!(text.finish(), b"STAT pid 7\r\nSTAT version 1.6.45\r\nEND\r\n");
    }
}
