"""python-memcached: the oldest of them."""

import sys

import memcache

client = memcache.Client(["127.0.0.1:" + sys.argv[1]], debug=0)
assert client.set("py:a", {"b": "\u00fc"}) and client.get("py:a") == {"b": "\u00fc"}
keys = [f"py:{at}" for at in range(300)]
assert client.set_multi({key: key for key in keys}) == []
assert client.get_multi(keys + ["py:none"]) == {key: key for key in keys}
assert client.delete_multi(keys) and client.get_multi(keys) == {}
assert client.set("py:n", 10) and client.incr("py:n", 5) == 15 and client.decr("py:n", 50) == 0
assert client.set("py:s", "x") and client.append("py:s", "y") and client.prepend("py:s", "w")
assert client.get("py:s") == "wxy" and not client.add("py:s", 1) and client.replace("py:s", "z")
assert client.gets("py:s") == "z" and client.cas("py:s", "c") and client.get("py:s") == "c"
assert client.touch("py:s", 100) and client.delete("py:s") and client.get("py:s") is None
large = b"x" * 900_000
assert client.set("py:large", large) and client.get("py:large") == large
assert client.get_stats()[0][1]["pid"]
