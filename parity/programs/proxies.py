"""Proxies: twemproxy, memcached's own, and those that cannot be had."""

import contextlib
import os
import random
import shutil
import subprocess
from dataclasses import replace

import processes
from compare import Case, ThroughWire
from farm import WEIGHTS, is_free
from install import Missing
from wire import Wire

from . import Program

HASHES = (
    "one_at_a_time md5 crc16 crc32 crc32a fnv1_64 fnv1a_64 fnv1_32 fnv1a_32 hsieh murmur jenkins"
).split()


class Twemproxy:
    def __init__(self, kit):
        kit.command("nutcracker", "nutcracker")
        self.version = kit.package_version("nutcracker")
        self.kit = kit

    @contextlib.contextmanager
    def before(self, case, nodeproxy):
        port, stats = free_ports(2)
        path = os.path.join(nodeproxy.folder, "nutcracker.yml")
        case.file = twemproxy_file(case, f"127.0.0.1:{port}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(case.file)
        argv = ["nutcracker", "-c", path, "-a", "127.0.0.1", "-s", str(stats)]
        with answering(argv, ("127.0.0.1", port), path + ".log") as end:
            yield end


def twemproxy_file(case, listen):
    """As an operator of twemproxy writes it; nodeproxy is given the same."""
    lines = ["alpha:", f"  listen: {listen}"]
    lines += [f"  {option}: {value}" for option, value in case.options]
    lines += ["  auto_eject_hosts: false", "  timeout: 4000", "  server_retry_timeout: 30000"]
    lines += ["  backlog: 512", "  preconnect: true", "  servers:"]
    lines += [f"   - {it.line()}" for it in case.servers]
    return "".join(f"{line}\n" for line in lines)


def twemproxy_cases(farm):
    dice = random.Random(1)

    def case(title, servers, **options):
        options = {key: value for key, value in options.items() if value}
        return Case(title, servers, {"placement": "twemproxy"}, list(options.items()))

    for name in HASHES:
        yield case(f"ketama, {name}", farm.plain(5), hash=name)
        yield case(
            f"modula, {name}, weights", farm.named(7, WEIGHTS), hash=name, distribution="modula"
        )
    for count in (1, 2, 3, 7, 9, 25):
        yield case(f"its defaults, {count} servers", farm.plain(count))
        servers = farm.plain(count, [dice.choice([1, 2, 5, 100]) for _ in range(count)])
        dice.shuffle(servers)
        yield case(f"ketama, {count} weighted and shuffled", servers, hash="md5")
        # Of several lengths: twemproxy sorts by these first.
        names = [f"srv{'x' * dice.randint(0, 5)}{at}" for at in range(count)]
        servers = [replace(it, name=name) for it, name in zip(servers, names)]
        tag = '"{}"'
        yield case(f"ketama, {count} with names", servers, hash="fnv1a_64", hash_tag=tag)
        yield case(
            f"modula, hash_tag, {count}",
            servers,
            hash="murmur",
            distribution="modula",
            hash_tag='"||"',
        )
    for title, servers in farm.dice():
        yield case(title, servers, hash="murmur")
        yield case(f"modula, {title}", servers, hash="crc32a", distribution="modula")
    yield case("all on 11211", farm.alike(6), hash="md5", distribution="ketama")
    yield case("IPv6", farm.six(3), hash="murmur")
    yield case("unix sockets", farm.sockets(3), hash="md5")
    yield case("unix sockets, modula", farm.sockets(3), distribution="modula")


class MemcachedProxy:
    """memcached with its proxy built in; Debian's has none."""

    def __init__(self, kit):
        self.kit = kit
        self.program = os.environ.get("MEMCACHED_PROXY") or shutil.which("memcached")
        said = subprocess.run([self.program, "-h"], capture_output=True, text=True).stdout
        if "proxy_config" not in said:
            raise Missing(
                "memcached with its proxy is missing (this one has none); build one with "
                "./configure --enable-proxy, and name it in MEMCACHED_PROXY"
            )
        said = subprocess.run([self.program, "-V"], capture_output=True, text=True).stdout
        self.version = said.split()[-1]

    @contextlib.contextmanager
    def before(self, case, nodeproxy):
        (port,) = free_ports(1)
        path = os.path.join(nodeproxy.folder, "proxy.lua")
        backends = [
            f'mcp.backend("b{at}", "{it.host}", "{it.port}")' for at, it in enumerate(case.servers)
        ]
        with open(path, "w", encoding="utf-8") as file:
            file.write(LUA % (", ".join(backends), dict(case.options)["pool"]))
        argv = [self.program, "-p", str(port), "-l", "127.0.0.1", "-U", "0", "-t", "1"]
        argv += ["-u", "root"] if os.geteuid() == 0 else []
        argv += ["-o", f"proxy_config={path}"]
        with answering(argv, ("127.0.0.1", port), path + ".log") as end:
            yield end


LUA = """
function mcp_config_pools(old)
    return mcp.pool({%s}, {%s})
end
function mcp_config_routes(pool)
    local made = mcp.funcgen_new()
    local handle = made:new_handle(pool)
    made:ready({n = "all", f = function(context)
        return function(request) return context:enqueue_and_wait(request, handle) end
    end})
    mcp.attach(mcp.CMD_ANY_STORAGE, made)
end
"""


def memcached_proxy_cases(farm):
    def case(title, servers, pool, **options):
        return Case(title, servers, options, [("pool", pool)])

    jump, ring = "memcached-proxy-jump", "memcached-proxy-ring"
    md5 = "hash = mcp.dist_ring_hash.hash"
    tags = dict(filter="tags", filter_conf="{}")
    yield case("its defaults", farm.plain(5), "", placement=jump)
    yield case("names", farm.named(7), "dist = mcp.dist_jump_hash", placement=jump)
    yield case("seed", farm.plain(7), 'seed = "hello"', placement=jump, seed="hello")
    yield case("md5", farm.plain(7), md5, placement=jump, hash="md5")
    yield case(
        "tags", farm.plain(7), 'filter = "tags", filter_conf = "{}"', placement=jump, **tags
    )
    yield case(
        "stop",
        farm.plain(7),
        'filter = "stop", filter_conf = "pro"',
        placement=jump,
        filter="stop",
        filter_conf="pro",
    )
    for title, servers in farm.dice(weighted=False):
        yield case(title, servers, "", placement=jump)
    for omode in ("default", "ketama", "twemproxy", "evcache"):
        for name, more in (("xxhash", ""), ("md5", ", " + md5)):
            pool = f'dist = mcp.dist_ring_hash, omode = "{omode}"{more}'
            options = dict(placement=ring, omode=omode, hash=name)
            yield case(f"{omode}, {name}", farm.plain(5), pool, **options)
            pool = f"{pool}, obuckets = 100"
            yield case(f"{omode}, {name}, 100 points", farm.named(7), pool, points=100, **options)


def not_to_be_had(kit):
    raise Missing(
        "mcrouter is missing: no package of Debian's, PyPI's or npm's has it; the constants of its "
        "own tests are compared in src/placement/mcrouter.rs"
    )


def free_ports(count):
    """Ports that nobody has, below those that the system hands out by itself."""
    start = 11900 + os.getpid() * 7 % 90
    found = []
    for port in range(start, start + 5000):
        if is_free("127.0.0.1", port):
            found.append(port)
            if len(found) == count:
                return found
    raise RuntimeError("no free port")


@contextlib.contextmanager
def answering(argv, address, log):
    """The program, while it runs."""
    process = processes.start(argv, log)

    def answers():
        if process.poll() is not None:
            with open(log, encoding="utf-8", errors="replace") as said:
                raise RuntimeError(f"{argv[0]} has ended: {said.read().strip()[-400:]}")
        try:
            with Wire(address) as wire:
                return wire.version()
        except OSError:
            return None

    try:
        processes.eventually(argv[0], answers)
        yield ThroughWire(address)
    finally:
        processes.stop(process, at_once=True)
        os.remove(log)


PROGRAMS = [
    Program("twemproxy", Twemproxy, twemproxy_cases),
    Program("memcached's proxy", MemcachedProxy, memcached_proxy_cases),
    Program("mcrouter", not_to_be_had, lambda farm: []),
]
