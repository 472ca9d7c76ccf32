"""Elements whose style keeps the line ends of their text, as `white-space: pre-line` does."""

import re

from adapters.html import VOID, attributes_of, tag_of, tokens
from adapters.templates.hidden import Hidden
from adapters.templates.visibility import keeps_lines

KEEPS_LINES = "white-space"
_LINE_END = re.compile(r"\r\n?|\n")


def with_breaks(source: str) -> str:
    """The source with a `<br>` for each line end that a style keeps. Other white space is left as
    it is."""
    if KEEPS_LINES not in source:
        return source
    found = iter(tokens(source))
    written = [next(found)]
    extent = _Extent()
    for tag, text in zip(found, found, strict=True):
        keeps = extent.take(*tag_of(tag))
        written += (tag, _LINE_END.sub("<br>", text) if keeps else text)
    return "".join(written)


class _Extent:
    """Follows the outermost element that keeps its lines to its end."""

    def __init__(self) -> None:
        self._element: Hidden | None = None
        self._tables = 0  # open ones around it

    def take(self, name: str, attributes: str) -> bool:
        """Take a tag; whether the text after it keeps its lines."""
        if self._element is not None:
            self._element.take(name, in_table=bool(self._tables))
            if self._element.is_open:
                return True
            self._element = None
        if name == "table":
            self._tables += 1
        elif name == "/table":
            self._tables = max(0, self._tables - 1)
        if KEEPS_LINES not in attributes or name in VOID or name[0] == "/":
            return False
        if not keeps_lines(attributes_of(attributes).get("style", "")):
            return False
        self._element = Hidden(name)
        return True
