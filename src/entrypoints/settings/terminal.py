"""What the terminal says of itself, apart from our own settings."""

import os
from collections.abc import Mapping


def may_colour(environ: Mapping[str, str] | None = None) -> bool:
    """Whether colours are wanted on a terminal: not with `NO_COLOR` (https://no-color.org), nor on
    one that knows no codes."""
    environ = os.environ if environ is None else environ
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
