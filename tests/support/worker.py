"""The real worker as a process of its own, started and ended as an operator would."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.support.forked import forker

ROOT = Path(__file__).resolve().parents[2]


def clean_environment(**settings: str) -> dict[str, str]:
    """This process's environment without its DISPATCHER_* variables, plus `settings`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DISPATCHER_")}
    named = {f"DISPATCHER_{name.upper()}": value for name, value in settings.items()}
    return {**kept, "PYTHONPATH": str(ROOT / "src"), "PYTHONSAFEPATH": "1", **named}


def run_command(
    *arguments: str, settings: Mapping[str, str], cwd: Path, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `dispatcher` with these arguments to its end."""
    environment = clean_environment(**settings)
    return forker().run(arguments, env=environment, cwd=cwd, stdin=stdin, timeout=120)


class Worker:
    """`python -m entrypoints.worker`; its log lines are parsed as they are asked for."""

    def __init__(self, folder: Path, settings: Mapping[str, str], *arguments: str) -> None:
        self.log_file = folder / f"worker-{time.monotonic_ns()}.log"
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "entrypoints.worker", *arguments],
                env=clean_environment(**settings),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def output(self) -> str:
        return self.log_file.read_text()

    def events(self, event: str) -> list[dict[str, Any]]:
        """The log entries with this message."""
        lines = [line for line in self.output.splitlines() if line.startswith("{")]
        return [entry for line in lines if (entry := json.loads(line))["event"] == event]

    def wait_for(self, event: str, *, seconds: float = 60) -> dict[str, Any]:
        wait_until(
            lambda: bool(self.events(event)), seconds=seconds, on_failure=lambda: self.output
        )
        return self.events(event)[-1]

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds`; fail with what the worker has written."""
        wait_until(holds, on_failure=lambda: self.output)

    def peak_memory(self) -> float:
        """The highest resident memory so far, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024

    def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(timeout=10)


@contextmanager
def running(folder: Path, settings: Mapping[str, str], *arguments: str) -> Iterator[Worker]:
    """A worker that is gone at the end, however the test ended."""
    worker = Worker(folder, settings, *arguments)
    try:
        yield worker
    finally:
        if worker.process.poll() is None:
            worker.kill()


def metrics_of(worker: Worker) -> str:
    """Return what a worker with `DISPATCHER_HTTP` shows at `/metrics`."""
    connection = HTTPConnection("127.0.0.1", worker.wait_for("probes are served")["port"])
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def wait_until(
    holds: Callable[[], bool],
    *,
    seconds: float = 60,
    on_failure: Callable[[], str] = lambda: "",
) -> None:
    """Poll until `holds`; fail with what `on_failure` says after `seconds`."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s. {on_failure()[-4000:]}"
        time.sleep(0.05)
