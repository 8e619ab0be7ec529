//! What every scheme has to keep, and what ours promise.

use super::function::avalanche;
use super::*;

fn nodes(count: usize) -> Vec<Node> {
    let node = |at: usize| Node {
        host: format!("10.0.{}.{}", at / 250, at % 250 + 1),
        port: 11211,
        weight: 1,
        name: None,
    };
    (0..count).map(node).collect()
}

/// With the names that xmemcached needs, and some weights.
fn named_nodes(count: usize) -> Vec<Node> {
    let named = |mut node: Node| {
        node.weight = u32::from(node.host.as_bytes()[7] % 3) + 1;
        node.name = Some(format!("{0}/{0}:11211", node.host));
        node
    };
    nodes(count).into_iter().map(named).collect()
}

fn scheme(name: &str) -> Scheme {
    Scheme::new(name, &Options::default()).expect(name)
}

fn random_bytes(seed: u64, len: usize) -> Vec<u8> {
    (0..len as u64).map(|at| avalanche(seed << 32 | at) as u8).collect()
}

#[test]
fn every_scheme_places_any_bytes() {
    for name in Scheme::names() {
        for count in [1, 2, 3, 7] {
            let placement = Placement::build(&scheme(name), &named_nodes(count)).expect(name);
            for seed in 0..600 {
                let key = random_bytes(seed, (seed % 300) as usize);
                assert!(placement.place(&key) < count, "{name}: {}", key.escape_ascii());
                placement.hash(&key);
            }
        }
    }
}

#[test]
fn the_dead_leave_the_placement_of_the_living_alone() {
    let all = named_nodes(7);
    let live = [true, true, false, true, false, true, true];
    let rest: Vec<_> =
        all.iter().zip(live).filter(|(_, live)| *live).map(|(node, _)| node.clone()).collect();
    for name in Scheme::names() {
        let among_all = Placement::build_live(&scheme(name), &all, &live).expect(name);
        let among_rest = Placement::build(&scheme(name), &rest).expect(name);
        for key in 0..500 {
            let key = format!("key:{key}").into_bytes();
            let expected = [0, 1, 3, 5, 6][among_rest.place(&key)];
            assert_eq!(among_all.place(&key), expected, "{name}");
        }
    }
}

#[test]
fn keys_of_the_living_stay_where_names_decide() {
    let mut live = [true; 10];
    for name in ["ketama", "rendezvous", "pymemcache"] {
        let mut all = nodes(10);
        if name != "pymemcache" {
            all.iter_mut()
                .zip([1, 1, 9, 2, 3, 1, 200, 7, 7, 7])
                .for_each(|(node, weight)| node.weight = weight);
        }
        live[6] = true;
        let before = Placement::build_live(&scheme(name), &all, &live).expect(name);
        live[6] = false;
        let after = Placement::build_live(&scheme(name), &all, &live).expect(name);
        for key in 0..20_000 {
            let key = format!("key:{key}").into_bytes();
            let (before, after) = (before.place(&key), after.place(&key));
            assert!(before == after || before == 6, "{name}");
        }
    }
}

#[test]
fn ours_do_not_depend_on_the_order_of_the_list() {
    let all = named_nodes(12);
    let reversed: Vec<_> = all.iter().rev().cloned().collect();
    for name in ["ketama", "rendezvous"] {
        let forth = Placement::build(&scheme(name), &all).expect(name);
        let back = Placement::build(&scheme(name), &reversed).expect(name);
        for key in 0..20_000 {
            let key = format!("key:{key}").into_bytes();
            assert_eq!(forth.place(&key), 11 - back.place(&key), "{name}");
        }
    }
}

