"""HTML as tokens: its tags and their attributes. One tokenizer for every channel.

It follows the tokenization of HTML (https://html.spec.whatwg.org/multipage/parsing.html) as far as
a reader can see the difference, in linear time and without a tree.
"""

import re
from html import escape, unescape

_QUOTED = r"(?:[^>\"']++|\"[^\"]*\"|'[^']*')*+"
_INSIDE = rf"{_QUOTED}|[^>]*"
_TAG = re.compile(rf"<(/?[a-zA-Z][^\s/>]*)({_INSIDE})(?:>|\Z)")
_BETWEEN = re.compile(rf"(</?[a-zA-Z][^\s/>]*(?:{_INSIDE})(?:>|\Z))")
_WHOLE_TAG = re.compile(rf"(/?[a-zA-Z]{_QUOTED})>(.*)", re.DOTALL)
_ATTRIBUTE = re.compile(r"([^\s=/>\"']+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+)))?")
_REFERENCE = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,8}|[a-zA-Z][a-zA-Z0-9]{1,31});")
VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
     "track", "wbr")
)  # fmt: skip
"""Elements without an end."""


def tokens(source: str) -> list[str]:
    """Texts and tags in turn, as they stand in the source; the first and the last are texts.

    A quoted value may hold a `>`; one whose quote never closes ends at the next `>`.
    """
    return _BETWEEN.split(source)


def whole_tag(piece: str) -> tuple[str, str] | None:
    """Of what stands between two `<`: the tag, without `<` and `>`, and the text after it. None
    where it is no whole tag, so that only `tokens` can say what it is."""
    found = _WHOLE_TAG.fullmatch(piece)
    return None if found is None else (found[1], found[2])


def tag_of(token: str) -> tuple[str, str]:
    """A tag's name in lower case, after a slash where it ends an element, and its attributes."""
    found = _TAG.match(token)
    assert found is not None, token  # noqa: S101 - tokens gives no other
    return found[1].lower(), found[2]


def attributes_of(source: str) -> dict[str, str]:
    """The attributes of a tag by name in lower case, decoded; the first of a name counts, and one
    without a value is empty."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(source):
        found.setdefault(name.lower(), decoded(double or single or bare))
    return found


def escaped(text: str) -> str:
    """A text for where `&`, `<` and `>` are markup: in HTML, at Telegram and at Slack."""
    return escape(text, quote=False)


def decoded(text: str) -> str:
    """The text with its character references replaced, where each ends with a semicolon: in an
    address `&copy=2` is no copyright sign (13.2.5.73)."""
    return _REFERENCE.sub(lambda found: unescape(found[0]), text) if "&" in text else text
