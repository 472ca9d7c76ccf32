"""Several worker processes under one parent: one process uses one core."""

import signal
import subprocess
import sys
import time
from types import FrameType

import structlog

from entrypoints.settings.supervision import unsupervised
from entrypoints.watching.service_manager import ServiceManager

_RESTART_PAUSE = 1.0  # seconds: a worker that dies at once must not be started in a tight loop
_POLL = 0.1
_CLEAN_ENDS = (0, 2, 78)
_OPTION = "--processes"

log = structlog.get_logger()


def supervise(count: int) -> int:
    """Run `count` workers with this command's other options; returns the worst exit code.

    Signals are passed on. A worker that died (killed, out of memory) is started again; one that
    ended by itself, or refused its configuration, is not.
    """
    command = [sys.executable, "-m", "entrypoints.worker", *_without_option(sys.argv[1:])]
    environ, manager = unsupervised(), ServiceManager()
    stopping = False

    def pass_on(number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        manager.stopping()
        for worker in workers:
            if worker.poll() is None:
                worker.send_signal(number)

    workers: list[subprocess.Popen[bytes]] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    workers += [subprocess.Popen(command, process_group=0, env=environ) for _ in range(count)]
    manager.ready()
    while any(worker.poll() is None for worker in workers):
        time.sleep(_POLL)
        manager.alive()
        for index, worker in enumerate(workers):
            died = worker.poll() is not None and worker.returncode not in _CLEAN_ENDS
            if died and not stopping:
                log.error("worker process died; starting another", exit_code=worker.returncode)
                time.sleep(_RESTART_PAUSE)
                workers[index] = subprocess.Popen(command, process_group=0, env=environ)
    return max(abs(int(worker.returncode)) for worker in workers)


def _without_option(arguments: list[str]) -> list[str]:
    rest = arguments[1:] if arguments[:1] == ["worker"] else list(arguments)
    while _OPTION in rest:
        index = rest.index(_OPTION)
        del rest[index : index + 2]
    return [argument for argument in rest if not argument.startswith(f"{_OPTION}=")]
