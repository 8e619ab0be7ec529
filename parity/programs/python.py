"""Python: pylibmc, pymemcache and python-memcached."""

from compare import Case, Client
from farm import WEIGHTS, moved

from . import Program


def from_pypi(script, name, *requirements):
    return lambda kit: Client([kit.venv(name, *requirements), kit.client(script)])


def pylibmc(kit):
    # Debian's has Debian's libmemcached in it. That of PyPI's build writes over its own memory
    # where servers with weights follow `ketama`.
    script, python = kit.client("pylibmc_client.py"), "/usr/bin/python3"
    works = lambda: kit.succeeds(python, "-c", "import pylibmc")
    kit.system("pylibmc", "python3-pylibmc", works)
    return Client([python, script])


def pylibmc_cases(farm):
    def case(title, servers, options, placement, **pool):
        pool = {"placement": f"libmemcached-{placement}", **pool}
        return Case(title, servers, pool, options)

    ketama, weighted = ("ketama", 1), ("ketama_weighted", 1)
    for count in (2, 3, 7):
        servers = farm.plain(count)
        yield case(f"its defaults, {count} servers", servers, [], "modula")
        yield case(f"ketama, {count}", servers, [ketama], "consistent")
        yield case(f"ketama_weighted, {count}", servers, [weighted], "ketama")
    five, seven = farm.plain(5), farm.named(7, WEIGHTS)
    yield case("hash murmur", five, [("hash", "murmur")], "modula", hash="murmur")
    options = [("hash", "fnv1a_32"), ketama]
    yield case("ketama, fnv1a_32", five, options, "consistent", hash="fnv1a_32")
    options = [("distribution", "consistent")]
    yield case("distribution consistent", five, options, "consistent")
    yield case("ketama_weighted with weights", seven, [weighted], "ketama")
    yield case("ketama with weights", seven, [ketama], "ketama", hash="default")
    options = [("late", 1), ketama, ("hash", "md5")]
    yield case("behaviors set late", seven, options, "consistent", hash="md5")
    yield case("ketama_weighted, 11211", farm.alike(6), [weighted], "ketama")
    yield case("ketama_weighted, sockets", farm.sockets(3), [weighted], "ketama")


def pymemcache_cases(farm):
    def case(title, servers, *options, prefix="", names=None, **pool):
        pool = {"placement": "pymemcache", **pool}
        return Case(title, servers, pool, list(options), prefix, names)

    for count in (1, 2, 3, 7, 25):
        yield case(f"{count} servers", farm.plain(count))
    for title, servers in farm.dice(weighted=False):
        yield case(title, servers)
    yield case("servers as text", farm.plain(5), ("form", "text"))
    yield case("11211", farm.alike(6))
    yield case("names", farm.named(7))
    yield case("moved", farm.movable(6), names=moved)
    yield case("sockets", farm.sockets(3))
    yield case("IPv6", farm.six(3))
    options = ("key_prefix", "pre:")
    yield case("key_prefix", farm.plain(5), options, prefix="pre:", hash_strip_prefix="pre:")


def python_memcached_cases(**hashes):
    def cases(farm):
        def case(title, servers, *options, **pool):
            return Case(title, servers, {"placement": "python-memcached", **pool}, list(options))

        for count in (1, 3, 7):
            yield case(f"{count} servers", farm.plain(count), **hashes)
        yield case("weights", farm.plain(7, WEIGHTS), **hashes)
        for title, servers in farm.dice():
            yield case(title, servers, **hashes)
        yield case("names, weights", farm.named(7, WEIGHTS), **hashes)
        yield case("sockets", farm.sockets(3), **hashes)
        old = ("old", "1")
        yield case("useOldServerHashFunction", farm.plain(5), old, hash="crc32")

    return cases


PROGRAMS = [
    Program("pylibmc", pylibmc, pylibmc_cases),
    Program(
        "pymemcache",
        from_pypi("pymemcache_client.py", "pymemcache", "pymemcache==4.0.0"),
        pymemcache_cases,
    ),
    Program(
        "pymemcache",
        from_pypi("pymemcache_client.py", "pymemcache-3", "pymemcache==3.5.2"),
        pymemcache_cases,
    ),
    Program(
        "python-memcached",
        from_pypi("python_memcached.py", "python-memcached", "python-memcached==1.62"),
        python_memcached_cases(),
    ),
    Program(
        "python-memcached",
        from_pypi("python_memcached.py", "python-memcached-1.59", "python-memcached==1.59"),
        python_memcached_cases(hash="crc-1.59"),
    ),
]
