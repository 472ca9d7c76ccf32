"""The trace that the work under way belongs to, as the W3C Trace Context names it
(https://www.w3.org/TR/trace-context/#traceparent-header)."""

import re
from contextvars import ContextVar

HEADER = "traceparent"

TRACE: ContextVar[str | None] = ContextVar("trace", default=None)
"""The `traceparent` to pass on, well-formed. Each message is handled in a task of its own, so it is
that of one message."""

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_OURS = "00"
_LENGTH = 55
_SAMPLED = 1


def well_formed(traceparent: str) -> str | None:
    """What may be passed on of the text, else None: it comes from any producer.

    One of a later version is read as far as it has the form of ours, and becomes one of ours
    (https://www.w3.org/TR/trace-context/#versioning-of-traceparent).
    """
    known, more = traceparent[:_LENGTH], traceparent[_LENGTH:]
    if not _FORM.fullmatch(known):
        return None
    if known.startswith(_OURS):
        return None if more else known
    if more and not more.startswith("-"):
        return None
    flags = int(known[-2:], 16) & _SAMPLED  # what else a later version has there is not known
    return f"{_OURS}{known[2:-2]}{flags:02x}"


def trace_id(traceparent: str) -> str:
    """The trace's id in a well-formed text."""
    return traceparent.split("-")[1]
