"""Keeps the faults of those who only watch away from what they watch."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import structlog

log = structlog.get_logger()

_Given = ParamSpec("_Given")


def harmless(watch: Callable[_Given, None]) -> Callable[_Given, None]:
    """`watch`, made to raise nothing: each kind of fault is logged once."""
    known: set[type[Exception]] = set()

    @wraps(watch)
    def guarded(*args: _Given.args, **kwargs: _Given.kwargs) -> None:
        try:
            watch(*args, **kwargs)
        except Exception as error:
            if type(error) not in known:
                known.add(type(error))
                log.exception(
                    "an observer failed; deliveries go on without it",
                    observer=getattr(watch, "__qualname__", type(watch).__name__),
                )

    return guarded
