"""pymemcache: its plain client, and its pool, which several threads share."""

import sys
import threading

from pymemcache.client.base import Client, PooledClient
from pymemcache.serde import pickle_serde

server = ("127.0.0.1", int(sys.argv[1]))
client = Client(server, serde=pickle_serde, default_noreply=False)
assert client.set("pm:a", {"b": [1, 2, "\u00fc"]}) and client.get("pm:a") == {"b": [1, 2, "\u00fc"]}
keys = [f"pm:{at}" for at in range(300)]
assert client.set_many({key: key for key in keys}) == []
assert client.get_many(keys + ["pm:none"]) == {key: key for key in keys}
assert list(client.get_many(keys)) == keys, "in the order of the keys"
assert client.delete_many(keys) and client.get_many(keys) == {}
value, cas = (client.set("pm:c", b"1"), client.gets("pm:c"))[1]
assert client.cas("pm:c", b"2", cas) is True and client.cas("pm:c", b"3", cas) is False
assert client.cas("pm:none", b"3", b"1") is None
assert client.add("pm:c", b"x") is False and client.replace("pm:c", b"5")
plain = Client(server)
plain.set("pm:n", "10", noreply=True)
assert plain.incr("pm:n", 5) == 15 and plain.decr("pm:n", 50) == 0 and plain.incr("pm:none", 1) is None
assert plain.append("pm:c", b"!") and plain.touch("pm:n", 100, noreply=False)
large = b"\r\nEND\r\n" * 120_000
assert client.set("pm:large", large) and client.get("pm:large") == large
assert client.delete("pm:large") and client.get("pm:large") is None
assert plain.version().startswith(b"1.") and b"pid" in plain.stats()
assert plain.flush_all(delay=10_000, noreply=False)

pool = PooledClient(server, max_pool_size=8)


def work(number):
    for at in range(300):
        pool.set(f"pm:t{number}:{at}", str(at), noreply=False)
        assert pool.get(f"pm:t{number}:{at}") == str(at).encode()


threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
