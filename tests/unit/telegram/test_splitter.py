"""Long texts become parts that Telegram can parse and people can read."""

import html
import re
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.channels.telegram.markup import parse, plain
from adapters.channels.telegram.splitter import LONGEST_TEXT, Part, split
from tests.unit.telegram.strict_html import Unparsable, visible

NUMBER = re.compile(r"\n\n\((\d+)/(\d+)\)\Z")
BLANK = " \t\n\r\f\v"

TAGS = [
    ("<b>", "</b>"),
    ("<strong>", "</strong>"),
    ("<i>", "</i>"),
    ("<em>", "</em>"),
    ("<u>", "</u>"),
    ("<ins>", "</ins>"),
    ("<s>", "</s>"),
    ("<strike>", "</strike>"),
    ("<del>", "</del>"),
    ('<span class="tg-spoiler">', "</span>"),
    ("<tg-spoiler>", "</tg-spoiler>"),
    ('<a href="https://example.com/?a=1&amp;b=2">', "</a>"),
    ("<code>", "</code>"),
    ('<pre><code class="language-python">', "</code></pre>"),
    ("<pre>", "</pre>"),
    ("<blockquote>", "</blockquote>"),
    ("<blockquote expandable>", "</blockquote>"),
    ('<tg-emoji emoji-id="5368324170671202286">', "</tg-emoji>"),
    ('<tg-time unix="1647531900" format="wDT">', "</tg-time>"),
]
WORDS = st.text(
    st.sampled_from("ab<>&\"'é語\U0001f600\u0301\u200d\U0001f1ee\U0001f1f9;#/"), max_size=40
)
GAPS = st.sampled_from([" ", "\n", "\n\n", "  ", "\n \n", "\t", ""])
TEXTS = st.lists(st.tuples(WORDS, GAPS)).map(lambda pairs: "".join(w + g for w, g in pairs))


def _marked_up(inner: st.SearchStrategy[tuple[str, str]]) -> st.SearchStrategy[tuple[str, str]]:
    """(source, what people see), nested to any depth."""
    wrapped = st.tuples(st.sampled_from(TAGS), inner).map(
        lambda pair: (pair[0][0] + pair[1][0] + pair[0][1], pair[1][1])
    )
    joined = st.lists(inner, max_size=6).map(
        lambda pairs: ("".join(s for s, _ in pairs), "".join(v for _, v in pairs))
    )
    return wrapped | joined


ESCAPED = TEXTS.map(lambda text: (html.escape(text), text))
SOURCES = st.recursive(ESCAPED, _marked_up, max_leaves=30)
TAG_SOUP = st.lists(
    st.sampled_from([*(t for pair in TAGS for t in pair), "<p>", "</p>", "<br/>", "<", "&nbsp;"])
    | TEXTS
).map("".join)


def is_joined_by(seen: str, parts: Sequence[str]) -> bool:
    """Whether `seen` is these parts in their order with nothing but blanks around them."""
    position = 0
    for part in parts:
        found = seen.find(part, position)
        if found < 0 or seen[position:found].strip(BLANK):
            return False
        position = found + len(part)
    return not seen[position:].strip(BLANK)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def without_numbers(parts: Sequence[Part]) -> list[str]:
    """What people see of each part; the numbers are right."""
    found = [visible(part.html) for part in parts]
    assert [part.plain for part in parts] == found
    if len(parts) < 2:
        return found
    numbers = [NUMBER.search(text) for text in found]
    assert [m and (int(m[1]), int(m[2])) for m in numbers] == [
        (n, len(parts)) for n in range(1, len(parts) + 1)
    ]
    return [NUMBER.sub("", text) for text in found]


@given(SOURCES, st.integers(200, 400))
@settings(max_examples=300)
@example(("<b>" * 50 + "a " * 500 + "</b>" * 50, "a " * 500), 200)
@example(("&amp;" * 400, "&" * 400), 200)
@example(("\U0001f600" * 400, "\U0001f600" * 400), 201)
def test_every_part_is_valid_short_enough_and_they_join_to_the_same_text(
    source: tuple[str, str], limit: int
) -> None:
    parts = split(parse(source[0]), limit)

    assert all(units(part.html) <= limit for part in parts)
    assert is_joined_by(source[1], without_numbers(parts))


@given(TAG_SOUP, st.integers(200, 400))
@settings(max_examples=300)
def test_whatever_a_template_makes_becomes_valid(source: str, limit: int) -> None:
    parts = split(parse(source), limit)

    assert all(units(part.html) <= limit for part in parts)
    whole = "".join(visible(p.html) for p in split(parse(source), 10**9))
    assert is_joined_by(whole, without_numbers(parts))


