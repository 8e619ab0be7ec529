//! Where the real libraries put eight keys. Each line was seen: a library stored the keys, and the
//! servers were asked which of them they hold.

use super::*;

/// The columns. A `-` stands where the library refused the key or takes its characters for other
/// numbers.
const KEYS: [&str; 8] = [
    "foo",
    "bar",
    "a",
    "user:1:profile",
    "user:2:profile",
    "e50eb7598b580311bab8f39bb8f4815b",
    "zero5221",
    "naïve-key",
];

/// Servers, placement and options, then the index for each key.
///
/// So many servers are 127.0.0.1 with the ports 11211, 22101, ...; `named` are
/// cache1.example:11211, cache2.example:22101, ...; `weighted` gives them the weights 1, 3, 2, 5,
/// ...; `reversed` turns the list around; `localhost` is the host that a look-up of 127.0.0.1 gave;
/// `as=` is the form of the names.
const PLACES: &str = "
three libmemcached-modula: 0 1 0 0 0 2 2 0
three libmemcached-modula hash=md5: 1 2 0 2 1 1 1 0
three libmemcached-modula hash=crc: 1 1 2 1 0 0 0 2
three libmemcached-modula hash=fnv1_64: 0 2 1 2 2 1 1 0
three libmemcached-modula hash=fnv1a_64: 2 1 1 2 2 0 2 2
three libmemcached-modula hash=fnv1_32: 2 1 2 0 2 0 0 0
three libmemcached-modula hash=fnv1a_32: 0 2 1 2 1 0 0 1
three libmemcached-modula hash=murmur: 2 2 0 2 0 0 0 2
three libmemcached-modula hash=jenkins: 0 1 2 0 1 0 1 2
three libmemcached-modula hash=murmur3: 0 2 0 1 1 1 2 0
three libmemcached-consistent: 1 0 0 0 0 1 2 2
three libmemcached-consistent hash=md5: 1 0 1 1 0 2 2 1
three libmemcached-consistent hash=crc: 0 2 2 1 1 2 2 0
three libmemcached-consistent hash=fnv1a_32: 2 1 0 1 1 0 1 2
three libmemcached-consistent hash=murmur: 1 1 2 2 0 2 1 2
three libmemcached-consistent hash=jenkins: 1 1 1 2 0 1 1 0
three libmemcached-ketama: 1 1 0 1 0 2 0 1
three libmemcached-consistent hash=fnv1a_64: 2 2 1 2 2 2 0 -
three php-memcache: 1 1 2 1 0 0 1 2
three php-memcache-consistent: 2 2 0 0 2 0 2 2
three php-memcache hash=fnv: 2 1 1 1 1 1 2 1
three php-memcache-consistent hash=fnv: 2 2 2 0 1 2 2 0
three spymemcached: 0 0 1 2 2 1 0 1
three spymemcached hash=crc: 1 1 2 1 0 0 0 2
three spymemcached hash=fnv1_64: 0 2 1 2 2 1 1 2
three spymemcached hash=fnv1a_64: 2 1 1 2 2 0 2 2
three spymemcached hash=fnv1_32: 2 1 2 0 2 0 0 1
three spymemcached hash=fnv1a_32: 0 2 1 2 1 0 0 2
three spymemcached hash=ketama: 1 2 0 2 1 1 1 0
three spymemcached-ketama: 1 1 2 0 0 2 0 1
three spymemcached-ketama hash=fnv1_64: 2 2 1 0 0 0 0 2
three spymemcached-ketama hash=fnv1a_32: 2 1 2 0 0 2 0 0
three spymemcached-ketama hash=native: 0 0 0 0 0 0 0 0
three spymemcached-ketama hash=crc: 1 2 1 1 1 2 2 2
three localhost libmemcached-ketama: 0 1 2 1 1 2 0 1
three xmemcached: 0 0 1 2 2 1 0 1
three xmemcached hash=crc: 1 1 2 1 0 0 0 2
three xmemcached hash=one_at_a_time: 0 1 0 0 0 2 2 0
three xmemcached-ketama as=localhost/127.0.0.1:{port}: 2 2 1 1 2 0 1 1
three xmemcached-ketama as=localhost:{port}: 1 1 2 1 1 0 2 1
three localhost libmemcached-consistent: 1 2 2 0 2 1 0 -
three pymemcache: 1 2 1 2 1 1 1 1
three python-memcached hash=crc-1.59: 1 1 2 1 0 0 1 2
three python-memcached: 1 1 2 1 0 0 0 2
three npm-memcached: 1 1 0 1 0 2 0 1
three memjs: 0 0 1 2 2 1 0 1
three gomemcache: 2 2 0 2 0 1 0 2
three dalli: 1 1 1 1 2 1 0 0
three cache-memcached: 1 1 2 1 0 0 0 2
three cache-memcached-fast-ketama: 2 2 0 0 1 0 1 2
five libmemcached-modula: 0 1 2 3 0 1 4 3
five libmemcached-modula hash=md5: 4 0 2 1 1 2 0 0
five libmemcached-modula hash=crc: 2 3 2 2 3 2 0 0
five libmemcached-modula hash=fnv1_64: 2 4 3 0 2 0 1 0
five libmemcached-modula hash=fnv1a_64: 3 2 1 4 2 1 2 1
five libmemcached-modula hash=fnv1_32: 0 2 1 2 0 3 1 3
five libmemcached-modula hash=fnv1a_32: 3 2 0 2 1 1 4 0
five libmemcached-modula hash=murmur: 4 2 1 4 3 1 1 0
five libmemcached-modula hash=jenkins: 3 0 0 4 1 1 4 4
five libmemcached-modula hash=murmur3: 3 4 4 2 4 2 3 2
five libmemcached-consistent: 1 0 0 3 0 1 2 2
five libmemcached-consistent hash=md5: 4 0 1 1 0 2 3 3
five libmemcached-consistent hash=crc: 0 3 3 4 1 2 3 0
five libmemcached-consistent hash=fnv1a_32: 2 4 3 3 3 0 1 2
five libmemcached-consistent hash=murmur: 1 1 4 3 0 2 1 2
five libmemcached-consistent hash=jenkins: 1 3 4 3 4 1 1 0
five libmemcached-ketama: 1 3 4 4 0 2 0 1
five reversed libmemcached-modula: 0 1 2 3 0 1 4 3
five reversed libmemcached-ketama: 3 1 0 0 4 2 4 3
five libmemcached-consistent hash=fnv1a_64: 3 2 1 4 4 3 0 -
five php-memcache: 2 3 2 2 3 2 1 0
five php-memcache-consistent: 2 3 4 0 4 0 2 3
five php-memcache hash=fnv: 4 1 2 3 0 3 2 0
five php-memcache-consistent hash=fnv: 2 2 2 3 1 2 2 0
five spymemcached: 4 4 2 2 4 1 2 4
five spymemcached hash=crc: 2 3 2 2 3 2 0 0
five spymemcached hash=fnv1_64: 2 4 3 0 2 0 1 4
five spymemcached hash=fnv1a_64: 3 2 1 4 2 1 2 2
five spymemcached hash=fnv1_32: 0 2 1 2 0 3 1 4
five spymemcached hash=fnv1a_32: 3 2 0 2 1 1 4 1
five spymemcached hash=ketama: 4 0 2 1 1 2 0 0
five spymemcached-ketama: 1 3 4 4 4 2 0 1
five spymemcached-ketama hash=fnv1_64: 4 4 1 0 0 0 0 2
five spymemcached-ketama hash=fnv1a_32: 2 1 3 3 3 2 0 0
five spymemcached-ketama hash=native: 0 0 0 0 0 0 0 0
five spymemcached-ketama hash=crc: 3 3 1 4 4 2 3 2
five localhost libmemcached-ketama: 0 1 4 1 1 4 0 4
five xmemcached: 4 4 2 2 4 1 2 4
five xmemcached hash=crc: 2 3 2 2 3 2 0 0
five xmemcached hash=one_at_a_time: 0 1 2 3 0 1 4 2
five xmemcached-ketama as=localhost/127.0.0.1:{port}: 3 3 3 3 2 3 4 4
five xmemcached-ketama as=localhost:{port}: 1 1 4 1 1 0 3 4
five localhost libmemcached-consistent: 4 3 2 0 2 1 0 -
five xmemcached-ketama as=/127.0.0.1:{port}: 2 1 1 3 1 2 0 0
five pymemcache: 3 3 4 4 3 3 1 4
five python-memcached hash=crc-1.59: 2 3 2 2 3 2 1 0
five python-memcached: 2 3 2 2 3 2 0 0
five npm-memcached: 1 3 4 4 0 2 0 1
five memjs: 4 4 2 4 4 1 2 4
five gomemcache: 4 3 2 2 1 2 2 4
five dalli: 3 1 1 4 4 3 0 4
five cache-memcached: 2 3 2 2 3 2 0 0
five cache-memcached-fast-ketama: 3 2 0 0 3 4 1 2
five python-memcached hash=crc32: 4 3 2 2 1 2 2 4
five apr-memcache: 2 3 2 2 3 2 1 0
five named php-memcache: 2 3 2 2 3 2 1 0
five named php-memcache-consistent: 1 2 0 0 4 3 4 4
five named php-memcache hash=fnv: 4 1 2 3 0 3 2 0
five named php-memcache-consistent hash=fnv: 4 1 3 3 2 2 4 3
five named spymemcached-ketama as={host}/127.0.0.1:{port}: 3 4 4 0 0 0 1 2
five named libmemcached-ketama: 1 1 3 0 2 1 0 3
five named xmemcached: 4 4 2 2 4 1 2 4
five named xmemcached hash=crc: 2 3 2 2 3 2 0 0
five named xmemcached hash=one_at_a_time: 0 1 2 3 0 1 4 2
five named xmemcached-ketama as={host}/127.0.0.1:{port}: 3 4 4 0 0 0 1 2
five named xmemcached-ketama as={host}:{port}: 1 1 3 1 2 1 4 3
five named libmemcached-consistent: 1 2 1 3 0 2 1 -
five named pymemcache: 2 0 4 3 4 2 4 3
five named npm-memcached: 1 1 3 0 2 1 0 3
five named memjs: 4 4 2 4 4 1 2 4
five named gomemcache: 4 3 2 2 1 2 2 4
five named dalli: 2 1 3 3 4 4 3 2
five named cache-memcached: 2 3 2 2 3 2 0 0
five named cache-memcached-fast-ketama: 4 0 2 2 1 4 3 0
five weighted libmemcached-ketama: 1 3 3 4 3 3 3 1
five named weighted libmemcached-ketama: 1 1 3 0 2 1 0 3
five weighted libmemcached-modula: 0 1 2 3 0 1 4 3
five weighted libmemcached-ketama hash=default: 3 3 1 2 3 0 3 0
five weighted libmemcached-consistent: 1 0 0 3 0 1 2 2
five weighted php-memcache: 3 3 4 3 3 0 1 1
five weighted php-memcache-consistent: 2 1 4 3 3 3 3 1
five weighted php-memcache hash=fnv: 4 3 2 3 3 2 2 1
five weighted php-memcache-consistent hash=fnv: 3 3 2 1 1 2 2 3
five weighted spymemcached-ketama: 1 3 3 4 3 3 3 1
five weighted xmemcached: 3 1 1 2 1 3 0 1
five weighted python-memcached hash=crc-1.59: 3 3 4 3 3 0 1 1
five weighted python-memcached: 3 3 4 3 3 0 0 1
five weighted npm-memcached: 1 3 3 4 3 3 3 1
five weighted dalli: 3 1 1 1 3 3 3 3
five weighted cache-memcached: 3 3 4 3 3 0 0 1
five weighted cache-memcached-fast-ketama: 3 3 2 0 3 3 1 3
five named weighted spymemcached-ketama as={host}/127.0.0.1:{port}: 3 4 3 3 3 3 1 2
five named weighted xmemcached-ketama as={host}/127.0.0.1:{port}: 3 4 3 0 0 0 1 1
seven named weighted xmemcached-ketama hash=crc as={host}/127.0.0.1:{port}: 5 5 5 3 4 2 5 6
seven named weighted xmemcached-ketama hash=native as={host}/127.0.0.1:{port}: 5 5 5 3 0 1 6 6
seven named weighted xmemcached-ketama hash=fnv1_32 as={host}/127.0.0.1:{port}: 4 6 5 3 6 5 3 0
seven named memcached-proxy-jump: 2 3 1 0 3 6 1 0
seven named memcached-proxy-jump seed=hello: 4 1 6 6 3 0 5 6
seven named memcached-proxy-jump hash=md5: 4 5 0 2 6 6 3 2
seven named memcached-proxy-ring omode=default hash=xxhash: 1 3 0 4 2 3 1 6
seven named memcached-proxy-ring omode=default hash=md5: 1 3 3 6 4 6 5 0
seven named memcached-proxy-ring omode=ketama hash=xxhash: 0 4 4 3 6 1 6 5
seven named memcached-proxy-ring omode=ketama hash=md5: 1 1 3 1 2 6 4 3
seven named memcached-proxy-ring omode=twemproxy hash=xxhash: 0 4 4 3 6 1 6 5
seven named memcached-proxy-ring omode=twemproxy hash=md5: 1 1 3 0 2 6 0 3
seven named memcached-proxy-ring omode=evcache hash=xxhash: 2 4 2 0 1 5 3 4
seven named memcached-proxy-ring omode=evcache hash=md5: 0 4 2 0 4 4 0 6
seven named memcached-proxy-ring omode=ketama points=100: 0 5 4 3 6 1 5 5
";

