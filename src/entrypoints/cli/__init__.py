"""The `dispatcher` command. This module stays light: it runs before anything heavy is imported."""

import os
import signal
import sys


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
        _load_structlog_alone()
    from entrypoints.cli.app import run

    sys.exit(run(arguments))


def _load_structlog_alone() -> None:
    """structlog loads rich where it is installed, for tracebacks that a worker does not print: four
    MiB, and a twentieth of its start."""
    modules: dict[str, object] = sys.modules  # type: ignore[assignment]
    if "structlog" in modules or "rich" in modules:
        return
    modules["rich"] = None
    import structlog  # noqa: F401

    del modules["rich"]
