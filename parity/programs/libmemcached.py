"""libmemcached itself, from C."""

from compare import SERVERS, Case, Client
from farm import WEIGHTS, moved_short

from . import Program

# memcached_hash_t. hsieh is not built in by default.
HASHES = {
    "default": 0,
    "md5": 1,
    "crc": 2,
    "fnv1_64": 3,
    "fnv1a_64": 4,
    "fnv1_32": 5,
    "fnv1a_32": 6,
    "murmur": 8,
    "jenkins": 9,
    "murmur3": 10,
}
MODULA = ("DISTRIBUTION", 0)
CONSISTENT = ("DISTRIBUTION", 1)
WEIGHTED = ("KETAMA_WEIGHTED", 1)


def prepare(kit):
    packages = "libmemcached-dev"
    return Client([kit.compiled("libmemcached.c", "libmemcached", packages, "-lmemcached")])


def cases(farm):
    def case(title, servers, options, placement, prefix="", names=None, **pool):
        pool = {"placement": f"libmemcached-{placement}", **pool}
        return Case(title, servers, pool, options, prefix, names)

    for count in (1, 2, 3, 7, 25):
        yield case(f"its defaults, {count} servers", farm.plain(count), [], "modula")
        yield case(f"CONSISTENT, {count}", farm.plain(count), [CONSISTENT], "consistent")
        yield case(f"KETAMA_WEIGHTED, {count}", farm.plain(count), [WEIGHTED], "ketama")
    for name, number in HASHES.items():
        option = ("HASH", number)
        yield case(f"HASH {name}", farm.plain(5), [option], "modula", hash=name)
        options = [option, CONSISTENT]
        yield case(f"CONSISTENT, {name}", farm.named(7), options, "consistent", hash=name)
    yield case("KETAMA is no ketama", farm.plain(5), [("KETAMA", 1)], "consistent")
    options = [("KETAMA_HASH", 1), CONSISTENT]
    yield case("KETAMA_HASH has no effect", farm.plain(5), options, "consistent")
    yield case("weights with modula", farm.plain(7, WEIGHTS), [], "modula")
    yield case("binary protocol", farm.plain(5), [("BINARY_PROTOCOL", 1)], "modula")
    for servers in (farm.plain(7, WEIGHTS), farm.named(7, WEIGHTS)):
        yield case("KETAMA_WEIGHTED with weights", servers, [WEIGHTED], "ketama")
        options = [CONSISTENT]
        yield case("CONSISTENT, then weights", servers, options, "ketama", hash="default")
        options = [SERVERS, CONSISTENT]
        yield case("weights, then CONSISTENT", servers, options, "consistent")
        options = [WEIGHTED, ("HASH", 0)]
        yield case("KETAMA_WEIGHTED, then HASH", servers, options, "ketama", hash="default")
    for title, servers in farm.dice():
        yield case(title, servers, [], "modula")
        yield case(f"CONSISTENT, {title}", servers, [SERVERS, CONSISTENT], "consistent")
        yield case(f"KETAMA_WEIGHTED, {title}", servers, [WEIGHTED], "ketama")
    options = [WEIGHTED, CONSISTENT]
    yield case("KETAMA_WEIGHTED, then CONSISTENT", farm.plain(5), options, "consistent", hash="md5")
    yield case("KETAMA_WEIGHTED last", farm.plain(5), [SERVERS, WEIGHTED], "ketama")
    for placement, option in (("modula", MODULA), ("consistent", CONSISTENT), ("ketama", WEIGHTED)):
        yield case(f"{placement}, 11211", farm.alike(6), [option], placement)
        yield case(f"{placement}, sockets", farm.sockets(3), [option], placement)
        servers = farm.movable(6)
        yield case(f"{placement}, moved", servers, [option], placement, names=moved_short)
        yield case(f"{placement}, IPv6", farm.six(3), [option], placement)
        options = [option, ("NAMESPACE", "ns:")]
        strip = {"hash_strip_prefix": "ns:"}
        yield case(f"{placement}, prefix", farm.plain(5), options, placement, "ns:", **strip)


PROGRAMS = [Program("libmemcached", prepare, cases)]
