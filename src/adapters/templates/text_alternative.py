"""The plain text of an HTML mail, for readers and filters that want one."""

import re
from html import unescape

# A tag's attributes are taken quoted first, since a quoted value may hold a `>`.
_TOKEN = re.compile(
    r"<(?:!--.*?(?:-->|\Z)"
    r"|(style|script|head|title|template)\b.*?(?:</\1\s*>|\Z)"
    r"|(/?[a-z][^\s/>]*)((?:[^>\"']++|\"[^\"]*\"|'[^']*')*+|[^>]*)(?:>|\Z)"
    r"|[!?][^>]*(?:>|\Z))",
    re.IGNORECASE | re.DOTALL,
)
_ATTRIBUTE = r"""(?:^|\s){}\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"""
_HREF = re.compile(_ATTRIBUTE.format("href"), re.IGNORECASE)
_ALT = re.compile(_ATTRIBUTE.format("alt"), re.IGNORECASE)
_HIDDEN = re.compile(r"display\s*:\s*none|(?:^|\s)hidden(?:[\s=/]|$)", re.IGNORECASE)
_VOID = frozenset(("area", "base", "br", "col", "hr", "img", "input", "link", "meta", "wbr"))
_NO_PAGE = ("#", "javascript:", "data:", "cid:")

_CELL, _LINE, _PARAGRAPH = 1, 2, 3
_GAPS = ("", "  ", "\n", "\n\n")
_BREAKS = {
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


class _Writer:
    """Collects words; a gap is only remembered and written before the next word."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._gap = 0
        self._space = False
        self._link: tuple[str, int] | None = None
        self._lists: list[int | None] = []

    def write(self, text: str) -> None:
        words = text.split()
        if not words:
            self._space = self._space or bool(text)
            return
        if not self.pieces:
            gap = ""
        elif self._gap:
            gap = _GAPS[self._gap]
        else:
            gap = " " if self._space or text[0].isspace() else ""
        self.pieces.append(gap + " ".join(words))
        self._gap = 0
        self._space = text[-1].isspace()

    def tag(self, name: str, attributes: str) -> None:
        gap = _BREAKS.get(name.lstrip("/"), 0)
        if gap > self._gap:
            self._gap = gap
        if name == "br":
            self._gap = _LINE if self._gap < _LINE else _PARAGRAPH
        elif name == "a":
            self._end_link()
            self._link = (_value(_HREF, attributes), len(self.pieces))
        elif name == "/a":
            self._end_link()
        elif name == "img":
            self.write(_value(_ALT, attributes))
        elif name in ("ul", "ol"):
            self._lists.append(0 if name == "ol" else None)
        elif name in ("/ul", "/ol"):
            del self._lists[-1:]
        elif name == "li":
            self._bullet()

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
            trailing_space, self._space = self._space, bool(label)
            self.write(f"<{plain}>")
            self._space = trailing_space


def text_from_html(html: str) -> str:
    """The readable text of `html`: link addresses kept, hidden parts such as a preheader dropped.

    Never raises; what is no proper HTML comes out as well as it can be read.
    """
    writer = _Writer()
    position = 0
    hidden, depth = "", 0
    for token in _TOKEN.finditer(html):
        start = token.start()
        if start > position and not depth:
            writer.write(_plain(html[position:start]))
        position = token.end()
        name = token[2]
        if name is None:
            continue
        name = name.lower()
        if depth:
            depth += (name == hidden) - (name == "/" + hidden)
        elif token[3] and name not in _VOID and _HIDDEN.search(token[3]):
            hidden, depth = name, 1
        else:
            writer.tag(name, token[3])
    if not depth:
        writer.write(_plain(html[position:]))
    text = "".join(writer.pieces)
    return text + "\n" if text else ""


def _plain(text: str) -> str:
    return unescape(text) if "&" in text else text


def _value(attribute: re.Pattern[str], attributes: str) -> str:
    found = attribute.search(attributes)
    return _plain(found[1] or found[2] or found[3] or "").strip() if found else ""
