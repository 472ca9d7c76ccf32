"""template.toml: what a template sets for every notification made from it."""

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import field
from datetime import time, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from adapters.templates.manifest_texts import (
    at_its_line,
    line_of_key,
    line_of_syntax,
    links,
    one_click_fault,
    words,
)
from adapters.texts import nearest
from domain.content import Envelope, InDoubtPolicy
from domain.duration import parse_duration
from domain.notification import InvalidNotification, header_fault, one_recipient
from domain.value_object import value_object

if TYPE_CHECKING:
    from domain.quiet_hours import QuietHours

_MAX_PRIORITY = 255


@value_object()
class Manifest:
    """A template's default subject and its envelope, and how its mails look.

    `inline_css`: None where the file does not say it. `preheader`: source by locale.
    `unsubscribe`: source of each link. A source begins with the lines that are before it in the
    file.
    """

    subject: str | None = None
    envelope: Envelope = field(default_factory=Envelope)
    inline_css: bool | None = None
    preheader: Mapping[str, str] = field(default_factory=dict)
    unsubscribe: tuple[str, ...] = ()
    one_click: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        """All texts with variables."""
        return tuple(chain(self.preheader.values(), self.unsubscribe))


def read_manifest(
    path: str, text: str, known_channels: Collection[str] = ()
) -> tuple[Manifest, list[str]]:
    """Read a template.toml; the second value has one line for each fault, naming file and key.

    `known_channels`: those that there are; where it is empty, any name is taken.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = line_of_syntax(text, error)
        return Manifest(), [
            f'{path} line {line}: is not TOML: {error}; a line is written key = "text"'
        ]
    faults = _checked(values, known_channels)
    if not faults and (fault := one_click_fault(values)):
        faults = [fault]
    if faults:
        return Manifest(), [f"{path} line {line_of_key(text, fault)}: {fault}" for fault in faults]
    return _manifest(text, values), []


def _checked(values: dict[str, Any], known_channels: Collection[str]) -> list[str]:
    """What is wrong with the values, which are replaced by what they stand for; each fault begins
    with its key."""
    faults = [
        f"{key}: is no key of template.toml; {_hint(key, _CHECKS)}"
        for key in values
        if key not in _CHECKS
    ]
    for key, check in _CHECKS.items():
        if key in values:
            try:
                values[key] = check(values[key])
            except (ValueError, InvalidNotification) as fault:
                faults.append(f"{key}: {fault}")
    if not faults and known_channels:
        faults += [
            f"channels: {name!r} is no channel; {_hint(name, known_channels)}"
            for name in values.get("channels", ())
            if name not in known_channels
        ]
    return faults


def _manifest(text: str, values: Mapping[str, Any]) -> Manifest:
    """The manifest of a file with these checked values; `text` is the file."""
    envelope = Envelope(
        sender=values.get("from"),
        channels=values.get("channels"),
        expires_after=values.get("expiry"),
        priority=values.get("priority"),
        in_doubt=values.get("in_doubt"),
        quiet=values.get("quiet"),
    )
    preheader, unsubscribe = values.get("preheader", {}), values.get("list_unsubscribe", ())
    return Manifest(
        values.get("subject"),
        envelope,
        inline_css=values.get("inline_css"),
        preheader={one: at_its_line(text, "preheader", its) for one, its in preheader.items()},
        unsubscribe=tuple([at_its_line(text, "list_unsubscribe", link) for link in unsubscribe]),
        one_click=values.get("list_unsubscribe_one_click", False),
    )


def _hint(name: str, known: Collection[str]) -> str:
    near = nearest(name, known)
    return f"did you mean {near!r}?" if near else "known are " + ", ".join(known)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text")
    if fault := header_fault(value):
        raise ValueError(fault)
    return value


def _subject(value: object) -> str:
    text = _text(value)
    if "{{" in text or "{%" in text:
        raise ValueError("is taken as it stands; put a subject with variables in subject.jinja2")
    return text


def _sender(value: object) -> str:
    sender = one_recipient(_text(value))
    name, at, domain = sender.address.rpartition("@")
    if not (name and at and domain):
        raise ValueError("must be an address, or Name <address>")
    return str(sender)


def _channels(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError('must be a list of channels such as ["email"]')
    return tuple(_text(item) for item in value)


def _expiry(value: object) -> timedelta:
    duration = parse_duration(_text(value))
    if not duration:
        raise ValueError("must be longer than zero")
    return duration


def _priority(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_PRIORITY:
        raise ValueError(f"must be a whole number from 0 to {_MAX_PRIORITY}")
    return value


def _in_doubt(value: object) -> InDoubtPolicy:
    try:
        return InDoubtPolicy(_text(value))
    except ValueError:
        raise ValueError('must be "resend" or "hold"') from None


def _quiet(value: object) -> "QuietHours":
    from domain.quiet_hours import QuietHours  # few templates have such hours

    if not isinstance(value, dict):
        raise ValueError('must be a table such as { from = "22:00", until = "08:00" }')  # noqa: TRY004
    found: dict[str, Any] = {}
    faults = [f"{key}: is no key of it; {_hint(key, _QUIET)}" for key in value.keys() - _QUIET]
    for key, (name, check) in _QUIET.items():
        try:
            if key in value:
                found[name] = check(value[key])
            elif key in _NEEDED:
                faults.append(f"{key}: is missing")
        except ValueError as fault:
            faults.append(f"{key}: {fault}")
    if not faults and found["start"] == found["end"]:
        faults.append("until: must not be the same time as from")
    if faults:
        raise ValueError("; ".join(sorted(faults)))
    return QuietHours(**found)


def _clock(value: object) -> time:
    """A time of the day, as a text or as TOML's own."""
    if isinstance(value, str) and _TIME.fullmatch(value):
        return time.fromisoformat(value)
    if isinstance(value, time):
        return value.replace(microsecond=0)
    raise ValueError("must be a time such as 22:00")


def _zone(value: object) -> str:
    from domain.quiet_hours import zone_of

    name = _text(value)
    if zone_of(name, "UTC")[1] != name:
        raise ValueError(f"{name!r} is no time zone; name one such as Europe/Rome")
    return name


_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
_NEEDED = ("from", "until")
_QUIET: dict[str, tuple[str, Callable[[object], object]]] = {
    "from": ("start", _clock),
    "until": ("end", _clock),
    "timezone": ("zone", _zone),
    "urgent": ("urgent", _priority),
}


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - a fault of the file
    return value


_CHECKS: dict[str, Callable[[object], object]] = {
    "subject": _subject,
    "from": _sender,
    "channels": _channels,
    "expiry": _expiry,
    "priority": _priority,
    "in_doubt": _in_doubt,
    "quiet": _quiet,
    "inline_css": _switch,
    "preheader": words,
    "list_unsubscribe": links,
    "list_unsubscribe_one_click": _switch,
}
