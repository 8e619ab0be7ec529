//! What a file means.

use super::{config, file, pool, with};
use crate::config::address::Server;
use crate::config::draft;
use crate::config::global;
use crate::config::{OnDown, OnError, Origins, PoolConfig, Source};

/// The file that twemproxy ships as its example, as far as it is about memcache.
const TWEMPROXY: &str = r#"
alpha:
  listen: 127.0.0.1:22121
  hash: fnv1a_64
  distribution: ketama
  auto_eject_hosts: true
  redis: false
  server_retry_timeout: 2000
  server_failure_limit: 1
  servers:
   - 127.0.0.1:6379:1

gamma:
  listen: 127.0.0.1:22123
  hash: fnv1a_64
  distribution: ketama
  timeout: 400
  backlog: 1024
  preconnect: true
  auto_eject_hosts: true
  server_retry_timeout: 2000
  server_failure_limit: 3
  servers:
   - 127.0.0.1:11212:1
   - 127.0.0.1:11213:1

delta:
  listen: 127.0.0.1:22124
  hash: fnv1a_64
  distribution: ketama
  timeout: 100
  auto_eject_hosts: true
  server_retry_timeout: 2000
  server_failure_limit: 1
  servers:
   - 127.0.0.1:11214:1
   - 127.0.0.1:11215:1
   - 127.0.0.1:11216:1

omega:
  listen: /tmp/gamma 0666
  hash: hsieh
  hash_tag: "{}"
  distribution: modula
  auto_eject_hosts: false
  timeout: 400
  tcpkeepalive: false
  client_connections: 100
  server_connections: 4
  servers:
   - 127.0.0.1:11214:100000 first
   - ::1:11215:1
   - /tmp/memcached.sock:3 third
"#;

#[test]
fn a_file_of_twemproxys_works_as_it_is() {
    let config = config(TWEMPROXY);
    assert_eq!(config.source, Source::File("f".into()));
    assert_eq!((config.warnings.len(), config.pools.len()), (0, 4));
    let [alpha, gamma, _, omega] = config.pools.as_slice() else { panic!("{config:?}") };
    assert_eq!(alpha.name, "alpha");
    assert_eq!(alpha.listen.to_string(), "127.0.0.1:22121");
    assert_eq!(alpha.scheme.to_string(), "twemproxy, hash: fnv1a_64, distribution: ketama");
    assert!(alpha.scheme_implied);
    assert_eq!((alpha.on_down, alpha.server_retry_timeout), (OnDown::Rehash, 2000));
    assert_eq!((alpha.timeout, alpha.server_failure_limit), (1000, 1));
    assert!(alpha.notes.iter().any(|it| it.contains("twemproxy has none by default")));
    assert_eq!((gamma.timeout, gamma.connect_timeout, gamma.backlog), (400, 400, 1024));
    assert!(gamma.preconnect && gamma.tcpkeepalive && !omega.tcpkeepalive);
    assert_eq!(omega.listen.to_string(), "/tmp/gamma 0666");
    assert_eq!(
        omega.scheme.to_string(),
        "twemproxy, hash: hsieh, distribution: modula, hash_tag: {}"
    );
    assert_eq!((omega.on_down, omega.links, omega.client_connections), (OnDown::Error, 4, 100));
    let labels: Vec<_> = omega.servers.iter().map(Server::label).collect();
    assert_eq!(labels, ["first", "[::1]:11215", "third"]);
    let weights: Vec<_> = omega.servers.iter().map(|it| it.weight).collect();
    assert_eq!(weights, [100_000, 1, 3]);
}

#[test]
fn keys_are_where_twemproxy_put_them() {
    let pool = pool(
        "a: {listen: l:1, servers: [127.0.0.1:11212:1, 127.0.0.1:11213:1, 127.0.0.1:11214:1]}",
    );
    let placement = pool.placement().expect("a placement");
    let keys = ["a", "foo", "bar", "key00001", "key00002", "key22222", "key33333", "user:{42}:x"];
    let homes: Vec<_> = keys.iter().map(|key| placement.place(key.as_bytes())).collect();
    assert_eq!(homes, [2, 0, 2, 2, 2, 0, 0, 1]);
    assert_eq!(placement.hash(b"foo"), 4_275_688_823);
}

