"""Ports on this machine."""

import itertools
import os
import random
import socket

_FIRST, _MANY = 10_000, 2_000
"""Below those that the system hands out itself, and so many for each process of a test run."""

_PROCESSES = 11


def _places() -> "itertools.cycle[int]":
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw10").removeprefix("gw")) % _PROCESSES
    first = _FIRST + number * _MANY
    offset = random.SystemRandom().randrange(_MANY)
    return itertools.cycle(first + (offset + step) % _MANY for step in range(_MANY))


_next = _places()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago, and that no other process of the
    test run picks."""
    for port in itertools.islice(_next, _MANY):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
