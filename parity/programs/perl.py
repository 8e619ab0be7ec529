"""Perl: Cache::Memcached and Cache::Memcached::Fast."""

from compare import Case, Client
from farm import WEIGHTS, moved

from . import Program


def module(name, package):
    def prepare(kit):
        works = lambda: kit.succeeds("perl", f"-M{name}", "-e", "1")
        kit.system(name, f"perl {package}", works)
        return Client(["perl", kit.client("perl.pl"), name])

    return prepare


def lists(farm):
    for count in (1, 3, 7):
        yield f"{count} servers", farm.plain(count)
    yield "weights", farm.plain(7, WEIGHTS)
    yield from farm.dice()
    yield "names, weights", farm.named(7, WEIGHTS)
    yield "11211", farm.alike(6)
    yield "sockets", farm.sockets(3)


def plain_cases(farm):
    pool = {"placement": "cache-memcached"}
    for title, servers in lists(farm):
        yield Case(title, servers, pool)
    strip = {**pool, "hash_strip_prefix": "ns:"}
    yield Case("namespace", farm.plain(5), strip, [("namespace", "ns:")], "ns:")


def fast_cases(farm):
    yield from plain_cases(farm)
    pool = {"placement": "cache-memcached-fast-ketama"}
    for points in (150, 77):
        for title, servers in lists(farm):
            options = [("ketama_points", points)]
            yield Case(f"{points} points, {title}", servers, {**pool, "points": points}, options)
    options = [("ketama_points", 150)]
    yield Case("150 points, moved", farm.movable(6), {**pool, "points": 150}, options, names=moved)
    options = [("ketama_points", 150), ("namespace", "ns:")]
    strip = {**pool, "hash_strip_prefix": "ns:"}
    yield Case("150 points, namespace", farm.plain(5), strip, options, "ns:")
    # Hashed, if it is told so: nodeproxy has nothing to leave out then.
    options.append(("hash_namespace", 1))
    yield Case("150 points, hash_namespace", farm.plain(5), pool, options, "ns:")


PROGRAMS = [
    Program(
        "Cache::Memcached", module("Cache::Memcached", "libcache-memcached-perl"), plain_cases
    ),
    Program(
        "Cache::Memcached::Fast",
        module("Cache::Memcached::Fast", "libcache-memcached-fast-perl"),
        fast_cases,
    ),
]
