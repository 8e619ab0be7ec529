#!/usr/bin/env python3
"""Tries clients as their users would, against a nodeproxy before four memcacheds.

    clients.py BINARY

What they need is installed below target/parity; what cannot be had is skipped, loudly. Exits with
1 when a client is not content.
"""

import os
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
    "binary_memcached.py": ["python-binary-memcached", "pylibmc"],
}
HERE = os.path.dirname(os.path.abspath(__file__))


def memccapable(flag):
    def command(kit, port):
        kit.command("memccapable", "libmemcached-tools")
        return ["memccapable", "-h", "127.0.0.1", "-p", port, flag], None

    return command


def memcslap(test):
    def command(kit, port):
        kit.command("memcslap", "libmemcached-tools")
        address = f"--servers=127.0.0.1:{port}"
        return ["memcslap", "--binary", address, f"--test={test}", "--concurrency=4"], None

    return command


def of_python(script):
    def command(kit, port):
        python = kit.venv(f"usage-{script.removesuffix('.py')}", *PYTHON[script])
        # -P: the scripts have the names of what they import.
        return [python, "-P", os.path.join(HERE, "usage", script), port], None

    return command


def of_php(kit, port):
    packages, test = "php-cli php-memcached", "exit(extension_loaded('memcached') ? 0 : 1);"
    kit.system("PHP with memcached", packages, lambda: kit.succeeds("php", "-r", test))
    return ["php", os.path.join(HERE, "usage", "memcached.php"), port], None


def of_ruby(kit, port):
    kit.system("dalli", "ruby ruby-dalli", lambda: kit.succeeds("ruby", "-rdalli", "-e", "0"))
    return ["ruby", os.path.join(HERE, "usage", "dalli.rb"), port], None


def of_java(kit, port):
    jar, out = "/usr/share/java/spymemcached.jar", kit.inside("usage-java")
    kit.system("spymemcached", "libspymemcached-java", lambda: os.path.exists(jar))
    kit.command("javac", "default-jdk-headless")
    source = os.path.join(HERE, "usage", "Frames.java")
    if not kit.succeeds("javac", "-nowarn", "-d", out, "-cp", jar, source):
        raise Missing(f"Frames.java cannot be compiled; {kit.log} tells why")
    return ["java", "-cp", f"{out}:{jar}", "Frames", port], None


def of_node(script):
    return lambda kit, port: node(kit, script, port)


def node(kit, script, port):
    # The same as parity.py's, so that neither installs what the other has removed.
    modules = kit.npm("memcached@2.2.2", "memjs@1.3.2")
    return ["node", os.path.join(HERE, "usage", script), port], {"NODE_PATH": modules}


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
    commands = {"memccapable, text": memccapable("-a"), "memccapable, binary": memccapable("-b")}
    commands |= {f"memcslap, {it}": memcslap(it) for it in ("set", "get", "mget")}
    commands |= {script: of_python(script) for script in PYTHON}
    commands |= {script: of_node(script) for script in ("memcached.js", "memjs.js")}
    commands |= {"memcached.php": of_php, "dalli.rb": of_ruby, "Frames.java": of_java}
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
