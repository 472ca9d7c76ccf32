"""`--processes N`: starts that many workers, passes signals on, starts again what died, and answers
for all of them."""

import asyncio
import signal
import socket
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from adapters.observers.health import HealthPages
from adapters.observers.sink import LogSink
from entrypoints.settings.sources import read_supervision, unsupervised
from entrypoints.settings.values import HttpAddress
from entrypoints.watching.probes import probes
from entrypoints.watching.reports import Report, SharedFaults, reports
from entrypoints.watching.service_manager import READY, STOPPING, ServiceManager

if TYPE_CHECKING:
    from prometheus_client import Metric

    from adapters.observers.totals import Totals

RESTART_PAUSE = 1.0  # seconds: a worker that dies at once must not be started in a tight loop
POLL = 0.1
CLEAN_ENDS = (0, 2, 78)

LAST_REPORTS = 1.0
"""Seconds for what processes that have ended had reported."""

SILENT = 30.0
"""Seconds without a report, after which a process does not count as ready."""
HOPELESS = 60.0
"""The same, after which a restart is the better bet."""

log = structlog.get_logger()


@dataclass(slots=True)
class Child:
    """One of the processes, and the process that was started in place of it. `silence`: seconds
    since its last report, or since it was started; looks are counted, so that a machine that stood
    still is not taken for a silent process. `wait`: seconds until it is started again."""

    number: int
    process: "subprocess.Popen[bytes] | None" = None
    last: Report | None = None
    silence: float = 0.0
    wait: float = 0.0

    @property
    def name(self) -> str:
        return f"process {self.number}"

    @property
    def exit_code(self) -> int | None:
        """None while it runs, or will run again."""
        return None if self.wait or self.process is None else self.process.poll()

    def trouble(self) -> str:
        """Why nothing is known of its work; empty where its last report says all."""
        if self.wait and self.process is not None:
            return f"it died (exit code {self.process.returncode}) and is started again in a moment"
        if self.exit_code is not None:
            return f"it has ended (exit code {self.exit_code}) and is not started again"
        if self.silence >= SILENT:
            return f"it has not reported for {self.silence:.0f} seconds"
        return "" if self.last is not None else "it is starting"

    def standstill(self) -> str:
        """Why only a restart can help; empty while that is not so."""
        if self.wait or self.exit_code is not None:
            return ""
        if self.silence >= HOPELESS:
            return f"{self.name} has not reported for {self.silence:.0f} seconds"
        cause = self.last.standstill if self.last is not None else ""
        return cause and f"{self.name}: {cause}"


