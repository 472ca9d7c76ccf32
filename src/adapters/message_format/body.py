"""A message's body as it travels, compressed or in another charset -> plain UTF-8 -> a JSON object.

JSON without its ambiguities: one object, no NaN, no infinity, no duplicate keys, bounded depth.
"""

import codecs
import json
import re
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from itertools import accumulate
from math import isfinite

from adapters.message_format.rules import Properties
from domain.errors import MalformedMessage
from domain.notification import JsonValue

MAX_DEPTH = 64

_KINDS = {"NoneType": "null", "str": "a string", "list": "an array", "bool": "a boolean"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")

_AS_IT_IS = frozenset({None, "", "utf-8", "utf8", "UTF-8", "identity", "binary", "8bit", "7bit"})
_PLAIN_TYPES = frozenset({None, "", "application/json", "text/plain"})
# HTTP separates codings by commas; Spring's post-processors have written colons.
_BETWEEN_CODINGS = re.compile(r"[,:\s]+")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s\";]*)", re.IGNORECASE)
_CHARSET_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")
# By the names that `codecs` gives them: those in which text is exchanged. UTF-7, punycode and the
# escapes of programming languages are not among them.
_TEXT_CODECS = re.compile(
    r"utf-8|utf-16(?:-[lb]e)?|utf-32(?:-[lb]e)?|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|mac-roman"
    r"|gb2312|gbk|gb18030|big5|shift_jis|euc_jp|euc_kr|iso2022_jp|tis-620"
)
_MOST_MEMBERS = 100  # of one gzip body; each costs a fresh decompressor
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"
_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})


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
    except ValueError:  # int() refuses thousands of digits, which would take quadratic time
        raise MalformedMessage(["body: a number has too many digits"]) from None
    if not isinstance(value, dict):
        kind = _KINDS.get(type(value).__name__, "a number")
        raise MalformedMessage([f"body: must be a JSON object, not {kind}"])
    if b"\\" in body and _SURROGATE_ESCAPE.search(body):
        path = _lone_surrogate(value, "")
        if path is not None:
            raise MalformedMessage([f"{path or 'body'}: holds half of a surrogate pair"])
    return value


def _depth_exceeds(body: bytes, limit: int) -> bool:
    brackets = _BRACKET.finditer(_STRING.sub(b"", body))
    depths = accumulate(1 if bracket[0] in b"[{" else -1 for bracket in brackets)
    return any(depth > limit for depth in depths)


def _object_without_duplicates(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
    raise MalformedMessage([f"body: duplicate key {twice[:80]!a}"])


def _refuse_constant(name: str) -> JsonValue:
    raise MalformedMessage([f"body: {name} is not JSON"])


def _finite(text: str) -> float:
    number = float(text)
    if isfinite(number):
        return number
    raise MalformedMessage([f"body: the number {text[:40]} is out of range"])


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object_without_duplicates,
    parse_constant=_refuse_constant,
    parse_float=_finite,
)


def _lone_surrogate(value: JsonValue, path: str) -> str | None:
    """The path of the first string that is not valid Unicode, or None."""
    if isinstance(value, str):
        return path if _SURROGATE.search(value) else None
    if isinstance(value, list):
        children = ((f"{path}[{index}]", child) for index, child in enumerate(value))
    elif isinstance(value, dict):
        if _SURROGATE.search("".join(value)):
            return path or "a key"
        children = ((f"{path}.{name}" if path else name, child) for name, child in value.items())
    else:
        return None
    found = (_lone_surrogate(child, place) for place, child in children)
    return next((place for place in found if place is not None), None)


