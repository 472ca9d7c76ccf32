"""One example of a template as each channel shows it."""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime
from email.utils import parseaddr
from html import unescape
from urllib.parse import quote

from adapters.channels import CHANNELS, DEFAULT
from adapters.channels.shared.captured import CapturedFile
from adapters.channels.shared.shown import Bubble, ShownMessage
from adapters.message_format.message import decode
from adapters.templates import FilesystemTemplates
from adapters.templates.examples import Example
from adapters.templates.failures import RenderFailure
from domain.content import Content
from domain.errors import DeliveryError, DispatcherError
from domain.notification import JsonValue, Notification
from domain.value_object import value_object
from entrypoints.pages.inline_pictures import inline_files
from entrypoints.pages.remote import remote_pictures
from entrypoints.settings import Settings
from entrypoints.stores import message_rules

NO_LOCALE = "-"
_MADE_UP = "ann@example.org"
_HTML = "html"
_NO_SENDER = "no sender"
# What says where and when a message goes; here that is said by the page.
_TRANSPORT = frozenset(
    ("to", "channel", "channels", "fallback", "id", "template", "send_at", "delay", "expires_at")
)
_COPIES = frozenset(("cc", "bcc", "reply_to", "individually", "envelope_from"))
_LONGEST_PREHEADER = 140  # characters; what inboxes show of it
_UNSEEN = re.compile(
    r"<(style|script|title|head)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE
)
_TAG = re.compile(r"<[^<>]*>")
_FILLER = re.compile(
    "[\\s\u00ad\u034f\u061c\u115f\u17b4\u17b5\u180e\u200b-\u200f\u2060-\u2064\ufeff]+"
)


@value_object(kw_only=True)
class InboxLine:
    """A mail in the list of an inbox."""

    sender: str
    to: str
    subject: str
    preheader: str

    @property
    def initial(self) -> str:
        """What stands for a picture of the sender."""
        return next((letter.upper() for letter in self.sender if letter.isalnum()), "?")


@value_object(kw_only=True)
class ChannelView:
    """What one channel sends, or in `fault` why it sends nothing. `notes`: what keeps the message
    from being sent as it is."""

    name: str
    title: str
    fault: str = ""
    notes: tuple[str, ...] = ()
    has_subject: bool = False
    subject: str = ""
    inbox: InboxLine | None = None
    headers: Sequence[tuple[str, str]] = ()
    source: str = field(default="", repr=False)
    bubbles: Sequence[Bubble] = ()
    hosts: Sequence[str] = ()
    parts: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def html(self) -> str | None:
        """The HTML, if it has any."""
        return self.parts.get(_HTML)

    @property
    def placeholder(self) -> str:
        """An address as this channel takes them."""
        return str(CHANNELS[self.name].example or _MADE_UP)

    @property
    def digest(self) -> str:
        """Another one for other HTML."""
        return hashlib.sha256((self.html or "").encode("utf-8", "replace")).hexdigest()[:16]


