"""One comparison: the real program stores, nodeproxy reads; nodeproxy stores, the program reads."""

import contextlib
import itertools
import json
import os
import re
from dataclasses import dataclass, field

import processes
from wire import Wire

# The other direction is tried with every so-manieth key.
BACK_EVERY = 6
# Fewer keys than this prove nothing.
KEYS_MIN = 100
CLIENT_SECONDS = 60
SHOWN_MAX = 5
# Where the servers come in the order of a client's options.
SERVERS = "SERVERS"

_serial = itertools.count()


@dataclass
class Case:
    title: str
    servers: list
    # nodeproxy's options: the keys of a pool.
    pool: dict
    # The client's options, pairs in their order; SERVERS among them, or the servers come last.
    options: list = field(default_factory=list)
    # What the client puts before each key on its own.
    prefix: str = ""
    # The servers as nodeproxy has them, if they need other names there.
    names: object = None
    # What the client makes of a value.
    form: object = str
    # What becomes of a key, where the client takes only some.
    spelt: object = str
    # The file of a proxy, if nodeproxy is given the very same.
    file: object = None


@dataclass
class Outcome:
    compared: int = 0
    differing: int = 0
    refused: int = 0
    complaints: list = field(default_factory=list)

    def complain(self, text):
        self.complaints.append(text)


class Client:
    """A client library, in a program of its own that is told what to do line by line."""

    def __init__(self, argv, env=None, version=None):
        self.argv, self.env = argv, env
        self.version = version or self.tell([])[0].removeprefix("=version\t")

    @contextlib.contextmanager
    def before(self, case, _nodeproxy):
        yield Session(self, case)

    def tell(self, lines):
        """The answers, the version first."""
        text = "".join(f"{line}\n" for line in lines)
        code, out, err = processes.run(self.argv, text, CLIENT_SECONDS, self.env)
        answers = [line for line in out.split("\n") if line.startswith("=")]
        if code != 0 or not answers:
            raise RuntimeError(f"{self.argv[0]} ended with {code}: {(err or out).strip()[-400:]}")
        return answers


class Session:
    def __init__(self, client, case):
        self.client = client
        servers = [f"server\t{it.host}\t{it.port}\t{it.weight}" for it in case.servers]
        options = case.options if SERVERS in case.options else [*case.options, SERVERS]
        self.lines = []
        for it in options:
            self.lines += servers if it == SERVERS else ["option\t%s\t%s" % it]

    def set_all(self, pairs):
        return [it == "=stored" for it in self._ask([f"set\t{key}\t{it}" for key, it in pairs])]

    def get_all(self, keys):
        answers = self._ask([f"get\t{key}" for key in keys])
        return [it.removeprefix("=hit\t") if it.startswith("=hit") else None for it in answers]

    def _ask(self, requests):
        answers = self.client.tell(self.lines + requests)[1:]
        if len(answers) != len(requests):
            raise RuntimeError(f"{len(answers)} answers to {len(requests)} requests")
        return answers


class ThroughWire:
    """A proxy: another end of the same protocol."""

    def __init__(self, address):
        self.address = address

    def set_all(self, pairs):
        with Wire(self.address) as wire:
            return wire.set_all([(key.encode(), value.encode()) for key, value in pairs])

    def get_all(self, keys):
        with Wire(self.address) as wire:
            found = wire.get_all([key.encode() for key in keys])
            return [value if value is None else value.decode() for value in found]


class Nodeproxy:
    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder

    @contextlib.contextmanager
    def running(self, file):
        """Runs it with a file of this text; where it listens."""
        number = next(_serial)
        path, log = (os.path.join(self.folder, f"{number}.{it}") for it in ("yml", "log"))
        with open(path, "w", encoding="utf-8") as out:
            out.write(file)
        process = processes.start([self.binary, "-c", path], log)

        def listens():
            with open(log, encoding="utf-8", errors="replace") as said:
                text = said.read()
            found = re.search(r"listening on ([^\s,]+)", text)
            if not found and process.poll() is not None:
                raise RuntimeError(f"nodeproxy has ended: {text.strip()}")
            return found

        try:
            host, _, port = processes.eventually("nodeproxy", listens).group(1).rpartition(":")
            yield ThroughWire((host.strip("[]"), int(port)))
        finally:
            processes.stop(process)
        os.remove(path)
        os.remove(log)


def pool_file(case):
    """The file that nodeproxy is given."""
    servers = [case.names(it) for it in case.servers] if case.names else case.servers
    lines = ["parity:", "  listen: 127.0.0.1:0"]
    lines += [f"  {key}: {json.dumps(value)}" for key, value in case.pool.items()]
    # In quotes: what begins with a bracket would be a list.
    lines += ["  servers:"] + [f'    - "{it.bracketed()}"' for it in servers]
    return "".join(f"{line}\n" for line in lines)


def compare(client, case, nodeproxy, keys):
    outcome = Outcome()
    number = next(_serial)
    keys = list(dict.fromkeys(case.spelt(key) for key in keys))
    wanted = {key: f"v{number}.{at}" for at, key in enumerate(keys)}
    with client.before(case, nodeproxy) as session:
        stored = session.set_all(list(wanted.items()))
        file = case.file or pool_file(case)
        with nodeproxy.running(re.sub(r"(?m)^( +listen:).*$", r"\1 127.0.0.1:0", file)) as proxy:
            taken = _forth(case, proxy, wanted, stored, outcome)
            _back(case, proxy, session, taken[::BACK_EVERY], number, outcome)
    if outcome.compared < KEYS_MIN:
        outcome.complain(f"only {outcome.compared} keys were compared")
    return outcome


def _forth(case, proxy, wanted, stored, outcome):
    """Each key that the client stored is on one memcached, and nodeproxy finds it there."""
    holders = _holders(case, wanted)
    found = proxy.get_all([case.prefix + key for key in wanted])
    taken = []
    for (key, value), was_stored, got in zip(wanted.items(), stored, found):
        on = holders[key]
        if not was_stored and not on:
            outcome.refused += 1
            continue
        taken.append(key)
        outcome.compared += 1
        if len(on) != 1 or got != case.form(value):
            outcome.differing += 1
            if outcome.differing <= SHOWN_MAX:
                through = "hits" if got == case.form(value) else "misses"
                outcome.complain(f"{key}: stored on {on or 'none'}; nodeproxy {through}")
    return taken


def _back(case, proxy, session, keys, number, outcome):
    """What nodeproxy stores, the client finds."""
    wanted = {key: f"r{number}.{at}" for at, key in enumerate(keys)}
    proxy.set_all([(case.prefix + key, case.form(value)) for key, value in wanted.items()])
    for (key, value), got in zip(wanted.items(), session.get_all(keys)):
        outcome.compared += 1
        if got != value:
            outcome.differing += 1
            outcome.complain(f"{key}: stored by nodeproxy; the client got {got}")


def _holders(case, wanted):
    """The servers that hold each key with the value that it has now."""
    holders = {key: [] for key in wanted}
    for server in {it.address: it for it in case.servers}.values():
        with Wire(server.address) as wire:
            values = wire.get_all([(case.prefix + key).encode() for key in wanted], at_once=True)
        for (key, value), got in zip(wanted.items(), values):
            if got == case.form(value).encode():
                holders[key].append(server.line())
    return holders
