//! twemproxy 0.5 (nutcracker): its order of servers and its ketama, read from its source and seen
//! on the running program.

use super::BuildError;
use super::continuum::{Point, libketama_names, points};
use super::function::md5_words;
use super::node::{Live, Node};

/// The names of points are cut here.
const POINT_NAME_BYTES_MAX: usize = 272;

/// The order that gives the modula index and decides ties: by name, the shorter first, then by
/// bytes.
pub(super) fn sorted<'a>(nodes: &[Live<'a>]) -> Vec<Live<'a>> {
    let mut sorted = nodes.to_vec();
    sorted.sort_by_cached_key(|live| {
        let name = name(live.node);
        (name.len(), name)
    });
    sorted
}

/// `distribution: ketama`.
pub(super) fn ketama(nodes: &[Live<'_>]) -> Result<Vec<Point>, BuildError> {
    let nodes = sorted(nodes);
    let cut = |text: &[u8]| md5_words(&text[..text.len().min(POINT_NAME_BYTES_MAX)]);
    points(&nodes, libketama_names(&nodes), |node| name(node) + "-", cut)
}

/// The name in the ring: a unix socket without a name has its path and a colon.
fn name(node: &Node) -> String {
    if node.is_socket() { node.named(|| format!("{}:", node.host)) } else { node.short_label() }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, Placement, Scheme};
    use super::*;

    const KEYS: [&[u8]; 16] = [
        b"a",
        b"foo",
        b"bar",
        b"key00001",
        b"key00002",
        b"key22222",
        b"key33333",
        b"user:{42}:x",
        b"user:{42}:y",
        b"user:{}:z",
        b"{}",
        b"{42",
        b"0123456789abcdefghij",
        "été".as_bytes(),
        b"\xff\xfe",
        b"the quick brown fox jumps",
    ];

    /// Servers as twemproxy's configuration writes them, options, the server of each key, and the
    /// MD5 of the ring as lines of `value:index`. Servers count in twemproxy's order.
    const POOLS: [[&str; 4]; 12] = [
        [
            "127.0.0.1:11212:1, 127.0.0.1:11213:1, 127.0.0.1:11214:1",
            "",
            "2 0 2 2 2 0 0 1 1 0 0 1 0 2 0 0",
            "6ef384e5b8b67fcee10d2e47c4dfaf3c",
        ],
        [
            "127.0.0.1:11214:1, 127.0.0.1:11212:1, 127.0.0.1:11213:1",
            "hash_tag={}",
            "2 0 2 2 2 0 0 2 2 0 0 1 0 2 0 0",
            "6ef384e5b8b67fcee10d2e47c4dfaf3c",
        ],
        [
            "10.0.0.1:11211:1, 10.0.0.2:11211:1, 10.0.0.3:11211:1",
            "",
            "1 1 2 0 0 2 2 0 0 2 0 1 1 0 1 1",
            "bae3823388646333d8a8a0335296fbc6",
        ],
        [
            "10.0.0.1:11211:1 a, 10.0.0.1:11212:3 bb, 10.0.0.1:11213:2 ccc",
            "",
            "1 1 2 2 2 1 0 1 1 1 1 0 1 1 1 2",
            "29a02d191e91a09435830e49d5cb60d2",
        ],
        [
            "10.0.0.1:11211:10, 10.0.0.2:11212:20, 10.0.0.3:11213:35, 10.0.0.4:11214:1",
            "",
            "1 2 2 0 0 1 2 0 0 2 1 0 2 0 2 2",
            "b8406c500fc5770a6118fb52b34f5101",
        ],
        [
            "/tmp/mc1.sock:1, /tmp/mc2.sock:1",
            "",
            "0 0 1 0 0 1 1 1 1 1 0 0 1 0 1 0",
            "348eb4e34e6b9095605f967e3c1e96ab",
        ],
        [
            "::1:11211:1, ::1:11212:1",
            "",
            "0 0 0 1 1 0 1 0 0 1 1 1 1 1 1 1",
            "f7d5b42b37a068e28ee44e566d1e5090",
        ],
        ["10.0.0.1-25:11211:1", "", "", "2b46c79a04e3b956e5f54f96857412f0"],
        ["10.0.0.1-47:11211:1", "", "", "4ab3721529936b94219b4d303674b29b"],
        [
            "127.0.0.1:11214:100000, 127.0.0.1:11215:1",
            "hash=hsieh",
            "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
            "f920f02885f94edbfeed9296e01ce2e0",
        ],
        [
            "192.168.9.11:11211:1, 192.168.9.8:11211:2, 10.0.0.1:11212:1, zeta:11211:1, \
             alpha:11211:1",
            "hash=md5 distribution=modula",
            "0 3 4 2 0 4 2 1 1 3 1 4 3 2 4 4",
            "",
        ],
        ["zeta:11211:1", "", "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0", ""],
    ];

    #[test]
    fn pools_are_as_twemproxy_has_them() {
        for [servers, options, places, digest] in POOLS {
            let nodes = nodes(servers);
            let placement = Placement::build(&scheme(options), &nodes).expect(servers);
            let rank = ranks(&nodes);
            if !places.is_empty() {
                let found = KEYS.map(|key| rank[placement.place(key)].to_string());
                assert_eq!(found.join(" "), places, "{servers}");
            }
            if !digest.is_empty() {
                let line = |(value, index): (u32, usize)| format!("{value}:{}\n", rank[index]);
                let ring: String = placement.points().map(line).collect();
                assert_eq!(format!("{:x}", md5::compute(ring)), digest, "{servers}");
            }
        }
    }

    #[test]
    fn the_32_bit_floats_give_39_names_to_so_many_equal_servers() {
        const SHORT: [usize; 54] = [
            25, 47, 50, 55, 61, 71, 94, 100, 107, 109, 110, 115, 122, 142, 159, 163, 188, 193, 200,
            209, 214, 218, 219, 220, 230, 237, 243, 244, 279, 284, 293, 299, 301, 305, 313, 318,
            319, 326, 376, 386, 397, 400, 418, 425, 428, 431, 436, 438, 440, 460, 474, 486, 488,
            497,
        ];
        let node = &nodes("10.0.0.1:11211:1")[0];
        for count in 1..=512 {
            let nodes = vec![Live { index: 0, node }; count];
            let expected = if SHORT.contains(&count) { 39 } else { 40 };
            assert_eq!(libketama_names(&nodes)(&nodes[0]), expected, "{count} servers");
        }
    }

    #[test]
    fn names_are_ordered_by_length_and_then_by_bytes() {
        let nodes = nodes("alpha:11211:1, 10.0.0.1:11212:1, 192.168.9.11:11211:1, zeta:11211:1");
        let live: Vec<_> =
            nodes.iter().zip(0..).map(|(node, index)| Live { index, node }).collect();
        let order: Vec<_> = sorted(&live).iter().map(|live| live.index).collect();
        assert_eq!(order, [3, 0, 2, 1]);
    }

    #[test]
    fn an_ejected_server_leaves_the_ring_of_the_others() {
        let all = nodes("10.0.0.1:11211:1, 10.0.0.2:11211:2, 10.0.0.3:11211:1");
        let rest = [all[0].clone(), all[2].clone()];
        for options in ["", "distribution=modula"] {
            let live = [true, false, true];
            let ejected = Placement::build_live(&scheme(options), &all, &live).expect("placement");
            let short = Placement::build(&scheme(options), &rest).expect("placement");
            for key in 0..2_000 {
                let key = format!("key{key}").into_bytes();
                assert_eq!(ejected.place(&key), [0, 2][short.place(&key)]);
            }
        }
    }

    #[test]
    fn random_takes_every_live_server_for_one_key() {
        let all = nodes("10.0.0.1:11211:1, 10.0.0.2:11211:2, 10.0.0.3:11211:1");
        let live = [true, false, true];
        let placement = Placement::build_live(&scheme("distribution=random"), &all, &live);
        let placement = placement.expect("placement");
        let mut counts = [0_u32; 3];
        (0..10_000).for_each(|_| counts[placement.place(b"key")] += 1);
        assert_eq!(counts[1], 0);
        assert!(counts[0].abs_diff(counts[2]) < 500, "{counts:?}");
    }

    /// The place of each node in twemproxy's order.
    fn ranks(nodes: &[Node]) -> Vec<usize> {
        let live: Vec<_> =
            nodes.iter().zip(0..).map(|(node, index)| Live { index, node }).collect();
        let mut ranks = vec![0; nodes.len()];
        for (rank, live) in sorted(&live).iter().enumerate() {
            ranks[live.index as usize] = rank;
        }
        ranks
    }

    /// `host:port:weight [name]`, `/path:weight [name]`, and `1-25` for 25 hosts.
    fn nodes(servers: &str) -> Vec<Node> {
        let (hosts, port) = servers.split_once("1-").map_or(("", servers), |range| range);
        if let Some((last, rest)) = port.split_once(':').filter(|_| !hosts.is_empty()) {
            let hosts = (1..=last.parse().expect("a number")).map(|at: u32| format!("{hosts}{at}"));
            return hosts.map(|host| node(&format!("{host}:{rest}"))).collect();
        }
        servers.split(", ").map(node).collect()
    }

    fn node(server: &str) -> Node {
        let (address, name) = server.split_once(' ').unwrap_or((server, ""));
        let (address, weight) = address.rsplit_once(':').expect(server);
        let socket = address.starts_with('/');
        let (host, port) =
            if socket { (address, "0") } else { address.rsplit_once(':').expect(server) };
        Node {
            host: host.to_owned(),
            port: port.parse().expect(server),
            weight: weight.parse().expect(server),
            name: (!name.is_empty()).then(|| name.to_owned()),
        }
    }

    fn scheme(words: &str) -> Scheme {
        let option = |name: &str| {
            let value =
                words.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            value.map(str::to_owned)
        };
        let options = Options {
            hash: option("hash"),
            hash_tag: option("hash_tag"),
            distribution: option("distribution"),
            ..Options::default()
        };
        Scheme::new("twemproxy", &options).expect(words)
    }
}
