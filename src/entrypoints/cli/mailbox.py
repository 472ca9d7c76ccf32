"""`dispatcher mailbox`."""

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

import click

from adapters.channels import CHANNELS
from entrypoints.cli.captured_messages import Captured, CapturedPlace, find, newest
from entrypoints.cli.local_server import PageReply, serve
from entrypoints.cli.output import ago
from entrypoints.cli.pages import foreign, frame, missing, page, style
from entrypoints.settings import Settings
from entrypoints.start import load

_LATEST = 500
_SHOWN = (
    "From",
    "To",
    "Cc",
    "Reply-To",
    "Delivered-To",
    "Date",
    "Template",
    "Id",
    "X-Dispatcher-Id",
)


@click.command("mailbox")
@click.option("--port", type=click.IntRange(0, 65535), default=8025, show_default=True)
def command(port: int) -> None:
    """Show captured mails and messages in a browser, on this machine only.

    Shows the local mailbox and the folders of captured channels, the demo's too. It only reads:
    nothing is deleted or marked. Pictures and styles from elsewhere are not loaded.
    """
    box = CapturedMailbox(places(load()))
    serve(box.answer, port, "captured messages")


def places(settings: Settings) -> list[CapturedPlace]:
    """Every folder that a channel may have captured something in."""
    found: list[CapturedPlace] = []
    for channel in CHANNELS.values():
        if form := channel.capture:
            for name, home in (("", settings.home), ("demo", settings.home / "demo")):
                found.append(CapturedPlace(name, channel.name, channel.captured_in(home), form))
            own = form.elsewhere(settings.channel_settings[channel.name])
            if own is not None and own != channel.captured_in(settings.home):
                found.append(CapturedPlace("", channel.name, own, form))
    return found


class CapturedMailbox:
    """Answers with what is in these places at the moment of asking."""

    def __init__(self, places: list[CapturedPlace]) -> None:
        self._places = places

    def answer(self, path: str) -> PageReply:
        """The page at `path`."""
        match path.split("/")[1:]:
            case [""]:
                return self._list()
            case ["style.css"]:
                return style()
            case ["m", key, *rest]:
                message = find(self._places, key)
                return missing() if message is None else _part(message, rest)
            case _:
                return missing()

    def _list(self) -> PageReply:
        messages = newest(self._places, _LATEST)
        folders = ", ".join(sorted({str(place.folder) for place in self._places}))
        if not messages:
            nothing = f"<p>Nothing has been captured yet in {escape(folders)}.</p>"
            return page("Captured messages", nothing)
        rows = "".join(f"<li>{_row(message)}</li>" for message in messages)
        many = f"the last {_LATEST}" if len(messages) == _LATEST else str(len(messages))
        above = f'<span class="soft">{many}, newest first; reload to see more</span>'
        return page("Captured messages", f'<ul class="list">{rows}</ul>', above=above)


def _row(message: Captured) -> str:
    place = f" ({escape(message.place)})" if message.place else ""
    time = message.captured_at.isoformat(timespec="seconds")
    return (
        f'<a href="/m/{message.id}">'
        f'<span class="channel soft">{escape(message.channel)}{place}</span>'
        f'<span class="subject">{escape(_title(message))}</span>'
        f'<span class="when soft"><time datetime="{time}">{ago(message.captured_at)}</time></span>'
        f'<span class="to soft">{escape(message.header("To"))}</span></a>'
    )


def _title(message: Captured) -> str:
    lines = (line.strip() for line in message.content.text.splitlines())
    return message.header("Subject") or next(filter(None, lines), "(no subject)")[:200]


def _part(message: Captured, rest: list[str]) -> PageReply:
    match rest:
        case []:
            return page(_title(message), _body(message), above='<a href="/">all messages</a>')
        case ["html"] if message.content.html is not None:
            return foreign(message.content.html)
        case ["source"]:
            return PageReply(message.source, "text/plain; charset=utf-8")
        case ["file", number] if number.isascii() and number.isdigit():
            return _file(message, int(number))
        case _:
            return missing()


def _body(message: Captured) -> str:
    shown = [(n, v) for n, v in message.content.headers if n.title() in _SHOWN]
    here = f"/m/{message.id}"
    parts = [_definitions(shown)]
    if message.content.html is not None:
        parts += ["<h2>As HTML</h2>", frame(f"{here}/html", "the mail as HTML")]
    if message.content.text:
        heading = "<h2>As text</h2>" if message.content.html is not None else ""
        parts.append(f"{heading}<pre>{escape(message.content.text)}</pre>")
    if message.content.files:
        files = "".join(
            f'<li><a href="{here}/file/{number}">{escape(file.name)}</a>'
            f' <span class="soft">{len(file.content):,} bytes</span></li>'
            for number, file in enumerate(message.content.files)
        )
        parts.append(f"<h2>Attachments</h2><ul>{files}</ul>")
    parts.append(
        f"<details><summary>All headers</summary>{_definitions(message.content.headers)}</details>"
    )
    parts.append(f'<p><a href="{here}/source">Source</a></p>')
    return "".join(parts)


def _definitions(headers: Sequence[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in headers)
    return f"<dl>{rows}</dl>"


def _file(message: Captured, number: int) -> PageReply:
    if number >= len(message.content.files):
        return missing()
    file = message.content.files[number]
    disposition = f"attachment; filename*=UTF-8''{quote(file.name, safe='', errors='replace')}"
    headers = {"Content-Disposition": disposition}
    return PageReply(file.content, "application/octet-stream", headers=headers)
