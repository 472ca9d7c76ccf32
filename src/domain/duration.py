"""Durations as people write them: 10s, 1m, 250ms."""

import re
from datetime import timedelta

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*(ms|s|m|h|d)")


def parse_duration(text: str) -> timedelta:
    """Read `250ms`, `10s`, `5m`, `2h` or `1d`. Raises ValueError that says what is expected."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("must be a duration such as 250ms, 10s, 5m, 2h or 1d")
    try:
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    except OverflowError:
        raise ValueError("is too long a duration") from None
