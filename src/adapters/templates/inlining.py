"""Put the rules of a page's style sheets into the `style` attributes of its tags, for mail programs
that drop style sheets.

css-inline says which style each tag gets. The page itself is kept as it was written, but for these
attributes and for the rules that are now in them: conditional comments, references and what is not
closed stay as they are.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from adapters.html import ATTRIBUTE, QUOTED, OpenElement, attributes_of, decoded, tokens
from adapters.templates.rust_libraries import MOST_LEVELS, LibraryFailed, called, start_tags
from adapters.templates.style_rules import with_precedence
from adapters.templates.text_alternative import UNSEEN

LONGEST = 500_000
"""Characters of a page. Mail programs cut a mail long before."""

_MOST_WORK = 2_000_000  # rules times tags
_MAY_BE_DEEP, _DEEPEST = 200, 200  # tags of a page, and those within each other
_TABLE = re.compile("<table", re.IGNORECASE)  # which gets two elements that are not written
_MARK = "data-tag"
_START = re.compile(
    rf"{UNSEEN.pattern}|<([a-zA-Z][^\s/>]*)({QUOTED}|[^>]*)(?:>|\Z)", re.IGNORECASE | re.DOTALL
)
_SHEET = re.compile(rf"(<style{QUOTED}>)(.*?)(</style[^>]*>|\Z)", re.IGNORECASE | re.DOTALL)
# What css-inline writes: each value in double quotes.
_VALUES = r"((?:\s+[^\s=>\"]+(?:=\"[^\"]*\")?)*)\s*/?>"
_WRITTEN = re.compile(
    rf"<!--.*?(?:-->|\Z)|<style{_VALUES}(.*?)(?=</style|\Z)|<script.*?(?:</script|\Z)"
    rf"|<[a-zA-Z][^\s/>]*{_VALUES}",
    re.DOTALL,
)
_STYLE = re.compile(r"\sstyle=\"([^\"]*)\"")
_HIDES_CLASSES = re.compile(r"<!--\[if\b.*?\s(?:class|id)\s*=", re.DOTALL | re.IGNORECASE)
_VARIABLE = re.compile(r"\bvar\(|--[\w-]+\s*:")
_EVERY_SCREEN = ("", "all", "screen")


class NotInlined(Exception):
    """The page stays as it is; the message says why."""


class _Results(NamedTuple):
    """What css-inline made: style by the number of the tag, and the rules left of each sheet.
    `is_whole`: whatever a rule is for is a tag that the page itself has."""

    styles: Mapping[int, str]
    sheets: Mapping[int, str]
    is_whole: bool


def inlined(page: str) -> str:
    """The page with its rules in its tags. Loads nothing from elsewhere. Raises NotInlined."""
    if len(page) > LONGEST:
        raise NotInlined(f"the page has more than {LONGEST} characters")
    mark = _MARK
    while mark in page:
        mark += "x"
    seen = list(_START.finditer(page))
    tags = [found for found in seen if found[2] or (found[1] or "").lower() == "style"]
    sheets = [found[0] for found in tags if found[1]]
    if not sheets:
        return page
    if page.count("<") > _MAY_BE_DEEP:
        _refuse_deep(page)
    if len(tags) * sum(sheet.count("{") for sheet in sheets) > _MOST_WORK:
        raise NotInlined("the page has too many rules for so many tags")
    # What Outlook alone is shown has its style by the sheet.
    is_whole = not any(map(_HIDES_CLASSES.match, (found[0] for found in seen)))
    marked = _marked(page, tags, mark)
    results = _read(_run(marked, resolve=True), mark, is_whole=is_whole)
    if any(map(_VARIABLE.search, results.sheets.values())):  # what stays needs the variables
        results = _read(_run(marked, resolve=False), mark, is_whole=is_whole)
    written, at = list[str](), 0
    for number, found in enumerate(tags):
        text = _sheet(found, number, results) if found[1] else _tag(found, number, results)
        written += (page[at : found.start()], text)
        at = found.end()
    result = "".join((*written, page[at:]))
    if mark in result:
        raise NotInlined("a quote of an attribute does not end")
    return result


def _refuse_deep(page: str) -> None:
    """Raise NotInlined where the library would take too long for each tag, or too much stack."""
    if start_tags(page) + 2 * len(_TABLE.findall(page)) > MOST_LEVELS:
        raise NotInlined(f"the page has more than {MOST_LEVELS} tags, each table counted as three")
    around = OpenElement()
    for tag, _, _ in tokens(UNSEEN.sub("", page))[1]:
        around.take(tag.lower())
        if len(around.names) > _DEEPEST:
            raise NotInlined(f"the page has more than {_DEEPEST} tags within each other")


def _marked(page: str, tags: list[re.Match[str]], mark: str) -> str:
    """The page with a number in each tag."""
    pieces, at = list[str](), 0
    for number, found in enumerate(tags):
        end = found.start() + 1 + len(found[1] or found[2])
        ignored = ' data-css-inline="ignore"' if found[1] and _is_at_times(found[0]) else ""
        pieces += (page[at:end], f' {mark}="{number}"{ignored}')
        at = end
    return "".join((*pieces, page[at:]))


def _is_at_times(sheet: str) -> bool:
    """Whether a style sheet is for some screens only."""
    found = _SHEET.match(sheet)
    media = attributes_of(found[1][6:-1]).get("media", "") if found else ""
    return media.strip().lower() not in _EVERY_SCREEN


def _run(page: str, *, resolve: bool) -> str:
    try:
        return str(called(lambda: _inliner(resolve=resolve).inline(page)))
    except LibraryFailed as error:
        raise NotInlined(f"css-inline: {error}") from None


@cache
def _inliner(*, resolve: bool) -> Any:
    """`resolve`: variables of CSS, which few mail programs know, are replaced by their values."""
    import css_inline  # loaded where a template asks for it only

    return css_inline.CSSInliner(
        keep_style_tags=True,
        keep_link_tags=True,
        remove_inlined_selectors=True,
        load_remote_stylesheets=False,
        minify_css=True,
        resolve_css_variables=resolve,
    )


def _read(page: str, mark: str, *, is_whole: bool) -> _Results:
    number_of = re.compile(rf"\s{mark}=\"(\d+)\"")
    styles, sheets = dict[int, str](), dict[int, str]()
    for found in _WRITTEN.finditer(page):
        of_sheet, rules, values = found.groups()
        number = number_of.search(of_sheet or values or "")
        style = _STYLE.search(values or "")
        if rules is not None and number:
            sheets[int(number[1])] = rules
        elif style and number:
            styles.setdefault(int(number[1]), style[1])
        elif style:
            is_whole = False
    return _Results(styles, sheets, is_whole)


def _sheet(found: re.Match[str], number: int, results: _Results) -> str:
    """A style sheet with the rules that stay, or nothing where all are in the tags."""
    parts = _SHEET.fullmatch(found[0])
    if parts is None or number not in results.sheets:
        return found[0]
    # What is for a tag that only the browser adds stays where it was.
    rules = results.sheets[number] if results.is_whole else parts[2]
    if not rules.strip():
        return ""
    kept = with_precedence(rules, at_times=_is_at_times(found[0]))
    return f"{parts[1]}{kept}{parts[3]}"


def _tag(found: re.Match[str], number: int, results: _Results) -> str:
    style = results.styles.get(number)
    if style is None or not found[0].endswith(">"):
        return found[0]
    name, attributes = found[2], found[3]
    for one in ATTRIBUTE.finditer(attributes):
        if one[1].lower() == "style":
            if decoded(one[2] or one[3] or one[4] or "") == decoded(style):
                return found[0]
            before, after = attributes[: one.start()], attributes[one.end() :]
            return f'<{name}{before}style="{style}"{after}>'
    end = len(attributes.rstrip().removesuffix("/").rstrip())
    return f'<{name}{attributes[:end]} style="{style}"{attributes[end:]}>'
