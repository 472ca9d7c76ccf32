"""Texts in the language of the message: which catalogue counts, and what is escaped."""

import json

import pytest

from adapters.templates import FilesystemTemplates
from domain.errors import FailureReason
from tests.support.catalogues import path_of, po
from tests.unit.templates.conftest import Folder, faults, render

IT = path_of("it")


def _text(templates: FilesystemTemplates, tag: str | None, **parameters: object) -> str:
    return render(templates, "t", parameters, locale=tag).parts["text"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{% trans %}Hello{% endtrans %}", "Ciao"),
        ("{{ _('Hello') }}", "Ciao"),
        ("{{ gettext('Hello') }}", "Ciao"),
        ("{% trans %}Hello {{ name }}{% endtrans %}", "Ciao Ann"),
        ("{% trans who=name|upper %}Hello {{ who }}{% endtrans %}", "Salve ANN"),
        ("{{ _('Hello %(name)s', name=name) }}", "Ciao Ann"),
        ("{% trans count=n %}{{ count }} day{% pluralize %}{{ count }} days{% endtrans %}", "3 dì"),
        ("{{ ngettext('%(num)s hour', '%(num)s hours', n) }}", "3 ore"),
        ("{{ ngettext('%(num)s hour', '%(num)s hours', 1) }}", "1 ora"),
        ("{{ n | plural('%(num)s hour', '%(num)s hours') }}", "3 ore"),
        ("{{ n }} {{ n | plural('hour', 'hours') }}", "3 hours"),
        ("{% trans trimmed %}\n  Hello\n  {{ name }}\n{% endtrans %}", "Ciao Ann"),
        ("{% trans %}100% sure{% endtrans %}", "sicuro al 100%"),
        ("{{ _('Not there') }}", "Not there"),
        ("{% set text = 'Hello' %}{{ _(text) }}", "Ciao"),
        ("{% set _ = 1 %}{% for _ in [1, 2] %}{{ _ }}{% endfor %}", "12"),
    ],
)
def test_a_text_is_said_in_the_message_s_language(
    folder: Folder, source: str, expected: str
) -> None:
    texts: dict[str | tuple[str, str], str | tuple[str, ...]] = {
        "Hello": "Ciao",
        "Hello %(name)s": "Ciao %(name)s",
        "Hello %(who)s": "Salve %(who)s",
        "100%% sure": "sicuro al 100%%",
        ("%(count)s day", "%(count)s days"): ("un dì", "%(count)s dì"),
        ("%(num)s hour", "%(num)s hours"): ("%(num)s ora", "%(num)s ore"),
    }
    folder.write({"t/text.jinja2": source, IT: po(texts)})

    assert _text(folder.load(), "it", name="Ann", n=3) == expected


def test_a_context_tells_equal_texts_apart(folder: Folder) -> None:
    catalogue = (
        po({}) + '\nmsgctxt "day"\nmsgid "Sun"\nmsgstr "dom"\n\nmsgid "Sun"\nmsgstr "Sole"\n'
    )
    source = "{{ pgettext('day', 'Sun') }} {% trans 'day' %}Sun{% endtrans %} {{ _('Sun') }}"
    counted = " {{ npgettext('day', 'one', 'many', 2) }}"
    folder.write({"t/text.jinja2": source + counted, IT: catalogue})

    assert _text(folder.load(), "it") == "dom dom Sole many"


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("it-CH", "Grüezi/Totale"),
        ("it-IT", "Ciao/Totale"),
        ("it", "Ciao/Totale"),
        ("IT_it", "Ciao/Totale"),
        ("de-AT", "Hello/Total"),
        (None, "Hello/Total"),
    ],
)
def test_a_text_falls_back_from_the_region_to_the_language_to_what_the_template_says(
    folder: Folder, locale: str | None, expected: str
) -> None:
    folder.write(
        {
            "t/text.jinja2": "{{ _('Hello') }}/{{ _('Total') }}",
            IT: po({"Hello": "Ciao", "Total": "Totale"}),
            path_of("it_CH"): po({"Hello": "Grüezi", "Total": ""}),
        }
    )

    assert _text(folder.load(), locale) == expected


