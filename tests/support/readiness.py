"""Waiting for a service that has just been started in a container.

A published port accepts before the program behind it listens: a connection is then reset, ends
without a word, or is answered by half. Whatever waits for a container asks again at each of these.
"""

import socket
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPException

from pika.exceptions import AMQPError

from tests.support.rabbit import Peer

_READY = 90.0


def until_it_answers(ask: Callable[[], object], log: Callable[[], str] = lambda: "") -> None:
    """Ask again and again until it works; fail with the last fault and what `log` says."""
    give_up = time.monotonic() + _READY
    while True:
        try:
            ask()
        except (OSError, HTTPException, AMQPError, EOFError) as error:
            if time.monotonic() > give_up:
                said = log()[-4000:]
                raise AssertionError(f"no answer in {_READY:.0f} s: {error!r} {said}") from error
            time.sleep(0.1)
        else:
            return


def greeting(host: str, port: int) -> None:
    """Read the greeting of a mail server."""
    with socket.create_connection((host, port), timeout=2) as connection:
        if connection.recv(3) != b"220":
            raise EOFError("no greeting")


def amqp(url: str) -> None:
    """Open a connection to a RabbitMQ and close it."""
    with Peer(url):
        pass


def page(url: str) -> None:
    """Read a page whole."""
    with urllib.request.urlopen(url, timeout=10) as reply:
        reply.read()
