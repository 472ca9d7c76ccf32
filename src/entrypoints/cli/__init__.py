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
        _load("structlog", without=("rich", "greenlet"))
        web = ("starlette", "fastapi", "werkzeug")
        _load("dependency_injector.containers", without=("yaml", *web))
    from entrypoints.cli.app import run

    sys.exit(run(arguments))


def _load(name: str, *, without: tuple[str, ...]) -> None:
    """Import a module as if others were not installed, which it would load and a worker never uses:
    structlog rich and greenlet (for tracebacks and old threads), dependency-injector yaml and web
    frameworks (for its configuration and wiring). Six MiB."""
    modules: dict[str, object] = sys.modules  # type: ignore[assignment]
    if name in modules:
        return
    absent = [one for one in without if one not in modules]
    modules |= dict.fromkeys(absent)
    import_module(name)
    for one in absent:
        del modules[one]
