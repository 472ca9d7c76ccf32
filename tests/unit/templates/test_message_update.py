"""The catalogues are brought up to date from the templates; translations are kept."""

import pytest

from adapters.templates import TemplateSetBroken
from adapters.templates.lint import lint
from adapters.templates.message_update import CatalogueUpdate, messages_of, updated_catalogues
from tests.contracts.template_renderer import NOW
from tests.support.catalogues import path_of, po
from tests.support.rendering import render_options
from tests.unit.templates.conftest import Folder, render

IT = path_of("it")


def _updated(folder: Folder, *locales: str) -> CatalogueUpdate:
    [update] = updated_catalogues(folder.load().snapshot, locales)
    folder.write({update.path: update.text})
    return update


def test_every_way_to_write_a_text_is_found_with_its_place(folder: Folder) -> None:
    folder.write(
        {
            "t/html.jinja2": "{% trans %}One{% endtrans %}\n{{ _('Two') }}\n"
            "{{ gettext('Three %(x)s', x=x) }}\n{{ ngettext('a', 'b', n) }}\n"
            "{{ pgettext('c', 'Four') }}\n{{ npgettext('c', 'd', 'e', n) }}\n"
            "{{ n|plural('f', 'g') }}\n{% trans n=n %}h{% pluralize %}i{% endtrans %}\n"
            "{{ _(x) }}{{ 'no text' }}",
            "t/template.toml": '\nsubject = "Subject"\n',
            "u/template.toml": 'subject = "Of a template without texts"\n',
            "u/text.jinja2": "u",
            "_layout.jinja2": "{{ _('Footer') }}",
        }
    )

    found = messages_of(folder.load().snapshot)

    assert [(path, one.line, one.context, one.singular, one.plural) for path, one in found] == [
        ("_layout.jinja2", 1, None, "Footer", None),
        ("t/html.jinja2", 1, None, "One", None),
        ("t/html.jinja2", 2, None, "Two", None),
        ("t/html.jinja2", 3, None, "Three %(x)s", None),
        ("t/html.jinja2", 4, None, "a", "b"),
        ("t/html.jinja2", 5, "c", "Four", None),
        ("t/html.jinja2", 6, "c", "d", "e"),
        ("t/html.jinja2", 7, None, "f", "g"),
        ("t/html.jinja2", 8, None, "h", "i"),
        ("t/template.toml", 2, None, "Subject", None),
    ]


def test_a_new_language_gets_a_catalogue_that_can_be_filled_in(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "{{ _('Hi') }} {{ n|plural('%(num)s day', '%(num)s days') }}"})

    update = _updated(folder, "de")

    assert (update.path, update.untranslated, update.total) == (path_of("de"), 2, 2)
    assert '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"' in update.text
    assert "#: t/text.jinja2:1" in update.text
    assert "#, python-format" in update.text
    filled = update.text.replace('msgid "Hi"\nmsgstr ""', 'msgid "Hi"\nmsgstr "Hallo"')
    folder.write({update.path: filled})
    text = render(folder.load(), "t", {"n": 2}, locale="de").parts["text"]
    assert text == "Hallo 2 days"


@pytest.mark.parametrize(("tag", "folder_name"), [("it-IT", "it_IT"), ("pt_BR", "pt_BR")])
def test_a_region_is_written_as_gettext_has_it(folder: Folder, tag: str, folder_name: str) -> None:
    folder.write({"t/text.jinja2": "{{ _('Hi') }}"})

    assert _updated(folder, tag).path == path_of(folder_name)
    assert _updated(folder, tag).is_current


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("it", "nplurals=2; plural=(n != 1);"),
        ("pt_BR", "nplurals=2; plural=(n > 1);"),
        ("fr", "nplurals=2; plural=(n > 1);"),
        ("cs", "nplurals=3; "),
    ],
)
def test_a_new_language_has_no_form_for_millions(folder: Folder, tag: str, expected: str) -> None:
    folder.write({"t/text.jinja2": "{{ n|plural('day', 'days') }}"})

    assert f'"Plural-Forms: {expected}' in _updated(folder, tag).text


def test_translations_are_kept_and_old_texts_become_obsolete(folder: Folder) -> None:
    folder.write(
        {
            "t/text.jinja2": "{{ _('Hello') }} {{ _('Your order has left our house') }} "
            "{{ _('New') }}",
            IT: "# Ann's notes\n"
            + po({"Hello": "Ciao", "Your order has left the house": "È partito", "Old": "Vecchio"}),
        }
    )

    update = _updated(folder)

    assert update.added == ("Your order has left our house", "New")
    assert update.obsolete == ("Your order has left the house", "Old")
    assert (update.fuzzy, update.is_current) == (1, False)
    assert 'msgid "Hello"\nmsgstr "Ciao"' in update.text
    assert '#~ msgid "Old"\n#~ msgstr "Vecchio"' in update.text
    assert "Ann's notes" in update.text
    said = render(folder.load(), "t", locale="it").parts["text"]
    assert said == "Ciao Your order has left our house New", "a guess is not sent"


def test_a_second_run_changes_nothing(folder: Folder) -> None:
    folder.write(
        {"t/text.jinja2": "{{ _('Hello') }}{{ n|plural('a', 'b') }}", IT: po({"Old": "V"})}
    )
    first = _updated(folder)

    second = _updated(folder)

    assert second.is_current
    assert second.text == first.text


