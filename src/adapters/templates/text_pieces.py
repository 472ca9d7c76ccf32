"""A page as its tags, each with the words that follow it.

Most of a mail is its template's and the same in every mail, so each piece of it, a tag and the
words up to the next, is read once and remembered.
"""

import re
from functools import lru_cache
from html import unescape
from typing import TypeVar

from adapters.html import tokens, whole_tag
from adapters.templates.text_tags import AnyTag, PlainLink, Tag
from adapters.templates.text_writer import Words

Piece = tuple[Tag, Words | None]
"""A tag, and the words up to the next one: None where the next one follows at once."""

_PLAIN_LINK = re.compile(r'a href="([^"]*)">(.*)', re.DOTALL)
_T = TypeVar("_T")
_LONGEST_KEPT = 300  # characters; a longer piece holds a value, and comes only once
MOST_KEPT = 2048
"""Pieces, and tags, of pages that hide the same classes."""


class _Unclear(Exception):
    """A `<` begins no tag, or stands within one."""


class Pages:
    """Reads pages that hide the same classes."""

    def __init__(self, hidden_classes: frozenset[str]) -> None:
        self._hidden_classes = hidden_classes
        self._pieces: dict[str, Piece] = {}
        self._tags: dict[str, Tag] = {}

    @property
    def remembered(self) -> int:
        """How many pieces and tags are remembered."""
        return len(self._pieces) + len(self._tags)

    def pieces(self, source: str) -> tuple[Words | None, list[Piece]]:
        """The words before the first tag, and the pieces of the page."""
        first, *pieces = source.split("<")
        known = self._pieces
        try:
            return _words(first), [known.get(piece) or self._learn(piece) for piece in pieces]
        except _Unclear:
            return pieces_by_rule(source, self._hidden_classes)

    def _learn(self, source: str) -> Piece:
        if link := _PLAIN_LINK.fullmatch(source):  # not kept: its address may differ each time
            return PlainLink(link[1]), _words(link[2])
        tag, text = self._read(source)
        piece = (tag, _words(text))
        if len(source) <= _LONGEST_KEPT:
            _keep(self._pieces, source, piece)
        return piece

    def _read(self, source: str) -> tuple[Tag, str]:
        tag_source, end, text = source.partition(">")
        tag = self._tags.get(tag_source + end)
        if tag is not None:
            return tag, text
        whole = whole_tag(source)
        if whole is None:
            raise _Unclear
        tag_source, text = whole
        tag = AnyTag(f"<{tag_source}>", self._hidden_classes)
        if len(tag_source) <= _LONGEST_KEPT:
            _keep(self._tags, f"{tag_source}>", tag)
        return tag, text


def pieces_by_rule(source: str, hidden_classes: frozenset[str]) -> tuple[Words | None, list[Piece]]:
    """As `Pages.pieces`, whatever a `<` means where it stands; nothing is remembered."""
    found = iter(tokens(source))
    first = _words(next(found))
    return first, [
        (AnyTag(tag, hidden_classes), _words(text)) for tag, text in zip(found, found, strict=True)
    ]


@lru_cache(maxsize=8)
def pages(hidden_classes: frozenset[str]) -> Pages:
    """What reads pages that hide these classes, with what it remembers."""
    return Pages(hidden_classes)


def _words(text: str) -> Words | None:
    if not text:
        return None
    return _known_words(text) if len(text) <= _LONGEST_KEPT else _decoded_words(text)


def _decoded_words(text: str) -> Words:
    return Words(unescape(text) if "&" in text else text)


_known_words = lru_cache(maxsize=MOST_KEPT)(_decoded_words)


def _keep(known: dict[str, _T], source: str, value: _T) -> None:
    if len(known) >= MOST_KEPT:
        known.clear()
    known[source] = value
