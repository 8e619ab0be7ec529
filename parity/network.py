"""A network and host names of our own, so that nothing on the machine is in the way.

Port 11211 is special to many clients, and names are what operators write; neither is to be had on
every machine. Linux gives a process a loopback and an /etc/hosts of its own, if it is let.
"""

import ctypes
import fcntl
import os
import socket
import struct

NEW_MOUNTS, NEW_USER, NEW_NETWORK = 0x00020000, 0x10000000, 0x40000000
MOUNT_BIND, MOUNT_RECURSIVE, MOUNT_PRIVATE = 0x1000, 0x4000, 0x40000
SET_INTERFACE_FLAGS = 0x8914
INTERFACE_UP = 0x1


def isolate(hosts, folder):
    """Whether this process has its own loopback now, on which these names have their addresses.

    It is tried in a child first: half of it would be worse than nothing.
    """
    child = os.fork()
    if child == 0:
        try:
            _isolate(hosts, folder)
            os._exit(0)
        except Exception:  # whatever is missing, it cannot be had here
            os._exit(1)
    if os.waitpid(child, 0)[1] != 0:
        return False
    _isolate(hosts, folder)
    return True


def _isolate(hosts, folder):
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(NEW_MOUNTS | NEW_NETWORK) != 0:
        if libc.unshare(NEW_USER | NEW_MOUNTS | NEW_NETWORK) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"0 {user} 1")
        _write("/proc/self/gid_map", f"0 {group} 1")
    _bring_loopback_up()
    path = os.path.join(folder, "hosts")
    lines = ["127.0.0.1 localhost", "::1 localhost"]
    _write(path, "".join(f"{line}\n" for line in lines + [f"{ip} {name}" for name, ip in hosts]))
    _mount(libc, None, "/", MOUNT_RECURSIVE | MOUNT_PRIVATE)
    _mount(libc, path, "/etc/hosts", MOUNT_BIND)
    for name, ip in hosts:
        if socket.gethostbyname(name) != ip:
            raise OSError("names are not looked up in /etc/hosts")


def _bring_loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as it:
        fcntl.ioctl(it, SET_INTERFACE_FLAGS, struct.pack("16sH14x", b"lo", INTERFACE_UP))


def _mount(libc, source, target, flags):
    encoded = source.encode() if source else None
    if libc.mount(encoded, target.encode(), None, ctypes.c_ulong(flags), None) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}")


def _write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
