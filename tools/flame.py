#!/usr/bin/env python3
"""flame.py [WORKLOAD ...]: where nodeproxy's user-space instructions go, for each operation.

callgrind runs the same load twice, once with twice as many requests; what differs is what a request
takes. Code is charged to the function of src/ that it is inlined into, which is what a profile of
an optimized program hides. Needs valgrind, addr2line, and target/profiling/nodeproxy.
"""

import collections
import os
import re
import shutil
import subprocess
import sys

BINARY = "target/profiling/nodeproxy"
FOLDER = "target/flame"
ROWS = 40
# Rows below this share are left out.
SHARE_MIN = 0.004


def run(workload):
    """Counts, and returns the two files of counts with their numbers of requests, smaller first."""
    words = ["target/release/tools", "bench", "--callgrind", "--peers", "nodeproxy", "--nodeproxy", BINARY]
    words += ["--only", workload, "--folder", FOLDER]
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    bench = subprocess.run(words, env={**os.environ, "VALGRIND_OPTS": "--dump-instr=yes"})
    if bench.returncode != 0:
        sys.exit(bench.returncode)
    files = [name for name in os.listdir(FOLDER) if name.endswith(".count")]
    return sorted((int(re.search(r"-(\d+)\.count$", name)[1]), f"{FOLDER}/{name}") for name in files)


def read(path):
    """The instructions of each address: {(object, address): (function, count)}."""
    counts = collections.Counter()
    functions = {}
    names = {"ob": {}, "fn": {}}
    current = {"ob": "?", "fn": "?"}
    at = [0, 0]
    is_call = False
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if name := re.match(r"(c?)(ob|fn)=\((\d+)\)(?: (.*))?", line):
                called, kind, number, text = name.groups()
                if text:
                    names[kind][number] = text.strip()
                if not called:
                    current[kind] = names[kind][number]
            elif line.startswith("calls="):
                # The next line says what the called function took, which is counted there.
                is_call = True
            elif re.match(r"0x|[0-9+*-]", line):
                words = line.split()
                for which, word in enumerate(words[:2]):
                    if word[0] in "+-":
                        at[which] += int(word, 0)
                    elif word != "*":
                        at[which] = int(word, 0)
                if not is_call and len(words) > 2:
                    key = (current["ob"], at[0])
                    counts[key] += int(words[2])
                    functions[key] = current["fn"]
                is_call = False
    return counts, functions


def frames(addresses):
    """The functions of src/ that each address of the binary is inlined into, innermost first."""
    text = "\n".join(map(hex, addresses))
    words = ["addr2line", "-f", "-i", "-C", "-a", "-e", BINARY]
    lines = subprocess.run(words, input=text, capture_output=True, text=True, check=True).stdout
    found = {}
    current = []
    function = None
    own = os.getcwd() + "/src/"
    for line in lines.splitlines():
        if line.startswith("0x"):
            current = found.setdefault(int(line, 16), [])
        elif function is None:
            function = re.sub(r"::h[0-9a-f]{16}$|<.*", "", line)
        else:
            if line.startswith(own):
                place = line.removeprefix(os.getcwd() + "/").split(" ")[0]
                current.append((f"{place.split(':')[0]}: {function}", place))
            function = None
    return found


def show(title, counts, total):
    print(f"  {title}")
    for name, count in counts.most_common(ROWS):
        if count >= total * SHARE_MIN:
            print(f"  {count:10.1f} {100 * count / total:5.1f} %  {name}")


def report(workload):
    (few, few_path), (many, many_path) = run(workload)
    before, _ = read(few_path)
    after, functions = read(many_path)
    each = {key: (count - before[key]) / (many - few) for key, count in after.items()}
    inside = frames([at for of, at in each if of.endswith("/nodeproxy")])
    alone, together, places = collections.Counter(), collections.Counter(), collections.Counter()
    for key, count in each.items():
        of, at = key
        chain = inside.get(at) if of.endswith("/nodeproxy") else None
        if chain:
            alone[chain[0][0]] += count
            places[chain[0][1]] += count
            together.update({name: count for name, _ in chain})
        else:
            alone[f"{functions[key]} ({os.path.basename(of)})"] += count
    total = sum(each.values())
    print(f"{workload}: {total:.0f} instructions for each operation")
    show("by function:", alone, total)
    show("by function, with what is inlined into it:", together, total)
    show("by line:", places, total)


for needed in ["valgrind", "addr2line"]:
    if not shutil.which(needed):
        sys.exit(f"flame: {needed} is missing; install it (addr2line comes with binutils)")
for asked in sys.argv[1:] or ["50x1"]:
    report(asked)
