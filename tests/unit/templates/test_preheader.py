"""The preheader of template.toml is the first text of the page, and hidden on it."""

import re

import pytest

from adapters.templates import FilesystemTemplates
from adapters.templates.preheader import with_preheader
from adapters.templates.text_alternative import text_from_html
from domain.errors import FailureReason
from tests.unit.templates.conftest import Folder, faults, render

_DIV = r'<div style="display:none;[^"]*">(.*?)</div>'


def _template(folder: Folder, preheader: str, html: str = "<body><p>Hi {{ name }}") -> Folder:
    return folder.write({"a/html.jinja2": html, "a/template.toml": preheader})


def test_it_is_rendered_with_the_message_and_stands_first(folder: Folder) -> None:
    _template(folder, 'preheader = "For {{ name }}"')

    content = folder.render("a", {"name": "Ada & <Bob>"})

    assert content.preheader == "For Ada & <Bob>"
    found = re.match(f"<body>{_DIV}<p>Hi Ada &amp; &lt;Bob&gt;$", content.parts["html"])
    assert found
    assert found[1].startswith("For Ada &amp; &lt;Bob&gt;&#8199;&#847;")


def test_the_rest_of_what_an_inbox_shows_is_filled(folder: Folder) -> None:
    _template(folder, 'preheader = "Short"')

    page = folder.render("a", {"name": "Ada"}).parts["html"]

    assert page.count("&#8199;&#847;") == 145
    assert with_preheader("", "x" * 200).count("&#8199;") == 0


def test_the_text_part_does_not_have_it(folder: Folder) -> None:
    with_it = _template(folder, 'preheader = "For you"').render("a", {"name": "Ada"})
    without = _template(folder, "priority = 1").render("a", {"name": "Ada"})

    assert with_it.parts["text"] == without.parts["text"] == "Hi Ada\n"
    assert text_from_html(with_it.parts["html"]) == without.parts["text"]
    assert without.preheader == ""


@pytest.mark.parametrize(
    ("locale", "shown"),
    [("it-IT", "Ciao"), ("it", "Ciao"), ("de_AT", "Servus"), ("fr", "Hi"), (None, "Hi")],
)
def test_it_is_in_the_language_of_the_message(
    folder: Folder, locale: str | None, shown: str
) -> None:
    _template(folder, "[preheader]\ndefault = 'Hi'\nit = 'Ciao'\n'de-AT' = 'Servus'\n")

    assert folder.render("a", {"name": "Ada"}, locale=locale).preheader == shown


def test_a_language_that_it_does_not_have_gets_no_preheader(folder: Folder) -> None:
    _template(folder, "preheader.it = 'Ciao'\n")

    content = folder.render("a", {"name": "Ada"}, locale="fr")

    assert (content.preheader, content.parts["html"]) == ("", "<body><p>Hi Ada")


def test_lines_are_joined_and_an_empty_one_leaves_the_page_alone(folder: Folder) -> None:
    _template(folder, "preheader = '''\n{% if name %}For\n  {{ name }}{% endif %}\n'''")

    assert folder.render("a", {"name": "Ada"}).preheader == "For Ada"
    assert folder.render("a", {"name": ""}).parts["html"] == "<body><p>Hi "


def test_other_channels_do_not_render_it(folder: Folder) -> None:
    _template(folder, 'preheader = "{{ missing }}"').write({"a/telegram.jinja2": "Hi"})

    assert folder.render("a", channel="telegram").preheader == ""


def test_a_missing_variable_names_file_and_line(folder: Folder) -> None:
    _template(folder, '# first\npriority = 1\npreheader = "For {{ nmae }}"')

    error = folder.failure("a", {"name": "Ada"})

    assert error.reason is FailureReason.TEMPLATE_UNDEFINED
    assert str(error) == "'nmae' is undefined (did you mean 'name'?) in a/template.toml line 3"


def test_the_line_is_that_of_the_text_within_the_file(folder: Folder) -> None:
    _template(folder, "[preheader]\ndefault = 'x'\nit = '''\nFor\n{{ nmae }}'''\n")

    error = folder.failure("a", {"name": "Ada"}, locale="it")

    assert str(error).endswith("in a/template.toml line 5")


@pytest.mark.parametrize(
    ("toml", "fault"),
    [
        ("preheader = 3", "a/template.toml line 1: preheader: must be a text"),
        ("preheader = ' '", "a/template.toml line 1: preheader: must be a text"),
        ("[preheader]\nitalian = 'x'", ("a/template.toml line 1: preheader: 'italian' is neither"
         " 'default' nor a language tag such as 'it'")),
        ("prehaeder = 'x'", ("a/template.toml line 1: prehaeder: is no key of template.toml;"
         " did you mean 'preheader'?")),
        ("\npreheader = '{{ name '", ("a/template.toml line 2: unexpected end of template, expected"
         " 'end of print statement'.")),
        ("[preheader]\nit = 'x'\nIT = 'y'", ("a/template.toml line 1: preheader: 'IT' is there"
         " twice; keep one")),
        ("[preheader]\nit-IT = 'x'\nit_it = 'y'", ("a/template.toml line 1: preheader: 'it_it' is"
         " there twice; keep one")),
        *((f'\npreheader = "{source}"', ("a/template.toml line 2: a text of template.toml takes"
           " nothing from another file; write it out"))
          for source in ("{% include 'a/html.jinja2' %}", "{% include name ignore missing %}",
                         "{% import 'x.jinja2' as x %}", "{% from name import x %}",
                         "{% extends 'a/html.jinja2' %}")),
        ("preheader = '{{ name | nope }}'", ("a/template.toml line 1: No filter named 'nope'."
         " Remove it, or use a filter that there is.")),
    ],
)  # fmt: skip
def test_a_fault_names_the_file_and_the_key_or_line(folder: Folder, toml: str, fault: str) -> None:
    _template(folder, toml)

    assert faults(folder) == (fault,)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<!doctype html><html><head><title>x</title></head><body class='a>b'>", "<p>x"),
        ("<HTML><BODY>", "x"),
        ("<!-- <body> --><html><body>", "x"),
        ("<!--[if mso]><body class=m><![endif]--><!--[if !mso]><!--><body>", "<!--<![endif]-->x"),
        ("<style>a{content:'<body>'}</style><body>", "<p>x"),
        ("<!doctype html>\n<html>\n<head><style>p{}</style><meta charset=utf-8></head>\n", "<p>x"),
        ("", "<p>x"),
        ("", "plain words"),
        ("", ""),
        ("", "<bodyguard>"),
    ],
)
def test_it_comes_before_all_that_the_page_shows(before: str, after: str) -> None:
    page = with_preheader(before + after, "Hello")

    assert page.startswith(f"{before}<div style=")
    assert re.sub(_DIV, "", page) == before + after
    assert text_from_html(page) == text_from_html(before + after)


def test_a_plain_template_loads_nothing_for_it(folder: Folder) -> None:
    templates: FilesystemTemplates = _template(folder, "priority = 1").load()

    render(templates, "a", {"name": "Ada"})

    assert "_finisher" not in vars(templates)
