"""The text part is what a person would write by hand."""

import pytest

from adapters.templates.text_alternative import text_from_html

ROWS = (
    "<tr><th>Item</th><th>Qty</th><th>Price</th></tr>"
    "<tr><td>Tea</td><td>2</td><td>19.00</td></tr>"
    "<tr><td></td><td></td><td>19.00</td></tr>"
)


def read(html: str) -> str:
    return text_from_html(html).removesuffix("\n")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            '<a title="No hidden costs" href="https://shop.example/prices">See</a> and more',
            "See <https://shop.example/prices> and more",
        ),
        ("<p data-note='display:none' title=hidden>shown</p>", "shown"),
        ("<p class='hidden-xs nothidden'>shown</p>", "shown"),
        ("<p title=\"style='display:none'\">shown</p>", "shown"),
        ("<img alt='not hidden'> here", "not hidden here"),
    ],
)
def test_field_4_1_a_word_in_a_value_hides_nothing(html: str, text: str) -> None:
    assert read(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            '<p style="display:none">Preview<p>Hello Ada, your code is 1234.<p>Bye',
            "Hello Ada, your code is 1234.\n\nBye",
        ),
        ("<p hidden>a<div>b</div>", "b"),
        ("<p hidden>a<b>c</b><table><tr><td>b</table>", "b"),
        ("<ul><li hidden>a<li>b</ul>", "- b"),
        ("<ul><li hidden>a<ul><li>x</ul><li>b</ul>", "- b"),
        ("<table><tr><td hidden>a<td>b<tr><td>c</table>", "b\nc"),
        ("<table><tr hidden><td>a<tr><td>b</table>", "b"),
        ("<table><tr><td><span hidden>a</td><td>b</td></tr></table>c", "b\n\nc"),
        ("<div><p hidden>a</div>b", "b"),
        ("<div hidden>a<div>b</div>c</div>d", "d"),
        ("<div hidden>a<p>b</p></b>c</div>d", "d"),
        ("<html><head><title>T</title><body>text", "text"),
        ("<head><style>p{}</style><p>text", "text"),
        ("<style>a{}", ""),
    ],
)
def test_field_4_2_what_is_hidden_ends_where_html_ends_it(html: str, text: str) -> None:
    assert read(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("x<pre>\n  a\n\n\tb  \n</pre>y", "x\n\n  a\n\n\tb\n\ny"),
        (
            "<pre>one <b>two</b>\n<a href='https://x.org'>go</a></pre>",
            "one two\ngo <https://x.org>",
        ),
        ("<pre>\n\na\n\n\n b\n\n</pre>c", "a\n\n\n b\n\nc"),
        ("<ul><li>x<pre>a\n\n b</pre></ul>", "- x\n\n  a\n\n   b"),
        ("<pre>a<br>b &lt;c&gt;", "a\nb <c>"),
        ("<PRE>a\r\n b</PRE>", "a\n b"),
    ],
)
def test_field_4_3_preformatted_text_keeps_lines_and_indents(html: str, text: str) -> None:
    assert read(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ul><li>One<ul><li>Sub a</li></ul></li></ul>", "- One\n  - Sub a"),
        (
            "<ol><li>One<ol><li>a<li>b</ol><li>Two</ol>End",
            "1. One\n   1. a\n   2. b\n2. Two\n\nEnd",
        ),
        ("<ul><li><p>One</p><p>Two</p></li><li>Three</li></ul>", "- One\n\n  Two\n\n- Three"),
        ("<ul><li>One<br>more</li></ul>", "- One\n  more"),
        ("<ul><li></li><li>x</li></ul>", "- x"),
        ("<p>List:</p><ul>\n<li>a</li>\n<li>b</li>\n</ul><p>End</p>", "List:\n\n- a\n- b\n\nEnd"),
    ],
)
def test_field_4_4_nested_lists_are_indented(html: str, text: str) -> None:
    assert read(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<center>Shop</center><center>Via Roma 1</center>", "Shop\nVia Roma 1"),
        ("<address>a</address><aside>b</aside><figure>c</figure>", "a\nb\nc"),
        ("<form>a<fieldset><legend>b</legend>c</fieldset></form>d", "a\nb\nc\nd"),
        ("<span style='display:block'>a</span><span style='display: block'>b</span>c", "a\nb\nc"),
        ("<b style='display:block'>a<b>x</b>y</b>z", "axy\nz"),
        ("a<hr>b", "a\n\nb"),
    ],
)
def test_field_4_5_every_block_has_lines_of_its_own(html: str, text: str) -> None:
    assert read(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            f"<table>{ROWS}</table>",
            "Item  Qty  Price\nTea   2    19.00\n           19.00",
        ),
        (
            "<table><tr><td>Tea<td>2<td>19<tr><td colspan=2>Total<td>19</table>",
            "Tea  2  19\nTotal   19",
        ),
        (
            "<table><tr><td>a<td width=20></td><td>b<tr><td>cc<td>&nbsp;<td>d</table>",
            "a   b\ncc  d",
        ),
        ("<table><tr><td><table><tr><td>x</td></tr></table></td></tr></table>y", "x\n\ny"),
        (
            "<table><tr><td><h1>Title</h1></td></tr><tr><td><p>Text</p></td></tr></table>",
            "Title\n\nText",
        ),
        ("<table><tr><td><p>Left</p></td><td><p>Right</p></td></tr></table>", "Left\n\nRight"),
        ("<table><tr><td>Tea<br>250 g<td>2</table>", "Tea\n250 g  2"),
        ("<table><caption>Order</caption><tr><td>a<td>b</table>", "Order\na  b"),
        ("x<td>y", "xy"),
        (
            "<table><tr><td rowspan=2>A<td>b<td>c<tr><td>d<td>e<tr><td>f<td>g<td>h</table>",
            "A  b  c\n   d  e\nf  g  h",
        ),
        (
            "<table><tr><td>a<td rowspan=3>b<td>c<tr><td>d<td>e<tr><td>f<tr><td>g</table>",
            "a  b  c\nd     e\nf\ng",
        ),
        (
            "<table><tr><td>Tea</td><td></td></tr><tr><td></td><td>19</td></tr></table>",
            "Tea\n     19",
        ),
        ("<table><tr><td></td><td>a</td></tr><tr><td></td><td>b</td></tr></table>", "a\nb"),
        ("<table><tr><td rowspan=99>a<td>b<tr><tr><td rowspan=x>c</table>", "a  b\n   c"),
    ],
)
def test_field_4_6_cells_keep_their_columns(html: str, text: str) -> None:
    assert read(html) == text


