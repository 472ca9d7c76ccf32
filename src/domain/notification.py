"""What a service asks for: tell these people this, on this channel, with this template."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

JsonValue: TypeAlias = (
    "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)

_TEMPLATE_NAME = re.compile(r"[A-Za-z0-9_-]+(?:[/.][A-Za-z0-9_-]+)*")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")
_HEADER_NAME = re.compile(
    r"(?:X-[!-9;-~]+|List-[!-9;-~]+|In-Reply-To|References|Importance)", re.I | re.A
)
_UNSAFE_IN_HEADER = {"\r": "CR", "\n": "LF", "\0": "NUL"}
_NAMED_ADDRESS = re.compile(r"(?P<name>.*?)<(?P<address>[^<>]*)>", re.DOTALL)
_MAX_NAME = 200


class InvalidNotification(ValueError):
    """A notification that cannot be built; the message names the field and what is wrong."""


def header_fault(text: str) -> str | None:
    """What forbids `text` in a header line, or None. A line break would smuggle in a header."""
    for character, name in _UNSAFE_IN_HEADER.items():
        if character in text:
            return f"must not contain {name}"
    return None


def template_name_fault(name: str) -> str | None:
    """What is wrong with a template name, or None. It becomes a path below the root."""
    if len(name) <= _MAX_NAME and _TEMPLATE_NAME.fullmatch(name):
        return None
    return "must be letters, digits, _ and -, with single inner / or ."


def locale_fault(locale: str) -> str | None:
    """What is wrong with a locale such as `it` or `it-IT`, or None. It becomes part of a file."""
    return None if _LOCALE.fullmatch(locale) else "must be a language tag such as it or it-IT"


def extra_header_fault(name: str, value: str) -> str | None:
    """What is wrong with an extra mail header, or None. Only harmless names may be set."""
    if not _HEADER_NAME.fullmatch(name):
        return "is not allowed: use X-*, List-*, In-Reply-To, References or Importance"
    if name.lower().startswith("x-dispatcher-"):
        return "is not allowed: Dispatcher sets the X-Dispatcher-* headers itself"
    return header_fault(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody to tell. What an address looks like is the channel's business.

    `resume`: how far an earlier try came with them, as its error had it; empty: not begun.
    """

    address: str
    name: str = ""
    resume: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.address.strip():
            raise InvalidNotification("recipient: must not be empty")
        for text in (self.address, self.name):
            if fault := header_fault(text):
                raise InvalidNotification(f"recipient: {fault}")

    @classmethod
    def parse(cls, text: str) -> "Recipient":
        """Read `address` or `Name <address>`; commas never split, since names hold them.

        Raises InvalidNotification if there is no address or it could break a header.
        """
        if fault := header_fault(text):
            raise InvalidNotification(f"recipient: {fault}")
        text = text.strip()
        if match := _NAMED_ADDRESS.fullmatch(text):
            name = match["name"].strip()
            if len(name) > 1 and name[0] == name[-1] == '"':
                name = re.sub(r"\\(.)", r"\1", name[1:-1])
            return cls(address=match["address"].strip(), name=name)
        return cls(address=text)

    def __str__(self) -> str:
        """The form that `parse` reads back."""
        if not self.name:
            return self.address
        quoted = self.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{self.address}>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that travels with the notification: its bytes, or a path in the attachments folder."""

    filename: str
    content_type: str = "application/octet-stream"
    content: bytes | None = field(default=None, repr=False)
    path: str | None = None

    def __post_init__(self) -> None:
        if (self.content is None) == (self.path is None):
            raise InvalidNotification("attachment: needs either content or path")
        for name, text in (("filename", self.filename), ("content_type", self.content_type)):
            if fault := header_fault(text):
                raise InvalidNotification(f"attachment {name}: {fault}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One request to tell people something on one channel. Immutable and valid by construction.

    `id` is the idempotency key: the producer's, else derived from the content.
    Times are aware datetimes. `send_at` and `expires_at` are None when the producer set none.
    """

    id: str
    channel: str
    template: str
    to: tuple[Recipient, ...]
    cc: tuple[Recipient, ...] = ()
    bcc: tuple[Recipient, ...] = ()
    parameters: Mapping[str, JsonValue] = field(default_factory=dict, repr=False)
    sender: Recipient | None = None
    reply_to: tuple[Recipient, ...] = ()
    subject: str | None = None
    individually: bool = False
    locale: str | None = None
    send_at: datetime | None = None
    expires_at: datetime | None = None
    priority: int | None = None
    attachments: tuple[Attachment, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        faults = [f"{name}: {fault}" for name, fault in self._faults() if fault]
        if faults:
            raise InvalidNotification("; ".join(faults))

    def _faults(self) -> list[tuple[str, str | None]]:
        return [
            ("id", header_fault(self.id) if self.id else "must not be empty"),
            ("to", None if self.to else "needs at least one recipient"),
            ("template", template_name_fault(self.template)),
            ("subject", header_fault(self.subject or "")),
            ("locale", locale_fault(self.locale) if self.locale is not None else None),
            ("send_at", _time_fault(self.send_at)),
            ("expires_at", _time_fault(self.expires_at)),
            *((f"headers.{name}", extra_header_fault(name, value)) for name, value in self.headers),
        ]

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """Everybody to tell, each address once, in the order given: to, cc, bcc."""
        by_address: dict[str, Recipient] = {}
        for recipient in (*self.to, *self.cc, *self.bcc):
            by_address.setdefault(recipient.address, recipient)
        return tuple(by_address.values())

    def for_one(self, recipient: Recipient) -> "Notification":
        """The same notification addressed to `recipient` alone, as `individually` asks."""
        return replace(self, to=(recipient,), cc=(), bcc=())


def _time_fault(time: datetime | None) -> str | None:
    return "must carry an offset" if time is not None and time.tzinfo is None else None
