"""JavaScript: npm's memcached, memjs, and the rule of the original nodeproxy."""

from compare import Case, Client
from farm import WEIGHTS, moved_short

from . import Program


def from_npm(script):
    def prepare(kit):
        modules = kit.npm("memcached@2.2.2", "memjs@1.3.2")
        return Client(["node", kit.client(script)], {"NODE_PATH": modules})

    return prepare


def original(kit):
    kit.command("node", "nodejs")
    return Client(["node", kit.client("original.js")], version="2011")


def memcached_cases(farm):
    def case(title, servers, *options, prefix="", names=None):
        return Case(title, servers, {"placement": "npm-memcached"}, list(options), prefix, names)

    for count in (1, 2, 3, 5, 7, 25):
        yield case(f"{count} servers", farm.plain(count))
    for title, servers in farm.dice():
        yield case(title, servers)
    yield case("weights", farm.plain(7, WEIGHTS))
    yield case("names, weights", farm.named(7, WEIGHTS))
    yield case("11211", farm.alike(6))
    yield case("moved", farm.movable(6), names=moved_short)
    # Its namespace is hashed: what nodeproxy sees is all of it.
    yield case("namespace", farm.plain(5), ("namespace", "ns:"), prefix="ns:")


def memjs_cases(farm):
    for servers in (farm.plain(1), farm.plain(2), farm.plain(3), farm.plain(7), farm.named(7)):
        yield Case(f"{len(servers)} servers", servers, {"placement": "memjs"})


def original_cases(farm):
    for count in (1, 2, 3, 7):
        yield Case(f"{count} servers", farm.plain(count), {"placement": "nodeproxy"})


PROGRAMS = [
    Program("npm memcached", from_npm("npm_memcached.js"), memcached_cases),
    Program("memjs", from_npm("memjs.js"), memjs_cases),
    Program("nodeproxy (the rule)", original, original_cases),
]
