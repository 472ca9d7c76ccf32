"""HTML as tokens, for the text part that is made of it. Attributes, references and escaping, which
channels use as well.

It follows the tokenization of HTML (https://html.spec.whatwg.org/multipage/parsing.html) as far as
a reader can see the difference, in linear time and without a tree.
"""

import re
from collections.abc import Iterator
from html import escape, unescape

_QUOTED = r"(?:[^>\"']++|\"[^\"]*\"|'[^']*')*+"
_NAME = r"/?[a-zA-Z][^\s/>]*"
_TAG = re.compile(rf"<({_NAME})({_QUOTED}|[^>]*)(?:>|\Z)")
_WHOLE_TAG = re.compile(rf"({_NAME})({_QUOTED})>(.*)", re.DOTALL)
_ATTRIBUTE = re.compile(r"([^\s=/>\"']+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+)))?")
_REFERENCE = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,8}|[a-zA-Z][a-zA-Z0-9]{1,31});")
VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
     "track", "wbr")
)  # fmt: skip
"""Elements without an end."""


def tokens(source: str) -> tuple[str, Iterator[tuple[str, str, str]]]:
    """The text before the first tag; and each tag's name, after a slash where it ends an element,
    its attributes, and the text after it.

    A quoted value may hold a `>`; one whose quote never closes ends at the next `>`.
    """
    first, *rest = _TAG.split(source)
    found = iter(rest)
    return first, zip(found, found, found, strict=True)


def whole_tag(piece: str) -> tuple[str, str, str] | None:
    """Of what stands between two `<`: the tag's name and attributes, and the text after it. None
    where it is no whole tag, so that only `tokens` can say what it is."""
    found = _WHOLE_TAG.fullmatch(piece)
    return None if found is None else (found[1], found[2], found[3])


def attributes_of(source: str) -> dict[str, str]:
    """The attributes of a tag by name in lower case, decoded; the first of a name counts, and one
    without a value is empty."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(source):
        found.setdefault(name.lower(), decoded(double or single or bare))
    return found


def escaped(text: str, *, in_quotes: bool = False) -> str:
    """A text for where `&`, `<` and `>` are markup: in HTML, at Telegram and at Slack; `in_quotes`:
    for the value of an attribute."""
    return escape(text, quote=in_quotes)


def decoded(text: str) -> str:
    """The text with its character references replaced, where each ends with a semicolon: in an
    address `&copy=2` is no copyright sign (13.2.5.73)."""
    return _REFERENCE.sub(lambda found: unescape(found[0]), text) if "&" in text else text
