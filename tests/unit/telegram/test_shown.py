"""Telegram's messages as a browser shows them."""

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.shared.shown import Bubble
from adapters.channels.telegram.shown import formatted, show
from domain.content import Content
from domain.errors import Permanent
from domain.notification import Attachment, JsonValue, Notification, Recipient

TAGS = re.compile(r"<(/?)([a-z]+)([^<>]*)>")
KNOWN = {"b", "i", "u", "s", "pre", "code", "blockquote", "a", "span"}


def bubbles(
    text: str, options: JsonValue = None, files: tuple[Attachment, ...] = ()
) -> list[Bubble]:
    notification = Notification(
        id="1",
        channel="telegram",
        template="t",
        to=(Recipient(address="7"),),
        attachments=files,
        metadata={} if options is None else {"telegram": options},
    )
    content = Content(parts={"telegram": text})
    return list(asyncio.run(show(notification, content, None)).bubbles)


def test_formatting_is_shown_and_what_telegram_does_not_know_is_not() -> None:
    text = '<b>paid</b> <p onclick="x">in</p><a href="https://a.example/?a=1&amp;b">go</a> 1 < 2'

    html = formatted(text)

    assert "<b>paid</b> in\n" in html
    assert 'href="https://a.example/?a=1&amp;b"' in html
    assert html.endswith("1 &lt; 2")


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", " JavaScript:x", "data:text/html,x", "/send"]
)
def test_a_link_that_a_browser_must_not_follow_leads_nowhere(url: str) -> None:
    html = formatted(f'<a href="{url}">go</a>')

    assert "href" not in html
    assert 'class="dead"' in html


def test_a_spoiler_and_a_quotation_are_shown_as_such() -> None:
    html = formatted("<tg-spoiler>x</tg-spoiler><blockquote expandable>y</blockquote>")

    assert html == '<span class="spoiler" tabindex="0">x</span><blockquote>y</blockquote>'


def test_a_long_text_is_shown_in_the_parts_that_are_sent() -> None:
    shown = bubbles("<b>" + "word " * 1500 + "</b>")

    assert len(shown) == 2
    assert all(one.html.startswith("<b>") for one in shown)
    assert "(1/2)" in shown[0].html


def test_buttons_stand_below_the_last_message_and_lead_to_their_pages() -> None:
    rows = [[{"text": "Pay", "url": "https://a.example/"}, {"text": "App", "url": "tg://x"}]]

    first, last = bubbles("word " * 1500, {"buttons": rows})

    assert first.buttons == ()
    assert [(one.text, one.link) for one in last.buttons[0]] == [
        ("Pay", "https://a.example/"),
        ("App", "tg://x"),
    ]


def test_a_file_is_named_with_its_caption() -> None:
    [one] = bubbles("hello", files=(Attachment(filename="a.pdf", content=b"x"),))

    assert (one.files, one.html) == (("a.pdf",), "hello")


def test_what_telegram_would_refuse_is_an_error() -> None:
    with pytest.raises(Permanent, match=r"metadata\.telegram"):
        bubbles("hello", {"buttons": "none"})


@given(st.text(alphabet="<>/\"'=& aabpscriptcode:\n", max_size=200) | st.text())
def test_whatever_is_in_it_only_our_tags_come_out_and_each_is_closed(text: str) -> None:
    html = formatted(text)
    opened: list[str] = []

    for is_end, name, attributes in TAGS.findall(html):
        assert name in KNOWN
        assert not re.search(r'\son\w+=|href="(?!https?:|mailto:|tel:|tg:)', attributes)
        if is_end:
            assert opened.pop() == name
        else:
            opened.append(name)
    assert opened == []
    assert "<" not in TAGS.sub("", html)
