"""From a template on disk to the call: no value can mention, link or break out of its place."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.slack.message import message_of
from adapters.templates import FilesystemTemplates
from adapters.templates.inspection import examples_of, list_templates
from domain.notification import JsonValue
from domain.ports import RenderRequest
from tests.fakes import NOON, a_notification
from tests.support.rendering import templates_in

BLOCKS = """[
  {% for word in [value, value] %}
  {"type": "section", "text": {"type": "mrkdwn", "text": "*Value*: {{ word }}"}},
  {% endfor %}
  {"type": "section", "text": {"type": "plain_text", "text": {{ value | tojson }}}},
  {"type": "context", "elements": [{"type": "mrkdwn", "text": "{{ value | upper }} {{ n }}"}]}
]"""
FILES = {
    "mrkdwn/slack.jinja2": "*Value*: {{ value }} <https://a.example|there>",
    "mrkdwn/subject.jinja2": "About {{ value }}",
    "plain/text.jinja2": "Value: {{ value }} <https://a.example>",
    "link/slack.jinja2": "See <{{ value }}|the order>",
    "links/slack.json.jinja2": '{"text": "See <{{ value }}|the order>"}',
    "page/html.jinja2": "<p>Value: {{ value }}</p>",
    "blocks/slack.json.jinja2": BLOCKS,
    "blocks/subject.jinja2": "About {{ value }}",
    "object/slack.json.jinja2": '{"text": "{{ value }}", "unfurl_links": {{ flag }}}',
    "macro/slack.jinja2": (
        "{% macro bold(text) %}*{{ text }}*{% endmacro %}{{ bold(value) }}{{ value ~ '<!here>' }}"
    ),
}
NASTY = (
    '<!channel> & <@U123> "quoted" \\ back\nnew line\ttab </script> {"type":"x"} ]}, {{ 7 * 7 }}'
    "\u2028"
)
CONTROL = {"<", ">"}
SAMPLES = Path(__file__).parents[3] / "templates"


@pytest.fixture(scope="module")
def templates() -> Iterator[FilesystemTemplates]:
    with TemporaryDirectory() as folder:
        for name, text in FILES.items():
            path = Path(folder) / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        yield templates_in(Path(folder))


def call(templates: FilesystemTemplates, template: str, value: JsonValue) -> dict[str, JsonValue]:
    request = RenderRequest(
        template=template,
        channel="slack",
        parameters={"value": value, "n": 3, "flag": False},
        now=NOON,
    )
    return message_of(a_notification(channel="slack"), templates.render(request))


def shown(text: str) -> str:
    """What a reader sees: Slack's three entities read back."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@pytest.mark.parametrize("template", ["link", "links"])
@pytest.mark.parametrize(
    "value", ["!channel", "!here|x", "!everyone", "!subteam^S1", "!date^1^{date}", "@U1", "#C1"]
)
def test_a_value_in_a_link_of_the_template_mentions_nobody(
    templates: FilesystemTemplates, template: str, value: str
) -> None:
    assert call(templates, template, value)["text"] == f"See <\u200b{value}|the order>"


@pytest.mark.parametrize("template", ["link", "links"])
@pytest.mark.parametrize("value", ["https://a.example/#C1", "#1042", "@bob", "! wow"])
def test_a_value_that_is_no_command_stays_as_it_is(
    templates: FilesystemTemplates, template: str, value: str
) -> None:
    assert call(templates, template, value)["text"] == f"See <{value}|the order>"


def test_a_slack_part_keeps_its_own_markup_and_escapes_values(
    templates: FilesystemTemplates,
) -> None:
    text = str(call(templates, "mrkdwn", NASTY)["text"])

    assert text.endswith(" <https://a.example|there>")
    value = text.removesuffix(" <https://a.example|there>").removeprefix("*Value*: ")
    assert not CONTROL & set(value)
    assert shown(value) == NASTY


def test_a_plain_text_part_has_no_markup_of_slack_s_at_all(templates: FilesystemTemplates) -> None:
    text = str(call(templates, "plain", NASTY)["text"])

    assert not CONTROL & set(text)
    assert shown(text) == f"Value: {NASTY} <https://a.example>"


def test_a_text_that_is_derived_from_a_page_is_escaped(templates: FilesystemTemplates) -> None:
    text = str(call(templates, "page", "<!channel> & co")["text"])

    assert text == "Value: &lt;!channel&gt; &amp; co"


def test_what_went_through_a_macro_is_escaped_once(templates: FilesystemTemplates) -> None:
    text = str(call(templates, "macro", "<!channel>")["text"])

    assert text == "*&lt;!channel&gt;*&lt;!channel&gt;&lt;!here&gt;"


def test_an_object_s_values_stay_in_their_fields(templates: FilesystemTemplates) -> None:
    found = call(templates, "object", '", "channel": "C999')

    assert found == {"text": '", "channel": "C999', "unfurl_links": False}


@pytest.mark.parametrize("value", [NASTY, '"', "\\", "\\u0000", "\n", "a\x00b", "é 漢 🎉", "</"])
def test_blocks_are_the_same_blocks_whatever_the_value(
    templates: FilesystemTemplates, value: str
) -> None:
    check_blocks(templates, value)


@given(value=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
def test_blocks_are_the_same_blocks_for_any_text(
    templates: FilesystemTemplates, value: str
) -> None:
    if value:
        check_blocks(templates, value)


def check_blocks(templates: FilesystemTemplates, value: str) -> None:
    found = call(templates, "blocks", value)
    blocks = json.loads(json.dumps(found["blocks"]))

    assert [block["type"] for block in blocks] == ["section", "section", "section", "context"]
    for block in blocks[:2]:
        text = block["text"]["text"]
        assert not CONTROL & set(text)
        # In front of what a link could make a mention of is a space that no reader sees.
        assert shown(text).replace("\u200b", "") == f"*Value*: {value}".replace("\u200b", "")
    assert not CONTROL & set(blocks[3]["elements"][0]["text"])
    if "text" in found:
        assert not CONTROL & set(str(found["text"]))


def samples() -> list[RenderRequest]:
    snapshot = templates_in(SAMPLES).snapshot
    return [
        example.request(template.name, "slack", NOON)
        for template in list_templates(snapshot)
        for example in examples_of(snapshot, template.name)
        if "slack" in template.channels
    ]


@pytest.mark.parametrize("request_", samples(), ids=lambda request: request.template)
def test_the_shipped_samples_are_messages_that_slack_takes(request_: RenderRequest) -> None:
    content = templates_in(SAMPLES).render(request_)

    assert message_of(a_notification(channel="slack"), content)["text"]
