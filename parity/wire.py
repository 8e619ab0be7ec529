"""The text protocol of memcached, as far as it is needed here."""

import socket

# So many requests are under way at the same time.
BATCH = 50


class Wire:
    """A connection to a memcached, or to what looks like one."""

    def __init__(self, address, seconds=10.0):
        """`address` is a pair of host and port, or the path of a unix socket."""
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(seconds)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, seconds)
        self.file = self.socket.makefile("rwb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def version(self):
        self.file.write(b"version\r\n")
        self.file.flush()
        return self.file.readline().decode().removeprefix("VERSION ").strip()

    def set_all(self, pairs):
        """Whether each was stored."""
        stored = []
        for batch in _batches(pairs):
            for key, value in batch:
                self.file.write(b"set %b 0 0 %d\r\n%b\r\n" % (key, len(value), value))
            self.file.flush()
            stored += [self.file.readline() == b"STORED\r\n" for _ in batch]
        return stored

    def get_all(self, keys, at_once=False):
        """The value of each, or None; asked for by a request each, or by a few for all."""
        values = {}
        for batch in _batches(keys):
            if at_once:
                self.file.write(b"get " + b" ".join(batch) + b"\r\n")
            else:
                for key in batch:
                    self.file.write(b"get %b\r\n" % key)
            self.file.flush()
            for _ in range(1 if at_once else len(batch)):
                self._read_reply(values)
        return [values.get(key) for key in keys]

    def _read_reply(self, values):
        while True:
            line = self.file.readline()
            if not line.startswith(b"VALUE "):
                if not line:
                    raise ConnectionError("closed")
                return
            _, key, _, length, *_ = line.split()
            values[key] = self.file.read(int(length))
            self.file.readline()


def _batches(items):
    return [items[at : at + BATCH] for at in range(0, len(items), BATCH)]
