"""Telegram's HTML: read leniently into runs of text, written back so that Telegram can parse it.

What is allowed: https://core.telegram.org/bots/api#html-style. What a template gets wrong is put
right on the way: nesting, named entities, bare `<` and `&`, tags that mail has and Telegram not.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from adapters.html import attributes_of, decoded, escaped
from domain.value_object import value_object

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*+)(\s[^<>]*+|/)?+>")
_COMMENT = re.compile(r"<!(?=--).*?-->", re.DOTALL)
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")

_SAME_AS = {"strong": "b", "em": "i", "ins": "u", "strike": "s", "del": "s"}
_BARE = frozenset(("b", "i", "u", "s", "tg-spoiler", "pre"))
_NEEDED = {"a": "href", "tg-emoji": "emoji-id", "tg-time": "unix"}
_SUPPORTED = _BARE | _NEEDED.keys() | {"blockquote", "code", "span"}
_ENDS_A_LINE = frozenset(
    ("p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table")
)
# Known from mail; anything else in angle brackets is text that is not escaped.
_DROPPED = _ENDS_A_LINE | frozenset(
    ("article", "body", "br", "center", "font", "footer", "head", "header", "hr", "html", "img",
     "main", "section", "small", "sub", "sup", "tbody", "td", "th", "thead", "title", "wbr")
)  # fmt: skip


@value_object(eq=False)
class TelegramTag:
    """One pair of tags. Two of the same kind are two: adjacent quotations stay apart."""

    kind: str
    opening: str

    @property
    def closing(self) -> str:
        return f"</{self.kind}>"


@value_object()
class Run:
    """Text as people see it, within these tags, the outermost first."""

    text: str
    tags: tuple[TelegramTag, ...] = ()


def units(text: str) -> int:
    """Length in UTF-16 code units, as Telegram counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def parse(source: str) -> list[Run]:
    """Read a rendered template; never fails, whatever is wrong with it."""
    source = _without_comments(_scalar(source))
    reader = _MarkupReader()
    end = 0
    for match in _TAG.finditer(source):
        reader.text(decoded(source[end : match.start()]))
        is_end, name, attributes = match[1] == "/", match[2].lower(), match[3] or ""
        if not reader.tag(name, attributes, is_end=is_end):
            reader.text(match[0])
        end = match.end()
    reader.text(decoded(source[end:]))
    return reader.runs


def plain(text: str) -> list[Run]:
    """A text without markup."""
    return [Run(_scalar(text))]


def write(runs: Iterable[Run]) -> str:
    """Markup that Telegram can parse, every tag closed in order."""
    pieces: list[str] = []
    opened: tuple[TelegramTag, ...] = ()
    for run in runs:
        kept = shared(opened, run.tags)
        pieces += (tag.closing for tag in reversed(opened[kept:]))
        pieces += (tag.opening for tag in run.tags[kept:])
        pieces.append(escaped(run.text))
        opened = run.tags
    pieces += (tag.closing for tag in reversed(opened))
    return "".join(pieces)


def shared(one: Sequence[TelegramTag], other: Sequence[TelegramTag]) -> int:
    """How many tags both have in common from the outside."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] is pair[1], zip(one, other, strict=False)))


class _MarkupReader:
    """Collects runs. `_open` has each name's open tags, those too that say nothing new, so that
    their ends are known."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self._tags: tuple[TelegramTag, ...] = ()
        self._open: dict[str, list[TelegramTag | None]] = defaultdict(list)

    def text(self, text: str) -> None:
        if not text:
            return
        if self.runs and self.runs[-1].tags == self._tags:
            text = self.runs.pop().text + text
        self.runs.append(Run(text, self._tags))

    def tag(self, name: str, attributes: str, *, is_end: bool) -> bool:
        """Take a tag; False where this is not a known tag."""
        name = _SAME_AS.get(name, name)
        if name in _SUPPORTED:
            if is_end:
                self._end(name)
            else:
                self._start(name, attributes)
            return True
        if name == "br" or (is_end and name in _ENDS_A_LINE):
            self.text("\n")
        elif name == "li":
            self.text("• ")
        return name in _DROPPED

    def _start(self, name: str, attributes: str) -> None:
        opening = _opening(name, attributes, within=self._tags)
        kind = "tg-spoiler" if name == "span" else name
        tag = None
        if opening is not None and kind not in {known.kind for known in self._tags}:
            tag = TelegramTag(kind, opening)
            self._tags += (tag,)
        self._open[name].append(tag)

    def _end(self, name: str) -> None:
        if self._open[name]:
            tag = self._open[name].pop()
            self._tags = tuple(other for other in self._tags if other is not tag)


def _opening(name: str, attributes: str, within: Sequence[TelegramTag]) -> str | None:
    """The opening tag with the attributes that Telegram knows; None: it would mean nothing."""
    if name in _BARE:
        return f"<{name}>"
    values = attributes_of(attributes)
    if name == "span":
        return "<tg-spoiler>" if values.get("class") == "tg-spoiler" else None
    if name == "blockquote":
        return "<blockquote expandable>" if "expandable" in values else "<blockquote>"
    if name == "code":
        language = values.get("class", "")
        is_named = bool(within) and within[-1].kind == "pre" and language.startswith("language-")
        return _with(name, {"class": language} if is_named else {})
    needed = _NEEDED[name]
    wanted = {key: values[key] for key in (needed, "format") if values.get(key)}
    return _with(name, wanted) if needed in wanted else None


def _with(name: str, attributes: Mapping[str, str]) -> str:
    pairs = (f' {key}="{escaped(value, in_quotes=True)}"' for key, value in attributes.items())
    return f"<{name}{''.join(pairs)}>"


def _scalar(text: str) -> str:
    """Half a surrogate pair, which JSON can name, has no place in UTF-8."""
    if not _LONE_SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _without_comments(source: str) -> str:
    end = source.rfind("-->") + 3  # so that each beginning before it finds its end near by
    return _COMMENT.sub("", source[:end]) + source[end:]
