"""pylibmc: libmemcached, with its own ways of pipelining and not replying."""

import sys

import pylibmc

server = ["127.0.0.1:" + sys.argv[1]]
for behaviors in [{}, {"cas": True, "tcp_nodelay": True}, {"no_block": True, "verify_keys": True}]:
    client = pylibmc.Client(server, binary=False, behaviors=behaviors)
    assert client.set("pl:a", ["\u00fc", 1]) and client.get("pl:a") == ["\u00fc", 1]
    keys = [f"pl:{at}" for at in range(300)]
    assert client.set_multi({key: key for key in keys}) == []
    assert client.get_multi(keys + ["pl:none"]) == {key: key for key in keys}
    assert client.delete_multi(keys) and client.get_multi(keys) == {}
    assert client.set("pl:n", 10) and client.incr("pl:n", 5) == 15 and client.decr("pl:n") == 14
    assert client.set("pl:s", "x") and client.append("pl:s", "y") and client.prepend("pl:s", "w")
    assert client.get("pl:s") == "wxy"
    assert not client.add("pl:s", 1) and client.replace("pl:s", 2) and client.touch("pl:s", 100)
    large = b"\0\r\nEND\r\n" * 100_000
    assert client.set("pl:large", large) and client.get("pl:large") == large
    assert client.delete("pl:large") and client.get("pl:large") is None
    if "cas" in behaviors:
        value, cas = client.gets("pl:s")
        assert value == 2 and client.cas("pl:s", 3, cas) and not client.cas("pl:s", 4, cas)
    assert client.get_stats()[0][1]
