"""The calls that send one notification, and how far an earlier attempt came."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, field
from typing import Annotated, Any

from adapters.channels.shared.attachments import File
from adapters.channels.shared.http import Files
from adapters.channels.telegram import markup
from adapters.channels.telegram.splitter import LONGEST_CAPTION, LONGEST_TEXT, Part, split
from adapters.records import (
    Faults,
    Given,
    ObjectForm,
    list_of,
    read_at,
    text_of,
    whole_number,
    yes_or_no,
)
from domain.content import Content
from domain.errors import FailureReason, Permanent
from domain.media_type import MediaType
from domain.notification import JsonValue, Notification
from domain.value_object import value_object

_PHOTOS = frozenset(("image/jpeg", "image/png", "image/webp"))
_LARGEST_PHOTO = 10 * 1024 * 1024  # https://core.telegram.org/bots/api#sending-files
_DIGEST = 12

# In a template: a text whose markup Telegram cannot parse is sent without any.
_PLAIN_ON_ERROR = "<!-- plain-on-error -->"


_URL = re.compile(r"(https?|tg)://.*", re.DOTALL)
_LONGEST_URL = 2048


def _label(value: object) -> str:
    if not (label := text_of(value)):
        raise ValueError("must not be empty")
    return label


def _url(value: object) -> str:
    url = text_of(value)
    if not _URL.fullmatch(url):
        raise ValueError("must begin with https://, http:// or tg://")
    if len(url) > _LONGEST_URL:
        raise ValueError(f"must be at most {_LONGEST_URL} characters long")
    return url


@value_object(kw_only=True)
class Button:
    """A link below the message."""

    text: Annotated[str, Given(_label)]
    url: Annotated[str, Given(_url)]


_ROWS = Given(list_of(list_of(ObjectForm(Button, is_closed=True).read)))


@value_object(kw_only=True)
class Options:
    """What a producer may ask for. `buttons`: rows of links. `preview`: of the first link in the
    text. `topic`: the message thread of a forum. `plain_on_error`: a text whose markup Telegram
    cannot parse is sent without any, instead of not at all."""

    buttons: Annotated[tuple[tuple[Button, ...], ...], _ROWS] = ()
    silent: Annotated[bool, Given(yes_or_no)] = False
    preview: Annotated[bool, Given(yes_or_no)] = True
    topic: Annotated[int | None, Given(whole_number(1))] = None
    plain_on_error: Annotated[bool, Given(yes_or_no)] = False

    @classmethod
    def of(cls, notification: Notification) -> "Options":
        """Raises Permanent that names each wrong field, and never its value."""
        given = notification.metadata.get("telegram")
        if given is None or given == []:  # PHP's empty object
            return cls()
        try:
            return read_at("metadata.telegram", _OPTIONS.read, given)
        except Faults as error:
            raise Permanent(str(error), reason=FailureReason.CONTENT_REFUSED) from None

    def fields(self, *, with_preview: bool) -> dict[str, JsonValue]:
        """The call's fields that every message has; a preview only where there is a text."""
        found: dict[str, JsonValue] = {}
        if self.silent:
            found["disable_notification"] = True
        if self.topic is not None:
            found["message_thread_id"] = self.topic
        if with_preview and not self.preview:
            found["link_preview_options"] = {"is_disabled": True}
        return found

    def keyboard(self) -> dict[str, JsonValue]:
        """The call's field for the buttons; it belongs to the last message with text."""
        if not self.buttons:
            return {}
        rows = [[asdict(button) for button in row] for row in self.buttons]
        return {"reply_markup": {"inline_keyboard": rows}}


_OPTIONS = ObjectForm(Options, is_closed=True)


@value_object(kw_only=True)
class Call:
    """One request but for the chat. `field` holds the text: `text`, or `caption` of a file."""

    method: str
    text_field: str = "text"
    text: Part | None = field(default=None, repr=False)
    fields: dict[str, JsonValue]
    files: Files | None = field(default=None, repr=False)

    def form(self, chat: int | str, *, is_plain: bool = False) -> dict[str, Any]:
        """The request's body as `HttpClient.post` takes it; the text without markup if
        `is_plain`."""
        body: dict[str, JsonValue] = {"chat_id": chat, **self.fields}
        if self.text is not None:
            body[self.text_field] = self.text.plain if is_plain else self.text.html
            body |= {} if is_plain else {"parse_mode": "HTML"}
        if self.files is None:
            return {"json": body}
        # In a form all but text is JSON.
        form = {k: v if isinstance(v, str) else json.dumps(v) for k, v in body.items()}
        return {"form": form, "files": self.files}


class Plan:
    """The calls in their order. `done`: how many of them are made. `is_announced`: whether it is
    written down that they are. `allows_plain`: a text whose markup Telegram cannot parse may be
    sent without any."""

    def __init__(self, calls: Sequence[Call], *, allows_plain: bool = False) -> None:
        self.calls = calls
        self.allows_plain = allows_plain
        self.done = 0
        self.is_announced = False

    def token(self, done: int) -> str:
        """For `done` calls: their number and what they said, in short; empty for none."""
        if not done:
            return ""
        digest = hashlib.sha256()
        for call in self.calls[:done]:
            digest.update(repr((call.method, call.text)).encode())
            for _name, content, _type in (call.files or {}).values():
                digest.update(content)
        return f"{done}:{digest.hexdigest()[:_DIGEST]}"

    def resume(self, token: str) -> None:
        """Go on after the calls that a token stands for; all are made where it was another
        plan's."""
        number = token.partition(":")[0]
        if number.isascii() and number.isdigit() and len(number) < 6:
            count = int(number)
            is_ours = 0 < count < len(self.calls) and self.token(count) == token
            self.done = count if is_ours else 0


def plan(content: Content, files: Sequence[File], options: Options) -> Plan:
    """The text, or a single file with the text below it, or the text and then the files.

    Raises Permanent if there is nothing to send.
    """
    source = content.parts.get("telegram")
    runs = markup.plain(content.parts.get("text", "")) if source is None else markup.parse(source)
    captions = split(runs, LONGEST_CAPTION) if len(files) == 1 else []
    texts = [] if len(captions) == 1 else split(runs, LONGEST_TEXT)
    if not texts and not files:
        raise Permanent("the text is empty", reason=FailureReason.CONTENT_REFUSED)
    calls = [
        Call(
            method="sendMessage",
            text=text,
            fields={
                **options.fields(with_preview=True),
                **(options.keyboard() if text is texts[-1] else {}),
            },
        )
        for text in texts
    ]
    caption = None if texts else next(iter(captions), None)
    calls += [_file(file, options, caption, with_keyboard=not texts) for file in files]
    allows_plain = options.plain_on_error or _PLAIN_ON_ERROR in (source or "")
    return Plan(calls, allows_plain=allows_plain)


def _file(file: File, options: Options, caption: Part | None, *, with_keyboard: bool) -> Call:
    content_type = MediaType.parse(file.content_type).name  # its parameters are for mails
    is_photo = content_type in _PHOTOS and len(file.content) <= _LARGEST_PHOTO
    name, method = ("photo", "sendPhoto") if is_photo else ("document", "sendDocument")
    keyboard = options.keyboard() if with_keyboard else {}
    return Call(
        method=method,
        text_field="caption",
        text=caption,
        fields={**options.fields(with_preview=False), **keyboard},
        files={name: (file.filename, file.content, content_type)},
    )