#[test]
fn yaml_may_be_written_in_other_ways() {
    let settings = |text| PoolConfig { origins: Origins::new(), ..pool(text) };
    let plain = settings("a:\n  listen: l:1\n  servers:\n    - s:1:1 one\n    - '[::1]:2'\n");
    for text in [
        "a:\n  listen: l:1\n  servers:\n  - s:1:1 one\n  - \"[::1]:2:1\"\n",
        "{a: {listen: l:1, servers: [s:1:1 one, ::1:2:1]}}",
        "---\n\"a\": # a pool\n    'listen': \"l:1\"\n    servers: [ 's:1 one', '[::1]:2' ]\n...\n",
        "\u{feff}a:\r\n  listen:\tl:1\r\n  servers:\r\n    - s:1:1   one\r\n    - '[::1]:2'\r\n",
        "%YAML 1.1\n---\na: {\"listen\":\"l:1\",\"servers\":[\"s:1 one\",\"[::1]:2\"]}",
    ] {
        assert_eq!(settings(text), plain, "{text}");
    }
}

#[test]
fn placements_take_their_options() {
    for (lines, shown) in [
        ("placement: ketama", "ketama"),
        ("placement: twemproxy\nhash: md5", "twemproxy, hash: md5"),
        ("placement: libmemcached-modula", "libmemcached-modula, hash: default"),
        ("placement: mcrouter\nsalt: pepper", "mcrouter, hash: ch3, salt: pepper"),
        (
            "placement: memcached-proxy-jump\nseed: x\nfilter: tags\nfilter_conf: \"{}\"",
            "memcached-proxy-jump, hash: xxhash, seed: x, filter: tags, filter_conf: {}",
        ),
        (
            "placement: memcached-proxy-ring\nomode: evcache\npoints: 99",
            "memcached-proxy-ring, hash: xxhash, omode: evcache, points: 99",
        ),
        ("placement: dalli\nhash_strip_prefix: \"app:\"", "dalli, hash_strip_prefix: app:"),
    ] {
        let pool = pool(&with(lines));
        assert_eq!(pool.scheme.to_string(), shown);
        assert!(!pool.scheme_implied && pool.notes.is_empty());
    }
}

#[test]
fn what_becomes_of_the_keys_of_a_backend_that_is_down() {
    for (lines, on_down) in [
        ("", OnDown::Error),
        ("on_down: error", OnDown::Error),
        ("on_down: miss", OnDown::Miss),
        ("on_down: rehash", OnDown::Rehash),
        ("auto_eject_hosts: true", OnDown::Rehash),
        ("auto_eject_hosts: true\non_down: rehash", OnDown::Rehash),
        ("auto_eject_hosts: false\non_down: miss", OnDown::Miss),
    ] {
        assert_eq!(pool(&with(lines)).on_down, on_down, "{lines}");
    }
    for gutter in ["gutter:b", "'gutter: b'", "{gutter: b}", "{gutter: \"b\"}", "\n    gutter: b"] {
        let text = with(&format!("on_down: {gutter}"));
        let config = config(&format!("{text}b: {{listen: m:1, servers: [t:1]}}\n"));
        assert_eq!(config.pools[0].on_down, OnDown::Gutter(1), "{gutter}");
        assert_eq!(config.pools[0].on_down.name(&config.pools), "gutter: b");
    }
}

#[test]
fn limits_that_are_not_given_leave_room_for_one_another() {
    let pool_of = |lines: &str| pool(&with(lines));
    assert_eq!(pool_of("timeout: 250").connect_timeout, 250);
    assert_eq!(pool_of("timeout: 5000").connect_timeout, 1000);
    assert_eq!(pool_of("timeout: 250\nconnect_timeout: 900").connect_timeout, 900);
    assert_eq!(pool_of("max_value_size: 1m").client_memory_max, 4 << 20);
    assert_eq!(pool_of("max_value_size: 64m").client_memory_max, 128 << 20);
    assert_eq!(config(&with("")).memory_max, 512 << 20);
    assert_eq!(config(&with("max_client_memory: 1g")).memory_max, 2 << 30);
}

/// twemproxy takes 0 for each of them.
#[test]
fn zeros_are_taken_where_twemproxy_takes_them() {
    let zeros = "server_failure_limit: 0\nserver_retry_timeout: 0\nbacklog: 0\ntimeout: 0";
    let config = config(&with(zeros));
    let pool = &config.pools[0];
    assert_eq!((pool.server_failure_limit, pool.server_retry_timeout), (1, 100));
    assert_eq!((pool.backlog, pool.timeout), (0, 1000));
    assert!(config.warnings[0].starts_with("f:5:25: server_retry_timeout: "), "{config:?}");
    assert!(config.warnings[1].starts_with("f:7:12: timeout: "), "{config:?}");
}

