"""What commands share: the program opened once; data on stdout, words on stderr, tables for people,
JSON for programs."""

import json
import sys
import time
from asyncio import Runner
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from domain.value_object import value_object
from entrypoints.settings import Settings, variable
from entrypoints.settings.sources import may_colour
from entrypoints.start import load

if TYPE_CHECKING:
    from entrypoints.container import Container

T = TypeVar("T")

_APPEARS_AFTER = 1.0  # seconds
_PLAIN_WIDTH = 200  # a pipe has no width of its own; do not cut words off for it


@value_object()
class Application:
    """The settings, and the parts of the program, each made where it is first asked for."""

    settings: Settings
    container: "Container"
    runner: Runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work on the command's one loop; its result."""
        return self.runner.run(work)


@contextmanager
def opened(settings: Settings | None = None, *, names_queue: bool = False) -> Iterator[Application]:
    """An application with these settings, else with the operator's; what was made is closed at the
    end. `names_queue`: say which queue is meant where no broker was chosen. Raises
    SettingsInvalid."""
    from entrypoints.container import Container

    settings = settings or load()
    if names_queue and settings.broker_url is None:
        file = settings.home / "queue.db"
        state = "" if file.exists() else ", which does not exist yet"
        words(f"embedded queue {file}{state}: no {variable('broker_url')} is set")
    container = Container(settings=settings)
    with Runner() as runner:
        is_interrupted = False
        try:
            yield Application(settings, container, runner)
        except KeyboardInterrupt:
            is_interrupted = True  # the runner cancels what was under way; nothing may go on first
            raise
        finally:
            if not is_interrupted:
                runner.run(container.closing().aclose())


def print_json(value: object) -> None:
    """`value` on stdout, as JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout. Cells are plain text: nothing in them is read as markup. The first column
    is never folded: its names have to be copied in one piece."""
    console = Console(
        width=None if sys.stdout.isatty() else _PLAIN_WIDTH,
        highlight=False,
        color_system="auto" if may_colour() else None,
    )
    heads = (Column(text, overflow="fold", no_wrap=not at) for at, text in enumerate(columns))
    table = Table(*heads, show_edge=False, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)


def print_entries(
    columns: Sequence[str], rows: Sequence[Sequence[object]], notes: Sequence[Sequence[str]]
) -> None:
    """Rows in columns on stdout, each followed by the lines of its notes, indented.

    Nothing is folded, however narrow the terminal is: an id has to be copied in one piece.
    """
    cells = [[printable(cell).replace("\n", " ") for cell in row] for row in (columns, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    head, *lines = (
        "  ".join(set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True))
        for row in cells
    )
    click.echo(head.rstrip())
    click.echo("  ".join("─" * width for width in widths))
    for line, under in zip(lines, notes, strict=True):
        click.echo(line.rstrip())
        for note in filter(None, under):
            click.echo(f"  {printable(note)}".replace("\n", "\n  "))


def printable(value: object) -> str:
    """`value` as text that cannot drive a terminal; None is empty."""
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def words(text: str) -> None:
    """Something for a person, on stderr."""
    click.echo(text, err=True)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone. Raises UsageError where no person can answer."""
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("no terminal to ask on: add --yes to go ahead")
        click.confirm(question, abort=True, err=True)


def ago(moment: datetime | None) -> str:
    """How long ago, in the largest unit that fits."""
    if moment is None:
        return ""
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit} ago"
    return f"{max(seconds, 0)}s ago"


def duration(delay: timedelta) -> str:
    """As settings have it, in the largest unit that fits: `90s`, `5m`."""
    milliseconds = delay // timedelta(milliseconds=1)
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


class Bar:
    """A progress bar on stderr that counts up to `length`. It appears only when the work takes
    longer than a second, on a terminal that can show one. `label` says what is being done."""

    def __init__(self, label: str, length: int) -> None:
        self._appears_at = time.monotonic() + _APPEARS_AFTER
        self._bar = click.progressbar(
            length=length, label=label, file=sys.stderr, hidden=not may_colour()
        )
        self._shown = 0

    def show(self, done: int) -> None:
        """So many are done."""
        if time.monotonic() >= self._appears_at:
            self._bar.update(done - self._shown)
            self._shown = done

    def end(self) -> None:
        """Leave the bar as it is and go on in the next line."""
        if self._shown:
            self._bar.render_finish()
