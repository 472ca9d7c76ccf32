"""JSON without its ambiguities: one object, UTF-8, no NaN, no infinity, no duplicate keys, bounded
depth.

The standard parser comes first because pydantic's own takes NaN, duplicate keys and any depth.
"""

import json
import re
import sys

from domain.errors import MalformedMessage
from domain.notification import JsonValue

MAX_DEPTH = 64

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LARGEST = sys.float_info.max
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


class _Refused(ValueError):
    """Raised inside the parser's hooks; the text is the fault."""


def loads_object(body: bytes) -> dict[str, JsonValue]:
    """Parse `body` (a byte order mark is accepted) into an object.

    Raises MalformedMessage naming what is wrong and, where known, where. Depth is checked before
    parsing, so a hostile body costs no stack.
    """
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _depth_exceeds(body, MAX_DEPTH):
        raise MalformedMessage([f"body: nested deeper than {MAX_DEPTH} levels"])
    try:
        value = _DECODER.decode(body.removeprefix(_BYTE_ORDER_MARK).decode())
    except UnicodeDecodeError as error:
        raise MalformedMessage([f"body: not UTF-8 at byte {error.start}"]) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise MalformedMessage([f"body: not JSON: {error.msg} at {where}"]) from None
    except _Refused as error:
        raise MalformedMessage([f"body: {error}"]) from None
    except ValueError:  # int() refuses thousands of digits, which would take quadratic time
        raise MalformedMessage(["body: a number has too many digits"]) from None
    if not isinstance(value, dict):
        raise MalformedMessage([f"body: must be a JSON object, not {_kind(value)}"])
    if b"\\u" in body and _SURROGATE_ESCAPE.search(body):
        path = _lone_surrogate(value, "")
        if path is not None:
            raise MalformedMessage([f"{path or 'body'}: holds half of a surrogate pair"])
    return value


def _depth_exceeds(body: bytes, limit: int) -> bool:
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", body)):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > limit:
            return True
    return False


def _object_without_duplicates(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    names = [name for name, _ in pairs]
    twice = next(name for name in names if names.count(name) > 1)
    raise _Refused(f"duplicate key {twice[:80]!a}")


def _refuse_constant(name: str) -> JsonValue:
    raise _Refused(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if -_LARGEST <= number <= _LARGEST:
        return number
    raise _Refused(f"the number {text[:40]} is out of range")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object_without_duplicates,
    parse_constant=_refuse_constant,
    parse_float=_finite,
)


def _lone_surrogate(value: JsonValue, path: str) -> str | None:
    """The path of the first string that is not valid Unicode, or None."""
    if isinstance(value, str):
        return path if _has_surrogate(value) else None
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, child in children:
        if isinstance(name, str) and _has_surrogate(name):
            return path or "a key"
        found = _lone_surrogate(child, f"{path}.{name}" if path else str(name))
        if found is not None:
            return found
    return None


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in text)


def _kind(value: object) -> str:
    names = {"NoneType": "null", "str": "a string", "list": "an array", "bool": "a boolean"}
    return names.get(type(value).__name__, "a number")
