//! Perl's `Cache::Memcached::Fast` with `ketama_points`. Read from its source and compared with
//! 0.28.

use super::BuildError;
use super::continuum::{NAMES_MAX, Point};
use super::function::crc32_continued;
use super::node::{Live, total_weight};

/// The points of each server: a chain of CRC-32, each over the one before, that starts at the host,
/// a zero byte, and the port in digits (a unix socket: path and zero byte).
pub(super) fn ketama(nodes: &[Live<'_>], count: u32) -> Result<Vec<Point>, BuildError> {
    if total_weight(nodes).saturating_mul(u64::from(count)) > NAMES_MAX {
        return Err(BuildError::TooManyPoints);
    }
    let mut points = Vec::new();
    for live in nodes {
        let label = live.node.label();
        let (host, port) = match label.rsplit_once(':') {
            Some(parts) if !live.node.is_socket() => parts,
            _ => (label.as_str(), ""),
        };
        let base = [host.as_bytes(), b"\0", port.as_bytes()].concat();
        let base = crc32_continued(0, &base);
        let mut value = 0_u32;
        for _ in 0..live.weight() * u64::from(count) {
            value = crc32_continued(base, &value.to_le_bytes());
            points.push(Point { value, owner: live.index });
        }
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::super::Node;
    use super::*;

    #[test]
    fn a_point_is_chained_to_the_one_before() {
        let node = Node { host: "127.0.0.1".to_owned(), port: 11211, weight: 1, name: None };
        let points = ketama(&[Live { index: 0, node: &node }], 2).expect("points");
        let values: Vec<_> = points.iter().map(|point| point.value).collect();
        assert_eq!(values, [2_847_103_539, 1_256_472_621]);
    }
}
