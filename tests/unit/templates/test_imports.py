"""Each mail imports a file as it was written."""

import pytest

from tests.support.catalogues import path_of, po
from tests.unit.templates.conftest import Folder, render

LIST = (
    "{% set kept = namespace(names='') %}{% set turn = cycler('odd', 'even') %}"
    "{% macro add(name) %}{% set kept.names = kept.names ~ name ~ ' ' %}"
    "{{ turn.next() }} {{ kept.names }}{% endmacro %}"
)


@pytest.mark.parametrize(
    "use",
    [
        "{% import '_parts/list.jinja2' as list %}{{ list.add(name) }}{{ list.add('x') }}",
        "{% from '_parts/list.jinja2' import add %}{{ add(name) }}{{ add('x') }}",
        "{% set f = '_parts/list.jinja2' %}{% import f as l %}{{ l.add(name) }}{{ l.add('x') }}",
        "{% import '_parts/list.jinja2' as l with context %}{{ l.add(name) }}{{ l.add('x') }}",
    ],
)
def test_what_a_mail_left_in_an_imported_file_is_not_in_the_next(folder: Folder, use: str) -> None:
    folder.write({"t/html.jinja2": use, "t/text.jinja2": use, "_parts/list.jinja2": LIST})
    renderer = folder.load()
    render(renderer, "t", {"name": "Ann"})

    content = render(renderer, "t", {"name": "Bob"})

    assert content.parts["html"] == "odd Bob even Bob x "
    assert content.parts["text"].split() == ["odd", "Bob", "even", "Bob", "x"]


@pytest.mark.parametrize("part", ["html", "text", "subject", "telegram"])
@pytest.mark.parametrize("name", ["'texts.jinja2'", "'texts' ~ '.jinja2'"])
def test_an_imported_text_is_in_the_language_of_each_mail(
    folder: Folder, part: str, name: str
) -> None:
    use = f"{{% set file = {name} %}}{{% import file as texts %}}{{{{ texts.title }}}}"
    folder.write(
        {
            "t/html.jinja2": "x",
            f"t/{part}.jinja2": use,
            "texts.jinja2": "{% set title = _('Title') %}",
            path_of("it"): po({"Title": "Titolo"}),
            path_of("de"): po({"Title": "Titel"}),
        }
    )
    renderer = folder.load()

    def title(locale: str | None) -> str | None:
        channel = "telegram" if part == "telegram" else "email"
        content = render(renderer, "t", locale=locale, channel=channel)
        return content.subject if part == "subject" else content.parts[part].strip()

    assert [title(locale) for locale in ("it", "de", None)] == ["Titolo", "Titel", "Title"]


FOOT = "of no mail<b>foot</b>"
AROUND = "{{% macro a() %}}{{{{ caller() }}}}{{% endmacro %}}"


@pytest.mark.parametrize("name", ["'_parts/foot.jinja2'", "['none', '_parts/foot.jinja2']"])
@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("{{% include {} without context %}}", FOOT),
        (
            "{{% macro m() %}}{{% include {} without context %}}{{% endmacro %}}<p>{{{{ m() }}}}",
            f"<p>{FOOT}",
        ),
        ("{{% filter upper %}}{{% include {} without context %}}{{% endfilter %}}", FOOT.upper()),
        (
            "{{% set foot %}}{{% include {} without context %}}{{% endset %}}<p>{{{{ foot }}}}",
            f"<p>{FOOT}",
        ),
        (
            AROUND
            + "{{% call a() %}}{{% include {} ignore missing without context %}}{{% endcall %}}",
            FOOT,
        ),
    ],
)
def test_a_file_without_context_is_included_wherever_that_stands(
    folder: Folder, use: str, expected: str, name: str
) -> None:
    foot = "{{ name | default('of no mail') }}<b>foot</b>"
    folder.write({"t/html.jinja2": use.format(name), "_parts/foot.jinja2": foot})

    content = render(folder.load(), "t", {"name": "Ann"})

    assert content.parts["html"] == expected
