"""Where an element that is not shown ends: its own end tag, or what implies its end.

The rules are those of HTML's tree construction for the elements that have them
(https://html.spec.whatwg.org/multipage/parsing.html#parsing-main-inbody).
"""

from adapters.html import VOID

_ENDS_P = frozenset(
    ("address", "article", "aside", "blockquote", "center", "dd", "details", "dialog", "dir", "div",
     "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5",
     "h6", "header", "hgroup", "hr", "li", "main", "menu", "nav", "ol", "p", "pre", "search",
     "section", "summary", "table", "ul")
)  # fmt: skip
_PARTS_OF_A_TABLE = frozenset(
    ("caption", "col", "colgroup", "tbody", "td", "tfoot", "th", "thead", "tr")
)
# A start tag ends the nearest open element of the first set, unless one of the second is nearer.
_ENDS = {
    "li": (frozenset(("li",)), frozenset(("ul", "ol", "menu", "dir", "table", "td", "th"))),
    **dict.fromkeys(
        ("dd", "dt"), (frozenset(("dd", "dt")), frozenset(("dl", "table", "td", "th")))
    ),
    "option": (frozenset(("option",)), frozenset(("select", "optgroup"))),
}
_ENDS_ANCESTORS = (_ENDS_P | _PARTS_OF_A_TABLE | {"select", "optgroup", "option"}) - {"p"}


_DEEPEST = 512
"""Elements within each other; browsers stop counting there, too."""


class Hidden:
    """One element that is not shown, and what is open within it."""

    def __init__(self, name: str) -> None:
        self._open = [name]

    @property
    def is_open(self) -> bool:
        """Whether what comes next belongs to it."""
        return bool(self._open)

    def take(self, name: str, *, in_table: bool) -> bool:
        """Take a tag, its name after a slash where it ends an element. True where the tag ends the
        hidden element from without, so that it is about what is shown.

        `in_table`: whether the element stands in a table."""
        if name[0] == "/":
            return self._end_tag(name[1:])
        return self._start_tag(name, in_table=in_table)

    def _start_tag(self, name: str, *, in_table: bool) -> bool:
        if name in _PARTS_OF_A_TABLE:
            if "table" not in self._open and self._open[0] not in _PARTS_OF_A_TABLE:
                if in_table:
                    self._open.clear()
                return in_table
            self._close_part(name)
        if name in _ENDS_P and self._is_near("p", frozenset(("table", "td", "th", "button"))):
            self._pop_to("p")
        if self._open and name in _ENDS:
            self._end_like(*_ENDS[name])
        if not self._open:
            return True
        if name not in VOID and len(self._open) < _DEEPEST:
            self._open.append(name)
        return False

    def _end_like(self, ended: frozenset[str], shields: frozenset[str]) -> None:
        for open_ in reversed(self._open):
            if open_ in shields:
                return
            if open_ in ended:
                self._pop_to(open_)
                return

    def _close_part(self, name: str) -> None:
        """A cell, row or group ends those like it in the innermost table."""
        like = {"td", "th"}
        if name not in like:
            like.add("tr")
        if name not in {"td", "th", "tr"}:
            like |= {"tbody", "thead", "tfoot", "caption", "colgroup"}
        inner = len(self._open) - self._open[::-1].index("table") if "table" in self._open else 0
        for at in range(inner, len(self._open)):
            if self._open[at] in like:
                del self._open[at:]
                return

    def _end_tag(self, name: str) -> bool:
        if name in self._open:
            self._pop_to(name)
            return False
        if name not in _ENDS_ANCESTORS:
            return False  # the end of nothing
        self._open.clear()  # it ends what stands around the element, and so the element too
        return True

    def _is_near(self, name: str, shields: frozenset[str]) -> bool:
        for open_ in reversed(self._open):
            if open_ == name:
                return True
            if open_ in shields:
                return False
        return False

    def _pop_to(self, name: str) -> None:
        while self._open.pop() != name:
            pass
