"""The formats of the filters `date`, `time` and `datetime`: a style, or a pattern as `d MMMM`."""

import re
from collections.abc import Callable
from typing import Any

from adapters.templates.values import UnfitValue
from adapters.texts import nearest

_STYLES = ("short", "medium", "long", "full")
_OF_STRFTIME = re.compile("%-?[A-Za-z]")
_OTHER = {"date": "a time of day; use the filter datetime", "time": "a date; use datetime"}


def written(write: Callable[..., str], moment: Any, form: Any, name: str, **more: Any) -> str:
    """What Babel's function writes. Raises UnfitValue where the form cannot be used."""
    form = _checked(form, name)
    try:
        return write(moment, form, **more)
    except AttributeError:  # a date has no hours, and a time no days
        asks = _OTHER.get(name, "what it does not have")
        raise UnfitValue(f"the format {form!r} of the filter {name!r} asks for {asks}") from None
    except ValueError as error:
        raise UnfitValue(f"the format {form!r} of the filter {name!r}: {error}") from None


def _checked(form: Any, name: str) -> str:
    if not isinstance(form, str) or not form:
        raise UnfitValue(f"the format of the filter {name!r} must be a text")
    if form.isalpha() and form not in _STYLES and (near := nearest(form.lower(), _STYLES)):
        raise UnfitValue(f"the filter {name!r} has no format {form!r}; did you mean {near!r}?")
    if _OF_STRFTIME.search(form):
        raise UnfitValue(
            f"the format {form!r} of the filter {name!r} is one of strftime; "
            "write a pattern such as 'dd/MM/yyyy' or 'HH:mm'"
        )
    return form