@given(st.text(max_size=2000), st.integers(200, 400))
def test_a_text_without_markup_is_seen_as_it_is(text: str, limit: int) -> None:
    parts = split(plain(text), limit)

    assert is_joined_by(text, without_numbers(parts))


@given(st.lists(st.text("abc", min_size=1, max_size=90), min_size=1), st.integers(200, 400))
def test_no_word_is_cut_that_fits_a_part(words: list[str], limit: int) -> None:
    parts = without_numbers(split(plain(" ".join(words)), limit))

    assert [word for part in parts for word in part.split()] == words


def test_a_short_text_is_one_part_without_a_number() -> None:
    assert split(parse("<b>Hi</b> you")) == [Part("<b>Hi</b> you", "Hi you")]


def test_a_text_of_exactly_the_limit_is_one_part() -> None:
    assert len(split(plain("x" * LONGEST_TEXT))) == 1
    assert len(split(plain("x" * (LONGEST_TEXT + 1)))) == 2


@pytest.mark.parametrize("source", ["", " \n\t ", "<b> </b>", "<!-- nothing -->"])
def test_a_blank_text_has_no_parts(source: str) -> None:
    assert split(parse(source)) == []


def test_a_part_ends_at_a_blank_line_before_it_ends_at_a_line() -> None:
    text = "a" * 90 + "\n\n" + "b" * 90 + "\n" + "c" * 90

    assert without_numbers(split(plain(text), 200)) == ["a" * 90, "b" * 90 + "\n" + "c" * 90]


def test_a_part_ends_at_a_line_before_it_ends_between_words() -> None:
    text = "a" * 90 + "\n" + "b" * 50 + " " + "c" * 100

    assert without_numbers(split(plain(text), 200))[0] == "a" * 90


def test_a_headline_is_not_left_alone() -> None:
    text = "Title\n\n" + "word " * 100

    assert without_numbers(split(plain(text), 200))[0].startswith("Title\n\nword word")


def test_tags_are_closed_and_opened_again_with_their_attributes() -> None:
    text = '<b><a href="https://example.com/">' + "word " * 60 + "</a></b>"

    first, *_, last = split(parse(text), 200)

    assert first.html.startswith('<b><a href="https://example.com/">word')
    assert first.html.endswith(f"word</a></b>\n\n(1/{last.html[-2]})")
    assert last.html.startswith('<b><a href="https://example.com/">word')


def test_the_numbers_are_counted_in_the_limit_however_many_there_are() -> None:
    parts = split(plain("x" * 30_000), 200)

    assert len(parts) > 99
    assert max(units(part.html) for part in parts) == 200


@pytest.mark.parametrize(
    "cluster",
    [
        "e\u0301\u0323",
        "\U0001f469\u200d\U0001f469\u200d\U0001f467",
        "\U0001f44d\U0001f3fd",
        "\U0001f1ee\U0001f1f9",
        "\u0915\u093f",
    ],
    ids=["accents", "family", "skin", "flag", "vowel"],
)
def test_what_is_seen_as_one_character_is_not_cut(cluster: str) -> None:
    parts = without_numbers(split(plain(cluster * 300), 201))

    assert len(parts) > 1
    for part in parts:
        assert part.replace(cluster, "") == ""


def test_a_single_cluster_longer_than_a_part_is_cut_all_the_same() -> None:
    parts = without_numbers(split(plain("e" + "\u0301" * 1000), 200))

    assert "".join(parts) == "e" + "\u0301" * 1000


def test_an_endless_address_costs_the_link_and_not_the_text() -> None:
    text = f'<a href="https://example.com/{"x" * 5000}">here</a>'

    assert split(parse(text)) == [Part("here", "here")]


def test_a_megabyte_is_split_in_reasonable_time() -> None:
    text = "".join(f"<b>line</b> {number}\n" for number in range(80_000))

    parts = split(parse(text))

    assert is_joined_by(visible(text), without_numbers(parts))


@pytest.mark.parametrize(
    "text", ["a < b", "&nbsp;", "<b>", "</b>", "<b><i></b></i>", "<p>x</p>", "<b class='x'>y</b>"]
)
def test_the_strict_reading_refuses_what_telegram_refuses(text: str) -> None:
    with pytest.raises(Unparsable):
        visible(text)
