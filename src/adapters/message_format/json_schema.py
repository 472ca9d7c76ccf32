"""The message's JSON Schema (draft 2020-12), for producers to check against before they publish.

It refuses nothing that the worker accepts. What no schema can say, the worker alone checks: sizes
in bytes and in sum, that `to` has just the channels named, real dates, and numbers such as 5.0.
"""

from itertools import combinations
from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_NO_BREAK = r"^(?![\s\S]*[\r\n\u0000])"
_LOCALE = (
    r"^(?:(?:C|POSIX|[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3})"
    r"(?:\.[A-Za-z0-9_:-]{1,20})?(?:@[A-Za-z0-9_=;-]{1,20})?)?$"
)
_TIME = (
    r"^\s*[0-9]{4}-?(?:[0-9]{2}-?[0-9]{2}|[Ww][0-9]{2}(?:-?[0-9])?)[\s\S][0-9]{2}.*"
    r"(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2}(?:[.,][0-9]+)?)?)?)\s*$"
)
_HEADER = (
    r"^(?![Xx]-[Dd][Ii][Ss][Pp][Aa][Tt][Cc][Hh][Ee][Rr]-)(?:[Xx]-[!-9;-~]+|[Ll][Ii][Ss][Tt]-[!-9;-~]+"
    r"|[Ii][Nn]-[Rr][Ee][Pp][Ll][Yy]-[Tt][Oo]|[Rr][Ee][Ff][Ee][Rr][Ee][Nn][Cc][Ee][Ss]"
    r"|[Ii][Mm][Pp][Oo][Rr][Tt][Aa][Nn][Cc][Ee]|[Pp][Rr][Ee][Cc][Ee][Dd][Ee][Nn][Cc][Ee]"
    r"|[Ff][Ee][Ee][Dd][Bb][Aa][Cc][Kk]-[Ii][Dd])$"
)
_MEDIA_TYPE = (
    r"^[ \t]*[A-Za-z0-9_!#$%&'*+.^`{|}~-]+/[A-Za-z0-9_!#$%&'*+.^`{|}~-]+"
    r"[ \t]*(?:;[^\u0000-\u0008\u000a-\u001f\u007f]*)?$"
)
_CONTENT_ID = r"^<?[A-Za-z0-9!#$&'*+/=?^_`{|}~.@-]{1,200}>?$"

