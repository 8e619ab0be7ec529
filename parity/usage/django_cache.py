"""Django's cache backends, over pymemcache and over pylibmc."""

import sys

import django
from django.conf import settings

location = "127.0.0.1:" + sys.argv[1]
backends = {"default": "PyMemcacheCache", "other": "PyLibMCCache"}
settings.configure(CACHES={
    name: {"BACKEND": "django.core.cache.backends.memcached." + backend, "LOCATION": location}
    for name, backend in backends.items()
})
django.setup()

from django.core.cache import caches  # noqa: E402, it needs the settings

for name in backends:
    cache = caches[name]
    cache.set("a", {"b": "\u00fc"}, 60)
    assert cache.get("a") == {"b": "\u00fc"} and cache.get("none", 7) == 7
    cache.set_many({f"k{at}": at for at in range(300)})
    assert cache.get_many([f"k{at}" for at in range(310)]) == {f"k{at}": at for at in range(300)}
    cache.delete_many([f"k{at}" for at in range(300)])
    assert cache.get_many([f"k{at}" for at in range(300)]) == {}
    assert cache.add("n", 1) and not cache.add("n", 2) and cache.incr("n", 4) == 5
    assert cache.decr("n") == 4 and cache.touch("n", 60) and cache.delete("n")
    assert cache.get_or_set("c", lambda: 9) == 9 and "c" in cache
    cache.set("late", 1, timeout=0)
    assert cache.get("late") is None