@pytest.mark.parametrize(
    "hidden",
    [
        'style="max-height:0;overflow:hidden"',
        'style="max-height: 0px; mso-hide: all; overflow: hidden !important"',
        "style='display:none!important'",
        "style='visibility:hidden'",
        "style='opacity:0'",
        "style='max-height:0;overflow-y:hidden'",
        "style='max-height:0;overflow:clip'",
        "style='max-width:0; overflow: hidden'",
        "style='position:absolute;left:-9999px'",
        "style='display:none !important;display:block'",
        "style='display:/*c*/none'",
        "style='opacity: 0.0; color: transparent'",
        "style='height:0;overflow:hidden'",
        "style='mso-hide:all'",
        "STYLE=DISPLAY:NONE",
        "hidden",
        "class='preheader'",
        "hidden=''",
    ],
)
def test_field_4_7_a_hidden_preheader_is_not_printed(hidden: str) -> None:
    style = "<style>/* x */ .a, span.preheader { display: none } @media x { .shown {display:none} }"
    html = f"{style}</style><span {hidden}>Preview &zwnj;&nbsp;</span><p class=shown>Hello</p>"

    assert read(html) == "Hello"


@pytest.mark.parametrize(
    "shown",
    [
        "style='opacity:0.5'",
        "style='max-height:0'",
        "style='overflow:hidden'",
        "style='font-size:0'",
        "style='max-width:0;overflow:hidden;text-overflow:ellipsis;width:100%'",
        "style='width:0;overflow:hidden'",
        "style='position:absolute;right:-100px'",
        "style='display:inline-block'",
        "class=shown",
    ],
)
def test_field_4_7_what_only_looks_like_it_is_printed(shown: str) -> None:
    style = "<style>@media (max-width: 600px) { .shown { display: none } }</style>"

    assert read(f"{style}<div {shown}>Hello</div>") == "Hello"


