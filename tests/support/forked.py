"""Commands in children of a process that has loaded what every command needs.

Most of what a command costs is to load modules, and tests run hundreds of commands. So one process
of each test process loads them once and forks: a child gets the command's environment, folder and
files, and runs `dispatcher` to its natural end. No module of ours looks at any of these when it is
loaded. The contract's tests and those that need the true start run `dispatcher` itself.
"""

import array
import atexit
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from select import select

ROOT = Path(__file__).resolve().parents[2]

_LOADED = (
    *("asyncio", "email.message", "email.policy", "importlib.metadata", "sqlite3", "ssl"),
    *("click", "dependency_injector.containers", "dependency_injector.providers"),
    *("email_validator", "jinja2.sandbox", "pika", "rich.console", "rich.table"),
    *("structlog", "tenacity", "uvloop"),
    *("entrypoints.stores", "entrypoints.cli.app", "entrypoints.container"),
    *("adapters.dead_letters.dead_letter", "entrypoints.settings"),
)


class Forker:
    """The process that forks, seen from the tests."""

    def __init__(self) -> None:
        self._path = str(Path(tempfile.mkdtemp(prefix="forker-")) / "socket")
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, self._path],
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "PYTHONSAFEPATH": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        atexit.register(self.close)

    def run(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        stdin: str,
        timeout: float,
    ) -> "subprocess.CompletedProcess[str]":
        """Run `dispatcher` with these arguments to its end."""
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            socket.socket(socket.AF_UNIX) as peer,
        ):
            given.write(stdin.encode())
            given.seek(0)
            peer.settimeout(timeout)
            peer.connect(self._path)
            order = json.dumps({"argv": list(arguments), "env": dict(env), "cwd": str(cwd)})
            files = array.array("i", [given.fileno(), out.fileno(), err.fileno()])
            peer.sendmsg([b"\n"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
            peer.sendall(order.encode())
            peer.shutdown(socket.SHUT_WR)
            with peer.makefile() as answer:
                child = int(answer.readline())
                try:
                    code = int(answer.readline())
                except TimeoutError:
                    os.kill(child, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(list(arguments), timeout) from None
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode())
        return subprocess.CompletedProcess(list(arguments), code, *texts)

    def close(self) -> None:
        """End the process that forks."""
        self._process.communicate()
        Path(self._path).unlink()
        Path(self._path).parent.rmdir()


@cache
def forker() -> Forker:
    """The one of this process."""
    return Forker()


def _serve(path: str) -> list[str]:
    """Fork for each order. Returns in a child that is to be the command: its arguments."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        os.write(1, b"ready\n")
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those that wait for a command
        while True:
            if 0 in select([listener.fileno(), 0], [], [])[0]:  # the tests have ended
                os._exit(0)
            peer, _ = listener.accept()
            if os.fork() == 0:
                break
            peer.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return _become(peer)


def _become(peer: socket.socket) -> list[str]:
    """Fork once more: the child is the command, this process says its id and how it ended."""
    _, files, _, _ = socket.recv_fds(peer, 1, 3)
    with peer.makefile() as given:
        order = json.load(given)
    command = os.fork()
    if command != 0:
        peer.sendall(f"{command}\n".encode())
        _, status = os.waitpid(command, 0)
        peer.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    peer.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    arguments: list[str] = order["argv"]
    return arguments


if __name__ == "__main__":
    for module in _LOADED:
        importlib.import_module(module)
    gc.freeze()  # a child that looked through all of it would copy all of it
    sys.argv = ["-c", *_serve(sys.argv[1])]
    sys.path.remove(str(ROOT))

    from entrypoints.cli import main

    main()
