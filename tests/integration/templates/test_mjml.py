"""A page in MJML becomes HTML once its template is rendered."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.templates import FilesystemTemplates
from adapters.templates.mjml_pages import MjmlUnusable, html_of
from domain.content import Content
from domain.errors import FailureReason, Permanent
from domain.ports import RenderRequest
from tests.support.rendering import render_options

_LAYOUT = "<mjml><mj-body>{% block body %}{% endblock %}</mj-body></mjml>"
_SECTION = "<mj-section><mj-column><mj-text>{}</mj-text></mj-column></mj-section>"
_PAGE = (
    '{% extends "_l.jinja2" %}{% block body %}{% for name in names %}'
    + _SECTION.format("Dear {{ name }}<br>you")
    + "{% endfor %}{% endblock %}"
)
_NOW = datetime(2024, 3, 1, tzinfo=UTC)


def _render(
    tmp_path: Path, files: dict[str, str], locale: str | None = None, **options: int
) -> Content:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    names = {"names": ["Ada & <Bob>", "it's"]}
    request = RenderRequest(
        template="a", channel="email", parameters=names, subject="Hi", locale=locale, now=_NOW
    )
    return FilesystemTemplates(tmp_path, options=render_options(**options)).render(request)


def test_layouts_loops_and_values_work_as_in_html(tmp_path: Path) -> None:
    content = _render(tmp_path, {"_l.jinja2": _LAYOUT, "a.jinja2": _PAGE})

    html = content.parts["html"]
    assert html.startswith("<!doctype html>")
    assert "<mj" not in html
    assert html.count("<table") > 2
    assert "Dear Ada &amp; &lt;Bob&gt;<br" in html
    assert content.parts["text"] == "Dear Ada & <Bob>\nyou\n\nDear it's\nyou\n"


def test_styles_preheader_and_language_work_as_in_html(tmp_path: Path) -> None:
    head = "<mj-head><mj-style>.a div{letter-spacing:1px}</mj-style></mj-head>"
    body = '<mj-body><mj-section><mj-column><mj-text css-class="a">Ciao</mj-text></mj-column>'
    files = {
        "a/html.it.jinja2": f"<!-- x -->\n<mjml>{head}{body}</mj-section></mj-body></mjml>",
        "a/html.jinja2": "<p>Hi",
        "a/template.toml": "preheader = 'For you'\ninline_css = true",
    }

    html = _render(tmp_path, files, "it").parts["html"]

    assert "letter-spacing:1px;" in html or 'letter-spacing:1px"' in html
    assert html.index("For you") < html.index("Ciao")
    assert _render(tmp_path, files, "de").parts["html"].endswith("<p>Hi")


@pytest.mark.parametrize(
    "page",
    ["<mjml><mj-body><mj-section></mj-body></mjml>", "<mjml>", "<mjml>" + "<mj-wrapper>" * 9000],
)
def test_what_cannot_be_read_names_the_file(tmp_path: Path, page: str) -> None:
    with pytest.raises(Permanent, match=r"^the MJML .* in a/html\.jinja2$") as failed:
        _render(tmp_path, {"a/html.jinja2": page})

    assert failed.value.reason is FailureReason.TEMPLATE_ERROR


def test_what_is_made_of_a_page_is_bounded_as_other_pages(tmp_path: Path) -> None:
    page = "<mjml><mj-body>" + "<mj-section/>" * 900 + "</mj-body></mjml>"

    with pytest.raises(Permanent, match="an output of more than 50000 bytes") as failed:
        _render(tmp_path, {"a/html.jinja2": page, "a/text.jinja2": "x"}, max_output=50_000)

    assert failed.value.reason is FailureReason.TEMPLATE_LIMIT


def test_an_include_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "x.mjml").write_text(_SECTION.format("from the disk"))

    with pytest.raises(MjmlUnusable, match="unable to load included template"):
        html_of(f"<mjml><mj-body><mj-include path='{tmp_path}/x.mjml'/></mj-body></mjml>")


def test_no_font_is_named_that_the_author_does_not_name() -> None:
    section = _SECTION.format("x").replace("<mj-text>", "<mj-text font-family='Roboto'>")
    font = "<mj-head><mj-font name='Roboto' href='https://e.org/r.css'/></mj-head>"

    assert "googleapis" not in html_of(f"<mjml><mj-body>{section}</mj-body></mjml>")
    assert "https://e.org/r.css" in html_of(f"<mjml>{font}<mj-body>{section}</mj-body></mjml>")


@pytest.mark.parametrize("piece", ["<mj-text>", "<div>", "<mj-raw><p>"])
def test_a_deep_page_is_refused(piece: str) -> None:
    with pytest.raises(MjmlUnusable):
        html_of(f"<mjml><mj-body>{piece * 30_000}</mj-body></mjml>")
