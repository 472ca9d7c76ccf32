"""The trace that the work under way belongs to, as the W3C Trace Context names it
(https://www.w3.org/TR/trace-context/#traceparent-header)."""

import re
from contextvars import ContextVar

HEADER = "traceparent"

TRACE: ContextVar[str | None] = ContextVar("trace", default=None)
"""The `traceparent` to pass on, well-formed. Each message is handled in a task of its own, so it is
that of one message."""

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def well_formed(traceparent: str) -> str | None:
    """The text where it may be passed on, else None: it comes from any producer."""
    return traceparent if _FORM.fullmatch(traceparent) else None


def trace_id(traceparent: str) -> str:
    """The trace's id in a well-formed text."""
    return traceparent.split("-")[1]
