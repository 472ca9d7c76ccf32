"""A notification as Telegram shows it: each message with its formatting, files and buttons."""

from adapters.channels.shared.attachments import File
from adapters.channels.shared.shown import (
    Bubble,
    BubbleButton,
    ShownMessage,
    link_of,
    opening_of_link,
)
from adapters.channels.telegram.markup import TelegramTag, parse, shared
from adapters.channels.telegram.plan import Call, Options, plan
from adapters.html import attributes_of, escaped
from domain.content import Content
from domain.notification import Notification

_SAME = frozenset(("b", "i", "u", "s", "pre", "code", "blockquote"))


async def show(notification: Notification, content: Content, _settings: object) -> ShownMessage:
    """See Show."""
    files = [
        File(filename=one.filename, content_type=one.content_type, content=one.content or b"")
        for one in notification.attachments
    ]
    options = Options.of(notification)
    calls = plan(content, files, options).calls
    notes = ("It arrives without a sound.",) if options.silent else ()
    return ShownMessage(bubbles=[_bubble(call, options, notes) for call in calls])


def formatted(source: str) -> str:
    """Telegram's HTML as a browser's, made of what Telegram takes of it."""
    pieces: list[str] = []
    opened: tuple[TelegramTag, ...] = ()
    for run in parse(source):
        kept = shared(opened, run.tags)
        pieces += (_closing(tag) for tag in reversed(opened[kept:]))
        pieces += (_opening(tag) for tag in run.tags[kept:])
        pieces.append(escaped(run.text))
        opened = run.tags
    pieces += (_closing(tag) for tag in reversed(opened))
    return "".join(pieces)


def _bubble(call: Call, options: Options, notes: tuple[str, ...]) -> Bubble:
    rows = options.buttons if "reply_markup" in call.fields else ()
    return Bubble(
        html=formatted(call.text.html) if call.text else "",
        buttons=tuple(
            tuple(BubbleButton(button.text, link_of(button.url)) for button in row) for row in rows
        ),
        files=tuple(name for name, _content, _type in (call.files or {}).values()),
        notes=notes,
    )


def _opening(tag: TelegramTag) -> str:
    if tag.kind in _SAME:
        return f"<{tag.kind}>"
    if tag.kind == "a":
        attributes = attributes_of(tag.opening.removesuffix(">").partition(" ")[2])
        return opening_of_link(attributes.get("href", ""))
    return '<span class="spoiler" tabindex="0">' if tag.kind == "tg-spoiler" else "<span>"


def _closing(tag: TelegramTag) -> str:
    return f"</{tag.kind}>" if tag.kind in _SAME or tag.kind == "a" else "</span>"
