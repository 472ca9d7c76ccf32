"""Calls of libraries in Rust, which can end the process where others raise an error."""

import re
from collections.abc import Callable
from typing import TypeVar

from adapters.templates.limits import with_free_memory
from adapters.texts import short_text

_T = TypeVar("_T")

MOST_LEVELS = 5_000
"""How many elements may stand within each other. These libraries read them by calls within calls;
at twice as many the stack of 8 MiB is full, which no program survives."""

_START = re.compile("<[a-zA-Z]")
_PANIC = "PanicException"  # which is no Exception, and can be imported from nowhere


class LibraryFailed(Exception):
    """The library gave no result; the message says why."""


def called(call: Callable[[], _T]) -> _T:
    """What the call returns. Raises LibraryFailed."""
    try:
        return with_free_memory(call)
    except Exception as error:  # noqa: BLE001 - a library raises anything
        raise LibraryFailed(short_text(error)) from None
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise LibraryFailed(short_text(error)) from None


def start_tags(page: str) -> int:
    """How many tags of a page begin an element, at most: whatever the markup is, there are no more
    elements within each other than these and those that the library adds."""
    return len(_START.findall(page))
