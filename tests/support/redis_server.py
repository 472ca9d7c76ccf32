"""A Redis server of the tests' own, which they may stop, freeze and start again."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.ports import free_port

BINARY = "redis-server"


class RedisServer:
    """A redis-server on a free port of loopback; its data, an append-only file, is in `folder`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        binary = shutil.which(BINARY)
        assert binary is not None
        settings = f"--port {self.port} --bind 127.0.0.1 --appendonly yes --save".split()
        self._process = subprocess.Popen(
            [binary, *settings, "", "--dir", str(self._folder), *self._arguments],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 15
        while not self._answers():
            assert self._process.poll() is None, "redis-server ended at its start"
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it was."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as peer:
            peer.sendall(b"PING\r\n")
            return peer.recv(1) in (b"+", b"-")  # "-": it wants a password first
        return False


@contextmanager
def redis_server(folder: Path, *arguments: str) -> Iterator[RedisServer]:
    """A running server; killed at the end."""
    server = RedisServer(folder, *arguments)
    try:
        server.start()
        yield server
    finally:
        server.kill()
