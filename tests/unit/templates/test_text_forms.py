"""The text of a page that was met before, but for its values, is the text that the page gives."""

from collections.abc import Sequence
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from adapters.templates import text_forms
from adapters.templates.text_alternative import text_from_html
from adapters.templates.text_forms import KnownPages, TextForms
from tests.unit.templates.conftest import Folder


def _as_printed(value: str) -> str:
    return str(escape(value))


_OWN = st.sampled_from(
    ("<p>", "</p>", "<td>", "<td ", "<tr>", "<tr><td>", "</td>", "<table>", "</table>", "<li>",
     "<ol start=", "<ul>", "</ul>", "<a href='", "<br>", "<pre>", "<div>", "</div>", "</a>",
     '<a href="', '<a title="x" href="', '<a href="mailto:', '<a href="tel:', '<a href="https://e/',
     '<a href="/x?a=1&b=', '<a href="#', '<a href="T', '<a href=', '"', '">', "'>", ">",
     '" class="h">', '<img alt="', '<img alt=" a ', '<p style="', '<p class="',
     '<b hidden title="', "<", "</", "<!", "<!-", "<!--", "-->", "->", "--", "!", "<!--[if mso]>",
     "<![endif]-->", "<title>", "</title", "<style>.", "</style>",
     "<style>.h{display:none}</style>", '<p style="white-space:pre-line">', "white-", "space",
     "<span style='display:block'>", "</span>", '<td colspan="', '<td rowspan="2">', "&", "&am",
     "&#", "p;", "&nbsp;", "&nbsp", "word", " ", "\n", " two  words ", "\u200b", "\u200d",
     "\u034f", "%", "%s", "{}", "\u00a6", "\U000f0000", "\0", "\u00e9", "", "https://e/", "http",
     "tel:", "a" * 50)
)  # fmt: skip
_VALUE = st.one_of(
    st.sampled_from(
        ("Ada", "two words", " a", "a ", "a\nb", "a  b", " ", "\n", "", "a&b", "<b>", 'a"b', "it's",
         "https://e/", "http", "https://e/?a&b", "mailto:a@b", "tel:1@", "a@b.c", "javascript:x",
         "#", "-", "--", "!", ">", "/", "div", "amp;", "amp", "copy", "#60;", "white-space",
         "space", "white-", "\u200b", "\u200d", "a\u00adb", "\u034f", "\u00a0", "\u00a0a",
         "\u3000", "\u00a6", "%", "%s", "\U000f0000", "\0", "a\0b", "\u00e9\u0142\U0001f600",
         "\u0627", "\r\n", "pre-line", "=", "b" * 70, "none", "h", "2", "0", "\x85", "\x1c",
         "\u2028", "\ud800")
    ).map(_as_printed),
    st.sampled_from(
        ("<b>x</b>", "</p>", "<a href='/y'>", "&nbsp;", "&copy", "&lt", "'", '"', "<", "-->",
         "<table><tr><td>1<td>2</table>")
    ),
)  # fmt: skip
_PLAIN = st.sampled_from(("Ada", "two words", "a@b.c", "https://e/", "a&b", "5", "b" * 70)).map(
    _as_printed
)
_ANY_PAGE = st.lists(st.one_of(_OWN, _OWN, st.none()), max_size=25)
_USUAL_PAGE = st.lists(
    st.one_of(
        st.none(),
        st.sampled_from(
            ("<p>", "</p>", "<table>", "</table>", "<tr>", "<td>", "<li>", "<ul>", "</ul>", "<br>",
             " word ", ", ", "<a href=\"https://e/\">", "</a>", "<div>", "<ol start=5>",
             "<td colspan=2>", "<td rowspan=2>", "<span style='display:block'>", "<b hidden>",
             "</b>", "</span>", "\n", "<title>", "</title>", "&amp;", "100 % ",
             '<p style="white-space:pre">')
        ),
        st.sampled_from(("https://e/", "mailto:", "/", "")).map('<a href="{}'.format),
        st.just('">'),
    ),
    max_size=40,
)  # fmt: skip


_DRAWS = st.lists(st.lists(_VALUE, min_size=1, max_size=6), min_size=2, max_size=5)
_PLAIN_DRAWS = st.lists(st.lists(_PLAIN, min_size=1, max_size=6), min_size=2, max_size=5)
_LINK = ('<p><a href="', None, '">', None, "</a></p>")
_ROW = ("<tr><td>", None, "</td><td>", None, "</td></tr>")


def _page(own: Sequence[str | None], values: Sequence[str]) -> list[str]:
    """The chunks of a page, with a value for each None."""
    given_values = cycle(values)
    return [next(given_values) if chunk is None else chunk for chunk in own]


