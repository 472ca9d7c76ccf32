"""Catalogues are part of the set: what is wrong with one is a fault with its file and line."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.templates.message_catalogues import read_catalogue
from domain.errors import FailureReason
from domain.events import TemplatesChanged
from tests.support.catalogues import HEADER, path_of, po
from tests.unit.templates.conftest import Folder, faults, render

IT = path_of("it")
TRANSLATED = {"t/text.jinja2": "{{ _('Hi %(n)s', n=n) }}", "u/text.jinja2": "{{ n }}"}
GOOD = po({"Hi %(n)s": "Ciao %(n)s"})


@pytest.mark.parametrize(
    ("catalogue", "fault"),
    [
        (HEADER + '\nmsgid "Hi"\nmsgstr "Ciao\n', "line 7: the text must stand in"),
        (HEADER + '\nmsgid "Hi"\nmsgstr "a "b" c"\n', "line 7: the text must stand in"),
        (HEADER + '\nmsgid "Hi"\nmsgstr[x] "a"\n', "line 7: begins with no word"),
        (HEADER + '\nmsgid "a"\nmsgid_plural "b"\nmsgstr[5] "c"\n', "line 6: msg has more"),
        (HEADER + '\nmsgid "Hi"\n', "line 6: missing msgstr for msgid 'Hi'"),
        (HEADER + "\nnonsense\n", "line 6: begins with no word such as msgid or msgstr; correct"),
        (HEADER + '\n<<<<<<< ours\nmsgid "a"\n', "line 6: '<<<<<<<' is left from a merge"),
        (HEADER.replace("(n != 1)", "(n !! 1)"), "line 4: Plural-Forms: "),
        (HEADER.replace("(n != 1)", "(1 % n)"), "line 4: Plural-Forms: "),
        (HEADER.replace("nplurals=2", "nplurals=INTEGER"), "line "),
        (po({"Hi %(n)s": "Ciao %(m)s"}), "line 6: the translation has %(m)s, and the text has %("),
        (po({"Hi %(n)s": "Ciao %(n)"}), "line 6: the translation has '%(n)'; a placeholder is"),
        (po({"Hi %(n)s": "Ciao %(n)d"}), "line 6: the translation has '%(n)'; a placeholder is"),
        (po({("a", "b"): ("x", "%(num)s")}), "line 6: the translation has %(num)s, and the text"),
        (b"\xff".decode("latin-1"), "line "),
    ],
)
def test_a_broken_catalogue_breaks_what_is_translated_with_file_and_line(
    folder: Folder, catalogue: str, fault: str
) -> None:
    folder.write({**TRANSLATED, IT: catalogue})

    templates = folder.load()

    assert set(templates.snapshot.broken) == {"t"}
    assert templates.snapshot.broken["t"][0].startswith(f"{IT} {fault}")
    assert render(templates, "u", {"n": 1}).parts["text"] == "1"
    error = folder.failure("t", {"n": 1})
    assert error.reason is FailureReason.TEMPLATE_ERROR
    assert f"fix {IT} {fault}" in str(error)


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n"])
def test_an_empty_catalogue_translates_nothing(folder: Folder, text: str) -> None:
    folder.write({**TRANSLATED, IT: text})

    templates = folder.load()

    assert templates.snapshot.broken == {}
    assert render(templates, "t", {"n": 1}, locale="it").parts["text"] == "Hi 1"


def test_a_catalogue_that_is_not_utf_8_is_a_fault(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "{{ _('Hi') }}", IT: b'msgid "Hi"\nmsgstr "Citt\xe0"\n'})

    assert faults(folder) == (f"{IT} line 2: is not UTF-8",)


def test_two_catalogues_of_one_language_are_a_fault(folder: Folder) -> None:
    folder.write({**TRANSLATED, path_of("pt_BR"): GOOD, path_of("pt-br"): GOOD})

    [fault] = folder.load().snapshot.broken["t"]

    assert fault.endswith("both are one language; keep one")


def test_a_saved_catalogue_takes_effect_and_is_in_the_version(folder: Folder) -> None:
    folder.write({**TRANSLATED, IT: GOOD})
    templates = folder.load()
    before = templates.snapshot.version

    folder.write({IT: GOOD.replace("Ciao", "Salve")})

    assert templates.refresh()
    content = render(templates, "t", {"n": 1}, locale="it")
    assert content.parts["text"] == "Salve 1"
    assert content.version != before


def test_a_catalogue_that_breaks_is_refused_and_the_last_good_one_stays(folder: Folder) -> None:
    folder.write({**TRANSLATED, IT: GOOD})
    reports: list[TemplatesChanged] = []
    templates = folder.load(reports)

    folder.write({IT: GOOD + "\nnonsense"})

    assert not templates.refresh()
    assert reports[-1].is_refused
    assert reports[-1].faults[0].startswith(f"{IT} line 9: ")
    assert render(templates, "t", {"n": 1}, locale="it").parts["text"] == "Ciao 1"
    folder.write({IT: GOOD + "\n# well"})
    assert templates.refresh()


def test_a_new_language_and_one_that_goes_are_seen(folder: Folder) -> None:
    folder.write(TRANSLATED)
    templates = folder.load()
    folder.write({IT: GOOD})
    assert templates.refresh()
    assert render(templates, "t", {"n": 1}, locale="it").parts["text"] == "Ciao 1"

    (folder.root / IT).unlink()

    assert templates.refresh()
    assert render(templates, "t", {"n": 1}, locale="it").parts["text"] == "Hi 1"


def test_a_header_may_leave_out_what_the_language_says(folder: Folder) -> None:
    header = 'msgid ""\nmsgstr ""\n"Language: \\n"\n'
    catalogue = po({("day", "days"): ("jour", "jours")}, header)
    folder.write({"t/text.jinja2": "{{ n|plural('day', 'days') }}", path_of("fr"): catalogue})
    templates = folder.load()

    said = [render(templates, "t", {"n": n}, locale="fr").parts["text"] for n in (0, 1, 2)]

    assert said == ["jour", "jour", "jours"]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("locale/it/messages.po", "it lies in another place"),
        ("locale/it/LC_MESSAGES/django.po", "it lies in another place"),
        ("locale/italiano/LC_MESSAGES/messages.po", "'italiano' is no language tag"),
    ],
)
def test_a_catalogue_in_a_wrong_place_is_reported(folder: Folder, path: str, hint: str) -> None:
    folder.write({**TRANSLATED, path: GOOD})
    reports: list[TemplatesChanged] = []

    folder.load(reports)

    assert reports[0].unknown == (
        f"{path}: is not used, {hint}; a catalogue lies in locale/it/LC_MESSAGES/messages.po",
    )
    assert not reports[0].faults


lines = st.sampled_from(
    ['msgid "a"', 'msgid ""', 'msgstr "b"', 'msgstr[0] "c"', 'msgstr[1] "d"', 'msgid_plural "e"',
     'msgctxt "f"', '"g"', '"h', "# i", "#, fuzzy", "#~ msgid", "#: j:1", "", "k", "#~| l",
     '"Plural-Forms: nplurals=3; plural=n;\\n"', '"Content-Type: text/plain; charset=x\\n"',
     '"PO-Revision-Date: today\\n"', '"Language: it\\n"', "#-#-#-#-#"]
) | st.text(max_size=10)  # fmt: skip


@given(written=st.lists(lines, max_size=12))
def test_any_file_is_a_catalogue_or_has_a_fault_with_its_line(written: list[str]) -> None:
    catalogue, found = read_catalogue(IT, "it", "\n".join(written))

    assert catalogue is not None or found
    for fault in found:
        assert re.match(rf"{IT} line \d+: .", fault)
    if catalogue is not None:
        said = [catalogue.translated(key, n) for key in catalogue.entries for n in (0, 1, 2, 10**6)]
        assert all(isinstance(one, str) for one in said)


@given(texts=st.dictionaries(st.text(min_size=1), st.text(), max_size=5))
def test_what_is_written_is_read(texts: dict[str, str]) -> None:
    usual: dict[str | tuple[str, str], str | tuple[str, ...]]
    usual = {k: v for k, v in texts.items() if _is_usual(k) and _is_usual(v)}

    catalogue, found = read_catalogue(IT, "it", po(usual))

    assert not found
    assert catalogue is not None
    assert {key[1]: one.forms[0] for key, one in catalogue.entries.items()} == usual


def _is_usual(text: str) -> bool:
    """Without a sign that ends a line and is written as it is, and without placeholders."""
    return "\r" not in text and "%(" not in text
