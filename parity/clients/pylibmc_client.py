"""pylibmc. An option is a behavior; with `late` they are set when the servers are there."""

import lines
import pylibmc


def connect(options, servers):
    behaviors = {name: number(value) for name, value in options}
    late = behaviors.pop("late", False)

    def server(host, port, weight):
        if port == 0:
            return host
        return f"{host}:{port}:{weight}" if weight != 1 else f"{host}:{port}"

    names = [server(*it) for it in servers]
    if late:
        client = pylibmc.Client(names)
        client.behaviors = behaviors
    else:
        client = pylibmc.Client(names, behaviors=behaviors)
    return client.set, client.get


def number(text):
    return int(text) if text.isdigit() else text


lines.serve(pylibmc.__version__, connect)
