"""A progress bar on stderr that appears only when the work takes longer than a second, on a
terminal that can show one."""

import sys
import time

import click

from entrypoints.settings.terminal import may_colour

_APPEARS_AFTER = 1.0  # seconds


class Bar:
    """Counts up to `length`; `label` says what is being done."""

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
