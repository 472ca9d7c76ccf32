"""A mail in the form in which MailHog's API gives it, with MailHog's own reading of MIME.

It is not how this program reads a mail: a header that occurs twice counts once, a folded header
keeps the blanks of its folds, nothing is decoded, and the text around a multipart's parts counts as
one. Tests that were written for MailHog rely on that.
"""

import base64
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final

from entrypoints.mailbox.captured import digest_of
from entrypoints.mailbox.envelope import ArrivedMail
from entrypoints.mailbox.smtp import HOSTNAME

Json = dict[str, Any]

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER = re.compile(
    rb"\s*;\s*(" + _TOKEN + rb")\s*=\s*(?:(" + _TOKEN + rb')|"((?:[^"\\\r\n]|\\.)*)")', re.DOTALL
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_DEEPEST = 50  # parts in parts; a hostile mail may nest them without end


def mailhog_id(path: Path) -> str:
    """The name of a kept mail: as long as MailHog's, and the same after a restart."""
    return f"{base64.urlsafe_b64encode(digest_of(path)).decode()}@{HOSTNAME}"


def mailhog_message(name: str, mail: ArrivedMail, at: int) -> Json:
    """Return what MailHog says of it. `at`: when it came, in nanoseconds."""
    envelope = mail.envelope
    content = _content(mail.data)
    mime = _parts(content["Headers"], content["Body"], _DEEPEST)
    _add_headers(content["Headers"], name, mail, at)
    return {
        "ID": name,
        "From": _path(envelope.sender),
        "To": [_path(one) for one in envelope.recipients] or None,
        "Content": _shown(content),
        "Created": _nanoseconds(at),
        "MIME": mime,
        "Raw": {
            "From": _text(envelope.sender),
            "To": [_text(one) for one in envelope.recipients] or None,
            "Data": _text(mail.data),
            "Helo": _text(envelope.helo),
        },
    }


def _add_headers(headers: dict[bytes, list[bytes]], name: str, mail: ArrivedMail, at: int) -> None:
    """What a server adds."""
    present = {key.lower(): key for key in headers}
    if b"message-id" not in present:
        headers[b"Message-ID"] = [name.encode()]
    when = format_datetime(datetime.fromtimestamp(at // 10**9, UTC))
    by = f" by {HOSTNAME} (Dispatcher)\r\n          id {name}; {when}".encode()
    received = b"from " + mail.envelope.helo + by
    headers.setdefault(present.get(b"received", b"Received"), []).append(received)
    sender = b"<" + mail.envelope.sender + b">"
    headers.setdefault(present.get(b"return-path", b"Return-Path"), []).append(sender)


def _content(data: bytes) -> Json:
    """Headers, body and size, in bytes."""
    head, blank, body = data.partition(b"\r\n\r\n")
    headers: dict[bytes, list[bytes]] = {}
    if not blank:
        return {"Headers": headers, "Body": data, "Size": len(data), "MIME": None}
    last = b""
    for line in head.split(b"\r\n"):
        if last and line[:1] in (b" ", b"\t"):
            headers[last][-1] += line
        elif b": " in line:
            last, _, value = line.partition(b": ")
            headers[last] = [value]
    return {"Headers": headers, "Body": body, "Size": len(data), "MIME": None}


def _parts(headers: dict[bytes, list[bytes]], body: bytes, deepest: int) -> Json | None:
    """The parts of a multipart; None where it is not one."""
    kind = headers.get(b"Content-Type", [b""])[0]
    if not kind.startswith(b"multipart/"):
        return None
    boundary = _boundary(kind)
    if not boundary:
        return {"Parts": None}
    found = []
    for piece in filter(None, body.split(b"--" + boundary)):
        part = _content(piece.strip(b"\r\n"))
        if deepest:
            part["MIME"] = _parts(part["Headers"], part["Body"], deepest - 1)
        found.append(_shown(part))
    return {"Parts": found or None}


def _boundary(kind: bytes) -> bytes:
    """The boundary of a Content-Type; empty where there is no valid one."""
    value, _, _ = kind.partition(b";")
    at, found = len(value), b""
    seen = set()
    while match := _PARAMETER.match(kind, at):
        at, name = match.end(), match[1].lower()
        if name in seen:
            return b""
        seen.add(name)
        if name == b"boundary":
            found = match[2] or _ESCAPED.sub(rb"\1", match[3] or b"")
    return b"" if kind[at:].strip(b"; \t\r\n") else found


def _path(address: bytes) -> Json:
    """An address of the envelope, apart."""
    relays, colon, email = address.partition(b":")
    mailbox, _, domain = (email if colon else address).partition(b"@")
    return {
        "Relays": [_text(one) for one in relays.split(b",")] if colon else None,
        "Mailbox": _text(mailbox),
        "Domain": _text(domain),
        "Params": "",
    }


def _shown(content: Json) -> Json:
    headers = {_text(k): [_text(one) for one in v] for k, v in content["Headers"].items()}
    return {**content, "Headers": headers, "Body": _text(content["Body"])}


def _text(wire: bytes) -> str:
    """UTF-8; what is not can be brought back by `to_wire`."""
    return wire.decode("utf-8", "surrogateescape")


def to_wire(text: str) -> bytes:
    """The bytes that a text of a message came as."""
    return text.encode("utf-8", "surrogateescape")


def _nanoseconds(at: int) -> str:
    """A time as Go writes it: only as many digits as it needs."""
    seconds, rest = divmod(at, 10**9)
    fraction = f".{rest:09}".rstrip("0").rstrip(".")
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"
