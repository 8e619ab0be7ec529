"""pymemcache's HashClient. Options: `form` (tuple or text), `key_prefix`."""

import lines
import pymemcache
from pymemcache.client.hash import HashClient


def connect(options, servers):
    options = dict(options)

    def server(host, port, _weight):
        if port == 0:
            return host
        if options.get("form") == "text":
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return (host, port)

    client = HashClient(
        [server(*it) for it in servers],
        allow_unicode_keys=True,
        key_prefix=options.get("key_prefix", "").encode(),
        timeout=10,
    )
    return lambda key, value: client.set(key, value, noreply=False), client.get


lines.serve(pymemcache.__version__, connect)
