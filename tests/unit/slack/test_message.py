"""What is asked of Slack: text, blocks and wishes, and what is refused before it is sent."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.slack.message import LONGEST_TEXT, message_of
from adapters.html import escaped
from domain.content import Content
from domain.errors import FailureReason, Permanent
from domain.notification import JsonValue
from tests.fakes import a_notification


def message(
    parts: Mapping[str, str], subject: str | None = None, **notification: Any
) -> dict[str, JsonValue]:
    return message_of(a_notification(**notification), Content(subject=subject, parts=parts))


def refusal(parts: Mapping[str, str], **notification: Any) -> str:
    with pytest.raises(Permanent) as caught:
        message(parts, **notification)
    assert caught.value.reason is FailureReason.CONTENT_REFUSED
    return str(caught.value)


def blocks(*found: object) -> dict[str, str]:
    return {"slack.json": json.dumps(found)}


def section(text: str) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def test_the_slack_part_is_the_text_as_it_was_rendered() -> None:
    assert message({"slack": "*Hi* <https://a.example|there>\n"}) == {
        "text": "*Hi* <https://a.example|there>"
    }


def test_a_plain_text_is_escaped() -> None:
    assert message({"text": "<!channel> <@U123> R&D <http://evil|bank>"}) == {
        "text": "&lt;!channel&gt; &lt;@U123&gt; R&amp;D &lt;http://evil|bank&gt;"
    }


@given(st.text())
def test_no_escaped_text_has_a_control_character_and_all_of_it_can_be_read_back(text: str) -> None:
    found = escaped(text)

    assert not {"<", ">"} & set(found)
    back = found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert back == text


def test_blocks_have_a_text_for_notifications_the_slack_part_or_else_the_subject() -> None:
    some = blocks(section("Hi"))

    assert message({**some, "slack": "Hello"}, "<Subject>")["text"] == "Hello"
    assert message(some, "<Subject>")["text"] == "&lt;Subject&gt;"
    assert message(some) == {"blocks": [section("Hi")]}


def test_an_object_is_merged_into_the_call_and_its_own_text_wins() -> None:
    own = {"blocks": [section("Hi")], "text": "Hi", "unfurl_links": False, "icon_emoji": ":tada:"}

    assert message({"slack.json": json.dumps(own), "slack": "Hello"}) == own


@pytest.mark.parametrize("name", ["channel", "token", "as_user", "parse", "link_names", "other"])
def test_an_object_cannot_say_where_it_goes_or_how_words_are_read(name: str) -> None:
    told = refusal({"slack.json": json.dumps({"text": "Hi", name: "C999"})})

    assert f"{name} is not a template's to say" in told
    assert "C999" not in told


@pytest.mark.parametrize(
    "part", ["", "{", '[{"type": "x", "n": NaN}]', "1", '"Hi"', "null", "[" * 5000 + "]" * 5000]
)
def test_what_is_no_list_or_object_is_refused(part: str) -> None:
    assert "slack.json" in refusal({"slack.json": part})


@pytest.mark.parametrize("deep", ['"n": [{}]', '"n": {{"n": [{}]}}'])
def test_how_deep_an_array_may_be_nested_does_not_depend_on_the_parser(deep: str) -> None:
    def part(levels: int) -> str:
        return (
            json.dumps([section("Hi")])[:-2]
            + ", "
            + deep.format("[" * levels + "]" * levels)
            + "}]"
        )

    assert message({"slack.json": part(50), "slack": "Hi"})["text"] == "Hi"
    for levels in (64, 900, 5000):
        assert "slack.json" in refusal({"slack.json": part(levels)})


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("blocks", {}, "a list"),
        ("text", 1, "a text"),
        ("unfurl_media", "no", "true or false"),
        ("metadata", [], "an object"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(field: str, value: object, kind: str) -> None:
    told = refusal({"slack.json": json.dumps({"attachments": [{}], field: value})})

    assert f"{field} must be {kind}" in told


@pytest.mark.parametrize("parts", [{}, {"text": " \n"}, {"slack": ""}, {"slack.json": "[]"}])
def test_nothing_to_say_is_refused(parts: Mapping[str, str]) -> None:
    assert "nothing to say" in refusal(parts)


def test_a_text_that_slack_would_cut_is_refused_with_its_size() -> None:
    assert len(str(message({"slack": "x" * LONGEST_TEXT})["text"])) == LONGEST_TEXT
    assert "40001 characters" in refusal({"slack": "x" * (LONGEST_TEXT + 1)})
    assert "40004 characters" in refusal({"text": "<" + "x" * LONGEST_TEXT})


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        ("text", "blocks[1]: must be an object"),
        ({"text": "x"}, "blocks[1].type: must be a text"),
        ({"type": 1}, "blocks[1].type: must be a text"),
        ({"type": "section"}, "blocks[1]: a section needs text or fields"),
        ({"type": "section", "text": "x"}, "blocks[1].text: must be an object with a text"),
        (section(""), "blocks[1].text.text: must not be empty"),
        (section("x" * 3001), "blocks[1].text.text: 3001 characters, and Slack takes at most 3000"),
        ({"type": "section", "fields": [section("x")["text"]] * 11}, "blocks[1].fields: 11"),
        ({"type": "section", "fields": "x"}, "blocks[1].fields: must be a list"),
        (
            {"type": "section", "fields": [section("x" * 2001)["text"]]},
            "blocks[1].fields[0].text: 2001 characters, and Slack takes at most 2000",
        ),
        ({"type": "header"}, "blocks[1].text: must be an object with a text"),
        (
            {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}},
            "blocks[1].text.text: 151 characters, and Slack takes at most 150",
        ),
        ({"type": "context", "elements": [{}] * 11}, "blocks[1].elements: 11 of them"),
        ({"type": "actions", "elements": [{}] * 26}, "blocks[1].elements: 26 of them"),
        ({"type": "image", "alt_text": "x" * 2001}, "blocks[1].alt_text: 2001 characters"),
        ({"type": "divider", "block_id": "x" * 256}, "blocks[1].block_id: 256 characters"),
        ({"type": "markdown", "text": "x" * 12_001}, "12001 characters"),
    ],
)
def test_a_block_that_slack_would_refuse_is_named_before_it_is_sent(
    block: object, fault: str
) -> None:
    assert fault in refusal(blocks({"type": "divider"}, block))


def test_what_is_just_within_the_limits_is_sent() -> None:
    most = [
        section("x" * 3000),
        {"type": "header", "text": {"type": "plain_text", "text": "x" * 150}},
        {"type": "section", "fields": [section("x" * 2000)["text"]] * 10},
        {"type": "new_kind", "anything": ["goes"]},
        *[{"type": "divider"}] * 46,
    ]

    assert message(blocks(*most))["blocks"] == most
    assert "51 of them" in refusal(blocks(*most, {"type": "divider"}))


def test_all_faults_are_told_at_once_up_to_five() -> None:
    told = refusal(blocks(*[section("")] * 3, {}))
    assert told.count("blocks[") == 4

    told = refusal(blocks(*[section("")] * 50))
    assert told.count("blocks[") == 5
    assert "45 more" in told
    assert len(told) < 500


def test_a_message_may_answer_in_a_thread_and_keep_links_small() -> None:
    wishes = {"slack": {"thread_ts": "1503435956.000247", "unfurl": False}, "order": 7}

    assert message({"slack": "Hi"}, metadata=wishes) == {
        "text": "Hi",
        "thread_ts": "1503435956.000247",
        "unfurl_links": False,
        "unfurl_media": False,
    }


def test_the_producer_s_wishes_go_before_the_template_s() -> None:
    own = {"text": "Hi", "thread_ts": "1.1", "unfurl_links": True}
    wishes = {"slack": {"thread_ts": "2.2", "unfurl": False}}

    found = message({"slack.json": json.dumps(own)}, metadata=wishes)

    assert (found["thread_ts"], found["unfurl_links"]) == ("2.2", False)


@pytest.mark.parametrize(
    ("own", "field"),
    [
        ("fast", "metadata.slack:"),
        ({"thread_ts": 1503435956.000247}, "metadata.slack.thread_ts:"),
        ({"thread_ts": "yesterday"}, "metadata.slack.thread_ts:"),
        ({"unfurl": "no"}, "metadata.slack.unfurl:"),
        ({"unfurl": None}, "metadata.slack.unfurl:"),
        ({"channel": "C999"}, "metadata.slack.channel:"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_by_its_name(own: object, field: str) -> None:
    assert field in refusal({"slack": "Hi"}, metadata={"slack": own})


def test_a_template_s_thread_is_checked_too() -> None:
    assert "thread_ts" in refusal({"slack.json": '{"text": "Hi", "thread_ts": "x"}'})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner),
        max_leaves=20,
    )
)
def test_whatever_a_template_says_is_a_message_or_a_refusal(value: object) -> None:
    try:
        found = message({"slack.json": json.dumps(value)}, "Subject")
    except Permanent:
        return
    assert "channel" not in found
    assert found.get("text") or found.get("blocks") or found.get("attachments")
