"""Mails of templates whose style sheets are inlined: where it is switched on, and what may go
wrong."""

import json
import time
from datetime import UTC, datetime
from email import message_from_bytes, policy
from mailbox import Maildir
from pathlib import Path

import pytest
import structlog

from adapters.observers.subscribers import EventLog
from adapters.templates import FilesystemTemplates
from adapters.templates.environment import DeadlineExceeded
from adapters.templates.finishing import Finisher
from adapters.templates.inspection import examples_of
from adapters.templates.lint import lint
from adapters.templates.rendering import Rendering
from adapters.templates.text_alternative import text_from_html
from domain.content import Content
from domain.events import StylesNotInlined
from domain.ports import RenderRequest
from tests.fakes import FakeEvents
from tests.support.rendering import render_options
from tests.support.worker import run_command

_NOW = datetime(2024, 3, 1, tzinfo=UTC)
_PAGE = "<style>.a{top:0}.gone{display:none}</style><body><p class=a>{{ name }}<p class=gone>no"
_STYLED = '<p class=a style="top:0">'


def _folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        path = tmp_path / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def _mail(templates: FilesystemTemplates, name: str = "Ada", template: str = "a") -> Content:
    request = RenderRequest(
        template=template, channel="email", parameters={"name": name}, subject="Hi", now=_NOW
    )
    return templates.render(request)


@pytest.mark.parametrize(
    ("toml", "setting", "is_on"),
    [
        ("inline_css = true", False, True),
        ("inline_css = false", True, False),
        ("", True, True),
        ("", False, False),
    ],
)
def test_template_toml_decides_and_else_the_setting(
    tmp_path: Path, toml: str, setting: bool, is_on: bool
) -> None:
    folder = _folder(tmp_path, a__html_jinja2=_PAGE, a__template_toml=toml, b_jinja2=_PAGE)
    templates = FilesystemTemplates(folder, options=render_options(inline_css=setting))

    assert (_STYLED in _mail(templates).parts["html"]) is is_on
    assert (_STYLED in _mail(templates, template="b").parts["html"]) is setting


def test_the_text_part_is_that_of_the_page_as_it_is_written(tmp_path: Path) -> None:
    folder = _folder(tmp_path, b_jinja2=_PAGE)
    plain = FilesystemTemplates(folder, options=render_options())
    templates = FilesystemTemplates(folder, options=render_options(inline_css=True))

    for name in ("Ada", "Bob", "Zo\u00eb", "<b>"):
        mail = _mail(templates, name, "b")
        assert mail.parts["text"] == _mail(plain, name, "b").parts["text"] == f"{name}\n\n"[:-1]
        assert text_from_html(mail.parts["html"]) == mail.parts["text"]


def test_the_preheader_stands_before_the_inlined_page(tmp_path: Path) -> None:
    toml = "inline_css = true\npreheader = 'For {{ name }}'"
    page = "<style>div{top:0}</style><body><div>{{ name }}</div>"
    folder = _folder(tmp_path, a__html_jinja2=page, a__template_toml=toml)

    html = _mail(FilesystemTemplates(folder, options=render_options())).parts["html"]

    assert html.startswith('<body><div style="display:none;')
    assert html.endswith('</div><div style="top:0">Ada</div>')


def test_a_page_that_cannot_be_inlined_goes_out_as_it_is_and_is_logged_once(
    tmp_path: Path,
) -> None:
    rules = "<style>" + "p{top:0}" * 3000 + "</style>" + "<p>x" * 3000
    folder = _folder(tmp_path, a_jinja2=rules)
    templates = FilesystemTemplates(
        folder, options=render_options(inline_css=True), events=EventLog()
    )

    with structlog.testing.capture_logs() as logs:
        mails = [_mail(templates) for _ in range(3)]

    assert {mail.parts["html"] for mail in mails} == {rules}
    assert [(one["log_level"], one["template"], one["error"]) for one in logs] == [
        ("warning", "a", "the page has too many rules for so many tags")
    ]


def test_lint_names_the_page_that_cannot_be_inlined(tmp_path: Path) -> None:
    rules = "<style>" + "p{top:0}" * 3000 + "</style>" + "<p>x" * 3000
    folder = _folder(tmp_path, a_jinja2=rules)
    (tmp_path / "a.examples").mkdir()
    (tmp_path / "a.examples" / "x.json").write_text('{"subject": "Hi", "parameters": {}}')

    findings = lint(folder, render_options(inline_css=True), _NOW)

    assert [(one.file, one.severity, one.text) for one in findings] == [
        (
            "a.jinja2",
            "warning",
            "the styles are not inlined: the page has too many rules for so many tags",
        )
    ]


@pytest.mark.parametrize("template", ["order-confirmation", "password-reset", "welcome"])
def test_the_shipped_templates_keep_their_look_for_phones_and_dark_mode(template: str) -> None:
    folder = Path(__file__).parents[3] / "templates"
    before, after = (
        FilesystemTemplates(folder, options=render_options(inline_css=on)).render(request)
        for on in (False, True)
        for request in [_request(folder, template)]
    )

    assert after.parts["text"] == before.parts["text"]
    assert "margin:0;padding:0;background-color" in after.parts["html"]
    for kept in ("@media (max-width: 520px)", "@media (prefers-color-scheme: dark)"):
        assert kept in after.parts["html"]
    assert after.parts["html"].count("<!--[if mso]>") == 2


