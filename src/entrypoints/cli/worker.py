"""`dispatcher worker`."""

import math

import click

_ONE_PORT = (
    "DISPATCHER_HTTP: cannot be served with --processes above 1, since only one process can have"
    " the port; start single workers with an address each"
)


def _finite(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter("must be a number of seconds")
    return value


@click.command("worker")
@click.option("--channels", help="Consume only these channels, comma-separated.")
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
    from entrypoints.settings import SettingsInvalid
    from entrypoints.start import load_for_worker, worker_settings

    settings, sink = load_for_worker()
    settings = worker_settings(settings, channels)
    if processes > 1:
        from entrypoints.processes import supervise

        if settings.http is not None:
            raise SettingsInvalid([_ONE_PORT])
        return supervise(processes)
    import uvloop

    from entrypoints.serve import WorkerLimits, serve

    limits = WorkerLimits(messages=limit, seconds=time_limit, memory=memory_limit)
    uvloop.run(serve(settings, sink, limits, drain=drain))
    return 0
