"""The plain text of an HTML mail, for readers and filters that want one."""

import re
from html import unescape

_UNSEEN = re.compile(
    r"<(?=[!?sht])(?:!--.*?(?:-->|\Z)|(style|script|head|title|template)\b.*?(?:</\1\s*>|\Z)"
    r"|[!?][^>]*(?:>|\Z))",
    re.IGNORECASE | re.DOTALL,
)
# Name and attributes. These are taken quoted first, since a quoted value may hold a `>`.
_TAG = re.compile(
    r"<(/?[a-zA-Z][^\s/>]*)((?:[^>\"']++|\"[^\"]*\"|'[^']*')*+|[^>]*)(?:>|\Z)",
)
_ATTRIBUTE = r"""(?:^|\s){}\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"""
_HREF = re.compile(_ATTRIBUTE.format("href"), re.IGNORECASE)
_ALT = re.compile(_ATTRIBUTE.format("alt"), re.IGNORECASE)
_HIDDEN = re.compile(r"display\s*:\s*none|(?:^|\s)hidden(?:[\s=/]|$)")
_VOID = frozenset(("area", "base", "br", "col", "hr", "img", "input", "link", "meta", "wbr"))
_NO_PAGE = ("#", "javascript:", "data:", "cid:")

_CELL, _LINE, _PARAGRAPH = 1, 2, 3
_GAPS = ("", "  ", "\n", "\n\n")
_BREAK_AFTER = {
    **dict.fromkeys(("td", "th"), _CELL),
    **dict.fromkeys(
        ("div", "tr", "li", "dt", "dd", "section", "header", "footer", "article", "main"), _LINE
    ),
    **dict.fromkeys(
        ("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "hr", "pre",
         "blockquote"),
        _PARAGRAPH,
    ),
}  # fmt: skip
_BREAKS = _BREAK_AFTER | {f"/{name}": gap for name, gap in _BREAK_AFTER.items()}
_SPECIAL = frozenset(("br", "a", "/a", "img", "ul", "ol", "/ul", "/ol", "li"))


class _Writer:
    """Collects words; a gap is only remembered and written before the next word."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.gap = 0
        self.space = False
        self._link: tuple[str, int] | None = None
        self._lists: list[int | None] = []

    def write(self, text: str) -> None:
        words = text.split()
        if not words:
            if text:
                self.space = True
            return
        if not self.pieces:
            gap = ""
        elif self.gap:
            gap = _GAPS[self.gap]
        else:
            gap = " " if self.space or text[0].isspace() else ""
        self.pieces.append(gap + " ".join(words))
        self.gap = 0
        self.space = text[-1].isspace()

    def special(self, name: str, attributes: str) -> None:
        if name == "br":
            self.gap = _LINE if self.gap < _LINE else _PARAGRAPH
        elif name == "img":
            self.write(_value(_ALT, attributes))
        elif name in ("ul", "ol"):
            self._lists.append(0 if name == "ol" else None)
        elif name in ("/ul", "/ol"):
            del self._lists[-1:]
        elif name == "li":
            self._bullet()
        else:
            self._end_link()
            if name == "a":
                self._link = (_value(_HREF, attributes), len(self.pieces))

    def _bullet(self) -> None:
        number = self._lists[-1] if self._lists else None
        if number is not None:
            self._lists[-1] = number + 1
        self.write("- " if number is None else f"{number + 1}. ")

    def _end_link(self) -> None:
        if self._link is None:
            return
        address, start = self._link
        self._link = None
        label = "".join(self.pieces[start:]).strip()
        plain = address.removeprefix("mailto:").removeprefix("tel:")
        if plain and label != plain and not address.startswith(_NO_PAGE):
            trailing_space, self.space = self.space, bool(label)
            self.write(f"<{plain}>")
            self.space = trailing_space


def text_from_html(html: str) -> str:
    """The readable text of `html`: link addresses kept, hidden parts such as a preheader dropped.

    Never raises; what is no proper HTML comes out as well as it can be read.
    """
    writer = _Writer()
    hidden, depth = "", 0
    pieces = iter(_TAG.split(_UNSEEN.sub("", html)))
    writer.write(unescape(next(pieces)))
    for name, attributes, text in zip(pieces, pieces, pieces, strict=True):
        tag = name.lower()
        if depth:
            depth += (tag == hidden) - (tag == "/" + hidden)
        elif attributes and tag not in _VOID and _is_hidden(attributes):
            hidden, depth = tag, 1
        else:
            gap = _BREAKS.get(tag, 0)
            if gap > writer.gap:
                writer.gap = gap
            if tag in _SPECIAL:
                writer.special(tag, attributes)
        if text.isspace():  # as between most tags of a table
            writer.space = writer.space or not depth
        elif text and not depth:
            writer.write(unescape(text) if "&" in text else text)
    result = "".join(writer.pieces)
    return result + "\n" if result else ""


def _is_hidden(attributes: str) -> bool:
    lowered = attributes.lower()  # two plain searches spare most tags the slower one
    return ("none" in lowered or "hidden" in lowered) and _HIDDEN.search(lowered) is not None


def _value(attribute: re.Pattern[str], attributes: str) -> str:
    found = attribute.search(attributes)
    return unescape(found[1] or found[2] or found[3] or "").strip() if found else ""
