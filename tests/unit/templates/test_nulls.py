"""A null in a template where it is not printed by itself: within a list, or used as a value."""

import pytest

from adapters.templates.lint import lint
from domain.errors import FailureReason
from tests.contracts.template_renderer import NOW
from tests.support.rendering import render_options
from tests.unit.templates.conftest import Folder

LENIENT = {"lenient": True}

INNER_NULLS = [
    ("{{ l }}", "'l[1]' is null"),
    ("{{ d }}", "'d.a' is null"),
    ("{{ deep }}", "deep.rows[0]['b c'][0]"),
    ("{{ l|pprint }}", "'l[1]' is null"),
    ("{{ l|string }}", "'l[1]' is null"),
    ("{{ 'a' ~ d }}", "'d.a' is null"),
    ("{{ '%s'|format(l) }}", "'l[1]' is null"),
    ("{{ l|join(',') }}", "'l[1]' is null"),
    ("{{ l|reverse|list }}", "'l | reverse | list[0]' is null"),
    ("{{ d.values() }}", "'d.values()[0]' is null"),
    ("{{ d.items() }}", "'d.items()[0][1]' is null"),
    ("{{ ['x', [n]] }}", "'n' is null"),
    ("{{ {'x': n} }}", "'n' is null"),
    ("{{ [l]|join }}", "'l[1]' is null"),
]


@pytest.mark.parametrize(("source", "named"), INNER_NULLS)
@pytest.mark.parametrize("part", ["html", "text"])
def test_field_3_4_a_null_in_a_list_that_is_printed_whole_is_undefined_with_its_place(
    folder: Folder, source: str, named: str, part: str
) -> None:
    folder.write({f"t/{part}.jinja2": f"\n{source}"})
    parameters = {"l": ["a", None], "d": {"a": None}, "n": None}

    failure = folder.failure("t", parameters | {"deep": {"rows": [{"b c": [None]}]}})

    assert failure.reason is FailureReason.TEMPLATE_UNDEFINED
    assert named in str(failure)
    assert f"t/{part}.jinja2 line 2" in str(failure)


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("{{ l|map('upper')|list }}", "'l[1]' given to the filter 'upper' is null"),
        ("{{ l|sort }}", "'l[1]' is null"),
        ("{{ l|unique|join }}", "'l[1]' given to the filter 'join' is null"),
        ("{{ '-'.join(l) }}", "'l[1]' is null"),
        ("{{ rows|map(attribute='name')|join(', ') }}", "'rows[1].name' given to"),
        ("{{ o.rows|map(attribute='name')|map('title')|join }}", "'o.rows[1].name' given to"),
        (
            "{% for r in rows %}{{ r.tags|map('lower')|join }}{% endfor %}",
            "an item of 'r.tags' given",
        ),
    ],
)
def test_field_3_4_a_null_among_the_items_that_a_filter_gets_is_named(
    folder: Folder, source: str, named: str
) -> None:
    rows = [{"name": "b", "note": None, "tags": ["x", None]}, {"name": None, "tags": []}]
    folder.write({"t/html.jinja2": source, "good/html.jinja2": GOOD_ITEMS})
    parameters = {"l": ["a", None], "rows": rows, "o": {"rows": rows}}

    failure = folder.failure("t", parameters)

    assert failure.reason is FailureReason.TEMPLATE_UNDEFINED
    assert named in str(failure)
    assert "leave nulls out by reject('none'), or write map('default', '…', true)" in str(failure)
    assert folder.render("good", parameters).parts["html"] == "A A, b, ?"


GOOD_ITEMS = (
    "{{ l|reject('none')|map('upper')|join }} {{ l|map('default', '', true)|map('upper')|join }}, "
    "{{ rows|map(attribute='name')|map('default', '?', true)|join(', ') }}"
)

USED_NULLS = [
    "{{ n|pprint }}", "{{ ['a', 'b']|join(n) }}", "{{ l|join(d=n) }}", "{{ n|join }}",
    "{{ 'a' + n }}", "{{ n + 1 }}", "{{ 2 * n }}", "{{ n - 1 }}", "{{ n / 2 }}", "{{ n // 2 }}",
    "{{ n ** 2 }}", "{{ n % 2 }}", "{{ -n }}", "{{ n < 1 }}", "{{ 1 >= n }}", "{{ 'a' in n }}",
    "{{ 'a' not in n }}", "{{ n[1:] }}", "{{ n|filesizeformat }}", "{{ n|length }}", "{{ n|sum }}",
    "{{ n|round }}", "{{ n|abs }}", "{{ n|sort }}", "{{ n|first }}", "{{ n|last }}", "{{ n|list }}",
    "{{ n|dictsort }}", "{{ n|reverse }}", "{{ n|batch(2)|list }}", "{{ n|groupby('x') }}",
    "{{ n|items|list }}", "{{ 'a'|center(n) }}", "{{ 'ab'|indent(n) }}",
    "{% for a in n %}{{ a }}{% endfor %}", "{% for a in n|sort %}{{ a }}{% endfor %}",
    "{% for a in n recursive %}{{ a }}{% endfor %}", "{% for a, b in n %}{{ a }}{% endfor %}",
    "{% set x = 'a' + n %}", "{% if n > 3 %}x{% endif %}",
]  # fmt: skip