def test_field_4_7_padding_without_width_is_not_printed() -> None:
    assert (
        read("<div>Hi&#847;&zwnj;&nbsp;&#847; &zwnj; there&shy;fore</div>") == "Hi\u200c therefore"
    )


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            '<a href="https://a.org">A</a><a href="https://b.org">B</a>',
            "A <https://a.org> B <https://b.org>",
        ),
        (
            '<a href="https://a.org">https://a.org</a><a href="https://b.org">https://b.org</a>',
            "https://a.org https://b.org",
        ),
        ('<a href="https://a.org"><img alt="A"></a><a href="https://b.org"><img alt="B"></a>',
         "A <https://a.org> B <https://b.org>"),
        ('<a href="https://a.org">A</a>, <a href="https://b.org">B</a>.',
         "A <https://a.org>, B <https://b.org>."),
        ("<a href='JavaScript:x()'>A</a>", "A"),
        ("<a href='tel:+39 1'>+39 1</a>", "+39 1"),
    ],
)  # fmt: skip
def test_field_4_8_links_next_to_each_other_are_set_apart(html: str, text: str) -> None:
    assert read(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a<!-->b<!--->c<!-- x --!>d", "abcd"),
        ("a</ x>b</>c<?php x ?>d<![CDATA[x]]>e", "abcde"),
        ("<!--[if !mso]><!-->new<!--<![endif]-->", "new"),
        ("<o:p>&nbsp;</o:p>a<wbr>b", "ab"),
        ("I <3 you & &copy 5 &lt;b&gt", "I <3 you & © 5 <b>"),
        ("<iframe>a</iframe><template>b</template><title>c</title>d", "d"),
    ],
)
def test_torn_and_rare_markup_is_read_as_a_browser_does(html: str, text: str) -> None:
    assert read(html) == text


@pytest.mark.parametrize(
    "piece",
    ["<div>", "<table><tr><td>", "<ul><li>", "<p hidden>", "<div hidden>", "<div hidden><div>x",
     "<b style='display:block'>", "<a href=x>", "<pre>", "<style>", "<td>x", "</div>",
     "<tr><td>x</table>", "<blockquote>", "<b hidden><i>", "<style><a>"],
)  # fmt: skip
def test_depth_costs_no_more_than_length(piece: str) -> None:
    assert isinstance(text_from_html(piece * 20_000), str)


def test_field_4_8_a_link_of_a_picture_without_words_is_set_apart_from_the_one_before() -> None:
    html = '<a href="https://a.example">Shop</a><a href="https://b.example"><img src="x"></a>'

    assert text_from_html(html) == "Shop <https://a.example> <https://b.example>\n"


@pytest.mark.parametrize(
    ("start", "number"),
    [("3", 3), ("0", 0), (" 7 ", 7), ("x", 1), ("", 1), ("²", 1), ("9" * 30, 1)],
)
def test_field_4_4_an_ordered_list_begins_with_the_number_of_its_start(
    start: str, number: int
) -> None:
    html = f'<ol start="{start}"><li>a<li>b</ol>'

    assert text_from_html(html) == f"{number}. a\n{number + 1}. b\n"