@pytest.mark.parametrize(("n", "form"), [(1, "kniha"), (3, "knihy"), (5, "knih"), (0, "knih")])
def test_the_catalogue_s_plural_forms_decide(folder: Folder, n: int, form: str) -> None:
    header = po({}).replace(
        "nplurals=2; plural=(n != 1);",
        "nplurals=3; plural=(n==1 ? 0 : n>=2 && n<=4 ? 1 : 2);",
    )
    catalogue = po({("book", "books"): ("kniha", "knihy", "knih")}, header)
    folder.write({"t/text.jinja2": "{{ n|plural('book', 'books') }}", path_of("cs"): catalogue})

    assert _text(folder.load(), "cs-CZ", n=n) == form


def test_a_guess_of_the_tools_is_not_sent(folder: Folder) -> None:
    catalogue = po({}) + '\n#, fuzzy\nmsgid "Hello"\nmsgstr "Addio"\n'
    folder.write({"t/text.jinja2": "{{ _('Hello') }}", IT: catalogue})

    assert _text(folder.load(), "it") == "Hello"


def test_in_html_a_translation_is_markup_and_a_value_is_not(folder: Folder) -> None:
    folder.write(
        {
            "t/html.jinja2": "{% trans %}<b>Hello</b> {{ name }}{% endtrans %}"
            "{{ _('Dear %(n)s', n=name) }}{{ _(name) }}{{ name|plural('a', 'b') if false }}",
            IT: po({"<b>Hello</b> %(name)s": "<i>L'ora</i> %(name)s", "Dear %(n)s": "A %(n)s"}),
        }
    )

    html = render(folder.load(), "t", {"name": "<A & B>"}, locale="it").parts["html"]

    value = "&lt;A &amp; B&gt;"
    assert html == f"<i>L'ora</i> {value}A {value}{value}"


def test_at_slack_a_translation_fits_its_part(folder: Folder) -> None:
    folder.write(
        {
            "t/slack.json.jinja2": '[{"type": "section", "text": {"type": "mrkdwn", "text": '
            '"{% trans %}See {{ name }}{% endtrans %}"}}]',
            "t/slack.jinja2": "{% trans %}See {{ name }}{% endtrans %}",
            IT: po({"See %(name)s": 'Vedi "<https://e.org|%(name)s>"\nqui'}),
        }
    )

    parts = render(folder.load(), "t", {"name": 'a"<b>\n'}, locale="it", channel="slack").parts

    expected = 'Vedi "<https://e.org|a"&lt;b&gt;\n>"\nqui'
    assert json.loads(parts["slack.json"])[0]["text"]["text"] == expected
    assert parts["slack"] == expected


@pytest.mark.parametrize(
    ("source", "parameters", "expected"),
    [
        ("{% trans %}Hi {{ nam }}{% endtrans %}", {}, "'nam' is undefined"),
        ("{{ _('Hi %(n)s', n=order.no) }}", {"order": {}}, "'order.no' is undefined"),
        ("{% trans %}Hi {{ name }}{% endtrans %}", {"name": None}, "'name' is null"),
        ("{{ n|plural('a', 'b') }}", {"n": None}, "'n' is null"),
        ("{{ order.n|plural('a', 'b') }}", {"order": {}}, "'order.n' is undefined"),
        ("{{ ngettext('a', 'b', order.n) }}", {"order": {}}, "'order.n' is undefined"),
    ],
)
def test_a_missing_value_is_an_error_within_a_text_too(
    folder: Folder, source: str, parameters: dict[str, object], expected: str
) -> None:
    folder.write({"t/text.jinja2": f"\n{source}", IT: po({"Hi %(nam)s": "Ciao"})})

    error = folder.failure("t", parameters, locale="it")

    assert error.reason is FailureReason.TEMPLATE_UNDEFINED
    assert str(error).startswith(expected)
    assert "in t/text.jinja2 line 2" in str(error)


