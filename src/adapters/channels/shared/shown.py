"""A message as people see it, for those who write templates."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import field
from typing import Any

from adapters.html import escaped
from domain.content import Content
from domain.notification import Notification
from domain.value_object import value_object

_SCHEMES = ("http://", "https://", "mailto:", "tel:", "tg://")


@value_object()
class BubbleButton:
    """A button below a bubble; `link` is empty where it leads to nothing that a browser opens."""

    text: str
    link: str


@value_object(kw_only=True)
class Bubble:
    """One message. `html` is made here, of tags of our own; nothing in it is a template's markup.
    `notes`: what cannot be seen in it, such as the text of its notification."""

    html: str = field(repr=False)
    buttons: tuple[tuple[BubbleButton, ...], ...] = ()
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@value_object(kw_only=True)
class ShownMessage:
    """What would be sent: bubbles in their order, or a mail's headers and its `source`."""

    bubbles: Sequence[Bubble] = ()
    headers: Sequence[tuple[str, str]] = ()
    source: str = field(default="", repr=False)


Show = Callable[[Notification, Content, Any], Awaitable[ShownMessage]]
"""Makes it, of the channel's settings too. Raises Permanent as sending does."""


def link_of(url: object) -> str:
    """The address if a browser may follow it, else nothing: it could be a script."""
    text = str(url).strip()
    return text if text.lower().startswith(_SCHEMES) else ""


def opening_of_link(url: str) -> str:
    """The tag that begins a link; it looks like one also where it leads nowhere."""
    title = escaped(url, in_quotes=True)
    if link := link_of(url):
        href = escaped(link, in_quotes=True)
        return f'<a href="{href}" title="{title}" target="_blank" rel="noreferrer">'
    return f'<a class="dead" title="{title}">'
