"""What a template makes is put right before Telegram sees it."""

import pytest

from adapters.channels.telegram.markup import parse, plain, write


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        ("a &lt; b &amp; &quot;c&quot; &#39;d&#39;", "a &lt; b &amp; \"c\" 'd'"),
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("&euro;&nbsp;5 &copy", "€\xa05 &amp;copy"),
        ("&amp;lt;", "&amp;lt;"),
        ("<strong>a</strong><em>b</em><ins>c</ins>", "<b>a</b><i>b</i><u>c</u>"),
        ("<strike>a</strike><del>b</del>", "<s>a</s><s>b</s>"),
        ("<B>a</B>", "<b>a</b>"),
        ('<span class="tg-spoiler">a</span>', "<tg-spoiler>a</tg-spoiler>"),
        ('<span class="x">a</span>', "a"),
        ("<b>a<i>b</b>c</i>", "<b>a<i>b</i></b><i>c</i>"),
        ("<b>a", "<b>a</b>"),
        ("a</b>", "a"),
        ("<b>a<b>b</b>c</b>d", "<b>abc</b>d"),
        ("<b></b>a", "a"),
        ("<p>one</p><p>two</p>", "one\ntwo\n"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<ul><li>one</li><li>two</li></ul>", "• one\n• two\n\n"),
        ("Dear <name>, use <url>", "Dear &lt;name&gt;, use &lt;url&gt;"),
        ("<a href='https://x.y/?a=1&amp;b=2'>z</a>", '<a href="https://x.y/?a=1&amp;b=2">z</a>'),
        ('<a href="https://x.y" target="_blank">z</a>', '<a href="https://x.y">z</a>'),
        ('<a name="x">z</a>', "z"),
        ("<a href>z</a>", "z"),
        ("<b style='x'>a</b>", "<b>a</b>"),
        (
            '<pre><code class="language-c">x</code></pre>',
            '<pre><code class="language-c">x</code></pre>',
        ),
        ('<code class="language-c">x</code>', "<code>x</code>"),
        ("<blockquote expandable>x</blockquote>", "<blockquote expandable>x</blockquote>"),
        ("<blockquote>a<blockquote>b</blockquote></blockquote>", "<blockquote>ab</blockquote>"),
        (
            "<blockquote>a</blockquote><blockquote>b</blockquote>",
            "<blockquote>a</blockquote><blockquote>b</blockquote>",
        ),
        ('<tg-emoji emoji-id="5">x</tg-emoji>', '<tg-emoji emoji-id="5">x</tg-emoji>'),
        ('<tg-time unix="5" format="r">x</tg-time>', '<tg-time unix="5" format="r">x</tg-time>'),
        ("<tg-time>x</tg-time>", "x"),
        ("a<!-- <b> -->b", "ab"),
        ("a<!-- b", "a&lt;!-- b"),
        ("half \ud83d a pair, a whole \ud83d\ude00 one", "half \ufffd a pair, a whole 😀 one"),
    ],
)
def test_markup_is_put_right(source: str, sent: str) -> None:
    assert write(parse(source)) == sent


def test_a_text_without_markup_keeps_its_angle_brackets() -> None:
    assert write(plain("<b>a & b")) == "&lt;b&gt;a &amp; b"


@pytest.mark.parametrize("piece", ["<a ", "<!--", "<b", "&#", '<a href="', "<b>", "</b><"])
def test_nonsense_of_any_length_is_read_in_reasonable_time(piece: str) -> None:
    write(parse(piece * 100_000))