@dataclass(slots=True)
class Supervisor:
    """The parent of several workers. `command`: starts one; the number of the file that it reports
    to is added. `poll`: seconds between two looks at them."""

    command: Sequence[str]
    count: int
    sink: LogSink
    environ: Mapping[str, str] = field(default_factory=unsupervised)
    manager: ServiceManager = field(default_factory=lambda: ServiceManager(*read_supervision()))
    poll: float = POLL
    restart_pause: float = RESTART_PAUSE
    restarts: int = field(default=0, init=False)
    children: list[Child] = field(default_factory=list, init=False)
    _totals: "Totals | None" = field(default=None, init=False)
    _lives: int = field(default=0, init=False)
    _listening: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _faults: SharedFaults = field(default_factory=SharedFaults, init=False)
    _signal: int | None = field(default=None, init=False)

    async def run(self, address: HttpAddress | None) -> int:
        """Run until all have ended; returns the worst exit code. With an `address`, serve the pages
        of all there; raises SettingsInvalid where that is not possible."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._pass_on, number)
        self.children = [Child(number) for number in range(1, self.count + 1)]
        async with self._pages(address):
            if self._signal is None:
                for child in self.children:
                    self._start(child)
                self.manager.report(READY)
            while any(self._is_at_work(child) for child in self.children):
                await asyncio.sleep(self.poll)
                self._look()
            if self._listening:  # what they said at last
                await asyncio.wait(self._listening, timeout=LAST_REPORTS)
        codes = [child.process.returncode for child in self.children if child.process]
        return max((0 if code == self._clean_end else abs(code) for code in codes), default=0)

    def troubles(self) -> Mapping[str, str]:
        """Why not all are ready: by name the cause, and the processes that it is about."""
        found: dict[str, str] = {}
        about: dict[str, dict[str, list[int]]] = {}
        for child in self.children:
            if trouble := child.trouble():
                found[child.name] = trouble
            elif child.last is not None:
                for name, cause in child.last.causes.items():
                    about.setdefault(name, {}).setdefault(cause, []).append(child.number)
        for name, causes in about.items():
            texts = [f"{_processes(numbers)}: {cause}" for cause, numbers in causes.items()]
            found[name] = "; ".join(texts)
        return found

    def standstill(self) -> str:
        """Why only a restart can help one of them; empty while that is not so."""
        return "; ".join(filter(None, (child.standstill() for child in self.children)))

    def collect(self) -> "Iterable[Metric]":
        """The metrics of the parent itself."""
        from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

        running = sum(child.exit_code is None and not child.wait for child in self.children)
        text = "Worker processes that run."
        yield GaugeMetricFamily("dispatcher_processes", text, running)
        text = "Worker processes that died and were started again."
        yield CounterMetricFamily("dispatcher_process_restarts", text, self.restarts)
        text = "Log lines not written."
        yield CounterMetricFamily("dispatcher_log_lines_dropped", text, self.sink.dropped)

    def _pages(self, address: HttpAddress | None) -> AbstractAsyncContextManager[None]:
        if address is None:
            return nullcontext()
        from adapters.observers.metrics import text_of
        from adapters.observers.totals import Totals

        totals = self._totals = Totals(self)
        pages = HealthPages(
            troubles=self.troubles, metrics=lambda: text_of(totals), standstill=self.standstill
        )
        return probes(pages, address)

    def _start(self, child: Child) -> None:
        ours, its = socket.socketpair()
        command = [*self.command, f"--reports-to={its.fileno()}"]
        with its:
            try:
                child.process = subprocess.Popen(
                    command, process_group=0, env=self.environ, pass_fds=[its.fileno()]
                )
            except OSError:
                ours.close()
                raise
        child.last, child.silence, child.wait = None, 0.0, 0.0
        self._lives += 1
        listening = asyncio.create_task(self._listen(child, ours, self._lives))
        self._listening.add(listening)
        listening.add_done_callback(self._listening.discard)

    def _start_again(self, child: Child) -> None:
        try:
            self._start(child)
        except OSError as error:  # the system has no room for it; the others go on
            log.error("worker process cannot be started; trying again", error=str(error))  # noqa: TRY400
            child.wait = self.restart_pause
        else:
            self.restarts += 1

    async def _listen(self, child: Child, sock: socket.socket, life: int) -> None:
        """Take the reports of one life of a child until its end."""

        def take(report: Report) -> None:
            if report.faults:
                self._faults.say(child.number, report.faults)
                return
            child.last, child.silence = report, 0.0
            if self._totals is not None:
                self._totals.report(life, report.metrics)

        await reports(sock, take)
        if self._totals is not None:
            self._totals.end(life)

    def _look(self) -> None:
        """Look once after all, `poll` seconds after the last time."""
        if not self.standstill():
            self.manager.alive()
        for child in self.children:
            code = child.exit_code
            if child.wait:
                child.wait = max(0.0, child.wait - self.poll)
                if not child.wait and self._signal is None:
                    self._start_again(child)
            elif code is None:
                child.silence += self.poll
            elif code not in CLEAN_ENDS and self._signal is None:
                log.error("worker process died; starting another", exit_code=code)
                child.wait = self.restart_pause

    def _is_at_work(self, child: Child) -> bool:
        """Whether it runs, or will run again."""
        if child.process is None:
            return False
        return child.process.poll() is None or (child.wait > 0 and self._signal is None)

    @property
    def _clean_end(self) -> int:
        """The exit code of a process that was stopped before it could take a message."""
        return 0 if self._signal is None else -self._signal

    def _pass_on(self, number: int) -> None:
        self._signal = self._signal or number
        self.manager.report(STOPPING)
        for child in self.children:
            if child.process is not None and child.process.poll() is None:
                with suppress(ProcessLookupError):
                    child.process.send_signal(number)


def _processes(numbers: Sequence[int]) -> str:
    names = ", ".join(map(str, numbers))
    return f"process {names}" if len(numbers) == 1 else f"processes {names}"
