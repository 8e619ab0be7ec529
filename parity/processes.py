"""Processes that end with us: by their ids, on every way out."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

DIE_WITH_PARENT = 1
END_SECONDS = 3.0

_libc = ctypes.CDLL(None)
_started = []


def start(argv, log, **more):
    """Starts a program. What it says goes to the file `log`."""
    with open(log, "ab") as file:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            preexec_fn=_die_with_parent,
            **more,
        )
    _started.append(process)
    return process


def run(argv, text, seconds, env=None):
    """Runs a program to its end, with this text on stdin: its exit code, stdout and stderr."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_die_with_parent,
        env={**os.environ, **(env or {})},
    )
    _started.append(process)
    try:
        out, err = process.communicate(text.encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        return None, "", f"still running after {seconds} seconds"
    finally:
        stop(process)
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")


def stop(*processes, at_once=False):
    """Ends these, and waits until they have ended. `at_once` is for those that take their time and
    have nothing to lose."""
    for process in processes:
        if process.poll() is None:
            (process.kill if at_once else process.terminate)()
    deadline = time.monotonic() + END_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process in _started:
            _started.remove(process)


@contextlib.contextmanager
def all_ended():
    """Nothing that is started inside outlives this, whatever happens."""

    def end(number, _frame):
        print(f"ended by {signal.Signals(number).name}", file=sys.stderr)
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        stop(*list(_started))


def _die_with_parent():
    # For ways out that not even `finally` is on. Only Linux has it.
    if sys.platform == "linux":
        _libc.prctl(DIE_WITH_PARENT, signal.SIGKILL)


def eventually(what, probe, seconds=10.0):
    """What `probe` finds, asked again and again."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} seconds")
        time.sleep(0.005)
