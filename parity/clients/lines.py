"""The lines that the Python clients are told on stdin. lines.h says which there are."""

import sys


def serve(version, connect):
    """`connect(options, servers)` makes a pair: set(key, value) and get(key).

    Options are pairs of texts, in their order, and servers triples of host, port and weight.
    """
    out = open(1, "w", encoding="utf-8", closefd=False)
    print(f"=version\t{version}", file=out)
    options, servers, client = [], [], None
    for line in open(0, encoding="utf-8", newline="\n"):
        word, *fields = line.rstrip("\n").split("\t")
        if word == "option":
            options.append(tuple(fields))
        elif word == "server":
            servers.append((fields[0], int(fields[1]), int(fields[2])))
        else:
            client = client or connect(options, servers)
            print(attempt(client, word, *fields), file=out)
    out.flush()


def attempt(client, word, key, *value):
    try:
        if word == "set":
            return "=stored" if client[0](key, *value) else "=refused"
        got = client[1](key)
    except Exception as error:  # a client may refuse a key in any way
        print(f"{word} {key!a}: {error!r}", file=sys.stderr)
        return "=refused" if word == "set" else "=miss"
    if got is None:
        return "=miss"
    return "=hit\t" + (got.decode() if isinstance(got, bytes) else got)
