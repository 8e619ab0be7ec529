#!/usr/bin/env python3
"""Tries clients as their users would, against a nodeproxy before four memcacheds.

    clients.py BINARY

What they need is installed below target/parity; what cannot be had is skipped, loudly. Exits with
1 when a client is not content.
"""

import os
import shutil
import sys
import tempfile

import processes
from compare import Case, Nodeproxy, pool_file
from farm import Farm
from install import Kit, Missing

SECONDS_MAX = 120
SHOWN_LINES = 20
# Each script, and what it needs from PyPI.
PYTHON = {
    "pymemcache.py": ["pymemcache"],
    "python_memcached.py": ["python-memcached"],
    "emcache.py": ["emcache", "aiomcache"],
    "meta_memcache.py": ["meta-memcache"],
    "pylibmc.py": ["pylibmc"],
    "django_cache.py": ["django", "pymemcache", "pylibmc"],
}
HERE = os.path.dirname(os.path.abspath(__file__))


def memccapable(_kit, port):
    if not shutil.which("memccapable"):
        raise Missing("it is not here; it comes with libmemcached-tools")
    return ["memccapable", "-h", "127.0.0.1", "-p", port, "-a"], None


def of_python(script):
    def command(kit, port):
        python = kit.venv(f"usage-{script.removesuffix('.py')}", *PYTHON[script])
        # -P: the scripts have the names of what they import.
        return [python, "-P", os.path.join(HERE, "usage", script), port], None

    return command


def of_node(kit, port):
    # The same as parity.py's, so that neither installs what the other has removed.
    modules = kit.npm("memcached@2.2.2", "memjs@1.3.2")
    return ["node", os.path.join(HERE, "usage", "memcached.js"), port], {"NODE_PATH": modules}


def tried(name, command, kit, port):
    """One word about it."""
    try:
        argv, env = command(kit, port)
    except Missing as missing:
        print(f"SKIPPED  {name}: {missing}", flush=True)
        return "skipped"
    code, out, err = processes.run(argv, "", SECONDS_MAX, env)
    print(f"{'pass    ' if code == 0 else 'FAIL    '} {name}", flush=True)
    if code != 0:
        print("\n".join((out + err).splitlines()[-SHOWN_LINES:]))
    return "passed" if code == 0 else "failed"


def main(binary):
    kit = Kit(HERE, os.environ.get("PARITY_FOLDER") or os.path.abspath("target/parity"))
    commands = {"memccapable (libmemcached)": memccapable}
    commands |= {script: of_python(script) for script in PYTHON} | {"memcached.js": of_node}
    with tempfile.TemporaryDirectory(prefix="clients-") as folder, processes.all_ended():
        pool = {"placement": "ketama", "server_connections": 2}
        case = Case("clients", Farm(folder, isolated=False).plain(4), pool)
        nodeproxy = Nodeproxy(os.path.abspath(binary), folder)
        with nodeproxy.running(pool_file(case)) as proxy:
            port = str(proxy.address[1])
            words = [tried(*it, kit, port) for it in commands.items()]
    counts = ", ".join(f"{words.count(it)} {it}" for it in ("passed", "failed", "skipped"))
    print(f"clients: {counts}")
    return 1 if "failed" in words else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