def _check(own: list[str | None], draws: list[list[str]]) -> None:
    forms = TextForms()
    known = {chunk: chunk for chunk in (*own, "") if chunk is not None}
    for values in [*draws, *draws]:
        chunks = _page(own, values)
        html = "".join(chunks)

        assert forms.text_of(chunks, html, known) == text_from_html(html)
    assert forms.failures == 0


@given(_ANY_PAGE, _DRAWS)
def test_whatever_the_values_are_the_text_is_that_of_the_page(
    own: list[str | None], draws: list[list[str]]
) -> None:
    _check(own, draws)


@given(_USUAL_PAGE, _PLAIN_DRAWS)
def test_values_that_are_words_stand_where_the_page_has_them(
    own: list[str | None], draws: list[list[str]]
) -> None:
    _check(own, draws)


@given(_USUAL_PAGE, _DRAWS)
def test_values_of_any_kind_are_read_right_on_a_usual_page(
    own: list[str | None], draws: list[list[str]]
) -> None:
    _check(own, draws)


@pytest.mark.parametrize(
    ("own", "values", "text"),
    [
        (("<p>Dear ", None, ",</p>\n"), ["Ada & Söhne"], "Dear Ada & Söhne,\n"),
        (("<p>", None, "</p>100 %"), ["a\n  b "], "a b\n\n100 %\n"),
        (_LINK, ["https://e/1?a&b", "See"], "See <https://e/1?a&b>\n"),
        (_LINK, ["https://e/1", "https://e/1"], "https://e/1\n"),
        (('<a href="mailto:', None, '">', None, "</a>"), ["a@b.c"], "a@b.c\n"),
        (("<table>", *_ROW, *_ROW, "</table>"), ["Tea", "2", "Long name", "19"],
         "Tea        2\nLong name  19\n"),
        (("<table>", *_ROW, *_ROW, "</table>"), ["a " * 40, "b", "c", "d"],
         f"{'a ' * 40} b\nc  d\n"),
        (("<ol><li>a<table>", *_ROW, "<tr><td>x</td></tr></table></ol>"), ["1", "2"],
         "1. a\n\n   1  2\n   x\n"),
        (('<img alt="', None, '"><!-- ', None, " -->"), ["Logo", "x"], "Logo\n"),
        (('<p style="white-space:pre-line">', None, "</p>"), ["a"], "a\n"),
    ],
)  # fmt: skip
def test_a_usual_page_is_not_read_again(
    own: Sequence[str | None], values: list[str], text: str
) -> None:
    known, chunks = KnownPages(tuple(own)), _page(own, list(map(_as_printed, values)))

    assert known.text_of(chunks, "".join(chunks)) == text
    assert text_from_html("".join(chunks)) == text


@pytest.mark.parametrize(
    ("own", "value"),
    [
        (("<p>", None), "<b>x</b>"),
        (("<p>", None), "&copy;"),
        (("<p>", None), _as_printed("a\u200bb")),
        (('<a href="', None, '">x</a>'), _as_printed("javascript:x")),
        (('<a href="mailto:', None, '">x</a>'), _as_printed("tel:1@2")),
        (("<style>.", None, "{display:none}</style><b class=h>x</b>"), _as_printed("h")),
        (("<p class='", None, "'>x"), _as_printed("y")),
        (("<!--", None, ">x"), _as_printed("--")),
        (("<", None, ">x"), _as_printed("b")),
        (("&", None, ";"), _as_printed("amp")),
        (("<pre>", None), _as_printed(" a\n b")),
        (('<p style="white-space:pre-line">', None), _as_printed("a\nb")),
        (('<b style="white-', None, ':pre">a\nb'), _as_printed("space")),
    ],
)
def test_a_page_that_its_values_could_change_is_read_again(
    own: tuple[str | None, ...], value: str
) -> None:
    chunks = _page(own, [value])

    assert KnownPages(own).text_of(chunks, "".join(chunks)) is None


def test_a_page_of_many_chunks_is_read_as_ever() -> None:
    forms, chunks = TextForms(), ["<br>", "x"] * text_forms.MOST_CHUNKS
    html = "".join(chunks)
    for _ in range(3):
        assert forms.text_of(chunks, html, {"<br>": "<br>"}) == text_from_html(html)
    assert forms.size == 0


def test_a_set_knows_what_its_files_print_themselves(folder: Folder) -> None:
    folder.write(
        {
            "t/html.jinja2": "{% extends 'l.jinja2' %}{% block b %}<p>{{ v }}</p>{% endblock %}",
            "l.jinja2": "<div>{% block b %}{% endblock %}{% include 'f.jinja2' %}",
            "f.jinja2": "{% if v == 'yes' %}{{ v }}<hr>{% endif %}",
        }
    )

    chunks = folder.load().snapshot.chunks

    assert chunks == {chunk: chunk for chunk in ("", "<p>", "</p>", "<div>", "<hr>")}
