"""A hidden element whose end tag is missing, or ends something else, ends where HTML ends it."""

import pytest

from adapters.templates.text_alternative import text_from_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<p><span style="display:none">Pre</p><p>Hello</p>', "Hello"),
        ("<p><span hidden>Pre<p>Hello</p>", "Hello"),
        ("<span hidden>Pre<p>x</p></span>Hello", "Hello"),
        ("<p>a</p><span hidden>Pre<p>x</p></span>Hello", "a\n\nHello"),
        ("<h1 hidden>X<h2>Hi</h2>text", "Hi\n\ntext"),
        ("<h1 hidden>X</h2>Hi", "Hi"),
        ("<h1><span hidden>X<h2>x</h2></span>Hi", "Hi"),
        ("<ul><li><span hidden>x<li>Seen</ul>After", "- Seen\n\nAfter"),
        ("<ul><li><div hidden>x<li>Seen</ul>After", "- Seen\n\nAfter"),
        ("<ul><li><span hidden>x<ul><li>x</ul></span>y<li>Seen</ul>", "- y\n- Seen"),
        ("<dl><dt><i hidden>x</i>a<dd><span hidden>x<dt>Seen</dl>", "a\nSeen"),
        (
            '<a hidden href="https://x.example/1">x<a href="https://x.example/2">Seen</a>',
            "Seen <https://x.example/2>",
        ),
        ("<table><caption hidden>x<tr><td>Seen</table>", "Seen"),
        ("<table><tr><td><span hidden>x<tr><td>Seen</table>", "Seen"),
        ("<table><tbody hidden><tr><td>x<tbody><tr><td>Seen</table>", "Seen"),
        ("<table><tr><td>a<table hidden><tr><td>x</table>b<td>c</table>", "ab  c"),
        ("<button hidden>x<button>Seen</button>", "Seen"),
        ("<p><b hidden>Pre</p><p>x</p></b>Hello", "Hello"),
        ("<table><tr><td><b hidden>Pre<td>Hello</table>", "Hello"),
        ("<b hidden>x<div>y</b>Seen</div>", "Seen"),
        ("<b><span hidden>x</b>Seen</span>", "Seen"),
        ("<span hidden>x</div>y</p>z</span>Seen", "Seen"),
        ("<div><span hidden>x</div>Seen</span>", "Seen"),
        ("<span hidden><div>x</span>y</div>Seen", ""),
        ("<p>Intro<div hidden>x<p>x</p>x</div><p>E", "Intro\n\nE"),
        ("<b>A<div hidden>x</b>x</div>D", "AD"),
        ("<h2><p><span hidden>x<h1>y</h1>", "y"),
        ("<p>t<dd hidden></ul>t</x>t<dd><font>", "t"),
        ("<div hidden>a</div>b<p><i hidden>c</i>d<p><span hidden>e<p>f", "b\n\nd\n\nf"),
    ],
)
def test_field_4_2_a_hidden_element_without_its_end_tag_hides_nothing_else(
    html: str, text: str
) -> None:
    assert text_from_html(html).removesuffix("\n") == text