def test_lines_that_move_leave_a_catalogue_up_to_date(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "{{ _('Hello') }}", IT: po({"Hello": "Ciao"})})
    _updated(folder)
    folder.write({"t/text.jinja2": "\n\n{{ _('Hello') }}"})

    update = _updated(folder)

    assert update.is_current
    assert "t/text.jinja2:3" in update.text


def test_nothing_is_written_from_what_does_not_parse(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "{{ _('Hello' }}", "u.jinja2": "u", IT: po({"Hello": "Ciao"})})
    with pytest.raises(TemplateSetBroken, match=r"t/text\.jinja2 line 1"):
        updated_catalogues(folder.load().snapshot, ())

    folder.write({"t/text.jinja2": "{{ _('Hello') }}", IT: po({"Hello": "Ciao"}) + "\nx"})
    with pytest.raises(TemplateSetBroken, match=f"{IT} line 9"):
        updated_catalogues(folder.load().snapshot, ())


def _lint(folder: Folder) -> list[tuple[str, int | None, str, str]]:
    found = lint(folder.root, render_options(settle=0.0), NOW)
    return [(one.file, one.line, one.severity, one.text) for one in found if one.file == IT]


def test_lint_names_a_placeholder_that_a_translation_leaves_out(folder: Folder) -> None:
    texts: dict[str | tuple[str, str], str | tuple[str, ...]] = {
        "Hi %(n)s": "Ciao",
        ("%(num)s day", "%(num)s days"): ("un giorno", "giorni"),
        ("%(num)s hour", "%(num)s hours"): ("un'ora", "%(num)s ore"),
    }
    folder.write(
        {
            "t/text.jinja2": "{{ _('Hi %(n)s', n=n) }}{{ n|plural('%(num)s day', '%(num)s days') }}"
            "{{ n|plural('%(num)s hour', '%(num)s hours') }}",
            IT: po(texts),
        }
    )

    assert _lint(folder) == [
        (IT, 6, "error", "the translation leaves out %(n)s"),
        (IT, 9, "error", "the translation leaves out %(num)s"),
    ]


def test_lint_names_a_placeholder_too_much_and_a_broken_catalogue(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "{{ _('Hi') }}", IT: po({"Hi": "Ciao %(n)s"})})
    assert _lint(folder) == [
        (IT, 6, "error", "the translation has %(n)s, and the text has no placeholder")
    ]

    folder.write({IT: po({"Hi": "Ciao"}) + "\nx"})
    [(_, line, severity, _)] = _lint(folder)
    assert (line, severity) == (9, "error")


def test_lint_warns_of_texts_without_a_translation(folder: Folder) -> None:
    folder.write(
        {
            "t/text.jinja2": "{{ _('Hi') }}\n{{ _('Bye') }}",
            IT: po({"Hi": "Ciao", "Bye": ""}),
            path_of("it_CH"): po({"Bye": "Adieu"}),
        }
    )

    [(_, line, severity, text)] = _lint(folder)

    assert (line, severity) == (9, "warning")
    assert text == (
        "1 of 2 texts have no translation, the first is 'Bye' in t/text.jinja2 line 2; "
        "dispatcher templates messages writes them here"
    )


RUSSIAN = (
    "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : "
    "n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);"
)
FRENCH = "nplurals=3; plural=(n == 0 || n == 1) ? 0 : n != 0 && n % 1000000 == 0 ? 1 : 2;"


@pytest.mark.parametrize(
    ("tag", "plural", "forms", "untranslated"),
    [
        ("ru", RUSSIAN, ("a", "", "c"), 1),
        ("ru", RUSSIAN, ("", "b", "c"), 1),
        ("ru", RUSSIAN, ("a", "b", "c"), 0),
        ("fr", FRENCH, ("a", "", "c"), 0),
    ],
)
def test_a_form_that_numbers_take_is_missed(
    folder: Folder, tag: str, plural: str, forms: tuple[str, ...], untranslated: int
) -> None:
    header = po({}).replace("nplurals=2; plural=(n != 1);", plural)
    folder.write(
        {
            "t/text.jinja2": "{{ n|plural('file', 'files') }}",
            path_of(tag): po({("file", "files"): forms}, header),
        }
    )

    found = lint(folder.root, render_options(settle=0.0), NOW)
    warned = [one.text for one in found if "no translation" in one.text]

    assert len(warned) == untranslated
    assert _updated(folder).untranslated == untranslated


@pytest.mark.parametrize("locales", [(), ("it",)])
@pytest.mark.parametrize("text", ["{{ _('Hi') }}", "no text to translate"])
def test_a_catalogue_that_is_not_utf_8_is_named_and_never_written_over(
    folder: Folder, text: str, locales: tuple[str, ...]
) -> None:
    folder.write({"t/text.jinja2": text, "u.jinja2": "u", IT: b'msgid "Hi"\nmsgstr "Citt\xe0"\n'})

    with pytest.raises(TemplateSetBroken, match=r"messages\.po line 2: is not UTF-8"):
        updated_catalogues(folder.load().snapshot, locales)


def test_of_two_catalogues_for_one_language_none_is_written(folder: Folder) -> None:
    catalogue = po({"Hi": "Oi"})
    folder.write({"t.jinja2": "{{ _('Hi') }}", "u.jinja2": "u"})
    folder.write({path_of("pt_BR"): catalogue, path_of("pt-br"): catalogue})

    with pytest.raises(TemplateSetBroken, match="both are one language; keep one"):
        updated_catalogues(folder.load().snapshot, ())