@pytest.mark.parametrize("source", USED_NULLS)
def test_field_3_4_a_null_that_is_used_as_a_value_is_undefined_and_named(
    folder: Folder, source: str
) -> None:
    folder.write({"t.jinja2": f"\n{source}"})

    failure = folder.failure("t", {"n": None, "l": ["a"], "other": None})

    assert failure.reason is FailureReason.TEMPLATE_UNDEFINED
    assert "'n' is null in t.jinja2 line 2" in str(failure)


@pytest.mark.parametrize("source", ["{{ 'a' + n.x }}", "{% for a in n.x %}{% endfor %}"])
def test_field_3_4_in_lenient_mode_what_fails_for_a_null_names_it(
    folder: Folder, source: str
) -> None:
    failure = folder.write({"t.jinja2": source}).failure("t", {"n": {"x": None}}, options=LENIENT)

    assert failure.reason is FailureReason.TEMPLATE_UNDEFINED
    assert "'n.x' is null" in str(failure)


@pytest.mark.parametrize(
    ("source", "text"),
    [("{{ n|int }}", "0"), ("{{ n|float }}", "0.0"), ("{{ n == 1 }}", "False"),
     ("{{ n|map('upper')|list }}", "[]"), ("{{ n in [n] }}", "True"), ("{{ l|tojson }}", "[null]"),
     ("{{ l|length }}", "1"), ("{{ [{'a': 1, 'b': n}]|join(attribute='a') }}", "1"),
     ("{{ ['a', 'b']|map('upper')|join('-') }}", "A-B"), ("{{ [1, ['x']] }}", "[1, ['x']]"),
     ("{{ {'k': l}|join }}", "k"), ("{% for a in l if a %}x{% else %}y{% endfor %}", "y")],
)  # fmt: skip
def test_field_3_4_what_needs_no_value_takes_a_null(folder: Folder, source: str, text: str) -> None:
    folder.write({"t/text.jinja2": source})

    assert folder.render("t", {"n": None, "l": [None]}).parts["text"] == text


def test_field_3_4_lint_warns_of_a_null_that_is_the_text_of_a_slack_block(folder: Folder) -> None:
    block = '{"type": "section", "text": {"type": "mrkdwn", "text": {{ n|tojson }}}}'
    folder.write(
        {
            "t/slack.json.jinja2": f'{{"blocks": [{block}], "value": {{{{ n|tojson }}}}}}',
            "t/examples/a.json": '{"parameters": {"n": null}}',
            "t/examples/b.json": '{"parameters": {"n": "x"}}',
        }
    )

    (finding,) = lint(folder.root, render_options(), NOW)

    assert (finding.severity, finding.file) == ("warning", "t/slack.json.jinja2")
    assert "blocks[0].text.text is null" in finding.text
    assert "t/examples/a.json" in finding.text


def test_field_3_4_lint_says_once_that_a_null_fails_in_lenient_mode(folder: Folder) -> None:
    example = '{"subject": "S", "parameters": {"n": null}}'
    folder.write({"t.jinja2": "{{ 'a' + n }}", "t.examples/a.json": example})

    (finding,) = lint(folder.root, render_options(lenient=True), NOW)

    assert finding.severity == "error"
    assert "'n' is null" in finding.text


def test_field_3_4_lint_warns_in_lenient_mode_of_each_null_that_an_example_prints(
    folder: Folder,
) -> None:
    folder.write(
        {
            "t/subject.jinja2": "For {{ a }}",
            "t/html.jinja2": "{{ b }}\n{{ c.d|upper }}\n{{ l|join }}{{ l|map('upper')|list }}"
            "\n{{ b }}",
            "t/text.jinja2": "{{ o }}",
            "t/examples/one.json": '{"parameters": {"a": null, "b": null, "c": {"d": null},'
            ' "l": [null], "o": {"x": null, "y": [null]}}}',
        }
    )

    found = lint(folder.root, render_options(lenient=True), NOW)

    assert {finding.severity for finding in found} == {"warning"}
    assert [(one.file, one.line, one.text.partition(" is null")[0]) for one in found] == [
        ("t/subject.jinja2", 1, "'a'"),
        ("t/html.jinja2", 1, "'b'"),
        ("t/html.jinja2", 2, "'c.d'"),
        ("t/html.jinja2", 3, "'l[0]'"),
        ("t/html.jinja2", 3, "'l[0]' given to the filter 'join'"),
        ("t/html.jinja2", 3, "'l[0]' given to the filter 'upper'"),
        ("t/html.jinja2", 4, "'b'"),
        ("t/text.jinja2", 1, "'o.x'"),
        ("t/text.jinja2", 1, "'o.y[0]'"),
    ]


@pytest.mark.parametrize("source", ["{{ event.name }}", "{{ event['name'] }}", "{{ event() }}"])
def test_field_3_5_lenient_mode_fails_where_plain_jinja2_fails(folder: Folder, source: str) -> None:
    failure = folder.write({"t.jinja2": source}).failure("t", options=LENIENT)

    assert failure.reason is FailureReason.TEMPLATE_UNDEFINED
    assert "event" in str(failure)