/// 40,000 keys of three kinds: they differ at the end only, everywhere, and as those of
/// applications do.
fn kinds_of_keys() -> [(&'static str, Vec<String>); 3] {
    const COUNT: u64 = 40_000;
    let random = |at: u64| format!("{:016x}", avalanche(at));
    let real = |at: u64| {
        let id = avalanche(at) % 10_000_000;
        match at % 4 {
            0 => format!("user:{id}:profile"),
            1 => {
                format!("session:{:08x}-{:04x}-4{:03x}", avalanche(at) as u32, at as u16, at % 4096)
            }
            2 => format!("wp_options:alloptions:{}", at / 4),
            _ => format!("/en/products/{}?page={}", id % 5000, at),
        }
    };
    [
        ("sequential", (0..COUNT).map(|at| format!("key-{at}")).collect()),
        ("random", (0..COUNT).map(random).collect()),
        ("real-looking", (0..COUNT).map(real).collect()),
    ]
}

#[test]
#[expect(clippy::print_stdout, reason = "a measure, for cargo test -- --nocapture")]
fn the_fullest_backend_holds_at_most_1_25_times_the_mean() {
    for name in ["ketama", "rendezvous", "jump"] {
        for count in [3, 10, 100] {
            let placement = Placement::build(&scheme(name), &nodes(count)).expect(name);
            for (kind, keys) in kinds_of_keys() {
                let mut held = vec![0_usize; count];
                keys.iter().for_each(|key| held[placement.place(key.as_bytes())] += 1);
                let fullest = *held.iter().max().expect("a backend");
                let share = fullest as f64 * count as f64 / keys.len() as f64;
                println!("{name}, {count} backends, {kind} keys: the fullest holds {share:.3}");
                assert!(share <= 1.25, "{name}, {count} backends, {kind} keys: {share:.3}");
            }
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a measure, for cargo test -- --nocapture")]
fn adding_one_of_n_backends_moves_about_one_key_in_n_plus_1() {
    for name in ["ketama", "rendezvous", "jump"] {
        for count in [3, 10, 100] {
            let before = Placement::build(&scheme(name), &nodes(count)).expect(name);
            let after = Placement::build(&scheme(name), &nodes(count + 1)).expect(name);
            for (kind, keys) in kinds_of_keys() {
                let moves = |key: &&String| {
                    let (from, to) = (before.place(key.as_bytes()), after.place(key.as_bytes()));
                    assert!(from == to || to == count, "{name}: only to the new one");
                    from != to
                };
                let moved = keys.iter().filter(moves).count() as f64 / keys.len() as f64;
                let ideal = 1.0 / (count as f64 + 1.0);
                println!(
                    "{name}, {count} + 1 backends, {kind} keys: {moved:.4} move, ideal {ideal:.4}"
                );
                assert!((0.75..1.25).contains(&(moved / ideal)), "{moved} of {ideal}");
            }
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a measure, for cargo test -- --nocapture")]
fn weights_are_shares() {
    let [.., (_, keys)] = kinds_of_keys();
    let mut all = nodes(5);
    for weights in [[1, 3, 2, 5, 1], [100, 300, 200, 500, 100], [1, 1, 1, 1, 40]] {
        all.iter_mut().zip(weights).for_each(|(node, weight)| node.weight = weight);
        for name in ["ketama", "rendezvous", "cache-memcached", "dalli", "libmemcached-ketama"] {
            assert!(scheme(name).honours_weights());
            let placement = Placement::build(&scheme(name), &all).expect(name);
            let mut held = [0_u32; 5];
            keys.iter().for_each(|key| held[placement.place(key.as_bytes())] += 1);
            let total: u32 = held.iter().sum();
            for (held, weight) in held.iter().zip(weights) {
                let due = f64::from(weight) / f64::from(weights.iter().sum::<u32>());
                let share = f64::from(*held) / f64::from(total) / due;
                println!("{name} {weights:?}: weight {weight} holds {share:.3} of its share");
                assert!((0.6..1.4).contains(&share), "{name} {weights:?}: {share:.3}");
            }
        }
    }
}

/// Where a release put keys, every later one must find them.
#[test]
fn ours_never_change() {
    let keys =
        ["a", "foo", "user:1:profile", "user:2:profile", "naïve-key", "key-1", "key-2", "key-3"];
    let digest = |placement: &Placement| {
        let line = |(value, owner)| format!("{value}:{owner}\n");
        format!("{:x}", md5::compute(placement.points().map(line).collect::<String>()))
    };
    let empty = "d41d8cd98f00b204e9800998ecf8427e";
    for (name, places, ring) in [
        ("ketama", [0, 1, 0, 1, 4, 0, 3, 2], "dd2308c04ec11fe63553cf78dc024b5b"),
        ("jump", [1, 4, 1, 2, 0, 1, 3, 1], empty),
        ("rendezvous", [4, 3, 2, 3, 4, 0, 0, 2], empty),
    ] {
        let placement = Placement::build(&scheme(name), &nodes(5)).expect(name);
        assert_eq!(keys.map(|key| placement.place(key.as_bytes())), places, "{name}");
        assert_eq!(digest(&placement), ring, "{name}");
    }
}

/// What a scheme makes of host and port is what it makes of this name.
#[test]
fn names_are_made_of_host_and_port_as_each_client_does() {
    for (scheme_name, host, port, name) in [
        ("ketama", "h", 11211, "h:11211"),
        ("ketama", "/s", 0, "/s"),
        ("rendezvous", "h", 11211, "h:11211"),
        ("twemproxy", "h", 11211, "h"),
        ("twemproxy", "::1", 11212, "::1:11212"),
        ("twemproxy", "/s", 0, "/s:"),
        ("libmemcached-consistent", "h", 11211, "h"),
        ("libmemcached-ketama", "h", 11211, "h"),
        ("libmemcached-ketama", "::1", 22101, "::1:22101"),
        ("libmemcached-ketama", "/s", 0, "/s:0"),
        ("php-memcache-consistent", "h", 11211, "h:11211"),
        ("php-memcache-consistent", "/s", 0, "unix:///s:0"),
        ("spymemcached-ketama", "10.0.0.1", 11211, "10.0.0.1:11211"),
        ("spymemcached-ketama", "::1", 11211, "[0:0:0:0:0:0:0:1]:11211"),
        ("spymemcached-ketama", "2001:DB8::a", 1, "[2001:db8:0:0:0:0:0:a]:1"),
        ("pymemcache", "h", 11211, "h:11211"),
        ("pymemcache", "/s", 0, "/s"),
        ("npm-memcached", "h", 11211, "h"),
        ("npm-memcached", "h", 1, "h:1"),
        ("dalli", "h", 11211, "h:11211"),
        ("dalli", "/s", 0, "/s"),
        ("cache-memcached-fast-ketama", "h", 11211, "h:11211"),
        ("memcached-proxy-ring", "h", 11211, "h:11211"),
    ] {
        let other = |at| Node { name: Some(format!("other{at}")), ..nodes(1).remove(0) };
        let place = |host: &str, port, name: Option<&str>| {
            let node =
                Node { host: host.to_owned(), port, weight: 1, name: name.map(str::to_owned) };
            let placement = Placement::build(&scheme(scheme_name), &[node, other(1), other(2)]);
            let placement = placement.expect(scheme_name);
            (0..300).map(|key| placement.place(&random_bytes(key, 20))).collect::<Vec<_>>()
        };
        let made = place(host, port, None);
        assert_eq!(made, place("x", 1, Some(name)), "{scheme_name} {host} {port}");
        assert_ne!(made, place("x", 1, Some("x")), "{scheme_name} {host} {port}");
    }
}

#[test]
fn what_cannot_be_placed_on_is_refused() {
    let error = |name, nodes: &[Node]| Placement::build(&scheme(name), nodes).expect_err("refused");
    let mut all = nodes(3);
    assert_eq!(error("ketama", &[]), BuildError::NoNodes);
    let dead = Placement::build_live(&scheme("twemproxy"), &all, &[false; 3]);
    assert_eq!(dead.err(), Some(BuildError::NoNodes));
    all[2].host = all[0].host.clone();
    assert_eq!(error("ketama", &all), BuildError::SameName(0, 2));
    assert_eq!(error("rendezvous", &all), BuildError::SameName(0, 2));
    all[1].host = "cache1.example".to_owned();
    let pattern = "host/resolved-ip:port";
    let needed = |nodes: &[usize]| BuildError::NamesNeeded { nodes: nodes.into(), pattern };
    assert_eq!(error("spymemcached-ketama", &all), needed(&[1]));
    assert_eq!(error("xmemcached-ketama", &all), needed(&[0, 1, 2]));
    all.iter_mut().for_each(|node| node.weight = u32::MAX);
    assert_eq!(error("php-memcache-consistent", &all), BuildError::TooManyPoints);
    assert_eq!(error("cache-memcached-fast-ketama", &all), BuildError::TooManyPoints);
}

#[test]
fn heavy_weights_fit_where_shares_count() {
    let mut all = named_nodes(3);
    all.iter_mut().for_each(|node| node.weight = u32::MAX);
    all[1].weight = 0;
    for name in Scheme::names().filter(|name| {
        !["php-memcache-consistent", "cache-memcached-fast-ketama", "xmemcached-ketama"]
            .contains(name)
    }) {
        let placement = Placement::build(&scheme(name), &all).expect(name);
        assert!((0..1000_u32).all(|key| placement.place(&key.to_le_bytes()) < 3), "{name}");
    }
}

/// By the rule as it was, in the doubles of JavaScript (Node.js 20).
#[test]
fn the_original_nodeproxy() {
    let placement = Placement::build(&scheme("nodeproxy"), &nodes(7)).expect("placement");
    let keys =
        ["a", "foo", "user:1:profile", "user:2:profile", "naïve-key", "key-1", "漢字", "😀x"];
    let places = keys.map(|key| placement.place(key.as_bytes()));
    assert_eq!(places, [6, 4, 1, 3, 3, 4, 2, 0]);
    let long = "long key ".repeat(27);
    assert!(f64::from_bits(placement.hash(long.as_bytes())).is_infinite());
    assert_eq!(placement.place(long.as_bytes()), 0);
}
