"""python-binary-memcached and pylibmc, in frames; what they store is read in text too."""

import sys

import bmemcached
import pylibmc

address = "127.0.0.1:" + sys.argv[1]
client = bmemcached.Client((address,))
frames = pylibmc.Client([address], binary=True)
lines = pylibmc.Client([address], binary=False)

assert client.set("bm:a", "value", time=60) and client.get("bm:a") == "value"
assert lines.get("bm:a") == b"value" or lines.get("bm:a") == "value"
value, cas = client.gets("bm:a")
assert client.cas("bm:a", "other", cas) and not client.cas("bm:a", "late", cas)
assert not client.add("bm:a", "no") and client.replace("bm:a", "yes")
many = {f"bm:{at}": "v%d" % at for at in range(300)}
assert not client.set_multi(many)
assert client.get_multi([*many, "bm:none"]) == many
assert client.incr("bm:n", 5, default=10) == 10 and client.incr("bm:n", 5) == 15
assert client.decr("bm:n", 1) == 14
large = "\u00fc" * 400_000
assert client.set("bm:large", large, compress_level=0) and client.get("bm:large") == large
assert client.get("bm:with blank") is None and client.set("bm:with blank", "v")
assert client.get("bm:with blank") == "v"
assert client.delete("bm:a") and client.get("bm:a") is None
assert client.delete_multi(list(many)) and client.get_multi(list(many)) == {}
assert "pid" in next(iter(client.stats().values()))
assert client.flush_all()

for writer, reader in ((frames, lines), (lines, frames)):
    assert writer.set("pl:a", "value", time=60) and reader.get("pl:a") == "value"
    assert not writer.set_multi({f"pl:{at}": "v%d" % at for at in range(300)})
    found = reader.get_multi([f"pl:{at}" for at in range(310)])
    assert found == {f"pl:{at}": "v%d" % at for at in range(300)}
    assert writer.set("pl:n", 10) and reader.incr("pl:n", 5) == 15 and writer.decr("pl:n") == 14
    assert writer.append("pl:a", "!") and writer.prepend("pl:a", "?") and reader.get("pl:a") == "?value!"
    assert not reader.add("pl:a", "x") and reader.replace("pl:a", "y") and writer.get("pl:a") == "y"
    large = b"\r\n" * 450_000
    assert writer.set("pl:large", large) and reader.get("pl:large") == large
    assert writer.touch("pl:a", 100) and writer.delete("pl:a") and reader.get("pl:a") is None
    assert reader.delete_multi([f"pl:{at}" for at in range(300)])
frames.behaviors["cas"] = True
assert frames.set("pl:c", "1")
value, cas = frames.gets("pl:c")
assert frames.cas("pl:c", "2", cas) and not frames.cas("pl:c", "3", cas)
assert frames.get_stats()[0][1] and frames.flush_all()
