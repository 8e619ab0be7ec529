"""PHP: php-memcached with its many states, its sessions, and php-memcache."""

import re
from dataclasses import replace

from compare import SERVERS, Case, Client
from farm import WEIGHTS, moved

from . import Program

COMPATIBLE = ("OPT_LIBKETAMA_COMPATIBLE", "true")
CONSISTENT = ("OPT_DISTRIBUTION", "DISTRIBUTION_CONSISTENT")
# The text protocol refuses keys beyond ASCII.
BINARY = ("OPT_BINARY_PROTOCOL", "true")
HASHES = {
    "md5": "HASH_MD5",
    "crc": "HASH_CRC",
    "fnv1_64": "HASH_FNV1_64",
    "fnv1a_64": "HASH_FNV1A_64",
    "fnv1_32": "HASH_FNV1_32",
    "fnv1a_32": "HASH_FNV1A_32",
    "murmur": "HASH_MURMUR",
}


def client(script, extension):
    def prepare(kit):
        packages = f"php-cli php-{extension}"

        def works():
            test = f"exit(extension_loaded('{extension}') ? 0 : 1);"
            return kit.succeeds("php", "-r", test)

        kit.system(f"PHP with {extension}", packages, works)
        return Client(["php", "-d", "display_errors=stderr", kit.client(script)])

    return prepare


def memcached_cases(farm):
    def case(title, servers, options, placement, prefix="", names=None, **pool):
        pool = {"placement": f"libmemcached-{placement}", **pool}
        return Case(title, servers, pool, options, prefix, names)

    for count in (2, 3, 7):
        servers = farm.plain(count)
        yield case(f"its defaults, {count} servers", servers, [BINARY], "modula")
        yield case(f"COMPATIBLE, {count}", servers, [BINARY, COMPATIBLE], "ketama")
        yield case(f"CONSISTENT, {count}", servers, [BINARY, CONSISTENT], "consistent")
    five, weighted, named = farm.plain(5), farm.plain(7, WEIGHTS), farm.named(7, WEIGHTS)
    for name, constant in HASHES.items():
        options = [BINARY, ("OPT_HASH", constant)]
        yield case(f"{constant}", five, options, "modula", hash=name)
        options = [*options, CONSISTENT]
        yield case(f"CONSISTENT, {constant}", five, options, "consistent", hash=name)
    yield case("text protocol", five, [], "modula")
    yield case("COMPATIBLE, text protocol", five, [COMPATIBLE], "ketama")
    options = [("ini:memcached.default_consistent_hash", "1")]
    yield case("default_consistent_hash=1", five, options, "consistent")
    yield case("servers, then COMPATIBLE", five, [SERVERS, COMPATIBLE], "ketama")
    yield case("servers, then CONSISTENT", five, [SERVERS, CONSISTENT], "consistent")
    yield case("CONSISTENT, then COMPATIBLE", five, [CONSISTENT, COMPATIBLE], "ketama")
    options = [COMPATIBLE, CONSISTENT]
    yield case("COMPATIBLE, then CONSISTENT", five, options, "consistent", hash="md5")
    options = [COMPATIBLE, ("OPT_LIBKETAMA_COMPATIBLE", "false")]
    yield case("COMPATIBLE, and not after all", five, options, "modula")
    for servers in (weighted, named):
        yield case("weights ignored", servers, [BINARY], "modula")
        yield case("COMPATIBLE with weights", servers, [BINARY, COMPATIBLE], "ketama")
        options = [BINARY, CONSISTENT]
        yield case("CONSISTENT with weights", servers, options, "ketama", hash="default")
        yield case("weights, then CONSISTENT", servers, [SERVERS, CONSISTENT], "consistent")
    kinds = (("modula", []), ("consistent", [CONSISTENT]), ("ketama", [COMPATIBLE]))
    for placement, option in kinds:
        servers, options = farm.sockets(3), [BINARY, *option]
        yield case("sockets by addServers", servers, options, placement)
        options.append(("each", "true"))
        yield case("sockets by addServer", servers, options, placement, names=by_path)
        options = [*option, ("OPT_PREFIX_KEY", "pre:")]
        strip = {"hash_strip_prefix": "pre:"}
        yield case("prefix", five, options, placement, "pre:", **strip)
        options.append(("OPT_HASH_WITH_PREFIX_KEY", "true"))
        yield case("prefix, hashed", five, options, placement, "pre:")


def by_path(server):
    """A socket given to addServer has no port in its name."""
    return replace(server, name=server.host)


def session_id(key):
    """An id may have letters, digits, commas and dashes, and the prefix has to fit too."""
    return re.sub("[^A-Za-z0-9,-]", "-", key)[:200]


def session_cases(farm):
    def case(title, servers, consistent, placement, kind="ketama"):
        prefix = "memc.sess.key."
        pool = {"placement": f"libmemcached-{placement}", "hash_strip_prefix": prefix}
        options = [("memcached.sess_consistent_hash", consistent)]
        options += [("memcached.sess_consistent_hash_type", kind)]
        form = lambda value: f'v|s:{len(value)}:"{value}";'
        return Case(title, servers, pool, options, prefix, form=form, spelt=session_id)

    for servers in (farm.plain(5), farm.named(7)):
        yield case("its defaults", servers, "1", "consistent")
        yield case("not consistent", servers, "0", "modula")
        yield case("ketama_weighted", servers, "1", "ketama", "ketama_weighted")


def memcache_cases(farm):
    def case(title, servers, strategy, name, *more, prefix="", names=None):
        pool = {"placement": "php-memcache", "hash": name}
        if strategy == "consistent":
            pool["placement"] += "-consistent"
        options = [("memcache.hash_strategy", strategy), ("memcache.hash_function", name), *more]
        return Case(title, servers, pool, options, prefix, names)

    for strategy in ("standard", "consistent"):
        for name in ("crc32", "fnv"):
            what = f"{strategy}, {name}"
            for count in (1, 3, 7):
                yield case(f"{what}, {count} servers", farm.plain(count), strategy, name)
            for title, servers in farm.dice(1):
                yield case(f"{what}, {title}", servers, strategy, name)
            yield case(f"{what}, weights", farm.plain(7, WEIGHTS), strategy, name)
            yield case(f"{what}, names, weights", farm.named(7, WEIGHTS), strategy, name)
            yield case(f"{what}, 11211", farm.alike(6), strategy, name)
        yield case(f"{strategy}, sockets", farm.sockets(3), strategy, "crc32")
        yield case(f"{strategy}, moved", farm.movable(6), strategy, "crc32", names=moved)
        # Its prefix is hashed.
        option = ("memcache.prefix_static_key", "pre:")
        yield case(f"{strategy}, prefix", farm.plain(5), strategy, "crc32", option, prefix="pre:")
        pool = ("pool", "1")
        yield case(f"{strategy}, MemcachePool", farm.plain(5), strategy, "crc32", pool)


PROGRAMS = [
    Program("php-memcached", client("memcached.php", "memcached"), memcached_cases),
    Program("php-memcached, sessions", client("session.php", "memcached"), session_cases),
    Program("php-memcache", client("memcache.php", "memcache"), memcache_cases),
]