def plain_body(body: bytes, properties: Properties, limit: int) -> bytes:
    """The body in UTF-8, as `content_encoding` and the content type's charset say it is to be read.

    Decompresses no more than `limit` bytes. A charset may stand in the content encoding, where
    some clients put it. Raises MalformedMessage that names what is not supported.
    """
    encoding, content_type = properties.content_encoding, properties.content_type
    if encoding in _AS_IT_IS and content_type in _PLAIN_TYPES:
        return body
    named = [one.lower() for one in _BETWEEN_CODINGS.split(encoding or "") if one]
    codings = [one for one in named if one in _CODINGS]
    charsets = [one for one in named if one not in _CODINGS and one not in _AS_IT_IS]
    for charset in charsets:
        if _codec(charset) is None:
            raise MalformedMessage(
                [f"body: content_encoding {charset[:40]!r} is not supported; use gzip or deflate"]
            )
    for coding in reversed(codings):  # RFC 9110 8.4: listed as they were applied
        body = _decompressed(body, coding, limit)
    found = _CHARSET.search(content_type or "")
    if found:
        charsets.insert(0, found[1].lower())
    return _in_utf8(body, charsets[0]) if charsets else body


def in_plain(properties: Properties) -> Properties:
    """The properties of the same message with its body in plain UTF-8."""
    content_type = (properties.content_type or "").partition(";")[0].strip()
    return replace(properties, content_type=content_type or None, content_encoding=None)


def _decompressed(body: bytes, coding: str, limit: int) -> bytes:
    try:
        text = _inflated(body, limit) if coding == "deflate" else _gunzipped(body, limit)
    except zlib.error:
        raise MalformedMessage([f"body: not {coding}, as its content_encoding says"]) from None
    if len(text) > limit:
        raise MalformedMessage(
            [f"body: decompressed it is more than DISPATCHER_MAX_BODY allows ({limit} bytes)"]
        )
    return text


def _gunzipped(body: bytes, limit: int) -> bytes:
    """All members of a gzip file (RFC 1952 2.2), and at most one byte more than `limit`."""
    pieces: list[bytes] = []
    size = members = 0
    while True:
        decompressor = zlib.decompressobj(_GZIP)
        pieces.append(decompressor.decompress(body, limit + 1 - size))
        size += len(pieces[-1])
        members += 1
        if size > limit:
            break
        if not decompressor.eof or members > _MOST_MEMBERS:
            raise zlib.error("cut short")
        body = decompressor.unused_data
        if not body.startswith(_GZIP_MAGIC):  # padding
            break
    return b"".join(pieces)


def _inflated(body: bytes, limit: int) -> bytes:
    """With or without the zlib header: RFC 9110 8.4.1.2 knows that senders differ."""
    has_header = (
        len(body) > 1
        and body[0] & 0x0F == zlib.DEFLATED
        and not (int.from_bytes(body[:2], "big") % 31)
    )
    for wbits in (zlib.MAX_WBITS, -zlib.MAX_WBITS) if has_header else (-zlib.MAX_WBITS,):
        decompressor = zlib.decompressobj(wbits)
        with suppress(zlib.error):
            text = decompressor.decompress(body, limit + 1)
            if len(text) > limit or decompressor.eof:
                return text
    raise zlib.error("cut short")


def _codec(charset: str) -> str | None:
    """The name that `codecs` has for a charset that is supported, else None."""
    if not _CHARSET_NAME.fullmatch(charset):
        return None
    try:
        name = codecs.lookup(charset).name
    except LookupError:
        return None
    return name if _TEXT_CODECS.fullmatch(name) else None


def _in_utf8(body: bytes, charset: str) -> bytes:
    codec = _codec(charset)
    if codec is None:
        raise MalformedMessage([f"body: the charset {charset[:40]!r} is not supported; use UTF-8"])
    if codec in {"utf-8", "ascii"}:  # ASCII is part of UTF-8, and what is no ASCII is meant so
        return body
    if codec in {"utf-16", "utf-32"}:
        # Without a byte order mark, JSON shows its order by where the zeros are.
        guessed = json.detect_encoding(body)
        codec = guessed if guessed.startswith(codec) else codec
    try:
        return body.decode(codec).encode()
    except UnicodeDecodeError as error:
        raise MalformedMessage([f"body: not {charset[:40]} at byte {error.start}"]) from None
