"""Texts that are worked out, values in texts, and what stands in for our functions."""

import json

import pytest

from adapters.templates import FilesystemTemplates
from tests.support.catalogues import path_of, po
from tests.unit.templates.conftest import Folder, render

IT = path_of("it")


def _text(templates: FilesystemTemplates, tag: str | None, **parameters: object) -> str:
    return render(templates, "t", parameters, locale=tag).parts["text"]


@pytest.mark.parametrize("locale", ["it", None])
@pytest.mark.parametrize(
    "source",
    [
        "{{ _('Hi %(n)s' if x else 'Yo %(n)s', n=name) }}",
        "{{ _('Hi ' ~ '%(n)s', n=name) }}",
        "{% set s = 'Hi %(n)s' %}{{ _(s, n=name) }}",
        "{{ ngettext('Hi ' ~ '%(n)s', 'x', 1, n=name) }}",
    ],
)
def test_a_text_that_is_worked_out_gets_its_values_in_each_language(
    folder: Folder, source: str, locale: str | None
) -> None:
    folder.write({"t/html.jinja2": source, IT: po({"Hi %(n)s": "Ciao %(n)s"})})

    html = render(folder.load(), "t", {"x": 1, "name": "<A>"}, locale=locale).parts["html"]

    assert html in ("Hi &lt;A&gt;", "Ciao &lt;A&gt;")


@pytest.mark.parametrize("status", ["Hi %(n)s", "50% of %(n)s & 5%%"])
@pytest.mark.parametrize("locale", ["it", None])
def test_a_value_with_signs_of_a_placeholder_is_no_error(
    folder: Folder, locale: str | None, status: str
) -> None:
    folder.write({"t/text.jinja2": "{{ _(status) }}", IT: po({"Hi %(n)s": "Ciao %(n)s"})})

    said = _text(folder.load(), locale, status=status)

    assert said == (status if locale is None else status.replace("Hi", "Ciao"))


@pytest.mark.parametrize("said", ["C:\\dir", "a \\", "\\u00", "\\x41", "tab\t", "\\"])
def test_a_backslash_in_a_translation_is_one_in_slack_s_json(folder: Folder, said: str) -> None:
    folder.write({"t/slack.json.jinja2": "[\"{{ _('Hi') }}\"]", IT: po({"Hi": said})})

    part = render(folder.load(), "t", locale="it", channel="slack").parts["slack.json"]

    assert json.loads(part) == [said]


@pytest.mark.parametrize(
    "source",
    [
        "{% macro ngettext(a, b, n) %}{{ a }}{{ n }}{% endmacro %}{{ ngettext('x', 'y', 2) }}",
        "{% from 'm.jinja2' import ngettext %}{{ ngettext('x', 'y', 2) }}",
        "{% from 'm.jinja2' import other as _ %}{{ _('%(x)s x', 'y', 2) }}",
    ],
)
def test_a_macro_of_the_file_s_own_is_called_by_its_name(folder: Folder, source: str) -> None:
    macros = "".join(
        f"{{% macro {name}(a, b, n) %}}x{{{{ n }}}}{{% endmacro %}}"
        for name in ("ngettext", "other")
    )
    folder.write({"t/text.jinja2": source, "m.jinja2": macros, IT: po({"x": "no"})})

    assert _text(folder.load(), "it") == "x2"


def test_a_loop_over_an_underscore_leaves_the_texts_after_it(folder: Folder) -> None:
    source = "{% for _ in [1, 2] %}.{% endfor %}{{ _('Hi') }}"
    folder.write({"t/text.jinja2": source, IT: po({"Hi": "Ciao"})})

    assert _text(folder.load(), "it") == "..Ciao"


@pytest.mark.parametrize(("n", "expected"), [(3.0, "3 days"), (-1, "-1 day"), (1.0, "1 day")])
def test_a_number_is_counted_in_the_template_s_language_too(
    folder: Folder, n: float, expected: str
) -> None:
    folder.write({"t/text.jinja2": "{{ n|plural('%(num)s day', '%(num)s days') }}"})

    assert _text(folder.load(), None, n=n) == expected