# PHP writes an empty object as an empty list.
_OBJECT = {"type": ["object", "array", "null"], "maxItems": 0}
_LINE = {"type": "string", "pattern": _NO_BREAK}
_CHANNEL = {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,63}$"}
_CHANNELS = {"type": "array", "items": _CHANNEL, "minItems": 1, "uniqueItems": True}
_NAMES_SEVERAL = {
    "anyOf": [
        {"required": [name], "properties": {name: {"type": "array"}}}
        for name in ("channels", "fallback")
    ]
}
_DEFINITIONS = {
    "address": {
        "description": "`address` or `Name <address>`. A string is one address; several are a"
        " list.",
        "type": "string",
        "pattern": _NO_BREAK + r"(?=[\s\S]*\S)(?![\s\S]*<\s*>\s*$)",
    },
    "recipient": {
        "anyOf": [{"$ref": "#/$defs/address"}, {"$ref": "#/$defs/chat"}],
    },
    "chat": {"description": "Telegram only: a chat's number.", "type": "integer"},
    "recipients": {
        "anyOf": [
            {"$ref": "#/$defs/recipient"},
            {"type": "array", "items": {"$ref": "#/$defs/recipient"}, "minItems": 1},
        ]
    },
    "recipientsOrNothing": {
        "anyOf": [
            {"enum": ["", None]},
            {"$ref": "#/$defs/recipient"},
            {"type": "array", "items": {"$ref": "#/$defs/recipient"}},
        ]
    },
    "time": {
        "description": "ISO 8601 with an offset.",
        "type": ["string", "null"],
        "pattern": _TIME,
        "examples": ["2026-01-31T08:00:00+01:00"],
    },
    "attachment": {
        "type": "object",
        "required": ["filename"],
        "properties": {
            "filename": {**_LINE, "minLength": 1},
            "content_type": {"type": ["string", "null"], "pattern": _MEDIA_TYPE},
            "content": {
                "type": ["string", "null"],
                "description": "Base64, also in lines, URL-safe or without padding.",
                "contentEncoding": "base64",
                "pattern": r"^[A-Za-z0-9+/_\s=-]*$",
            },
            "path": {
                "description": "In the worker's attachments folder.",
                "type": ["string", "null"],
            },
            "content_id": {
                "description": "An image that the HTML shows as `cid:` and this.",
                "type": ["string", "null"],
                "pattern": _CONTENT_ID,
            },
        },
        "oneOf": [
            {"required": [name], "properties": {name: {"type": "string"}}}
            for name in ("content", "path")
        ],
    },
}
_MAYBE = {"$ref": "#/$defs/recipientsOrNothing"}
_WHO = {
    "to": {
        "description": "A recipient or a list of them; with `channels` or `fallback` an"
        " object, channel to recipients."
    },
    "from": {"anyOf": [{"enum": ["", None]}, {"$ref": "#/$defs/recipient"}]},
    "reply_to": _MAYBE,
    "envelope_from": {
        "description": "Where bounces go. Without it: to the sender.",
        "anyOf": [{"enum": ["", None]}, {"$ref": "#/$defs/recipient"}],
    },
    "cc": _MAYBE,
    "bcc": _MAYBE,
    "channel": {
        "description": "Else the queue decides.",
        "anyOf": [_CHANNEL, {"type": "null"}],
    },
    "channels": {
        "description": "The message goes to each of them.",
        "anyOf": [_CHANNELS, {"type": "null"}],
    },
    "fallback": {
        "description": "The next one only where the one before refused for good.",
        "anyOf": [_CHANNELS, {"type": "null"}],
    },
    "individually": {
        "description": "One mail for each recipient instead of one to all.",
        "type": ["boolean", "null"],
    },
}
_WHAT = {
    "template": {
        "type": "string",
        "maxLength": 200,
        "pattern": "^[A-Za-z0-9_-]+(?:[/.][A-Za-z0-9_-]+)*$",
    },
    "parameters": {
        "description": "The template's variables; see `dispatcher templates schema`.",
        **_OBJECT,
    },
    "subject": {"type": ["string", "null"], "pattern": _NO_BREAK},
    "locale": {
        "description": "`it-IT` falls back to `it`, then to no locale.",
        "type": ["string", "null"],
        "pattern": _LOCALE,
    },
    "timezone": {
        "description": "IANA name, such as Europe/Rome, for the date filters.",
        "type": ["string", "null"],
    },
    "attachments": {
        "type": ["array", "null"],
        "items": {"$ref": "#/$defs/attachment"},
    },
    "headers": {
        "description": "X-*, List-*, In-Reply-To, References, Importance, Precedence or"
        " Feedback-ID.",
        **_OBJECT,
        "propertyNames": {"pattern": _HEADER},
        "additionalProperties": {"anyOf": [_LINE, {"type": "null"}]},
    },
    "metadata": {"description": "Echoed in logs.", **_OBJECT},
}
_WHEN = {
    "id": {
        "description": "Idempotency key, at most 255 bytes: the same one is sent once.",
        "type": ["string", "null"],
        "maxLength": 255,
        "pattern": _NO_BREAK,
    },
    "send_at": {"$ref": "#/$defs/time"},
    "delay": {
        "description": 'Seconds, or a duration such as "90s"; at most a year.',
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": 366 * 24 * 3600},
            {"type": "string", "pattern": r"^\s*\d{1,12}(\.\d{1,6})?\s*(ms|s|m|h|d)\s*$"},
            {"type": "null"},
        ],
    },
    "expires_at": {
        "description": "Later it is dead-lettered as expired.",
        "$ref": "#/$defs/time",
    },
    "priority": {"type": ["integer", "null"], "minimum": 0, "maximum": 255},
}
_GIVEN = {"type": ["string", "array"]}


def message_schema() -> dict[str, Any]:
    """The schema as a JSON object."""
    return {
        "$schema": DIALECT,
        "title": "Dispatcher message",
        "description": "Null means not given; unknown fields are accepted.",
        "type": "object",
        "required": ["to", "template"],
        "properties": {**_WHO, **_WHAT, **_WHEN},
        "allOf": [
            {"not": {"required": [*pair], "properties": dict.fromkeys(pair, _GIVEN)}}
            for pair in combinations(("channel", "channels", "fallback"), 2)
        ],
        "if": _NAMES_SEVERAL,
        "then": {
            "properties": {
                "to": {
                    "type": "object",
                    "minProperties": 1,
                    "propertyNames": _CHANNEL,
                    "additionalProperties": {"$ref": "#/$defs/recipients"},
                }
            }
        },
        "else": {"properties": {"to": {"$ref": "#/$defs/recipients"}}},
        "$defs": _DEFINITIONS,
    }