#[test]
fn two_names_may_share_an_address() {
    let warnings = |servers| config(&with("").replace("[s:1]", servers)).warnings;
    let expected = "has the same address as";
    assert_eq!(warnings("[s:1:1 one, s:1:1 two]"), [format!("f:3:24: \"two\" {expected} \"one\"")]);
    assert_eq!(warnings("[s:1:1 t:1, s:2]"), Vec::<String>::new());
    assert_eq!(warnings("[s:1, s:1:1 two]"), [format!("f:3:18: \"two\" {expected} \"s:1\"")]);
}

#[test]
fn pools_may_share_port_0() {
    let text = "a: {listen: l:0, servers: [s:1]}\nb: {listen: l:0, servers: [s:1]}\n";
    assert_eq!(config(text).pools.len(), 2);
}

/// What the kernel takes beside each other, in either order.
#[test]
fn pools_may_share_a_port_where_they_do_not_overlap() {
    for (one, other, lines) in [
        ("127.0.0.1:1", "127.0.0.2:1", ""),
        ("127.0.0.1:1", "[::1]:1", ""),
        ("0.0.0.0:1", "[::1]:1", ""),
        ("0.0.0.0:1", "127.0.0.1:2", ""),
        ("0.0.0.0:1", "127.0.0.1:1", ", reuseport: true"),
        ("[::]:1", "0.0.0.0:1", ", reuseport: true"),
        // A name is looked up at start.
        ("0.0.0.0:1", "localhost:1", ""),
    ] {
        let pool =
            |name: &str, at: &str| format!("{name}: {{listen: \"{at}\", servers: [s:1]{lines}}}\n");
        for (one, other) in [(one, other), (other, one)] {
            assert_eq!(config(&(pool("a", one) + &pool("b", other))).pools.len(), 2);
        }
    }
}

#[test]
fn the_rest_of_the_keys() {
    let text = with(
        "server_connections: 3\nconnect_timeout: 200\nbacklog: 7\nreuseport: true\n\
         client_connections: 9\nclient_idle_timeout: 60000\nserver_failure_limit: 5\n\
         server_retry_timeout: 4000\ngutter_ttl: 10\non_error: miss\nmax_value_size: 512k\n\
         max_client_memory: 2m\nredis: false",
    );
    let config = config(&format!("global:\n  max_memory: 64m\n  verbosity: 2\n{text}"));
    let pool = &config.pools[0];
    assert_eq!((config.memory_max, config.verbosity), (64 << 20, 2));
    assert_eq!((pool.links, pool.connect_timeout, pool.backlog), (3, 200, 7));
    assert_eq!((pool.reuseport, pool.client_connections), (true, 9));
    assert_eq!((pool.client_idle_timeout, pool.server_failure_limit), (60_000, 5));
    assert_eq!((pool.server_retry_timeout, pool.gutter_ttl), (4000, 10));
    assert_eq!((pool.on_error, pool.value_bytes_max), (OnError::Miss, 512 << 10));
    assert_eq!(pool.client_memory_max, 2 << 20);
}

/// The texts that the tables give for defaults are what the rest of the program gets.
#[test]
fn the_defaults_are_what_the_tables_say() {
    let implied = pool(&with(""));
    let all = |name: &str, default: &str| format!("{name}: {default}\n");
    let given = draft::KEYS.iter().filter(|key| !key.default.is_empty());
    let given: String = given.map(|key| all(key.name, key.default)).collect();
    let plain = |pool| PoolConfig { notes: Vec::new(), origins: Origins::new(), ..pool };
    assert_eq!(plain(implied), plain(pool(&with(&given))));
    let globals: String =
        global::KEYS.iter().map(|key| format!("  {}: {}\n", key.name, key.default)).collect();
    let given = config(&format!("global:\n{globals}{}", with("")));
    let implied = config(&with(""));
    assert_eq!((given.memory_max, given.verbosity), (implied.memory_max, implied.verbosity));
}

#[test]
fn a_key_has_one_row() {
    let names = draft::KEYS.iter().map(|key| key.name).chain(global::KEYS.iter().map(|it| it.name));
    let mut names: Vec<_> = names.collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn files_that_cannot_be_read() {
    let error = |name: &str| file::load(name, &[]).expect_err(name);
    assert_eq!(
        error("/nonexistent.yml"),
        ["/nonexistent.yml: No such file or directory; expected a YAML file"]
    );
    assert_eq!(error("/"), ["/: Is a directory; expected a YAML file"]);
    assert_eq!(error("/dev/zero"), ["/dev/zero: longer than 16m; expected a YAML file"]);
}
