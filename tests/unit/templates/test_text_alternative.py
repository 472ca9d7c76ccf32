"""The text made of an HTML mail."""

import re
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.templates.text_alternative import text_from_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Hello <b>Ann</b>, welcome.</p>", "Hello Ann, welcome."),
        ("<p>one</p>\n<p>two</p>", "one\n\ntwo"),
        ("one<br>two<br/><br />three", "one\ntwo\n\nthree"),
        ("<h1>Title</h1><div>a</div><div>b</div>", "Title\n\na\nb"),
        ("a \n\t b", "a b"),
        ("a<!-- b -->c<!-- d", "ac"),
        ("<!DOCTYPE html><?xml x?><p>x</p>", "x"),
        ("<!--[if mso]><table><tr><td>old</td></tr></table><![endif]-->new", "new"),
        ("<HEAD><title>T</title></HEAD><style>a>b{}</style><script>1<2</script>x", "x"),
        ("<header>x</header>", "x"),
        ("<p style='display: none'>preheader</p>x", "x"),
        ('<div style="Display:None"><div>a</div>b</div>x', "x"),
        ("<div hidden>a</div>x<img style='display:none' alt='y'>z", "xz"),
        ("<p data-nonesuch='1'>shown</p>", "shown"),
        ("&lt;b&gt; &amp; &euro;&nbsp;5 &#169;", "<b> & € 5 ©"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("<ol><li>a<li>b<ul><li>c</ul></ol>d", "1. a\n2. b\n   - c\n\nd"),
        ("<img alt='Logo' src='x'> <img src='y'>", "Logo"),
        ("", ""),
        ("  <br> ", ""),
        ("5 < 6 and 7 > 3", "5 < 6 and 7 > 3"),
    ],
)
def test_html_reads_as_text(html: str, text: str) -> None:
    assert text_from_html(html) == (text + "\n" if text else "")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<a href="https://x.org/?a=1&amp;b=2">here</a>.', "here <https://x.org/?a=1&b=2>."),
        ("<a class=b href='/x'>go</a> now", "go </x> now"),
        ("<a href=https://x.org>https://x.org</a>", "https://x.org"),
        ('<a href="mailto:a@b.c">a@b.c</a>', "a@b.c"),
        ('<a href="mailto:a@b.c">Write</a>', "Write <a@b.c>"),
        ('<a href="#top">up</a>', "up"),
        ('<a name="x">here</a>', "here"),
        ('<a href="https://x.org"><img src="i.png"></a>', "<https://x.org>"),
        ('<a title="a > b" href="https://x.org">go</a>', "go <https://x.org>"),
        ('<a data-href="no" href="https://x.org">go</a>', "go <https://x.org>"),
        (
            '<a href="https://x.org">one <a href="https://y.org">two</a>',
            "one <https://x.org> two <https://y.org>",
        ),
    ],
)
def test_link_addresses_are_kept_unless_they_say_nothing_new(html: str, text: str) -> None:
    assert text_from_html(html) == text + "\n"


def test_tables_read_row_by_row() -> None:
    html = """
        <table><tr><td><table>
          <tr><th>Tea</th><th>Price</th></tr>
          <tr><td>Earl&nbsp;Grey</td> <td></td> <td align="right"> 4.50 </td></tr>
        </table></td></tr></table><p>Thanks</p>"""

    assert text_from_html(html) == "Tea        Price\nEarl Grey         4.50\n\nThanks\n"


@given(st.text(st.sampled_from("<>/!-=\"' ab&;#\n") | st.characters(), max_size=200))
def test_any_text_is_taken(html: str) -> None:
    assert isinstance(text_from_html(html), str)


@given(st.lists(st.sampled_from(
    ["<a", " href=", '"', "'", ">", "</a>", "<!--", "-->", "<style", "</style>", "<td>", "</td>",
     "<li>", "</ul>", "<ol>", "<p hidden", "</p>", "x", " ", "<br", "&amp;"]
), max_size=60))  # fmt: skip
def test_torn_tags_are_taken(pieces: list[str]) -> None:
    assert isinstance(text_from_html("".join(pieces)), str)


@pytest.mark.parametrize("torn", ["<a ", "<", '<a "', "<!--", "<style>", "<p hidden>", "<td>", "&"])
def test_torn_html_is_read_in_linear_time(torn: str) -> None:
    assert isinstance(text_from_html(torn * 20_000), str)


words = st.text(st.characters(whitelist_categories=["L", "N", "P"]), min_size=1).filter(
    lambda word: word.split() == [word]
)
elements = st.recursive(
    words.map(lambda word: f" {escape(word)} "),
    lambda inner: st.builds(
        lambda tag, children: f'<{tag} class="x">{"".join(children)}</{tag}>',
        st.sampled_from(["p", "div", "b", "span", "table", "tr", "td", "ul", "li", "h1", "em"]),
        st.lists(inner, max_size=4),
    ),
)


@given(elements)
def test_of_well_formed_html_all_words_stay_and_no_tag_does(html: str) -> None:
    from html.parser import HTMLParser

    expected: list[str] = []

    class Words(HTMLParser):
        def handle_data(self, data: str) -> None:
            expected.extend(data.split())

    Words().feed(html)
    text = text_from_html(html)

    # A dash begins an item of a list, and bars divide the cells of a wide table.
    drawn = {"-", "|"}
    assert [w for w in text.split() if w not in drawn] == [w for w in expected if w not in drawn]
    assert not re.search(r"</?(p|div|b|span|table|tr|td|ul|li|h1|em)[ >]", text)


def test_what_has_no_width_sets_no_words_apart() -> None:
    assert (
        text_from_html("<p>Auto<b>\u200b</b>mat and <i>\u00a0</i>more</p>") == "Automat and more\n"
    )
