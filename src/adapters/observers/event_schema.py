"""The JSON Schema of outcome events, for programs that read them."""

from typing import Any

from adapters.observers.outcome_events import DEAD_LETTERED, DEFERRED, NONCHARACTERS, SENT, TYPE
from domain.errors import FailureReason

_FORBIDDEN = (
    r"\u0000-\u001F\u007F-\u009F\uD800-\uDFFF\uFDD0-\uFDEF\uFFFE\uFFFF"
    # JSON's escapes and those of regular expressions name no code point of a higher plane.
    + NONCHARACTERS[2:]
)
_STRING = {"type": "string", "minLength": 1, "pattern": rf"^(?![\s\S]*[{_FORBIDDEN}])"}
"""CloudEvents' type String."""
_ENCODED = "A character that CloudEvents forbids in an attribute is percent-encoded, in UTF-8."
_COUNT = {"type": "integer", "minimum": 1}
_COMMON: dict[str, Any] = {
    "queue": {"description": "The work queue.", "type": "string"},
    "channel": {"type": "string"},
    "id": {
        "description": "The message's id as it is; only where `subject` has another form of it.",
        "type": "string",
    },
    "template": {"type": "string"},
    "attempt": {"description": "The number of the attempt; the first is 1.", **_COUNT},
    "recipients": {"description": "How many recipients this event is about.", **_COUNT},
    "message_ids": {
        "description": "The Message-IDs of the mails that left for them in this attempt.",
        "type": "array",
        "items": {"type": "string", "pattern": "^<.+>$"},
        "minItems": 1,
    },
    "metadata": {
        "description": "The message's, as the log has them; absent where it has no metadata.",
        "type": "object",
    },
}
_ALWAYS = ["queue", "channel"]
_USUAL = [*_ALWAYS, "template", "attempt", "recipients"]
_ERROR = {"description": "Why, with addresses masked.", "type": "string"}
_DATA: dict[str, dict[str, Any]] = {
    SENT: {
        "required": [*_USUAL, "sent_earlier"],
        "properties": {
            **_COMMON,
            "sent_earlier": {
                "description": "An earlier delivery of the same message had sent it; nothing was"
                " sent now.",
                "type": "boolean",
            },
        },
    },
    DEFERRED: {
        "required": [*_USUAL, "retry_in_seconds", "error"],
        "properties": {
            **_COMMON,
            "retry_in_seconds": {"type": "number", "minimum": 0},
            "error": _ERROR,
        },
    },
    DEAD_LETTERED: {
        "description": "A message that cannot be read has no template, attempt or recipients.",
        "required": [*_ALWAYS, "reason", "error"],
        "properties": {
            **_COMMON,
            "reason": {"type": "string", "enum": [str(reason) for reason in FailureReason]},
            "error": _ERROR,
        },
    },
}
_ATTRIBUTES: dict[str, Any] = {
    "specversion": {"const": "1.0"},
    "id": {"description": "Of this event alone.", "type": "string", "format": "uuid"},
    "source": {
        "description": "`/dispatcher/` and the name of the work queue.",
        "type": "string",
        "format": "uri-reference",
    },
    "subject": {"description": f"The message's id. {_ENCODED}", **_STRING},
    "time": {"type": "string", "format": "date-time"},
    "correlationid": {
        "description": f"The message's AMQP property correlation_id, else its id. {_ENCODED}",
        **_STRING,
    },
    "traceparent": {
        "description": "Of the message's trace (W3C Trace Context); absent where it has no trace.",
        "type": "string",
        "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
    },
    "datacontenttype": {"const": "application/json"},
}


def event_schema(kind: str) -> dict[str, Any]:
    """The schema of the events of one kind, as a JSON object."""
    return {
        "type": "object",
        "required": [
            *(name for name in _ATTRIBUTES if name != "traceparent"),
            "type",
            "data",
        ],
        "properties": {
            **_ATTRIBUTES,
            "type": {"const": TYPE + kind},
            "data": {"type": "object", **_DATA[kind]},
        },
    }
