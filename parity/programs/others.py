"""dalli of Ruby, gomemcache of Go, and apr_memcache."""

import os
import shutil

from compare import Case, Client
from farm import WEIGHTS, moved
from install import Missing

from . import Program


def dalli(kit):
    works = lambda: kit.succeeds("ruby", "-rdalli", "-e", "0")
    kit.system("dalli", "ruby ruby-dalli", works)
    return Client(["ruby", kit.client("dalli.rb")])


def gomemcache(kit):
    # As Debian has it: below a GOPATH.
    path = "/usr/share/gocode"
    package = "golang-github-bradfitz-gomemcache-dev"
    there = os.path.join(path, "src/github.com/bradfitz/gomemcache/memcache")
    works = lambda: shutil.which("go") and os.path.isdir(there)
    kit.system("gomemcache", f"golang-go {package}", works)
    binary, source = kit.inside("gomemcache"), kit.client("gomemcache")
    env = {"GOPATH": path, "GO111MODULE": "off", "GOCACHE": kit.inside("go-cache")}
    if not kit.succeeds("go", "build", "-o", binary, "main.go", env=env, folder=source):
        raise Missing(f"gomemcache cannot be compiled; {kit.log} tells why")
    return Client([binary], version=kit.package_version(package))


def apr(kit):
    packages = "libaprutil1-dev libapr1-dev"
    flags = ["-I/usr/include/apr-1.0", "-I/usr/include/apr-1", "-lapr-1", "-laprutil-1"]
    return Client([kit.compiled("apr.c", "apr_memcache of apr-util", packages, *flags)])


def dalli_cases(farm):
    def case(title, servers, *options, prefix="", names=None):
        return Case(title, servers, {"placement": "dalli"}, list(options), prefix, names)

    for count in (1, 2, 3, 7, 25):
        yield case(f"{count} servers", farm.plain(count))
    for title, servers in farm.dice():
        yield case(title, servers)
    yield case("weights", farm.plain(7, WEIGHTS))
    yield case("names, weights", farm.named(7, WEIGHTS))
    yield case("11211", farm.alike(6))
    yield case("moved", farm.movable(6), names=moved)
    yield case("sockets", farm.sockets(3))
    # Its namespace is hashed: what nodeproxy sees is all of it.
    yield case("namespace", farm.plain(5), ("namespace", "ns"), prefix="ns:")


def gomemcache_cases(farm):
    for servers in (farm.plain(1), farm.plain(2), farm.plain(3), farm.plain(7), farm.named(7)):
        yield Case(f"{len(servers)} servers", servers, {"placement": "gomemcache"})


def apr_cases(farm):
    for servers in (farm.plain(1), farm.plain(3), farm.plain(7), farm.named(7)):
        yield Case(f"{len(servers)} servers", servers, {"placement": "apr-memcache"})


PROGRAMS = [
    Program("dalli", dalli, dalli_cases),
    Program("gomemcache", gomemcache, gomemcache_cases),
    Program("apr_memcache", apr, apr_cases),
]
