"""The preview shows a mail as it is sent: its language, styles, preheader and header fields."""

import json
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest

from entrypoints.pages.live import Refreshes
from entrypoints.pages.preview_pages import Preview
from entrypoints.pages.web import make_app
from entrypoints.settings import Settings
from tests.support.catalogues import path_of, po
from tests.support.pages import ask
from tests.unit.entrypoints.loading import load

TOML = """
subject = "Your order"
inline_css = true
list_unsubscribe = "https://example.org/u/{{ name }}"
list_unsubscribe_one_click = true

[preheader]
default = "It is on its way, {{ name }}"
it = "Sta arrivando, {{ name }}"
"""
HTML = """<!doctype html><html><head><style>p { color: red }</style></head>
<body><p>{{ _('Good day') }}, {{ at|date('long') }}</p></body></html>"""
CATALOGUES = {
    path_of("it"): po({"Good day": "Buongiorno", "Your order": "Il suo ordine"}),
    path_of("de"): po({"Good day": "Guten Tag"}),
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "templates"
    example = {"to": "a@example.org", "parameters": {"name": "Ann", "at": "2026-01-31"}}
    files = {
        "order/template.toml": TOML,
        "order/html.jinja2": HTML,
        "order/examples/a.json": json.dumps(example),
        **CATALOGUES,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return load({"DISPATCHER_TEMPLATES_DIR": str(folder), "DISPATCHER_EMAIL_FROM": "s@example.org"})


@pytest.fixture
def preview(settings: Settings) -> Preview:
    return Preview(settings, Refreshes())


def _page(preview: Preview, path: str) -> str:
    reply = ask(make_app(preview.routes()), path)
    assert reply.status == 200
    return reply.text


def test_each_language_of_a_catalogue_or_a_preheader_can_be_chosen(preview: Preview) -> None:
    text = _page(preview, "/t/order/a/de")

    for locale in ("it", "-"):
        assert f'href="/t/order/a/{quote(locale)}"' in text


@pytest.mark.parametrize(
    ("locale", "subject", "day", "line"),
    [
        ("it", "Il suo ordine", "Buongiorno, 31 gennaio 2026", "Sta arrivando, Ann"),
        ("de", "Your order", "Guten Tag, 31. Januar 2026", "It is on its way, Ann"),
        ("-", "Your order", "Good day, January 31, 2026", "It is on its way, Ann"),
    ],
)
def test_a_mail_is_shown_in_the_language_that_is_chosen(
    preview: Preview, locale: str, subject: str, day: str, line: str
) -> None:
    text = unescape(_page(preview, f"/t/order/a/{locale}"))
    inbox = text.split('class="inbox"')[1].split("</div>")[0]

    assert f"<dt>Subject</dt><dd>{subject}</dd>" in text
    assert day in text
    assert line in inbox
    assert day not in inbox  # the preheader's own filler keeps the mail out of an inbox's line


def test_styles_and_links_to_unsubscribe_are_those_of_the_mail(preview: Preview) -> None:
    text = unescape(_page(preview, "/t/order/a"))
    html = _page(preview, "/t/order/a/-/html/email")

    assert "<dt>List-Unsubscribe</dt><dd><https://example.org/u/Ann></dd>" in text
    assert "<dt>List-Unsubscribe-Post</dt><dd>List-Unsubscribe=One-Click</dd>" in text
    assert '<p style="color:red">Good day' in html


def test_a_translation_that_is_missing_is_a_finding_on_the_page(preview: Preview) -> None:
    text = unescape(_page(preview, "/t/order/a/de"))

    assert f"{path_of('de')}" in text
    assert "1 of 2 texts have no translation, the first is 'Your order'" in text


def test_styles_that_cannot_be_inlined_are_a_finding_until_they_are_corrected(
    preview: Preview, settings: Settings
) -> None:
    page = settings.templates_dir / "order/html.jinja2"
    page.write_text("<div>" * 3_000 + HTML)
    fault = "the styles are not inlined"

    assert [fault in _page(preview, "/t/order/a") for _ in range(2)] == [True, True]
    page.write_text(HTML)
    assert fault not in _page(preview, "/t/order/a")
