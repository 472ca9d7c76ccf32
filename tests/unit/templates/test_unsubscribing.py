"""Links to unsubscribe, from template.toml into header fields."""

import pytest

from adapters.templates.inspection import list_templates, variables_of
from domain.errors import FailureReason
from tests.unit.templates.conftest import Folder, faults

LINK, ONE_CLICK = "List-Unsubscribe", "List-Unsubscribe-Post"
_ASKED_FOR = "List-Unsubscribe=One-Click"
_VALUES = {"token": "x1", "link": "https://e.org/u?a=1&b=2"}


def _template(folder: Folder, toml: str) -> Folder:
    return folder.write({"a/html.jinja2": "<p>Hi", "a/template.toml": toml})


@pytest.mark.parametrize(
    ("toml", "headers"),
    [
        ('list_unsubscribe = "https://e.org/u/{{ token }}"', {LINK: "<https://e.org/u/x1>"}),
        ('list_unsubscribe = "{{ link }}"\nlist_unsubscribe_one_click = true',
         {LINK: "<https://e.org/u?a=1&b=2>", ONE_CLICK: _ASKED_FOR}),
        (('list_unsubscribe = ["mailto:u@e.org?subject={{ token }}", "https://e.org/{{ token }}"]\n'
         "list_unsubscribe_one_click = true"),
         {LINK: "<mailto:u@e.org?subject=x1>, <https://e.org/x1>", ONE_CLICK: _ASKED_FOR}),
        ('list_unsubscribe = "http://localhost/u"', {LINK: "<http://localhost/u>"}),
        ('list_unsubscribe = ["{% if token == 0 %}x{% endif %}", "mailto:u@e.org"]',
         {LINK: "<mailto:u@e.org>"}),
        ('list_unsubscribe = "{% if token == 0 %}x{% endif %}"\nlist_unsubscribe_one_click = true',
         {}),
        ('list_unsubscribe = "https://b\u00fccher.de:8/\u00fc"', {LINK: "<https://xn--bcher-kva.de:8/%C3%BC>"}),
        ('list_unsubscribe = "https://a:b@\u00fc.de"', {LINK: "<https://a:b@xn--tda.de>"}),
        ('list_unsubscribe = "https://e.org/\u00fc"', {LINK: "<https://e.org/%C3%BC>"}),
        ("", {}),
    ],
)  # fmt: skip
def test_links_become_header_fields(folder: Folder, toml: str, headers: dict[str, str]) -> None:
    assert dict(_template(folder, toml).render("a", _VALUES).headers) == headers


def test_what_an_address_cannot_hold_is_encoded(folder: Folder) -> None:
    _template(folder, 'list_unsubscribe = "https://e.org/{{ token }}"')

    headers = folder.render("a", {"token": 'a b<c>"\r\nBcc: x@y é%20,;'}).headers

    assert headers == (
        (
            LINK,
            "<https://e.org/a%20b%3Cc%3E%22Bcc:%20x@y%20%C3%A9%20,;>".replace(
                "%C3%A9%20", "%C3%A9%20"
            ),
        ),
    )


@pytest.mark.parametrize(
    ("toml", "link", "text"),
    [
        ('priority = 1\nlist_unsubscribe = "{{ link }}"', "ftp://e.org/secret",
         "list_unsubscribe: must begin with https:// or mailto: in a/template.toml line 2"),
        ('list_unsubscribe = "{{ link }}"', "https://secret/" + "x" * 900,
         ("list_unsubscribe: is a link of more than 900 characters; write a shorter token"
         " in a/template.toml line 1")),
        ('list_unsubscribe = "{{ link }}"', "https://secret.\u00fc" + "x" * 80,
         "list_unsubscribe: has a host that is no name on the internet in a/template.toml line 1"),
        ('list_unsubscribe = "{{ link }}"', "https:///secret",
         "list_unsubscribe: must begin with https:// or mailto: in a/template.toml line 1"),
        ('list_unsubscribe = "{{ link }}"\nlist_unsubscribe_one_click = true',
         "http://e.org/secret",
         ("list_unsubscribe: one click needs exactly one link, and that with https://, next to any"
         " mailto: in a/template.toml line 1")),
        ('list_unsubscribe = ["{{ link }}"]\nlist_unsubscribe_one_click = true',
         "mailto:secret@e.org",
         ("list_unsubscribe: one click needs exactly one link, and that with https://, next to any"
         " mailto: in a/template.toml line 1")),
    ],
)  # fmt: skip
def test_a_link_that_cannot_be_used_names_the_line_and_never_the_link(
    folder: Folder, toml: str, link: str, text: str
) -> None:
    error = _template(folder, toml).failure("a", {"link": link})

    assert (error.reason, str(error)) == (FailureReason.TEMPLATE_ERROR, text)
    assert "secret" not in str(error)


def test_a_missing_variable_names_the_line_of_its_link(folder: Folder) -> None:
    _template(folder, 'list_unsubscribe = [\n  "mailto:u@e.org",\n  "https://e.org/{{ tokn }}",\n]')

    error = folder.failure("a", _VALUES)

    assert error.reason is FailureReason.TEMPLATE_UNDEFINED
    assert "'tokn' is undefined" in str(error)
    assert str(error).endswith("in a/template.toml line 3")


@pytest.mark.parametrize(
    ("toml", "fault"),
    [
        ("list_unsubscribe = 1", "list_unsubscribe: must be a text"),
        ("list_unsubscribe = []", "list_unsubscribe: must be a text"),
        ("list_unsubscribe = ['ftp://e.org']", ("list_unsubscribe: 'ftp://e.org' must begin with"
         " https://, mailto: or a variable")),
        ("list_unsubscribe_one_click = 'yes'", "list_unsubscribe_one_click: must be true or false"),
        ("list_unsubscribe_one_click = true", ("list_unsubscribe_one_click: needs the link in"
         " list_unsubscribe")),
        ("list_unsubscribe_one_click = true\nlist_unsubscribe = 'mailto:u@e.org'",
         "list_unsubscribe_one_click: needs a link in list_unsubscribe that begins with https://"),
        ("inline_css = 'yes'", "inline_css: must be true or false"),
    ],
)  # fmt: skip
def test_a_fault_names_the_file_and_the_key(folder: Folder, toml: str, fault: str) -> None:
    _template(folder, toml)

    assert faults(folder) == (f"a/template.toml line 1: {fault}",)


def test_a_channel_without_header_fields_renders_no_link(folder: Folder) -> None:
    _template(folder, 'list_unsubscribe = "https://e.org/{{ missing }}"')
    folder.write({"a/telegram.jinja2": "Hi"})

    assert folder.render("a", channel="telegram").headers == ()


def test_variables_of_the_manifest_are_variables_of_the_template(folder: Folder) -> None:
    _template(folder, "preheader = '{{ one }}'\nlist_unsubscribe = 'https://e.org/{{ two }}'")

    snapshot = folder.load().snapshot

    assert variables_of(snapshot, "a") == {"one", "two"}
    assert [info.name for info in list_templates(snapshot)] == ["a"]