@pytest.mark.parametrize("n", ["3", 1.5, True, [1]])
def test_a_count_that_is_no_whole_number_is_an_error_with_its_name(
    folder: Folder, n: object
) -> None:
    for source in ("{{ order.n|plural('a', 'b') }}", "{{ ngettext('a', 'b', order.n) }}"):
        folder.write({"t/text.jinja2": source})

        error = str(folder.failure("t", {"order": {"n": n}}))

        assert error.startswith("'order.n' is ")
        assert error.endswith("and no whole number in t/text.jinja2 line 1")


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("\n{{ _('Hi %(name)s') }}", "line 2: No value for %(name)s in 'Hi %(name)s'"),
        ("{{ 1|plural('a', '%(n)s') }}", "line 1: No value for %(n)s in 'a'"),
        ("\n{% trans %}Hi\n\n", "line 2: The block 'trans' has no {% endtrans %}."),
        ("{% trans %}{% if a %}{% endif %}{% endtrans %}", "line 1: control structures"),
    ],
)
def test_a_mistake_in_a_text_to_translate_is_found_before_a_message_comes(
    folder: Folder, source: str, fault: str
) -> None:
    folder.write({"t/text.jinja2": source})

    assert faults(folder)[0].startswith(f"t/text.jinja2 {fault}")


def test_the_subject_in_template_toml_is_translated_with_its_template(folder: Folder) -> None:
    folder.write(
        {
            "t/template.toml": 'subject = "Your order: 100%"',
            "t/text.jinja2": "{{ subject }} {{ _('x') }}",
            "u/template.toml": 'subject = "Your order: 100%"',
            "u/text.jinja2": "x",
            IT: po({"Your order: 100%": "Il tuo ordine: 100%"}),
        }
    )
    templates = folder.load()

    content = render(templates, "t", locale="it")

    assert (content.subject, content.parts["text"]) == (
        "Il tuo ordine: 100%",
        "Il tuo ordine: 100% x",
    )
    assert render(templates, "u", locale="it").subject == "Your order: 100%"
    assert render(templates, "t", locale="de").subject == "Your order: 100%"


def test_what_is_imported_speaks_the_language_of_each_message(folder: Folder) -> None:
    folder.write(
        {
            "t/text.jinja2": "{% from 'a.jinja2' import title, hi %}{{ title }} {{ hi('x') }}",
            "a.jinja2": "{% import 'b.jinja2' as b %}{% set title = b.title %}"
            "{% macro hi(n) %}{% trans %}Hi {{ n }}{% endtrans %}{% endmacro %}",
            "b.jinja2": "{% set title = _('Title') %}",
            IT: po({"Title": "Titolo", "Hi %(n)s": "Ciao %(n)s"}),
            path_of("de"): po({"Title": "Titel", "Hi %(n)s": "Hallo %(n)s"}),
        }
    )
    templates = folder.load()

    said = [_text(templates, locale) for locale in ("it", "de", None, "it")]

    assert said == ["Titolo Ciao x", "Titel Hallo x", "Title Hi x", "Titolo Ciao x"]


def test_a_parameter_named_locale_is_not_the_language(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "{{ locale }} {{ _('Hi') }}", IT: po({"Hi": "Ciao"})})

    assert _text(folder.load(), "it", locale="fr") == "fr Ciao"


def test_lenient_mode_leaves_out_what_is_not_there(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "[{% trans %}Hi {{ n }}{% endtrans %}{{ x|plural('a', 'b') }}]"})

    templates = folder.load(lenient=True)

    assert _text(templates, None) == "[Hi b]"
