"""How values are made harmless for the place where they appear."""

import json

import pytest

from domain.errors import FailureReason
from tests.unit.templates.conftest import Folder

VALUE = """<&>"'"""


@pytest.mark.parametrize(
    ("part", "channel", "escaped"),
    [
        ("html", "email", "&lt;&amp;&gt;&#34;&#39;"),
        ("telegram", "telegram", "&lt;&amp;&gt;&#34;&#39;"),
        ("slack", "slack", "&lt;&amp;&gt;\"'"),
        ("text", "email", VALUE),
    ],
)
def test_each_part_escapes_values_its_own_way_and_includes_do_as_their_part(
    folder: Folder, part: str, channel: str, escaped: str
) -> None:
    folder.write(
        {
            f"t/{part}.jinja2": (
                "{% extends '_base.jinja2' %}{% import '_macros.jinja2' as m %}"
                "{% block body %}{{ v }} {{ super() }} {{ m.show(v) }} {% include '_inc.jinja2' %}"
                "{% endblock %}"
            ),
            "_base.jinja2": "<br>{% block body %}{{ v }}{% endblock %}",
            "_macros.jinja2": "{% macro show(x) %}{{ x }}{% endmacro %}",
            "_inc.jinja2": "{{ v }} {{ '<' }}",
        }
    )
    constant = "<" if part == "text" else "&lt;"

    text = folder.render("t", {"v": VALUE}, channel=channel).parts[part]

    assert text == f"<br>{escaped} {escaped} {escaped} {escaped} {constant}"


def test_values_cannot_break_slack_json(folder: Folder) -> None:
    folder.write(
        {
            "t/slack.json.jinja2": (
                '{% macro text(t) %}{"type": "mrkdwn", "text": "*{{ t }}*"}{% endmacro %}'
                '[{"text": {{ text(name) }}, "url": {{ url | tojson }},'
                ' "n": {{ n }}, "on": {{ on }}, "list": {{ list }}}]'
            )
        }
    )
    parameters = {
        "name": 'a "b" \\ \n <!channel> & é',
        "url": "https://example.org/?a=1&b=2",
        "n": 3,
        "on": True,
        "list": ["x", None],
    }

    (block,) = json.loads(folder.render("t", parameters, channel="slack").parts["slack.json"])

    assert block["text"]["text"] == '*a "b" \\ \n &lt;!channel&gt; &amp; é*'
    assert block["url"] == "https://example.org/?a=1&b=2"
    assert (block["n"], block["on"], block["list"]) == (3, True, ["x", None])


@pytest.mark.parametrize("text", ['{"a": }', '"only a text"', "{{ '' }}"])
def test_slack_json_that_is_no_list_or_object_is_an_error(folder: Folder, text: str) -> None:
    failure = folder.write({"t/slack.json.jinja2": text}).failure("t", channel="slack")

    assert failure.reason is FailureReason.TEMPLATE_ERROR
    assert "slack.json" in str(failure)


def test_bare_files_can_be_left_unescaped_and_folders_stay_escaped(folder: Folder) -> None:
    folder.write({"old.jinja2": "{{ v }}", "new/html.jinja2": "{{ v }}"})
    off = {"autoescape_flat": False}

    assert folder.render("old", {"v": "<b>"}, options=off).parts["html"] == "<b>"
    assert folder.render("new", {"v": "<b>"}, options=off).parts["html"] == "&lt;b&gt;"
    assert folder.render("old", {"v": "<b>"}).parts["html"] == "&lt;b&gt;"


def test_lenient_prints_nothing_for_what_is_undefined(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "[{{ a }}{% if a %}x{% endif %}{% for x in a %}{% endfor %}]"})

    assert folder.render("t", options={"lenient": True}).parts["text"] == "[]"


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        (VALUE, "&lt;&amp;&gt;&#34;&#39;"),
        ("é, 日本", "é, 日本"),
        ("", ""),
        (7, "7"),
        (2.50, "2.5"),
        (1e300, "1e+300"),
        (False, "False"),
        (["<", 1], "[&#39;&lt;&#39;, 1]"),
        ({"a": "<"}, "{&#39;a&#39;: &#39;&lt;&#39;}"),
    ],
)
def test_values_of_each_type_are_escaped_wherever_they_are_printed(
    folder: Folder, value: object, escaped: str
) -> None:
    folder.write(
        {
            "t/html.jinja2": (
                "{{ v }}|{% macro m(x) %}{{ x }}{% endmacro %}{{ m(v) }}|"
                "{% set s %}{{ v }}{% endset %}{{ s }}|{% filter trim %}{{ v }}{% endfilter %}|"
                "{% for x in [v] %}{{ x }}{% endfor %}|{{ (v | string | e) ~ '' }}|"
                "{% autoescape true %}{{ v }}{% endautoescape %}|{{ v | safe }}"
            )
        }
    )

    *printed, raw = folder.render("t", {"v": value}).parts["html"].split("|")

    assert printed == [escaped] * 7
    assert raw == str(value)
