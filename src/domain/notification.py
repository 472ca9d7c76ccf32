"""What a service asks for: send this to these people, on this channel, with this template."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from domain.addresses import BLANK, holds_several

JsonValue: TypeAlias = (
    "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)

TEMPLATE_NAME = re.compile(r"(?=.{1,200}\Z)[A-Za-z0-9_-]+(?:[/.][A-Za-z0-9_-]+)*")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")
_HEADER_NAME = re.compile(
    r"X-[!-9;-~]+|List-[!-9;-~]+|In-Reply-To|References|Importance|Precedence|Feedback-ID",
    re.IGNORECASE | re.ASCII,
)
_UNSAFE_IN_HEADER = {"\r": "CR", "\n": "LF", "\0": "NUL"}
_UNSAFE = re.compile(r"[\r\n\0]")
_NAMED_ADDRESS = re.compile(r"(?P<name>.*?)<(?P<address>[^<>]*)>", re.DOTALL)
_NOT_GIVEN = (None, None, None)


class InvalidNotification(ValueError):
    """A notification that cannot be built; the message names the field and what is wrong."""


def header_fault(text: str) -> str | None:
    """Return why `text` cannot be in a header line, or None. A line break would add a header."""
    for character, name in _UNSAFE_IN_HEADER.items():
        if character in text:
            return f"must not contain {name}"
    return None


def template_name_fault(name: str) -> str | None:
    """What is wrong with a template name, or None. It becomes a path below the root."""
    fault = "must be letters, digits, _ and -, with single inner / or ."
    return None if TEMPLATE_NAME.fullmatch(name) else fault


def locale_fault(locale: str) -> str | None:
    """What is wrong with a locale such as `it` or `it-IT`, or None. It becomes part of a file."""
    return None if _LOCALE.fullmatch(locale) else "must be a language tag such as it or it-IT"


def extra_header_fault(name: str, value: str) -> str | None:
    """What is wrong with an extra mail header, or None. Only harmless names may be set."""
    if not _HEADER_NAME.fullmatch(name):
        return (
            "is not allowed: use X-*, List-*, In-Reply-To, References, Importance, Precedence or"
            " Feedback-ID"
        )
    if name.lower().startswith("x-dispatcher-"):
        return "is not allowed: Dispatcher sets the X-Dispatcher-* headers itself"
    return header_fault(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A person or place that gets the message. The channel decides what an address looks like.

    `resume`: how far an earlier attempt came for this recipient, from its error; empty: not begun.
    """

    address: str
    name: str = ""
    resume: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.address[:1] in BLANK and not self.address.strip(BLANK):
            raise InvalidNotification("recipient: must not be empty")
        if _UNSAFE.search(self.address + self.name):
            fault = header_fault(self.address) or header_fault(self.name)
            raise InvalidNotification(f"recipient: {fault}")

    @classmethod
    def parse(cls, text: str) -> "Recipient":
        """Read `address` or `Name <address>`; commas never split, since names hold them. White
        space and invisible characters around the address are dropped.

        Raises InvalidNotification if there is no address or it could break a header.
        """
        if _UNSAFE.search(text):
            raise InvalidNotification(f"recipient: {header_fault(text)}")
        text = text.strip(BLANK)
        if match := _NAMED_ADDRESS.fullmatch(text):
            name = match["name"].strip()
            if len(name) > 1 and name[0] == name[-1] == '"':
                name = re.sub(r"\\(.)", r"\1", name[1:-1])
            return cls(address=match["address"].strip(BLANK), name=name)
        return cls(address=text)

    def __str__(self) -> str:
        """The form that `parse` reads back."""
        if not self.name:
            return self.address
        quoted = self.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{self.address}>'


def one_recipient(text: str) -> Recipient:
    """Read the one mail address that `text` may hold. Raises InvalidNotification."""
    recipient = Recipient.parse(text)
    if holds_several(text):
        raise InvalidNotification("holds more than one address; name one")
    return recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that goes with the notification: its bytes, or a path in the attachments folder.

    `content_id`: a mail shows the file where its HTML names `cid:` and this.
    """

    filename: str
    content_type: str = "application/octet-stream"
    content: bytes | None = field(default=None, repr=False)
    path: str | None = None
    content_id: str | None = None

    def __post_init__(self) -> None:
        if (self.content is None) == (self.path is None):
            raise InvalidNotification("attachment: needs either content or path")
        for name in ("filename", "content_type", "content_id"):
            if fault := header_fault(getattr(self, name) or ""):
                raise InvalidNotification(f"attachment {name}: {fault}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One request to send something to people on one channel. Immutable, valid by construction.

    `id` is the idempotency key: the producer's, else derived from the content; then `seed`
    distinguishes it from others of the same content. `envelope_from`: where a mail's
    bounces go, else its sender. Times are aware datetimes. `send_at` and `expires_at` are None
    when the producer set none.
    """

    id: str
    channel: str
    template: str
    to: tuple[Recipient, ...]
    cc: tuple[Recipient, ...] = ()
    bcc: tuple[Recipient, ...] = ()
    parameters: Mapping[str, JsonValue] = field(default_factory=dict, repr=False)
    sender: Recipient | None = None
    envelope_from: Recipient | None = None
    reply_to: tuple[Recipient, ...] = ()
    subject: str | None = None
    individually: bool = False
    locale: str | None = None
    timezone: str | None = None
    send_at: datetime | None = None
    expires_at: datetime | None = None
    priority: int | None = None
    attachments: tuple[Attachment, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    seed: str = ""
    recipients: tuple[Recipient, ...] = field(init=False, compare=False, repr=False)
    """All of them, each address once, in the order given: to, cc, bcc."""

    def __post_init__(self) -> None:
        everyone = (*self.to, *self.cc, *self.bcc)
        if len(everyone) > 1:
            by_address: dict[str, Recipient] = {}
            for recipient in everyone:
                by_address.setdefault(recipient.address, recipient)
            everyone = tuple(by_address.values())
        object.__setattr__(self, "recipients", everyone)
        is_usual = (
            self.to
            and self.id
            and TEMPLATE_NAME.fullmatch(self.template)
            and not _UNSAFE.search(f"{self.id}{self.subject}")
            and (self.send_at, self.expires_at, self.locale) == _NOT_GIVEN
            and not self.headers
        )
        if is_usual:  # and has no fault: seen at one glance
            return
        found = [
            ("id", header_fault(self.id) if self.id else "must not be empty"),
            ("to", None if self.to else "needs at least one recipient"),
            ("template", template_name_fault(self.template)),
            ("subject", header_fault(self.subject or "")),
            ("locale", locale_fault(self.locale) if self.locale is not None else None),
            ("send_at", _time_fault(self.send_at)),
            ("expires_at", _time_fault(self.expires_at)),
            *((f"headers.{name}", extra_header_fault(name, value)) for name, value in self.headers),
        ]
        if faults := [f"{name}: {fault}" for name, fault in found if fault]:
            raise InvalidNotification("; ".join(faults))

    @property
    def unique_id(self) -> str:
        """The id, and for a message without one the seed too: equal messages differ in it."""
        return f"{self.id}.{self.seed}" if self.seed else self.id

    def for_one(self, recipient: Recipient) -> "Notification":
        """The same notification addressed to `recipient` alone, as `individually` asks."""
        return replace(self, to=(recipient,), cc=(), bcc=())


def _time_fault(time: datetime | None) -> str | None:
    return "must carry an offset" if time is not None and time.tzinfo is None else None
