"""Text whose style keeps its lines."""

import pytest

from adapters.templates.text_alternative import text_from_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<p style="white-space:pre-line">Via Roma 1\n  00100 Roma\n\nItaly</p><p>Bye\nnow</p>',
         "Via Roma 1\n00100 Roma\n\nItaly\n\nBye now"),
        ("<div style='color:red; white-space: pre-wrap'>one\r\ntwo</div>three\nfour",
         "one\ntwo\nthree four"),
        ("<p style=white-space:pre-line>one\n<b>two\nthree</b>\nfour<p>five\nsix",
         "one\ntwo\nthree\nfour\n\nfive six"),
        ('<p style="white-space:nowrap">one\ntwo</p><p title="white-space:pre">a\nb</p>',
         "one two\n\na b"),
        ('<span style="white-space:pre-line">\none\ntwo</span>\nthree', "one\ntwo three"),
        ('<table><tr><td style="white-space:pre-line">one\ntwo<td>three\nfour</table>end\nof it',
         "one\ntwo  three four\n\nend of it"),
        ('<table><tr><td><p style="white-space:pre-line">one\ntwo<tr><td>three\nfour</table>',
         "one\ntwo\nthree four"),
    ],
)  # fmt: skip
def test_field_4_3_lines_that_a_style_keeps_are_lines(html: str, text: str) -> None:
    assert text_from_html(html).removesuffix("\n") == text
