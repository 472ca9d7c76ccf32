"""Lint warns of style sheets that a mail only names."""

import json
from datetime import UTC, datetime

import pytest

from adapters.templates.lint import lint
from tests.support.rendering import render_options
from tests.unit.templates.conftest import Folder


@pytest.mark.parametrize(
    ("page", "warned"),
    [
        ('<link rel="stylesheet" href="https://e.org/a.css">', True),
        ("<LINK HREF='a.css' REL='Stylesheet preload'>", True),
        ('<link rel="icon" href="a.png">', False),
        ('<!-- <link rel="stylesheet" href="a.css"> -->', False),
        ("<style>p{top:0}</style>", False),
    ],
)
def test_a_style_sheet_that_is_not_in_the_mail_is_a_warning(
    folder: Folder, page: str, warned: bool
) -> None:
    message = {"subject": "Hi", "parameters": {}}
    folder.write({"a.jinja2": f"{page}<p>x", "a.examples/one.json": json.dumps(message)})

    findings = lint(folder.root, render_options(), datetime.now(UTC))

    assert [one.severity for one in findings] == ["warning"] * warned
    assert all("write its rules into a <style>" in one.text for one in findings)
