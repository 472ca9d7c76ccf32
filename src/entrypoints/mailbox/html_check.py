"""What mail clients make of a mail's HTML: what they do not show, where it is clipped, and what a
reader who sees no pictures misses."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from html import unescape
from pathlib import Path
from typing import NamedTuple

from adapters.html import attributes_of
from domain.value_object import value_object
from entrypoints.pages.remote import LARGEST, TAG

CLIPPED_AT = 102 * 1024
"""Bytes of HTML that Gmail shows; the rest is behind a link
(https://github.com/hteumeuleu/email-bugs/issues/41)."""

_TABLE = Path(__file__).parent / "client_support.txt"
_PAGES = "https://www.caniemail.com/features/"
_CLIENT = re.compile(r"# (\w) = (.+)")
_ABSENT = "-"
_MOST_MARKS = 50_000

_RAW = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("style", "script")}
# One that does not end goes on to the end.
_COMMENT = re.compile(r"/\*(?:.*?\*/|.*)", re.DOTALL)
_QUOTED = re.compile(r"""url\([^)]*\)?|"[^"]*"?|'[^']*'?""")
_STEP = re.compile(r"([^{};]*)([{};]|$)")


@value_object()
class ClientFeature:
    """Something that mails use, and the clients that lack it. `page`: where this was tested."""

    kind: str
    pattern: re.Pattern[str]
    page: str
    missing_in: tuple[str, ...]
    partly_in: tuple[str, ...]


class FeatureUse(NamedTuple):
    """A feature that this HTML uses: as it is written there, how often, and where first."""

    feature: ClientFeature
    text: str
    times: int
    line: int


@value_object(kw_only=True)
class HtmlCheck:
    """What was found. `silent_links`, `silent_pictures`: the lines of links without text, and of
    pictures without `alt`."""

    size: int
    uses: tuple[FeatureUse, ...]
    silent_links: tuple[int, ...]
    silent_pictures: tuple[int, ...]

    @property
    def is_clipped(self) -> bool:
        """Whether Gmail shows a part of it only."""
        return self.size > CLIPPED_AT

    @property
    def missing(self) -> list[FeatureUse]:
        """What some client does not show at all."""
        return [use for use in self.uses if use.feature.missing_in]

    @property
    def partly(self) -> list[FeatureUse]:
        """What some client shows in a part, and each at least so."""
        return [use for use in self.uses if not use.feature.missing_in]

    @property
    def problems(self) -> int:
        """How many things a reader may not see."""
        silent = len(self.silent_links) + len(self.silent_pictures)
        return len(self.missing) + silent + self.is_clipped


def check_html(html: str) -> HtmlCheck:
    """Read the HTML of a mail, whatever is in it; of a very long one the beginning."""
    found = _Seen()
    found.read(html[:LARGEST])
    return HtmlCheck(
        size=len(html.encode("utf-8", "replace")),
        uses=tuple(_uses(found.marks[:_MOST_MARKS])),
        silent_links=tuple(found.silent_links),
        silent_pictures=tuple(found.silent_pictures),
    )


@lru_cache(maxsize=1)
def client_features() -> tuple[ClientFeature, ...]:
    """The table of what clients do not show."""
    clients, features = {}, []
    for line in _TABLE.read_text("utf-8").splitlines():
        if named := _CLIENT.fullmatch(line):
            clients[named[1]] = named[2]
        elif not line.startswith("#"):
            kind, pattern, page, missing, partly = line.split("\t")
            names = [tuple(clients[c] for c in one if c != _ABSENT) for one in (missing, partly)]
            features.append(ClientFeature(kind, re.compile(pattern), f"{_PAGES}{page}/", *names))
    return tuple(features)


@value_object()
class _Mark:
    """Something that the HTML uses."""

    kind: str
    text: str
    line: int


def _uses(marks: list[_Mark]) -> Iterator[FeatureUse]:
    """Each feature once. Many marks are equal, so each text is looked up once."""
    times = Counter((mark.kind, mark.text) for mark in marks)
    lines = {(mark.kind, mark.text): mark.line for mark in reversed(marks)}
    for feature in client_features():
        found = [one for one in times if one[0] == feature.kind and _is(feature, one[1])]
        if found:
            first = min(found, key=lines.__getitem__)
            total = sum(times[one] for one in found)
            yield FeatureUse(feature, _as_written(feature, first[1]), total, lines[first])


