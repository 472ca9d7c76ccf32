"""`dispatcher worker`."""

import math
import signal
import subprocess
import sys
import time
from types import FrameType

import click
import structlog

from entrypoints.cli.app import channel_names
from entrypoints.settings.sources import read_supervision, unsupervised
from entrypoints.watching.service_manager import READY, STOPPING, ServiceManager

_RESTART_PAUSE = 1.0  # seconds: a worker that dies at once must not be started in a tight loop
_POLL = 0.1
_CLEAN_ENDS = (0, 2, 78)

log = structlog.get_logger()


def _finite(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter("must be a number of seconds")
    return value


@click.command("worker")
@click.option(
    "--channels",
    help="Consume only these channels, comma-separated.",
    shell_complete=channel_names,
)
@click.option("--processes", type=click.IntRange(1, 64), default=1, help="Worker processes.")
@click.option("--limit", type=click.IntRange(1), help="Stop after this many messages.")
@click.option(
    "--time-limit", type=click.FloatRange(0), callback=_finite, help="Stop after this many seconds."
)
@click.option("--memory-limit", type=click.IntRange(1), help="Stop above this many MiB.")
@click.option("--drain", is_flag=True, help="Stop when the queues are empty.")
def command(
    channels: str | None,
    processes: int,
    limit: int | None,
    time_limit: float | None,
    memory_limit: int | None,
    drain: bool,
) -> int:
    """Take messages from the queues and deliver them, until SIGTERM.

    After the first SIGTERM it finishes the messages in hand. The second one ends it at once. It
    waits for a broker that cannot be reached.
    """
    from adapters.observers.logs import write_in_background
    from entrypoints.settings import SettingsInvalid
    from entrypoints.start import load_with_log, worker_settings

    settings, sink = load_with_log()
    write_in_background(sink)  # the mails go on whatever becomes of stderr
    settings = worker_settings(settings, channels)
    if processes > 1:
        if settings.http is not None:
            fault = "cannot be served with --processes above 1, since only one process can have"
            remedy = "start single workers with an address each"
            raise SettingsInvalid([f"DISPATCHER_HTTP: {fault} the port; {remedy}"])
        return _supervise(processes)
    import uvloop

    from entrypoints.serve import serve

    uvloop.run(
        serve(settings, sink, limit=limit, seconds=time_limit, memory=memory_limit, drain=drain)
    )
    return 0


def _supervise(count: int) -> int:
    """Run `count` workers with this command's other options; returns the worst exit code.

    Signals are passed on. A worker that died (killed, out of memory) is started again; one that
    ended by itself, or refused its configuration, is not.
    """
    # Of an option that is given twice the last counts. A worker has no arguments.
    options = [one for one in sys.argv[1:] if one not in ("worker", "--")]
    command = [sys.executable, "-m", "entrypoints.worker", *options, "--processes=1"]
    environ, manager = unsupervised(), ServiceManager(*read_supervision())
    stopping = False

    def pass_on(number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        manager.report(STOPPING)
        for worker in workers:
            if worker.poll() is None:
                worker.send_signal(number)

    workers: list[subprocess.Popen[bytes]] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    workers += [subprocess.Popen(command, process_group=0, env=environ) for _ in range(count)]
    manager.report(READY)
    while any(worker.poll() is None for worker in workers):
        time.sleep(_POLL)
        manager.alive()
        for index, worker in enumerate(workers):
            if worker.poll() not in (None, *_CLEAN_ENDS) and not stopping:
                log.error("worker process died; starting another", exit_code=worker.returncode)
                time.sleep(_RESTART_PAUSE)
                workers[index] = subprocess.Popen(command, process_group=0, env=environ)
    return max(abs(int(worker.returncode)) for worker in workers)
