"""The memcacheds, and the lists of servers that clients and nodeproxy are given."""

import os
import random
import socket
from dataclasses import dataclass, replace

import processes
from wire import Wire

# memcached's own port, which many clients leave out of the names that they hash.
OWN_PORT = 11211
NAMES = [(f"cache{at}.test", f"127.0.0.{at + 10}") for at in range(1, 10)]
WEIGHTS = [1, 3, 2, 5, 1, 4, 2]


@dataclass(frozen=True)
class Server:
    host: str  # as an operator writes it; of a unix socket, its path
    port: int  # 0 for a unix socket
    address: object  # where the memcached is: a pair, or the path
    weight: int = 1
    name: str = ""

    def line(self):
        """As it stands in a file of twemproxy's and ours."""
        place = self.host if self.port == 0 else f"{self.host}:{self.port}"
        return f"{place}:{self.weight} {self.name}".strip()

    def bracketed(self):
        """The same, ours only: an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return replace(self, host=host).line()


class Farm:
    """Starts memcacheds when a list first needs them. An empty list is one that cannot be had."""

    def __init__(self, folder, isolated):
        self.folder = folder
        self.isolated = isolated
        self.running = {}
        self.next_port = 22100 if isolated else 12000 + os.getpid() * 61 % 15000
        self.own_port_is_free = is_free("127.0.0.1", OWN_PORT)
        # The ports of 127.0.0.1 in the order in which lists take them.
        self.ports = [OWN_PORT] if self.own_port_is_free else []

    def plain(self, count, weights=None):
        """127.0.0.1, the first on memcached's own port."""
        while len(self.ports) < count:
            self.ports.append(self.free_port())
        return self._weighed([self._tcp("127.0.0.1", it) for it in self.ports[:count]], weights)

    def alike(self, count):
        """Addresses of their own, all of them on memcached's own port."""
        ips = [f"127.0.0.{at + 2}" for at in range(count)]
        if not all((ip, OWN_PORT) in self.running or is_free(ip, OWN_PORT) for ip in ips):
            return []
        return [self._tcp(ip, OWN_PORT) for ip in ips]

    def named(self, count, weights=None):
        """Host names, on memcached's own port and on others. Without a network of our own there is
        but one name."""
        if not self.isolated:
            return [replace(it, host="localhost") for it in self.plain(count, weights)]
        servers = []
        for at, (name, ip) in enumerate(NAMES[:count]):
            port = 22000 + at if at % 3 == 2 else OWN_PORT
            servers.append(replace(self._tcp(ip, port), host=name))
        return self._weighed(servers, weights)

    def dice(self, lists=3, weighted=True):
        """Lists of any length, order and weights, each with its title; always the same ones,
        unless PARITY_SEED says otherwise."""
        seed = os.environ.get("PARITY_SEED", "1")
        dice = random.Random(seed)
        for at in range(lists):
            servers = self.plain(25)
            dice.shuffle(servers)
            heavy = dice.choice([1, 3, 100]) if weighted else 1
            servers = self._weighed(
                servers[: dice.randint(2, 25)], [dice.randint(1, heavy) for _ in servers]
            )
            yield f"seed {seed}, list {at} of {len(servers)}", servers

    def movable(self, count):
        """IP addresses of memcacheds that have a name besides; see `moved`."""
        servers = self.named(count) if self.isolated else []
        return [replace(it, host=it.address[0]) for it in servers]

    def six(self, count):
        """IPv6 addresses; but one, on several ports."""
        if not is_free("::1", OWN_PORT) and ("::1", OWN_PORT) not in self.running:
            return []
        return [self._tcp("::1", OWN_PORT + at) for at in range(count)] if self.isolated else []

    def sockets(self, count):
        paths = [os.path.join(self.folder, f"m{at}.sock") for at in range(count)]
        return [Server(it, 0, self._memcached(it)) for it in paths]

    def free_port(self):
        while True:
            self.next_port += 1
            if is_free("127.0.0.1", self.next_port):
                return self.next_port

    def _tcp(self, ip, port):
        return Server(ip, port, self._memcached((ip, port)))

    def _weighed(self, servers, weights):
        return [replace(it, weight=weight) for it, weight in zip(servers, weights or [1] * 99)]

    def _memcached(self, address):
        if address not in self.running:
            self.running[address] = start_memcached(address, os.path.join(self.folder, "log"))
        return address


def moved(server, short=False):
    """The same memcached under another host name, for nodeproxy. What the client hashes is its
    name: without memcached's own port, if that is how the client does it."""
    host = next(name for name, ip in NAMES if ip == server.host)
    old = server.host if short and server.port == OWN_PORT else f"{server.host}:{server.port}"
    return replace(server, host=host, name=old)


def moved_short(server):
    return moved(server, short=True)


def start_memcached(address, log):
    """A memcached that answers."""
    if isinstance(address, str):
        place = ["-s", address]
    else:
        place = ["-l", address[0], "-p", str(address[1])]
    # memcached refuses to run as root, unless told so.
    user = ["-u", "root"] if os.geteuid() == 0 else []
    argv = ["memcached", *place, "-U", "0", "-t", "1", "-m", "64", *user]
    process = processes.start(argv, log)

    def answers():
        if process.poll() is not None:
            raise RuntimeError(f"memcached on {address} has ended; {log} may tell why")
        try:
            with Wire(address) as wire:
                return wire.version()
        except OSError:
            return None

    processes.eventually(f"memcached on {address}", answers)
    return process


def is_free(ip, port):
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family) as it:
            it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            it.bind((ip, port))
        return True
    except OSError:
        return False
