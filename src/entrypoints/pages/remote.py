"""From where HTML that others wrote would load pictures, in one pass, whatever is in it."""

import re
from collections.abc import Iterator

from adapters.html import attributes_of

TAG = re.compile(
    r"""<!--(?:.*?-->|.*)|<(/?[a-zA-Z][^\s/>]*+)((?:[^"'>]++|"[^"]*+"?|'[^']*+'?)*+)(?:>|\Z)""",
    re.DOTALL,
)
"""A tag's name, after a slash where it ends an element, and its attributes; or a comment. One that
does not end goes on to the end, so that the time is that of a long mail."""
LARGEST = 2 * 1024 * 1024
"""Characters that are looked at."""

_PICTURES = {
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "video": ("poster", "src"),
    "input": ("src",),
    "image": ("href", "xlink:href"),
}
_HOST = re.compile(r"(?:https?:)?//([^/\s\"'>)?#,]+)", re.IGNORECASE)
_FURTHER = re.compile(r"[\s,]((?:https?:)?//[^/\s\"'>)?#,]+)", re.IGNORECASE)  # of a srcset
_IN_CSS = re.compile(r"[(\"']\s*((?:https?:)?//[^/\s\"'>)?#,]+)", re.IGNORECASE)


def remote_pictures(html: str) -> list[str]:
    """The hosts that pictures of `html` would be loaded from."""
    found = (_HOST.match(address) for address in _addresses(html[:LARGEST]))
    return sorted({one[1].lower() for one in found if one})


def _addresses(html: str) -> Iterator[str]:
    """What pictures are loaded from: the beginning of each address."""
    at, is_style = 0, False
    for tag in TAG.finditer(html):
        if is_style:
            yield from _IN_CSS.findall(html[at : tag.end()])
        at = tag.end()
        if (name := (tag[1] or "").lower()) or not is_style:
            is_style = name == "style"
        given = attributes_of(tag[2] or "")
        for one in (*_PICTURES.get(name, ()), "background"):
            value = given.get(one, "")
            yield value.strip()
            if one == "srcset":
                yield from _FURTHER.findall(value)
        yield from _IN_CSS.findall(given.get("style", ""))
    if is_style:
        yield from _IN_CSS.findall(html[at:])