def _request(folder: Path, template: str) -> RenderRequest:
    snapshot = FilesystemTemplates(folder, options=render_options()).snapshot
    return examples_of(snapshot, template)[0].request(template, "email", _NOW)


def test_render_shows_what_template_toml_makes_of_a_mail(tmp_path: Path) -> None:
    toml = (
        "inline_css = true\npreheader = 'For {{ name }}'\n"
        "list_unsubscribe = 'https://e.org/u/{{ name }}'\nlist_unsubscribe_one_click = true\n"
    )
    folder = tmp_path / "templates"
    folder.mkdir()
    _folder(folder, a__html_jinja2=_PAGE, a__template_toml=toml)
    words = ("templates", "render", "a", "--data", '{"name": "Ada"}', "--subject", "Hi")

    shown = run_command(*words, settings={}, cwd=tmp_path)
    made = run_command(*words, "--json", settings={}, cwd=tmp_path)
    plain = run_command(*words, settings={"templates_inline_css": "on"}, cwd=tmp_path)

    assert shown.stdout.splitlines()[:4] == [
        "Subject: Hi",
        "Preheader: For Ada",
        "List-Unsubscribe: <https://e.org/u/Ada>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    ]
    assert _STYLED in json.loads(made.stdout)["html"]
    assert plain.stdout == shown.stdout


def test_a_sent_mail_has_it_all(tmp_path: Path) -> None:
    toml = "inline_css = true\npreheader = 'For {{ name }}'\nlist_unsubscribe = 'mailto:u@e.org'\n"
    folder = tmp_path / "templates"
    folder.mkdir()
    _folder(folder, a__html_jinja2=_PAGE, a__template_toml=toml)
    own = {"List-Unsubscribe": "<mailto:other@e.org>"}
    for name, more in (("Ada", {}), ("Bob", {"headers": own})):
        message = {"from": "s@e.org", "subject": name, "parameters": {"name": name}, **more}
        words = ("send", "a", "--to", "ann@example.org", "--data", json.dumps(message))
        assert run_command(*words, settings={}, cwd=tmp_path).returncode == 0

    settings = {"email_url": f"maildir:{tmp_path}/mails"}
    run_command("worker", "--drain", settings=settings, cwd=tmp_path)

    mails = {mail["Subject"]: mail for mail in Maildir(str(tmp_path / "mails"), create=False)}
    assert mails["Ada"]["List-Unsubscribe"] == "<mailto:u@e.org>"
    assert mails["Bob"]["List-Unsubscribe"] == "<mailto:other@e.org>"
    ada = message_from_bytes(mails["Ada"].as_bytes(), policy=policy.default)
    text, html = (
        body.get_content() for kind in ("plain", "html") if (body := ada.get_body([kind]))
    )
    assert text.strip() == "Ada"
    assert _STYLED in html
    assert ">For Ada&#8199;&#847;" in html


class _Broken(Rendering):
    """Its styles meet a fault of the program."""

    def __init__(self) -> None:
        pass

    def in_tags(self, html: str, pages: object) -> str:
        raise ZeroDivisionError(f"division by zero in {len(html)} characters of {pages}")


def test_a_fault_of_the_program_costs_the_styles_and_not_the_mail() -> None:
    events = FakeEvents()
    content = Content(parts={"html": _PAGE})

    finished = Finisher(events, 1.0).finished("a", _Broken(), content, inline_css=True)

    assert finished.parts == content.parts
    (event,) = events.events
    assert isinstance(event, StylesNotInlined)
    assert event.error.startswith("ZeroDivisionError: division by zero in ")


def test_styles_that_take_too_long_are_left_and_not_tried_again(tmp_path: Path) -> None:
    page = "<style>p{top:0}</style>" + '<p ">"' * 16000 + '"'
    folder = _folder(tmp_path, a__html_jinja2=page, a__text_jinja2="x")
    templates = FilesystemTemplates(
        folder, options=render_options(inline_css=True, timeout=0.1), events=EventLog()
    )
    begun = time.process_time()

    with structlog.testing.capture_logs() as logs:
        mails = [_mail(templates) for _ in range(30)]

    assert {mail.parts["html"] for mail in mails} == {page}
    assert [one["error"] for one in logs] == ["took too long, stopped"]
    assert time.process_time() - begun < 2


class _SlowWithLongPages(Rendering):
    """It has time for short pages only."""

    def __init__(self) -> None:
        self.tried: list[int] = []

    def in_tags(self, html: str, pages: object) -> str:
        self.tried.append(len(html))
        if len(html) >= 50:
            raise DeadlineExceeded
        return f"styled {html}"


def test_a_page_that_takes_too_long_costs_only_pages_as_long_their_styles() -> None:
    rendering, finisher = _SlowWithLongPages(), Finisher(FakeEvents(), 1.0)

    def page_of(length: int) -> str:
        content = Content(parts={"html": "x" * length})
        return finisher.finished("a", rendering, content, inline_css=True).parts["html"]

    assert [page_of(length)[:6] for length in (60, 10, 80, 60, 55)] == [
        "xxxxxx",
        "styled",
        "xxxxxx",
        "xxxxxx",
        "xxxxxx",
    ]
    assert rendering.tried == [60, 10, 55]
