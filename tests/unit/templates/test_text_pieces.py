"""What the text part remembers from mail to mail changes no text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.templates import text_pieces
from adapters.templates.text_alternative import text_from_html
from adapters.templates.text_pieces import Pages, Piece, pages, pieces_by_rule

_NAMES = st.sampled_from(
    ("a", "p", "td", "tr", "table", "b", "span", "pre", "li", "ol", "br", "img", "style", "title")
)
_ATTRIBUTES = st.sampled_from(
    ("", " class=h", ' style="display:none"', ' style="display:block"', " hidden", ' alt="a > b"',
     ' href="/x?a&amp;b"', ' href="mailto:word"', ' title="x<y"', " colspan=2",
     ' class="h" href="x"', ' href="x" hidden', ' "', " '", "/")
)  # fmt: skip
_TEXTS = st.sampled_from(
    ("word", " ", "\n", " two words ", "&amp;", "&am", "p;", "5 < 6", "\u200b", "\u200d<", "<",
     "</", "<!-- x -->", "<!--", "a>b", "\u00e9", "<style>.h{display:none}</style>")
)  # fmt: skip
_TAGS = st.one_of(
    st.builds("<{}{}>".format, _NAMES, _ATTRIBUTES),
    st.builds("<{}{}>".format, _NAMES, _ATTRIBUTES),
    _NAMES.map("</{}>".format),
)
_PAGES = st.lists(st.one_of(_TAGS, _TAGS, _TEXTS), max_size=30).map("".join)
_CLASSES = st.sampled_from((frozenset[str](), frozenset(("h",))))


def _seen(piece: Piece) -> tuple[object, ...]:
    tag, words = piece
    text = words and (words.text, words.line, words.leads, words.trails)
    look = (tag.act, tag.gap, tag.look, tag.span, tag.rows, tag.is_plain, tag.is_special)
    return tag.name, *look, tag.address, tag.number, text


@given(_PAGES)
def test_a_page_reads_the_same_the_first_time_and_every_later_one(html: str) -> None:
    later = text_from_html(html)
    pages.cache_clear()

    assert text_from_html(html) == later
    assert text_from_html(html) == later


@given(st.lists(_PAGES, max_size=3), _CLASSES)
def test_remembered_pieces_are_those_that_the_rules_of_html_give(
    sources: list[str], hidden_classes: frozenset[str]
) -> None:
    reader = Pages(hidden_classes)
    for source in [*sources, *sources]:
        found = reader.pieces(source)
        right = pieces_by_rule(source, hidden_classes)

        assert list(map(_seen, found)) == list(map(_seen, right))


@pytest.mark.parametrize(
    "tag",
    [
        'a href="{}"', 'a class="button" href="{}" target=_blank', 'a href="{}" hidden',
        'a href="{}" style="display:block"', "a title=' href=\"{}\"'", 'a HREF="/y" href="{}"',
        'a href="{}" href="/z"', 'td href="{}"', 'a href="{}" title="a > b"',
        "a title=' href=\"{}\"",
    ],
)  # fmt: skip
def test_a_link_is_read_right_however_often_only_its_address_is_another(tag: str) -> None:
    reader = Pages(frozenset())
    for address in ("/1", "https://e.org/2?a&amp;b", "mailto:a@b", "#", "it's", "a > b", ""):
        source = f"<{tag.format(address)}>label &amp; more</a>"

        found = list(map(_seen, reader.pieces(source)))

        assert found == list(map(_seen, pieces_by_rule(source, frozenset())))


def test_what_is_remembered_is_bounded() -> None:
    reader = Pages(frozenset())

    for number in range(3 * text_pieces.MOST_KEPT):
        reader.pieces(f'<p id="{number}">word {number}')

    assert len(reader.known) <= text_pieces.MOST_KEPT
    assert len(reader.tags) <= text_pieces.MOST_KEPT


def test_a_long_piece_is_not_remembered() -> None:
    reader = Pages(frozenset())

    reader.pieces("<p>" + "word " * 1000)

    assert (len(reader.known), len(reader.tags)) == (0, 1)
