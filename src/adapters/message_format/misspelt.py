"""Unknown fields of a message that were probably meant as one we know."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from adapters.message_format.schema import WireMessage
from domain.errors import FailureReason
from domain.outcome import Outcome, Rejected

_MOST = 3
_KNOWN = frozenset(field.alias or name for name, field in WireMessage.model_fields.items())


def probably_meant(unknown: Iterable[str], given: Collection[str]) -> Mapping[str, str]:
    """Unknown field to known one, where they are nearly equal and the known one is not given."""
    absent = _KNOWN.difference(given)
    meant = {}
    for name in (name for name in unknown if name not in _KNOWN):
        near = difflib.get_close_matches(name[:80].lower(), absent, n=1, cutoff=0.75)
        if near:
            meant[name[:80]] = near[0]
    return meant


def hints(meant: Mapping[str, str]) -> list[str]:
    """One question for each such field."""
    return [
        f"the message has an unknown field {name!r}, did you mean {known!r}?"
        for name, known in meant.items()
    ][:_MOST]


def explained(outcome: Outcome, meant: Mapping[str, str]) -> Outcome:
    """`outcome`, where a variable is undefined with what may be its cause."""
    if not meant:
        return outcome
    results = tuple(
        replace(result, error="; ".join([result.error, *hints(meant)]))
        if isinstance(result, Rejected) and result.reason is FailureReason.TEMPLATE_UNDEFINED
        else result
        for result in outcome.results
    )
    return replace(outcome, results=results)
