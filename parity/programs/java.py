"""Java: spymemcached and xmemcached."""

import os
import re
from dataclasses import replace

from compare import Case, Client
from farm import WEIGHTS, moved
from install import Missing

from . import Program

SPYMEMCACHED = {
    "native": "NATIVE_HASH",
    "crc": "CRC_HASH",
    "fnv1_64": "FNV1_64_HASH",
    "fnv1a_64": "FNV1A_64_HASH",
    "fnv1_32": "FNV1_32_HASH",
    "fnv1a_32": "FNV1A_32_HASH",
    "ketama": "KETAMA_HASH",
}
XMEMCACHED = {**SPYMEMCACHED, "crc": "CRC32_HASH", "one_at_a_time": "ONE_AT_A_TIME"}
JDK = "default-jdk-headless"


def compiled(kit, name, jars, version, *settings):
    kit.command("javac", JDK)
    out = kit.inside("java")
    path = ":".join([*jars, out])
    sources = [kit.client(f"{it}.java") for it in ("Lines", name)]
    if not kit.succeeds("javac", "-nowarn", "-d", out, "-cp", path, *sources):
        raise Missing(f"{name} cannot be compiled; {kit.log} tells why")
    quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]
    return Client(["java", *quick, *settings, "-cp", path, name], version=version)


def spymemcached(kit):
    jar = "/usr/share/java/spymemcached.jar"
    kit.system("spymemcached", "libspymemcached-java", lambda: os.path.exists(jar))
    logger = "-Dnet.spy.log.LoggerImpl=net.spy.memcached.compat.log.SunLogger"
    version = kit.package_version("libspymemcached-java")
    return compiled(kit, "Spymemcached", [jar], version, logger)


def xmemcached(kit):
    given = os.environ.get("XMEMCACHED_JAR")
    if not given:
        raise Missing(
            "xmemcached is missing: Debian has no package of it; get it from where your Java "
            "libraries come from (com.googlecode.xmemcached:xmemcached:2.4.8) and name the jar in "
            "XMEMCACHED_JAR"
        )
    logger = [f"/usr/share/java/slf4j-{it}.jar" for it in ("api", "nop")]
    works = lambda: all(os.path.exists(it) for it in logger)
    kit.system("slf4j, which xmemcached needs", "libslf4j-java", works)
    version = re.search(r"\d[\d.]*\d", os.path.basename(given))
    return compiled(kit, "Xmemcached", [given, *logger], version.group() if version else "?")


def resolved(server):
    """The name that Java makes of an address that was given by name: with what it resolved to."""
    return replace(server, name=f"{server.host}/{server.address[0]}:{server.port}")


def spymemcached_cases(farm):
    def case(title, servers, locator, name, names=None):
        ring = locator == "CONSISTENT"
        pool = {"placement": "spymemcached-ketama" if ring else "spymemcached", "hash": name}
        options = [("locator", locator), ("hash", SPYMEMCACHED[name])]
        return Case(title, servers, pool, options, names=names)

    for name in SPYMEMCACHED:
        yield case(f"array, {name}", farm.plain(5), "ARRAY_MOD", name)
        yield case(f"ketama, {name}", farm.plain(5), "CONSISTENT", name)
    for count in (1, 3, 7):
        yield case(f"its defaults, {count} servers", farm.plain(count), "ARRAY_MOD", "native")
        yield case(f"ketama, {count}", farm.plain(count), "CONSISTENT", "ketama")
    yield case("array, names", farm.named(7), "ARRAY_MOD", "native")
    yield case("ketama, 11211", farm.alike(6), "CONSISTENT", "ketama")
    yield case("ketama, moved", farm.movable(6), "CONSISTENT", "ketama", moved)
    yield case("ketama, IPv6", farm.six(3), "CONSISTENT", "ketama")
    yield case("ketama, names", farm.named(7), "CONSISTENT", "ketama", resolved)
    yield case("ketama, weights", farm.plain(7, WEIGHTS), "CONSISTENT", "ketama")
    for title, servers in farm.dice(1):
        yield case(f"ketama, {title}", servers, "CONSISTENT", "ketama")
    servers = farm.named(7, WEIGHTS)
    yield case("ketama, names, weights", servers, "CONSISTENT", "ketama", resolved)
    yield case("ketama, fnv1_64, weights", farm.plain(7, WEIGHTS), "CONSISTENT", "fnv1_64")
    options = [("hash", "KETAMA_HASH"), ("format", "LIBMEMCACHED")]
    for servers in (farm.named(7), farm.named(7, WEIGHTS)):
        yield Case("format LIBMEMCACHED", servers, {"placement": "libmemcached-ketama"}, options)


def xmemcached_cases(farm):
    def case(title, servers, locator, name, names=None, resolve="true"):
        pool = {"placement": "xmemcached" + ("-ketama" if locator == "ketama" else "")}
        options = [("locator", locator), ("hash", XMEMCACHED[name]), ("resolve", resolve)]
        return Case(title, servers, {**pool, "hash": name}, options, names=names)

    # By default it asks what an address is called.
    asked = lambda it: replace(it, name=f"localhost/{it.host}:{it.port}")
    slashed = lambda it: replace(it, name=f"/{it.host}:{it.port}")
    for name in XMEMCACHED:
        yield case(f"array, {name}, weights", farm.plain(7, WEIGHTS), "array", name)
        servers = farm.named(7, WEIGHTS)
        yield case(f"ketama, {name}, names, weights", servers, "ketama", name, resolved)
    yield case("its defaults", farm.plain(3), "array", "native")
    yield case("ketama, addresses", farm.plain(5), "ketama", "ketama", asked)
    yield case("ketama, unresolved", farm.plain(5), "ketama", "ketama", slashed, "false")
    options = [("locator", "nginx"), ("hash", "KETAMA_HASH")]
    for servers in (farm.plain(5), farm.alike(6)):
        yield Case("as nginx", servers, {"placement": "libmemcached-ketama"}, options)


PROGRAMS = [
    Program("spymemcached", spymemcached, spymemcached_cases),
    Program("xmemcached", xmemcached, xmemcached_cases),
]
