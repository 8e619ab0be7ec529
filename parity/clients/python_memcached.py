"""python-memcached. Options: `old` takes the whole CRC, as useOldServerHashFunction() does."""

import lines
import memcache


def connect(options, servers):
    if dict(options).get("old"):
        memcache.useOldServerHashFunction()

    def server(host, port, weight):
        address = f"unix:{host}" if port == 0 else f"{host}:{port}"
        return (address, weight) if weight != 1 else address

    client = memcache.Client([server(*it) for it in servers], socket_timeout=10)
    return client.set, client.get


lines.serve(memcache.__version__, connect)
