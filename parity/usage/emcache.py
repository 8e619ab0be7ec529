"""emcache and aiomcache: many requests at once from one event loop."""

import asyncio
import sys

import aiomcache
import emcache

port = int(sys.argv[1])


async def with_emcache():
    client = await emcache.create_client([emcache.MemcachedHostAddress("127.0.0.1", port)])
    await client.set(b"em:a", b"1")
    assert (await client.get(b"em:a")).value == b"1"
    await asyncio.gather(*(client.set(b"em:%d" % at, b"%d" % at) for at in range(300)))
    found = await client.get_many([b"em:%d" % at for at in range(300)])
    assert {key: item.value for key, item in found.items()} == {
        b"em:%d" % at: b"%d" % at for at in range(300)
    }
    cas = (await client.gets(b"em:a")).cas
    await client.cas(b"em:a", b"2", cas)
    try:
        await client.cas(b"em:a", b"3", cas)
        raise AssertionError("stale")
    except emcache.NotStoredStorageCommandError:
        pass
    assert await client.increment(b"em:a", 5) == 7 and await client.decrement(b"em:a", 1) == 6
    await client.touch(b"em:a", 100)
    await client.append(b"em:a", b"x", noreply=True)
    await client.delete(b"em:a")
    assert await client.get(b"em:a") is None
    large = b"\r\n" * 450_000
    await client.set(b"em:large", large)
    assert (await client.get(b"em:large")).value == large
    await client.close()


async def with_aiomcache():
    client = aiomcache.Client("127.0.0.1", port)
    assert await client.set(b"ai:a", b"1") and await client.get(b"ai:a") == b"1"
    await asyncio.gather(*(client.set(b"ai:%d" % at, b"%d" % at) for at in range(300)))
    keys = [b"ai:%d" % at for at in range(300)]
    assert list(await client.multi_get(*keys)) == [b"%d" % at for at in range(300)]
    assert await client.incr(b"ai:a", 2) == 3 and await client.decr(b"ai:a") == 2
    value, cas = await client.gets(b"ai:a")
    assert await client.cas(b"ai:a", b"x", cas) and not await client.cas(b"ai:a", b"y", cas)
    assert await client.append(b"ai:a", b"!") and await client.touch(b"ai:a", 100)
    assert await client.delete(b"ai:a") and await client.get(b"ai:a") is None
    assert b"pid" in await client.stats() and await client.version()
    await client.close()


asyncio.run(with_emcache())
asyncio.run(with_aiomcache())
