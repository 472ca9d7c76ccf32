"""`dispatcher worker`."""

import asyncio
import math
import sys
from collections.abc import Mapping
from typing import Any

import click

from domain.errors import DispatcherError
from entrypoints.cli.app import channel_names, explained
from entrypoints.cores import cores

_MOST_PROCESSES = 64


def _finite(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter("must be a number of seconds")
    return value


class Processes(click.IntRange):
    """A number of processes, or `auto`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """See click.ParamType."""
        if value == "auto":
            return min(cores(), _MOST_PROCESSES)
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            text = f"{value!r} must be a number from 1 to {_MOST_PROCESSES}, or auto"
            raise click.BadParameter(text, ctx, param) from None


@click.command("worker")
@click.option(
    "--channels",
    help="Consume only these channels, comma-separated.",
    shell_complete=channel_names,
)
@click.option(
    "--processes",
    type=Processes(1, _MOST_PROCESSES),
    metavar="N|auto",
    default=1,
    help="Worker processes; auto: one for each core that may be used.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    help="Stop after this many messages; with --processes, each process.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(0),
    callback=_finite,
    help="Stop after this many seconds; with --processes, each process.",
)
@click.option(
    "--memory-limit",
    type=click.IntRange(1),
    help="Stop above this many MiB; with --processes, each process.",
)
@click.option("--drain", is_flag=True, help="Stop when the queues are empty.")
@click.option("--reports-to", type=int, hidden=True)
def command(
    channels: str | None,
    processes: int,
    limit: int | None,
    time_limit: float | None,
    memory_limit: int | None,
    drain: bool,
    reports_to: int | None,
) -> int:
    """Take messages from the queues and deliver them, until SIGTERM.

    After the first SIGTERM it finishes the messages in hand. The second one ends it at once. It
    waits for a broker that cannot be reached.
    """
    options = {
        "limit": limit,
        "seconds": time_limit,
        "memory": memory_limit,
        "drain": drain,
        "reports_to": reports_to,
    }
    if reports_to is None:
        return _work(channels, processes, options)
    from entrypoints.watching.reports import report_faults, second_handle

    parent = second_handle(reports_to)
    try:
        return _work(channels, 1, options)
    except DispatcherError as error:
        lines, code = explained(error)
        if parent is None or not report_faults(parent, lines):
            raise
        return code


def _work(channels: str | None, processes: int, options: Mapping[str, Any]) -> int:
    """Serve until the end, here or in `processes`. `options`: those of `serve`."""
    from adapters.observers.logs import write_in_background
    from entrypoints.start import load_with_log, worker_settings

    settings, sink = load_with_log()
    write_in_background(sink)  # the mails go on whatever becomes of stderr
    settings = worker_settings(settings, channels)
    if processes > 1:
        from entrypoints.supervise import Supervisor

        return asyncio.run(Supervisor(_one_worker(), processes, sink).run(settings.http))
    import uvloop

    from entrypoints.serve import serve

    uvloop.run(serve(settings, sink, **options))
    return 0


def _one_worker() -> list[str]:
    """The command of a single worker with this command's other options."""
    # Of an option that is given twice the last counts. A worker has no arguments.
    options = [one for one in sys.argv[1:] if one not in ("worker", "--")]
    return [sys.executable, "-m", "entrypoints.worker", *options, "--processes=1"]
