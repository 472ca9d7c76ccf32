"""The parts of a template: how each is escaped, and which of them a channel sends."""

import re
from collections.abc import Callable, Iterator

from adapters.html import attributes_of, escaped, tokens
from domain.value_object import value_object

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_BODY_TAG = re.compile(r"<body\b[^>]*>", re.IGNORECASE)


@value_object()
class Escaping:
    """How values are escaped; files that a part includes are escaped like the part. `escape`: what
    is done to a text, where it is not HTML. `in_json`: values are written into a JSON text."""

    name: str
    is_on: bool = True
    escape: Callable[[object], str] | None = None
    in_json: bool = False


NO_ESCAPING = Escaping("none", is_on=False)
HTML_ESCAPING = Escaping("html")


def _above(note: str, text: str) -> str:
    return f"{note}\n\n{text}"


def note_in_markup(note: str, text: str) -> str:
    """A text in a markup that has `&`, `<` and `>` of its own, below a note in plain text."""
    return _above(escaped(note), text)


def _note_in_html(note: str, text: str) -> str:
    body = _BODY_TAG.search(text)
    at = body.end() if body else 0
    return f"{text[:at]}<p>{escaped(note)}</p>{text[at:]}"


def _sheets_elsewhere(page: str) -> Iterator[str]:
    """What is to be said of style sheets that a page only names."""
    for name, attributes, _ in tokens(_COMMENT.sub("", page))[1]:
        values = attributes_of(attributes) if name.lower() == "link" else {}
        if "stylesheet" in values.get("rel", "").lower().split():
            yield (
                f"the style sheet {values.get('href', '')!r} is loaded neither here nor by most"
                " mail programs; write its rules into a <style>"
            )


@value_object(kw_only=True)
class TemplatePart:
    """A file of a template, `<name>.jinja2`.

    `check` raises ValueError or TypeError for a rendered text that cannot be sent. `hints` says
    what in one is probably a mistake. `with_note` puts a note in plain text above one.
    """

    name: str
    escaping: Escaping = HTML_ESCAPING
    check: Callable[[str], object] | None = None
    hints: Callable[[str], Iterator[str]] | None = None
    with_note: Callable[[str, str], str] = _above


SUBJECT = TemplatePart(name="subject", escaping=NO_ESCAPING)
HTML = TemplatePart(name="html", hints=_sheets_elsewhere, with_note=_note_in_html)
TEXT = TemplatePart(name="text", escaping=NO_ESCAPING)
COMMON = (SUBJECT, HTML, TEXT)
"""The parts that are no single channel's."""


@value_object(kw_only=True)
class ChannelParts:
    """What a channel sends of a template: all of its `own` parts that there are, else the text.
    `always_text`: the text as well. `needs_subject`: a message without one is probably a
    mistake. `has_headers`: what it sends has header fields, such as List-Unsubscribe."""

    own: tuple[TemplatePart, ...] = ()
    always_text: bool = False
    needs_subject: bool = False
    has_headers: bool = False

    @property
    def wanted(self) -> str:
        """The parts of which it needs one, as an error names them."""
        own = [part.name for part in self.own]
        *others, last = dict.fromkeys([*own, TEXT.name, HTML.name])
        return f"{', '.join(others)} or {last}"

    def serves(self, parts: tuple[str, ...]) -> bool:
        """Whether a template with these parts has one for this channel alone."""
        own = [part.name for part in self.own] + [TEXT.name] * self.always_text
        return any(name in parts for name in own)

    def with_note(self, name: str, note: str, text: str) -> str:
        """The rendered part of that name with a note above it."""
        part = next((one for one in (*self.own, *COMMON) if one.name == name), TEXT)
        return part.with_note(note, text)
