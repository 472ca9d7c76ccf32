"""A notification as Slack shows it: its blocks, or its text, with formatting and buttons."""

import re
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from typing import Any

from adapters.channels.shared.shown import Bubble, ShownMessage, opening_of_link
from adapters.channels.slack.message import message_of
from adapters.html import escaped
from domain.content import Content
from domain.notification import Notification

_APART = re.compile(r"```(?P<pre>.+?)```|`(?P<code>[^`\n]+)`|<(?P<link>[^<>\n]+)>", re.DOTALL)
_HELD = re.compile("\ue000([0-9]{1,9})\ue001")  # a piece that is put back later
_STYLES = [
    (
        re.compile(rf"(?<![\w{mark}]){mark}(?=\S)([^\n]+?)(?<=\S){mark}(?![\w{mark}])"),
        rf"<{tag}>\1</{tag}>",
    )
    for mark, tag in ((r"\*", "b"), ("_", "i"), ("~", "s"))
]
_QUOTE = re.compile(r"(?:^&gt; ?[^\n]*(?:\n|\Z))+", re.MULTILINE)
_EACH_QUOTED = re.compile(r"^&gt; ?", re.MULTILINE)
_Part = Mapping[str, Any]


async def show(notification: Notification, content: Content, _settings: object) -> ShownMessage:
    """See Show: one bubble."""
    message: _Part = message_of(notification, content)
    blocks = _parts(message.get("blocks"))
    for attachment in _parts(message.get("attachments")):
        blocks += _parts(attachment.get("blocks")) or [{"type": "section", "text": attachment}]
    text = str(message.get("text") or "")
    if not blocks:
        return ShownMessage(bubbles=[Bubble(html=formatted(text))])
    notes = (f"Notifications and screen readers have: {_plain(text)}",) if text else ()
    bubble = Bubble(html="".join(map(_block, blocks)), notes=notes)
    return ShownMessage(bubbles=[bubble])


def formatted(text: str) -> str:
    """Slack's mrkdwn as a browser's HTML.

    https://docs.slack.dev/messaging/formatting-message-text
    """
    held: list[str] = []

    def hold(found: re.Match[str]) -> str:
        if found["link"] is not None:
            held.append(_link(found["link"]))
        elif found["code"] is not None:
            held.append(f"<code>{_shown(found['code'])}</code>")
        else:
            held.append(f"<pre>{_shown(found['pre'].strip(chr(10)))}</pre>")
        return f"\ue000{len(held) - 1}\ue001"

    text = text.replace("\ue000", "").replace("\ue001", "")
    html = _shown(_APART.sub(hold, text))
    for pattern, styled in _STYLES:
        html = pattern.sub(styled, html)
    html = _QUOTE.sub(_quoted, html)

    def put_back(found: re.Match[str]) -> str:
        at = int(found[1])
        return held[at] if at < len(held) else ""  # a text can name such characters by number

    return _HELD.sub(put_back, html)


def _quoted(found: re.Match[str]) -> str:
    return f"<blockquote>{_EACH_QUOTED.sub('', found[0]).rstrip(chr(10))}</blockquote>"


def _link(inner: str) -> str:
    """What stands between angle brackets: a link, a mention, a channel, or a command."""
    target, bar, label = inner.partition("|")
    if target.startswith(("@", "#", "!")):
        shown = label if bar else target.lstrip("!")
        is_whole = shown.startswith(("@", "#")) or target.startswith("!date")
        sign = "" if is_whole else target[0].replace("!", "@")
        return f'<span class="mention">{_shown(sign + shown)}</span>'
    return f"{opening_of_link(unescape(target))}{_shown(label if bar else target)}</a>"


def _shown(text: str) -> str:
    return escaped(unescape(text))


def _plain(text: str) -> str:
    return unescape(re.sub(r"<[^<>|]*\|([^<>]*)>", r"\1", text))


def _parts(value: object) -> list[_Part]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _text(value: object) -> str:
    """A text object, or the text itself."""
    if not isinstance(value, Mapping):
        return _shown(value) if isinstance(value, str) else ""
    text = value.get("text")
    if not isinstance(text, str):
        return ""
    return _shown(text) if value.get("type") == "plain_text" else formatted(text)


def _section(block: _Part) -> str:
    pieces = [f"<div>{_text(block.get('text'))}</div>"] if "text" in block else []
    if fields := _parts(block.get("fields")):
        pieces.append(
            f'<div class="fields">{"".join(f"<div>{_text(one)}</div>" for one in fields)}</div>'
        )
    if isinstance(accessory := block.get("accessory"), Mapping):
        pieces.append(f'<div class="accessory">{_element(accessory)}</div>')
    return f'<div class="section">{"".join(pieces)}</div>'


def _element(element: _Part) -> str:
    """Something in a block: a button, a picture, a text, or another thing by its name."""
    match element.get("type"):
        case "button":
            style = element.get("style")
            look = f"slack-button {style}" if style in ("primary", "danger") else "slack-button"
            opening = opening_of_link(str(element.get("url") or ""))
            return f'<span class="{look}">{opening}{_text(element.get("text"))}</a></span>'
        case "image":
            return _image(element)
        case "mrkdwn" | "plain_text":
            return f"<span>{_text(element)}</span>"
        case kind:
            return f'<span class="slack-other">{_shown(str(kind))}</span>'


def _image(block: _Part) -> str:
    alt = _shown(str(block.get("alt_text") or "no alt_text"))
    where = escaped(str(block.get("image_url") or ""), in_quotes=True)
    return f'<span class="picture" title="{where}">Picture: {alt}</span>'


def _elements(kind: str) -> Callable[[_Part], str]:
    def made(block: _Part) -> str:
        inner = "".join(map(_element, _parts(block.get("elements"))))
        return f'<div class="{kind}">{inner}</div>'

    return made


def _rich(block: _Part) -> str:
    return f'<div class="section">{"".join(_rich_pieces(block))}</div>'


def _rich_pieces(part: _Part) -> Iterator[str]:
    """The texts of a rich_text block, each list item on a line of its own."""
    if isinstance(text := part.get("text"), str):
        styles = part.get("style")
        has = styles if isinstance(styles, Mapping) else {}
        tags = [tag for name, tag in _RICH_STYLES.items() if has.get(name)]
        opened, closed = (f"<{tag}>" for tag in tags), (f"</{tag}>" for tag in reversed(tags))
        link = part.get("url")
        inner = f"{opening_of_link(str(link))}{_shown(text)}</a>" if link else _shown(text)
        yield f"{''.join(opened)}{inner}{''.join(closed)}"
    is_list = part.get("type") == "rich_text_list"
    for one in _parts(part.get("elements")):
        inner = "".join(_rich_pieces(one))
        yield f"<div>• {inner}</div>" if is_list else inner


_RICH_STYLES = {"bold": "b", "italic": "i", "strike": "s", "code": "code"}

_BLOCKS: Mapping[str, Callable[[_Part], str]] = {
    "actions": _elements("actions"),
    "context": _elements("context"),
    "divider": lambda _block: "<hr>",
    "header": lambda block: f'<div class="heading">{_text(block.get("text"))}</div>',
    "image": lambda block: f'<div class="section">{_image(block)}</div>',
    "markdown": lambda block: f'<div class="section">{_text(block.get("text"))}</div>',
    "rich_text": _rich,
    "section": _section,
}


def _block(block: _Part) -> str:
    kind = str(block.get("type"))
    if kind in _BLOCKS:
        return _BLOCKS[kind](block)
    return f'<div class="section"><span class="slack-other">{_shown(kind)}</span></div>'
