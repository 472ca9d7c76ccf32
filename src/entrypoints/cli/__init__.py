"""The `dispatcher` command. This module stays light: it runs before anything heavy is imported."""

import os
import signal
import sys
from importlib import import_module


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    # Standard files that are closed (`2>&-`) are occupied: else the next file that is opened, such
    # as a database, has the number of stderr, and gets what a library prints there.
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if arguments[:1] == ["worker"]:
        # Nothing is in hand during start-up, so a stop then is a clean one.
        signal.signal(signal.SIGTERM, lambda _signal, _frame: os._exit(0))
        _load("structlog", without="rich")
        _load("dependency_injector.containers", without="yaml")
    from entrypoints.cli.app import run

    sys.exit(run(arguments))


def _load(name: str, *, without: str) -> None:
    """Import a module as if another were not installed, which it would load and a worker never use:
    structlog rich (for tracebacks), dependency-injector yaml (for its configuration). Five MiB."""
    modules: dict[str, object] = sys.modules  # type: ignore[assignment]
    if name in modules or without in modules:
        return
    modules[without] = None
    import_module(name)
    del modules[without]
