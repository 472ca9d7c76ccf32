"""What a tag does to the text of a page, and the words between two tags."""

import re
from collections.abc import Callable

from adapters.html import VOID
from adapters.templates.visibility import Look

Act = Callable[..., None]
"""A method of the writer, which takes the tag."""

LINE, PARAGRAPH = 1, 2
"""Gaps: a new line, and one with an empty line before it."""

TABLE = ("table", "/table")

_RARE = re.compile("[\u00ad\u034f\u200b-\u200d\u2060\ufeff]")
_INVISIBLE = dict.fromkeys((0xAD, 0x34F, 0x200B, 0x2060, 0xFEFF))
_JOINERS = "\u200c\u200d"


class Words:
    """A text as it stands between tags, decoded. `line`: its words. `leads`: whether it begins
    with a blank, or holds one where it has no word. `trails`: whether it ends with one."""

    __slots__ = ("leads", "line", "text", "trails")

    def __init__(self, text: str) -> None:
        self.text = text
        self.line = folded(text)
        self.leads = text[:1].isspace() if self.line else any(map(str.isspace, text))
        self.trails = text[-1:].isspace()

    def followed_by(self, more: "Words | None") -> "Words | None":
        """These, which have no blank around them, and more, as if they were written in turn."""
        if more is None or not self.line:
            return more or self
        both = Words(self.text + more.text)
        both.line = self.line + " " * bool(more.leads and more.line) + more.line
        both.trails = more.trails if more.line else more.leads
        return both


class Tag:
    """What a tag does to the text: `act` is the writer's method for a tag of a kind of its own,
    else it leaves a `gap`. `is_plain`: it does so, and no style changes how it is shown.
    `is_special`: a style does, or a table begins or ends. `address`: where it leads, as readers are
    shown it. `number`: of the first item of an `ol`. `alt`: the words that an `img` stands for."""

    __slots__ = (
        "act", "address", "alt", "gap", "is_plain", "is_special", "look", "name", "number", "rows",
        "span",
    )  # fmt: skip

    def __init__(self, name: str, act: Act | None = None, gap: int = 0, address: str = "") -> None:
        self.name = name
        self.act = act
        self.gap = gap
        self.address = address
        self.look = Look.INLINE
        self.number: int | None = None
        self.alt: Words | None = None
        self.rows = self.span = 1
        self.is_plain = bool(act or gap)
        self.is_special = False

    @property
    def is_inline(self) -> bool:
        """Whether its element holds text and changes nothing about it."""
        return not (self.act or self.gap or self.name in VOID or self.name in TABLE)


def folded(text: str) -> str:
    """The words of a text, one blank between them. What has no width is left out; a joiner stays
    within a word."""
    if text.isascii() or not _RARE.search(text):
        return " ".join(text.split())
    return " ".join(w for w in text.translate(_INVISIBLE).split() if w.strip(_JOINERS))