@value_object(kw_only=True)
class ExampleView:
    """One example of a template in one locale. `pictures`: remote ones are loaded."""

    settings: Settings
    templates: FilesystemTemplates
    name: str
    example: Example
    locale: str | None
    pictures: bool = False

    def address(self, *, locale: str | None = None) -> str:
        """Where it is shown, in its own or another locale (NO_LOCALE: without one)."""
        return address_of(self.name, self.example.name, locale or self.locale or NO_LOCALE)

    def render(self, channel: str, recipient: str | None = None) -> Content:
        """Raises DeliveryError."""
        request = self.example.request(self.name, channel, datetime.now(UTC))
        recipient = recipient or request.recipient
        return self.templates.render(replace(request, locale=self.locale, recipient=recipient))

    def notification(self, channel: str, to: str | None = None) -> Notification:
        """The example as a message to its own recipients, or to one other alone. Raises
        MalformedMessage."""
        left_out = _TRANSPORT | (_COPIES if to else frozenset())
        message = {k: v for k, v in self.example.message.items() if k not in left_out}
        whole: dict[str, JsonValue] = {
            **message,
            "to": to or _recipients(self.example.message.get("to"), channel),
            "template": self.name,
            "id": f"preview-{uuid.uuid4().hex[:12]}" if to else "preview",
            "locale": self.locale,
        }
        rules = message_rules(self.settings)
        return decode(json.dumps(whole).encode(), channel=channel, rules=rules).notifications[0]

    def _headers(self, channel: str, subject: str) -> list[tuple[str, str]]:
        """What is known of the headers of a mail that could not be sent as it is."""
        usual = getattr(
            self.settings.channel_settings[channel], CHANNELS[channel].sender or "", None
        )
        own = self.templates.envelope_of(self.name).sender
        sender = self.example.message.get("from") or own or usual
        to = _listed(_recipients(self.example.message.get("to"), channel))
        return [("From", str(sender or _NO_SENDER)), ("To", to), ("Subject", subject)]

    async def files(self, channel: str) -> list[CapturedFile]:
        """Those that come with the example and that its HTML can show."""
        try:
            attachments = self.notification(channel).attachments
        except DispatcherError:
            return []  # the page says why it cannot be sent
        return await inline_files(attachments, self.settings.attachments_dir)

    async def on(self, name: str) -> ChannelView:
        """What this channel makes of it."""
        channel = CHANNELS[name]
        try:
            content = self.render(name)
        except DeliveryError as error:
            return ChannelView(name=name, title=channel.title, fault=_said(error))
        shown = ShownMessage()
        notes: tuple[str, ...] = ()
        if channel.show is not None:
            try:
                notification = self.notification(name)
                shown = await channel.show(
                    notification, content, self.settings.channel_settings[name]
                )
            except DispatcherError as error:
                notes = (f"It could not be sent as it is: {error}",)
            except Exception as error:  # noqa: BLE001 - the rest of the page is made
                notes = (f"It cannot be shown here: {error!r}",)
        html, subject = content.parts.get(_HTML), content.subject or ""
        headers = shown.headers or (self._headers(name, subject) if channel is DEFAULT else ())
        return ChannelView(
            name=name,
            title=channel.title,
            notes=notes,
            has_subject=channel.carries_subject,
            subject=subject,
            inbox=_inbox(headers, content) if channel is DEFAULT else None,
            headers=headers,
            source=shown.source,
            bubbles=shown.bubbles,
            hosts=remote_pictures(html or ""),
            parts={part: _readable(part, text) for part, text in content.parts.items()},
        )


def _listed(to: JsonValue) -> str:
    return (
        ", ".join(map(str, to)) if isinstance(to, Sequence) and not isinstance(to, str) else str(to)
    )


def address_of(*parts: str) -> str:
    """The page of a template, of one of its examples, of that in one locale."""
    return "/t/" + "/".join(quote(part, safe="") for part in parts)


def _recipients(to: JsonValue, channel: str) -> JsonValue:
    """Those of the example that are this channel's."""
    own = to.get(channel) if isinstance(to, Mapping) else to
    return own or CHANNELS[channel].example or _MADE_UP


def _said(error: DeliveryError) -> str:
    place = error.place if isinstance(error, RenderFailure) else None
    where = f"{place.path}:{place.line}: {place.source.strip()}\n" if place else ""
    return where + str(error)


def _readable(part: str, text: str) -> str:
    if part.endswith(".json"):
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    return text


def _inbox(headers: Sequence[tuple[str, str]], content: Content) -> InboxLine:
    values = dict(headers)
    sender = values.get("From", _NO_SENDER)
    name, address = parseaddr(sender)
    return InboxLine(
        sender=sender if sender == _NO_SENDER else name or address or _NO_SENDER,
        to=f"to {values['To']}" if "To" in values else "",
        subject=content.subject or "(no subject)",
        preheader=_shortened(content.preheader) or preheader_of(content.parts),
    )


def preheader_of(parts: Mapping[str, str]) -> str:
    """What an inbox shows after the subject: the first words of the HTML, also those that are
    hidden in the mail itself; else of the text."""
    html = parts.get(_HTML)
    text = (
        parts.get("text", "") if html is None else unescape(_TAG.sub(" ", _UNSEEN.sub(" ", html)))
    )
    return _shortened(_FILLER.sub(" ", text).strip())


def _shortened(line: str) -> str:
    """As much of it as an inbox has room for."""
    if len(line) <= _LONGEST_PREHEADER:
        return line
    return line[: _LONGEST_PREHEADER - 1].rstrip() + "…"