def _as_written(feature: ClientFeature, text: str) -> str:
    """What a reader looks for in the source."""
    match feature.kind:
        case "element":
            return f"<{text}>"
        case "at-rule":
            is_any = " " not in feature.pattern.pattern and (found := feature.pattern.match(text))
            return f"@{found[0] if is_any and found else text}"
        case "picture":
            return text if text.endswith(":") else f".{text}"
        case _:
            return text


def _is(feature: ClientFeature, text: str) -> bool:
    match feature.kind:
        case "selector":
            return feature.pattern.search(text) is not None
        case "at-rule" | "value":
            return feature.pattern.match(text) is not None
        case _:
            return feature.pattern.fullmatch(text) is not None


class _Seen:
    """Collects marks, and the lines of links and pictures that say nothing."""

    def __init__(self) -> None:
        self.marks: list[_Mark] = []
        self.silent_links: list[int] = []
        self.silent_pictures: list[int] = []
        self._silent_link: int | None = None

    def read(self, html: str) -> None:
        """Read a whole mail, in one pass: a tag or a comment that does not end goes on to the
        end."""
        at, line = 0, 1
        while tag := TAG.search(html, at):
            self._text(html[at : tag.start()])
            line += html.count("\n", at, tag.start())
            at, begin = tag.end(), line
            line += html.count("\n", tag.start(), at)
            name = (tag[1] or "").lower()
            self._tag(name, attributes_of(tag[2] or ""), begin)
            if end := _RAW.get(name):
                found = end.search(html, at)
                close = found.start() if found else len(html)
                if name == "style":
                    self.marks += _rules(html[at:close], line)
                line += html.count("\n", at, close)
                at = close
        self._text(html[at:])
        self._end_link()

    def _text(self, text: str) -> None:
        if self._silent_link is not None and unescape(text).strip():
            self._silent_link = None

    def _tag(self, name: str, given: dict[str, str], line: int) -> None:
        if name in ("a", "/a"):
            self._end_link()
        if not name or name[0] == "/":
            return
        self.marks.append(_Mark("element", name, line))
        self.marks += [_Mark("attribute", one, line) for one in given]
        self.marks += _declarations(given.get("style", ""), line)
        if name == "img":
            self._picture(given, line)
        elif name == "a" and "href" in given:
            spoken = given.get("aria-label", "") + given.get("title", "")
            self._silent_link = None if spoken.strip() else line

    def _picture(self, given: dict[str, str], line: int) -> None:
        if "alt" not in given:
            self.silent_pictures.append(line)
        if given.get("alt", "").strip():
            self._silent_link = None
        source = given.get("src", "").strip().lower()
        suffix = source.partition("?")[0].rpartition(".")[2]
        self.marks.append(_Mark("picture", "data:" if source[:5] == "data:" else suffix, line))

    def _end_link(self) -> None:
        if self._silent_link is not None:
            self.silent_links.append(self._silent_link)
        self._silent_link = None


def _rules(sheet: str, line: int) -> Iterator[_Mark]:
    """At-rules, selectors and declarations of a style sheet, nested or not."""
    for step in _STEP.finditer(_without_texts(sheet)):
        words = " ".join(step[1].split()).lower()
        at = line + step[1][: len(step[1]) - len(step[1].lstrip())].count("\n")
        line += step[1].count("\n")
        if words.startswith("@"):
            yield _Mark("at-rule", words[1:], at)
        elif step[2] == "{":
            yield _Mark("selector", words, at)
        else:
            yield from _declaration(words, at)


def _declarations(style: str, line: int) -> Iterator[_Mark]:
    for one in _without_texts(style).split(";"):
        yield from _declaration(" ".join(one.split()).lower(), line)


def _declaration(words: str, line: int) -> Iterator[_Mark]:
    name, colon, value = words.partition(":")
    if colon:
        yield _Mark("property", name.strip(), line)
        yield _Mark("value", f"{name.strip()}: {value.strip()}", line)


def _without_texts(css: str) -> str:
    """The same lines without comments, and with nothing in quotes and addresses."""
    bare = _COMMENT.sub(lambda one: "\n" * one[0].count("\n"), css)
    return _QUOTED.sub(lambda one: one[0][:4] + ")" if one[0][:4] == "url(" else '""', bare)
