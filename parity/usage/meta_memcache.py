"""meta-memcache: the meta commands, with keys in base64 where it wants them."""

import sys

from meta_memcache import CacheClient, Key, ServerAddress, SetMode, connection_pool_factory_builder

pool = CacheClient.cache_client_from_servers(
    servers=[ServerAddress("127.0.0.1", int(sys.argv[1]))],
    connection_pool_factory_fn=connection_pool_factory_builder(),
)
assert pool.set("mm:a", {"b": 1}, ttl=100) and pool.get("mm:a") == {"b": 1}
assert pool.set(Key("mm:\u00fc"), "\u00fc", ttl=100) and pool.get(Key("mm:\u00fc")) == "\u00fc"
keys = [Key(f"mm:{at}") for at in range(200)]
assert all(pool.set(key, key.key, ttl=100) for key in keys)
assert pool.multi_get(keys) == {key: key.key for key in keys}
value, cas = pool.get_cas("mm:a")
assert pool.set("mm:a", 2, ttl=100, cas_token=cas) and not pool.set("mm:a", 3, ttl=100, cas_token=cas)
assert not pool.set("mm:a", 3, ttl=100, set_mode=SetMode.ADD)
assert pool.delta("mm:n", 5, refresh_ttl=100) is False
assert pool.delta_initialize("mm:n", 5, initial_value=10, initial_ttl=100)
assert pool.delta_and_get("mm:n", 5) == 15
assert pool.touch("mm:a", ttl=100)
assert pool.set("mm:large", "\u00fc" * 400_000, ttl=100) and len(pool.get("mm:large")) == 400_000
assert pool.delete("mm:a") and pool.get("mm:a") is None and pool.invalidate("mm:n")
