"""`{% do %}` changes what a file has made itself, and nothing else."""

from typing import Any

import pytest

from tests.unit.templates.conftest import Folder, render


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{% set xs = [] %}{% do xs.append(1) %}{% do xs.append('a') %}{{ xs|join }}", "1a"),
        ("{% set d = {} %}{% do d.update({'a': 1}) %}{{ d.a }}{{ d }}", "1{'a': 1}"),
        ("{% set n = namespace(xs=[]) %}{% do n.xs.append(2) %}{{ n.xs }}", "[2]"),
        (
            "{% set xs = [] %}{% for r in rows %}{% do xs.append(r.n) %}{% endfor %}{{ xs|sum }}",
            "5",
        ),
        (
            "{% set xs = [] %}{% do xs.append('a') %}{{ xs|length }} {{ xs|tojson }}",
            '1 ["a"]',
        ),
        ("{% set d = {'items': 7} %}{% do d.update(b=1) %}{{ d.items }}", "7"),
        ("{% macro m(x) %}{{ x }}{% endmacro %}a{% do m(1) %}b", "ab"),
    ],
)
def test_a_list_or_object_of_the_file_s_own_is_changed(
    folder: Folder, source: str, expected: str
) -> None:
    folder.write({"t/text.jinja2": source})

    text = folder.render("t", {"rows": [{"n": 2}, {"n": 3}]}).parts["text"]

    assert text == expected


@pytest.mark.parametrize(
    "source",
    [
        "{% do rows.append(1) %}",
        "{% do order.update(a=1) %}",
        "{% set xs = rows %}{% do xs.clear() %}",
        "{% set xs = [rows] %}{% do xs[0].clear() %}",
        "{% set xs = rows + [] %}{% do xs.sort() %}",
    ],
)
def test_a_message_s_value_is_not_changed(folder: Folder, source: str) -> None:
    folder.write({"t/text.jinja2": f"\n{source}"})
    parameters: dict[str, Any] = {"rows": [3, 1], "order": {}}

    error = str(folder.failure("t", parameters))

    assert "is unsafe: what is written out in a file with {% do %}, as [], may be changed" in error
    assert error.endswith("in t/text.jinja2 line 2")
    assert parameters == {"rows": [3, 1], "order": {}}


def test_what_one_message_adds_is_not_there_for_the_next(folder: Folder) -> None:
    folder.write(
        {
            "t/text.jinja2": "{% from 'm.jinja2' import add %}{{ add(n) }}",
            "m.jinja2": "{% set xs = [] %}{% macro add(n) %}{% do xs.append(n) %}{{ xs }}"
            "{% endmacro %}",
        }
    )
    templates = folder.load()

    said = [render(templates, "t", {"n": n}).parts["text"] for n in (1, 2)]

    assert said == ["[1]", "[2]"]


def test_growth_without_end_is_stopped(folder: Folder) -> None:
    source = "{% set xs = [1] %}{% for i in range(60) %}{% do xs.extend(xs) %}{% endfor %}"
    folder.write({"t/text.jinja2": source})

    assert "rendering took too" in str(folder.failure("t"))


def test_a_file_without_do_is_as_before(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "{% set xs = [] %}{{ xs.append(1) }}"})

    assert "unsafe" in str(folder.failure("t"))
