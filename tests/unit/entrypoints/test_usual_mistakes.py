"""Each of the ten usual mistakes shows file, line and remedy: in lint and in the page."""

import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest

from adapters.templates.lint import lint
from entrypoints.pages.live import Refreshes
from entrypoints.pages.preview_pages import Preview
from entrypoints.pages.web import make_app
from entrypoints.settings import Settings
from tests.support.mistakes import MISTAKES
from tests.support.pages import ask
from tests.support.rendering import render_options

EACH = pytest.mark.parametrize("name", MISTAKES)


@EACH
def test_lint_names_file_line_and_remedy_of_a_usual_mistake(tmp_path: Path, name: str) -> None:
    mistake = MISTAKES[name]
    mistake.write(tmp_path)

    findings = lint(tmp_path, render_options(timeout=0.2), datetime.now(UTC))
    errors = [one for one in findings if one.severity == "error"]
    [found] = [one for one in errors if mistake.remedy in one.text]

    assert (found.file, found.line) == (mistake.file, mistake.line)
    assert found.template == "t"


@EACH
def test_the_page_shows_a_usual_mistake_at_its_line_and_the_others_stay(
    tmp_path: Path, name: str
) -> None:
    mistake = MISTAKES[name]
    mistake.write(tmp_path)
    (tmp_path / "other.jinja2").write_text("<p>Hello</p>")
    settings = Settings(templates_dir=tmp_path)
    preview = Preview(settings, Refreshes(), options=render_options(timeout=0.2))
    app = make_app(preview.routes())

    page, front = (unescape(ask(app, path).text) for path in ("/t/t", "/"))
    file = page.split(f'id="file-{mistake.file}"')[1].split("</details>")[0]
    at_line = re.search(r'found"><span class="number">(\d+)</span>.*?<p class="finding', file, re.S)

    assert at_line
    assert int(at_line[1]) == mistake.line
    assert mistake.remedy in file
    assert mistake.remedy in front
    assert f"{mistake.file}:{mistake.line}" in front
    assert 'href="/t/other"' in front
    assert 'href="/t/t"' in front