#[test]
fn keys_are_where_the_real_libraries_put_them() {
    for line in PLACES.trim().lines() {
        let (setting, expected) = line.rsplit_once(": ").expect(line);
        let words: Vec<_> = setting.split(' ').collect();
        let at = words.iter().position(|word| Scheme::names().any(|name| name == *word));
        let (servers, options) = words.split_at(at.expect(line));
        let placement = Placement::build(&scheme(options), &nodes(servers, options)).expect(line);
        let places = KEYS.map(|key| placement.place(key.as_bytes()).to_string());
        for (place, expected) in places.iter().zip(expected.split(' ')) {
            assert!(expected == "-" || place == expected, "{line}, but it came out {places:?}");
        }
    }
}

#[test]
fn every_scheme_of_others_has_a_vector() {
    const ELSEWHERE: [&str; 6] =
        ["ketama", "jump", "rendezvous", "nodeproxy", "twemproxy", "mcrouter"];
    for name in Scheme::names().filter(|name| !ELSEWHERE.contains(name)) {
        assert!(PLACES.contains(&format!(" {name}")), "{name}");
    }
}

fn nodes(servers: &[&str], options: &[&str]) -> Vec<Node> {
    const PORTS: [u16; 7] = [11211, 22101, 22102, 22103, 22104, 22105, 22106];
    const WEIGHTS: [u32; 7] = [1, 3, 2, 5, 1, 4, 2];
    let count = match servers[0] {
        "three" => 3,
        "five" => 5,
        "seven" => 7,
        other => panic!("{other} servers"),
    };
    let form = options.iter().find_map(|option| option.strip_prefix("as="));
    let node = |at: usize| {
        let host = match () {
            () if servers.contains(&"named") => format!("cache{}.example", at + 1),
            () if servers.contains(&"localhost") => "localhost".to_owned(),
            () => "127.0.0.1".to_owned(),
        };
        let port = PORTS[at];
        let name =
            form.map(|form| form.replace("{host}", &host).replace("{port}", &port.to_string()));
        let weight = if servers.contains(&"weighted") { WEIGHTS[at] } else { 1 };
        Node { host, port, weight, name }
    };
    let mut nodes: Vec<_> = (0..count).map(node).collect();
    if servers.contains(&"reversed") {
        nodes.reverse();
    }
    nodes
}

fn scheme(words: &[&str]) -> Scheme {
    let option = |name: &str| {
        let value = words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value.map(str::to_owned)
    };
    let options = Options {
        hash: option("hash"),
        seed: option("seed"),
        omode: option("omode"),
        points: option("points").map(|points| points.parse().expect("a number")),
        ..Options::default()
    };
    Scheme::new(words[0], &options).expect(words[0])
}
