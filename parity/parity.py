#!/usr/bin/env python3
"""Compares nodeproxy's placement with the programs that it takes over from.

    parity.py BINARY [WORD ...]     with words, only the programs with one of them in their names

Each real program is installed (below target/parity, or with INSTALL=1 as a package of the system)
and stores keys on memcacheds; nodeproxy, with the matching `placement:`, has to find every one of them, and
the other way round. Exits with 1 when anything differs. What cannot be had is skipped, loudly.

    INSTALL=1             install packages of the system too
    PARITY_INSTALL=no     take what is there, install nothing
    PARITY_FOLDER         where to install to (target/parity)
    PARITY_SEED=TEXT      other lists of servers where they are random
    PARITY_NETWORK=host   the machine's network, and not one of its own
    MEMCACHED_PROXY       a memcached that was built with its proxy
    XMEMCACHED_JAR        xmemcached, which no package has
"""

import contextlib
import os
import signal
import sys
import tempfile
import time

import keys
import network
import processes
import programs
from compare import Case, Nodeproxy, ThroughWire, compare
from farm import NAMES, Farm
from install import Kit, Missing

# Installing has its own limits.
SECONDS_MAX = 1200
HERE = os.path.dirname(os.path.abspath(__file__))


class Row:
    """A program and a placement, and how its cases went."""

    def __init__(self, program, placement):
        self.program, self.placement = program, placement
        self.cases = self.compared = self.differing = self.refused = 0
        self.notes = []

    def add(self, outcome):
        self.cases += 1
        self.compared += outcome.compared
        self.differing += outcome.differing
        self.refused += outcome.refused

    def cells(self):
        notes = list(self.notes)
        if self.refused:
            notes.insert(0, f"{self.refused} keys refused by the client")
        counts = [str(it) for it in (self.cases, self.compared, self.differing)]
        return [self.program, self.placement, *counts, "; ".join(notes)]


def main(binary, words):
    if not os.access(binary, os.X_OK):
        sys.exit(f"parity: there is no program {binary}; make build makes it")
    # Where nutcracker is, and not everybody looks.
    os.environ["PATH"] += ":/usr/sbin"
    began = time.monotonic()
    chosen = [it for it in programs.every() if not words or any(w in it.name for w in words)]
    kit = Kit(HERE, os.environ.get("PARITY_FOLDER") or os.path.abspath("target/parity"))
    prepared = [(program, prepare(kit, program)) for program in chosen]
    with tempfile.TemporaryDirectory(prefix="parity-") as folder, processes.all_ended():
        signal.alarm(SECONDS_MAX)
        own = os.environ.get("PARITY_NETWORK") != "host"
        isolated = own and network.isolate(NAMES, folder)
        if not isolated:
            say("SKIPPED: there is no network of our own; the only host name is localhost")
        farm = Farm(folder, isolated)
        if not farm.own_port_is_free:
            say("SKIPPED: port 11211 is taken, so names without a port are not compared")
        nodeproxy = Nodeproxy(os.path.abspath(binary), folder)
        rows, wrong = [], not control(farm, nodeproxy)
        for program, client in prepared:
            rows += run_program(program, client, farm, nodeproxy)
            if isinstance(client, Missing):
                rows.append(skipped_row(program, client))
    return finish(rows, wrong, time.monotonic() - began)


def prepare(kit, program):
    """The client, or Missing."""
    say(f"installing {program.name} ...")
    try:
        return program.prepare(kit)
    except Missing as missing:
        say(f"SKIPPED: {program.name}: {missing}")
        return missing
    except RuntimeError as error:
        # It is there, and does not run.
        missing = Missing(f"does not run: {error}")
        say(f"SKIPPED: {program.name}: {missing}")
        return missing


def run_program(program, client, farm, nodeproxy):
    rows = {}
    if isinstance(client, Missing):
        return []
    name = f"{program.name} {client.version}"
    began = time.monotonic()
    for case in program.cases(farm):
        row = rows.setdefault(case.pool["placement"], Row(name, case.pool["placement"]))
        if not case.servers:
            row.notes.append(f"no servers for: {case.title}")
            continue
        try:
            outcome = compare(client, case, nodeproxy, keys.all_keys())
        except (RuntimeError, OSError, TimeoutError) as error:
            row.notes.append(f"FAILED: {case.title}")
            row.differing += 1
            say(f"FAILED: {name}: {case.title}: {error}")
            continue
        row.add(outcome)
        for complaint in outcome.complaints:
            row.differing += outcome.differing == 0
            say(f"DIFFERS: {name}: {case.title}: {complaint}")
    for row in rows.values():
        seconds = time.monotonic() - began
        result = f"{row.compared} keys, {row.differing} differ"
        say(f"{name}: {row.placement}: {result} ({seconds:.0f} s)")
    return list(rows.values())


class Straight:
    """Stores on the first server, whatever the key."""

    @contextlib.contextmanager
    def before(self, case, _nodeproxy):
        yield ThroughWire(case.servers[0].address)


def control(farm, nodeproxy):
    """Whether a wrong placement is seen: else nothing that follows would mean anything."""
    case = Case("control", farm.plain(3), {"placement": "jump"})
    outcome = compare(Straight(), case, nodeproxy, keys.all_keys())
    share = outcome.differing / outcome.compared
    say(f"control: a wrong placement differs in {outcome.differing} of {outcome.compared} keys")
    return 0.5 < share < 0.8


def skipped_row(program, missing):
    row = Row(program.name, "")
    row.notes.append(f"SKIPPED: {missing}")
    return row


def finish(rows, wrong, seconds):
    heads = ["program", "placement", "cases", "keys", "differ", ""]
    table = [heads] + [row.cells() for row in rows]
    widths = [max(len(cells[at]) for cells in table) for at in range(5)]
    print()
    for cells in table:
        padded = [
            cell.rjust(width) if at in (2, 3, 4) else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(cells, widths))
        ]
        print("  ".join([*padded, cells[5]]).rstrip())
    compared, differing = (sum(getattr(it, of) for it in rows) for of in ("compared", "differing"))
    skipped = sum(1 for it in rows if not it.placement)
    result = f"{compared} keys compared, {differing} differ"
    print(f"\n{result}; programs skipped: {skipped}; {seconds:.0f} s")
    return 1 if wrong or differing or not compared else 0


def say(text):
    print(text, flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
