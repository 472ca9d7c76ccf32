"""Slack's messages as a browser shows them."""

import asyncio
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.slack.shown import formatted, show
from domain.content import Content
from domain.errors import Permanent
from domain.notification import Notification, Recipient

TAGS = re.compile(r"</?[a-z]+[^<>]*>")
OURS = re.compile(
    r"</?(?:b|i|s|code|pre|blockquote)>|</a>|</?span>|<span class=\"mention\">"
    r"|<a (?:href=\"(?:https?://|mailto:|tel:|tg://)[^\"<>]*\"|class=\"dead\") title=\"[^\"<>]*\""
    r"(?: target=\"_blank\" rel=\"noreferrer\")?>"
)


def shown(blocks: object, text: str = "") -> tuple[str, tuple[str, ...]]:
    """The bubble's HTML, and its notes."""
    notification = Notification(
        id="1", channel="slack", template="t", to=(Recipient(address="#a"),)
    )
    parts = {"slack.json": json.dumps(blocks)} | ({"slack": text} if text else {})
    [bubble] = asyncio.run(show(notification, Content(parts=parts), None)).bubbles
    return bubble.html, bubble.notes


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*paid* _now_ ~no~", "<b>paid</b> <i>now</i> <s>no</s>"),
        ("a*b*c snake_case_name 2 * 3 * 4", "a*b*c snake_case_name 2 * 3 * 4"),
        ("`*raw* &lt;b&gt;`", "<code>*raw* &lt;b&gt;</code>"),
        ("```\na\n b```", "<pre>a\n b</pre>"),
        ("&gt; quoted\n&gt; more\nafter", "<blockquote>quoted\nmore</blockquote>after"),
        ("<@U1> <!here> <#C1|news>", None),
        ("a &amp; b &lt;i&gt;", "a &amp; b &lt;i&gt;"),
    ],
)
def test_mrkdwn_is_shown_as_slack_formats_it(text: str, html: str | None) -> None:
    if html is None:
        assert re.sub("<[^>]*>", "", formatted(text)) == "@U1 @here #news"
    else:
        assert formatted(text) == html


def test_a_link_has_its_label_and_one_to_a_script_leads_nowhere() -> None:
    html = formatted("*<https://a.example/?a=1&amp;b=2|go &amp; see>* <javascript:alert(1)|x>")

    assert '<b><a href="https://a.example/?a=1&amp;b=2"' in html
    assert ">go &amp; see</a></b>" in html
    assert 'href="javascript' not in html


def test_blocks_are_shown_with_their_buttons_and_the_text_of_the_notification_is_noted() -> None:
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Order *7*"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*paid*"}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "_a_"}]},
        {"type": "divider"},
        {"type": "image", "image_url": "https://a.example/a.png", "alt_text": "A teapot"},
        {"type": "context", "elements": [{"type": "plain_text", "text": "soon"}]},
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "style": "primary",
                    "text": {"type": "plain_text", "text": "Pay"},
                    "url": "https://a.example/",
                }
            ],
        },
        {"type": "video"},
    ]

    html, notes = shown(blocks, "Order 7 &amp; more")

    assert '<div class="heading">Order *7*</div>' in html
    assert "<b>paid</b>" in html
    assert "<i>a</i>" in html
    assert "<hr>" in html
    assert "Picture: A teapot" in html
    assert "<img" not in html
    assert 'class="slack-button primary"><a href="https://a.example/"' in html
    assert ">video<" in html
    assert notes == ("Notifications and screen readers have: Order 7 & more",)


def test_rich_text_has_its_styles_and_lists() -> None:
    text = {"type": "text", "text": "a", "style": {"bold": True, "italic": True}}
    item = {"type": "rich_text_section", "elements": [text]}
    block = {"type": "rich_text", "elements": [{"type": "rich_text_list", "elements": [item]}]}

    assert "<div>• <b><i>a</i></b></div>" in shown([block])[0]


def test_what_slack_would_refuse_is_an_error() -> None:
    with pytest.raises(Permanent, match=r"blocks\[0\]: a section needs text or fields"):
        shown([{"type": "section"}])


@given(st.text(alphabet="<>|*_~`&;!@# \nabhtps:/\"'javascript", max_size=200) | st.text())
def test_whatever_is_in_it_only_our_tags_come_out(text: str) -> None:
    html = formatted(text)

    for tag in TAGS.findall(html):
        assert OURS.fullmatch(tag), tag
    assert "<" not in TAGS.sub("", html)


json_values = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "elements", "fields", "url", "style"]), inner
        )
    ),
    max_leaves=12,
)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["type", "text", "elements"]), json_values), max_size=4
    )
)
def test_any_blocks_are_shown_or_refused(blocks: list[dict[str, object]]) -> None:
    try:
        html, _ = shown(blocks, "x")
    except Permanent:
        return
    assert "<script" not in html


@pytest.mark.parametrize(
    "text", ["&#xE000;9&#xE001;", "&#xE000;0&#xE001; `a`", "&#xE000;" + "9" * 5000 + "&#xE001;"]
)
def test_characters_that_are_named_by_number_break_nothing(text: str) -> None:
    assert formatted(f"before {text} after").startswith("before ")
