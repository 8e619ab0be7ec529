"""The keys that are placed: shapes that occur, and those that hashes stumble over."""

import hashlib
import random
import zlib


def all_keys():
    """Keys as text, no two alike."""
    dice = random.Random(4)
    keys = [f"user:{at}:profile" for at in range(60)]
    keys += [f"key-{at}" for at in range(30)]
    keys += ["%08x" % dice.getrandbits(32) for _ in range(30)]
    keys += [hashlib.md5(b"%d" % at).hexdigest() for at in range(30)]
    keys += [f"page:/{dice.choice(['de', 'en'])}/{at}?x={dice.getrandbits(30)}" for at in range(30)]
    keys += [f"user:{{{at % 7}}}:{at}" for at in range(20)]
    keys += ["user:{}:z", "{}", "{42", "}{42}", "{a}{b}", "a|b|c", "a|#|b", "a", "b", "foo", "bar"]
    signs = "abcdefghijklmnopqrstuvwxyzABCDEF0123456789_-:.{}$|#/?=&%+~'\"<>()[]"
    for length in list(range(2, 26)) + [50, 100, 150, 200, 230, 235, 240]:
        keys.append("".join(dice.choice(signs) for _ in range(length)))
    keys += zero_hashes(3)
    return list(dict.fromkeys(keys + _beyond_ascii(dice)))


def zero_hashes(count):
    """Keys of which CRC-32 leaves nothing in the 15 bits that many clients take."""
    found = []
    at = 0
    while len(found) < count:
        key = f"zero{at}"
        if (zlib.crc32(key.encode()) >> 16) & 0x7FFF == 0:
            found.append(key)
        at += 1
    return found


def _beyond_ascii(dice):
    keys = ["naïve-key", "été", "ключ", "鍵", "𝄞", "clé:😀:1"]
    signs = "äöüßéèñ漢字かな😀𝄞абвгдabc"
    for at in range(54):
        text = "".join(dice.choice(signs) for _ in range(dice.randint(1, 20)))
        keys.append(f"{text}{at}")
    return keys
