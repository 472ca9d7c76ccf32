"""What is sent for one notification, call by call, and how far an earlier try came with it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.channels.shared.attachments import File
from adapters.channels.shared.http import Files
from adapters.channels.telegram import markup
from adapters.channels.telegram.options import Options
from adapters.channels.telegram.splitter import LONGEST_CAPTION, LONGEST_TEXT, Part, split
from domain.content import Content
from domain.errors import FailureReason, Permanent
from domain.media_type import MediaType
from domain.notification import JsonValue

_PHOTOS = frozenset(("image/jpeg", "image/png", "image/webp"))
_LARGEST_PHOTO = 10 * 1024 * 1024  # https://core.telegram.org/bots/api#sending-files
_DIGEST = 12

PLAIN_ON_ERROR = "<!-- plain-on-error -->"
"""In a template: a text whose markup Telegram cannot parse is sent without any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request but for the chat. `field` holds the text: `text`, or `caption` of a file."""

    method: str
    text_field: str = "text"
    text: Part | None = field(default=None, repr=False)
    fields: dict[str, JsonValue]
    files: Files | None = field(default=None, repr=False)

    def body(self, chat: int | str, *, is_plain: bool = False) -> dict[str, JsonValue]:
        """The request's fields; without markup if `is_plain`."""
        body: dict[str, JsonValue] = {"chat_id": chat, **self.fields}
        if self.text is None:
            return body
        if is_plain:
            return {**body, self.text_field: self.text.plain}
        return {**body, self.text_field: self.text.html, "parse_mode": "HTML"}


class Plan:
    """The calls in their order, and the words for how many of them are done. `allows_plain`: a
    text whose markup Telegram cannot parse may be sent without any."""

    def __init__(self, calls: Sequence[Call], *, allows_plain: bool = False) -> None:
        self.calls = calls
        self.allows_plain = allows_plain

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

    def done(self, token: str) -> int:
        """How many calls a token stands for; 0 if it was another plan: then all are made again."""
        number = token.partition(":")[0]
        if not (number.isascii() and number.isdigit() and len(number) < 6):
            return 0
        count = int(number)
        return count if 0 < count < len(self.calls) and self.token(count) == token else 0


def plan(content: Content, files: Sequence[File], options: Options) -> Plan:
    """The text, or a single file with the text below it, or the text and then the files.

    Raises Permanent if there is nothing to send.
    """
    source = content.parts.get("telegram")
    runs = markup.plain(content.parts.get("text", "")) if source is None else markup.parse(source)
    allows_plain = options.plain_on_error or PLAIN_ON_ERROR in (source or "")
    captions = split(runs, LONGEST_CAPTION) if len(files) == 1 else []
    if len(captions) == 1:
        only = _file(files[0], options, captions[0], with_keyboard=True)
        return Plan([only], allows_plain=allows_plain)
    texts = split(runs, LONGEST_TEXT)
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
    calls += [_file(file, options, None, with_keyboard=not texts) for file in files]
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
