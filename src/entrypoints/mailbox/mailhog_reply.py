"""What MailHog's API answers with: JSON, a mail, or a part of one."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from domain.value_object import value_object
from entrypoints.mailbox.mailhog_message import Json, to_wire

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
# Of a part's headers only what describes it goes out: the others could steer the browser.
_DESCRIBES = re.compile(r"content-(type|transfer-encoding|disposition|id|description|language)")


@value_object()
class MailHogReply:
    """What the API answers with. `stream`: a long body, piece by piece."""

    status: int = 200
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: Iterator[bytes] | None = field(default=None, repr=False)


NOT_FOUND = MailHogReply(404, "text/plain; charset=utf-8", b"404 page not found\n")


def number_in(text: str | None) -> int:
    """The number; 0 where this is no number."""
    return int(text) if text and _NUMBER.fullmatch(text) else 0


def json_reply(content_type: str, value: object) -> MailHogReply:
    """The value as JSON."""
    return MailHogReply(200, content_type, _json(value))


def json_replies(content_type: str, values: Iterable[object]) -> MailHogReply:
    """The values as a list in JSON, each made when it is sent."""

    def pieces() -> Iterator[bytes]:
        before = b"["
        for value in values:
            yield before + _json(value)
            before = b","
        yield b"[]" if before == b"[" else b"]"

    return MailHogReply(200, content_type, stream=pieces())


def _json(value: object) -> bytes:
    return in_utf_8(json.dumps(value, ensure_ascii=False, separators=(",", ":"))).encode()


def in_utf_8(text: str) -> str:
    """The text with a mark for each byte that is no UTF-8."""
    return _NOT_UTF8.sub("\ufffd", text)


def download(mail: Json | None) -> MailHogReply:
    """The mail as a file, its headers as MailHog read them."""
    if mail is None:
        return MailHogReply(404)
    name = {"Content-Disposition": f'attachment; filename="{mail["ID"]}.eml"'}
    content = mail["Content"]
    lines = [f"{key}: {value}\r\n" for key, all_ in content["Headers"].items() for value in all_]
    text = "".join(lines) + "\r\n" + content["Body"]
    return MailHogReply(200, "message/rfc822", to_wire(text), name)


def download_part(mail: Json | None, number: str) -> MailHogReply:
    """One of the parts that stand directly in the mail."""
    parts = ((mail or {}).get("MIME") or {}).get("Parts") or []
    at = number_in(number)
    if mail is None or not 0 <= at < len(parts):
        return MailHogReply(404)
    part = parts[at]
    body = to_wire(part["Body"])
    about = {name: value[0] for name, value in part["Headers"].items()}
    encoding = next((v for k, v in about.items() if k.lower() == "content-transfer-encoding"), "")
    if encoding.lower() == "base64":
        body = _from_base64(body)
    headers = {"Content-Disposition": f'attachment; filename="{mail["ID"]}-part-{at}"'}
    content_type = "text/plain; charset=utf-8"
    for key, value in about.items():
        safe = _CONTROLS.sub("", value).strip().encode("latin-1", "replace").decode("latin-1")
        name = key.title()
        if name == "Content-Type":
            content_type = safe
        elif _DESCRIBES.fullmatch(name.lower()):
            headers[name] = safe
    return MailHogReply(200, content_type, body, headers)


def _from_base64(text: bytes) -> bytes:
    """As much as can be decoded."""
    digits = _NOT_BASE64.sub(b"", text.partition(b"=")[0])
    whole = digits[: len(digits) - (len(digits) % 4 == 1)]
    return base64.b64decode(whole + b"==")
