"""The preheader and the links of template.toml in the message's language."""

import pytest

from adapters.templates.message_update import messages_of
from tests.support.catalogues import path_of, po
from tests.unit.templates.conftest import Folder

_TOML = """preheader = "{{ _('Hello') }} {{ name }}, {{ 1234.5 | number }}"
list_unsubscribe = "https://e.org/{{ _('leave') }}"
"""


@pytest.mark.parametrize(
    ("locale", "preheader", "link"),
    [
        ("it", "Ciao Ann, 1.234,5", "https://e.org/lascia"),
        ("de", "Hello Ann, 1.234,5", "https://e.org/leave"),
    ],
)
def test_they_are_said_in_the_message_s_language(
    folder: Folder, locale: str, preheader: str, link: str
) -> None:
    catalogue = po({"Hello": "Ciao", "leave": "lascia"})
    folder.write({"a/html.jinja2": "<p>x", "a/template.toml": _TOML, path_of("it"): catalogue})

    content = folder.render("a", {"name": "Ann"}, locale=locale)

    assert content.preheader == preheader
    assert content.headers == (("List-Unsubscribe", f"<{link}>"),)


def test_their_texts_are_found_for_the_catalogues(folder: Folder) -> None:
    folder.write({"a/html.jinja2": "<p>x", "a/template.toml": _TOML})

    found = messages_of(folder.load().snapshot)

    assert [(path, one.line, one.singular) for path, one in found] == [
        ("a/template.toml", 1, "Hello"),
        ("a/template.toml", 2, "leave"),
    ]


def test_a_translated_subject_is_one_line(folder: Folder) -> None:
    catalogue = po({"Order": "Ordine\nBcc: x@y\n", "Hi": "Ciao"})
    toml = 'subject = "Order"'
    folder.write(
        {"a/html.jinja2": "{{ _('Hi') }}", "a/template.toml": toml, path_of("it"): catalogue}
    )

    assert folder.render("a", locale="it").subject == "Ordine Bcc: x@y"
    assert folder.render("a").subject == "Order"


@pytest.mark.parametrize("choice", ["{% include name %}", "{% include ['x.jinja2', 'm.jinja2'] %}"])
def test_a_subject_is_translated_where_the_texts_are_in_a_file_that_is_chosen(
    folder: Folder, choice: str
) -> None:
    catalogue = po({"Order": "Ordine", "Hi": "Ciao"})
    toml = 'subject = "Order"'
    folder.write({"a/html.jinja2": choice, "a/template.toml": toml, path_of("it"): catalogue})
    folder.write({"m.jinja2": "{{ _('Hi') }}"})

    content = folder.render("a", {"name": "m.jinja2"}, locale="it")

    assert (content.subject, content.parts["html"]) == ("Ordine", "Ciao")
