"""What is to be done about a file that is no template."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.templates.lint import lint
from tests.support.rendering import render_options


@pytest.mark.parametrize(
    ("source", "line", "remedy"),
    [
        ("a\n{% if name %}x", 2, " Write {% endif %} where it ends."),
        ("{% for x in y %}\n{% if x %}a{% endif %}", 1, " Write {% endfor %} where it ends."),
        ("a\n{{ name </p>\n", 2, " Check that each {{, {% and quote is closed, here and above."),
        ("a\n{% fi name %}x{% endif %}", 2, " Did you mean 'if'?"),
        ("a\n{% includ 'x' %}", 2, " Did you mean 'include'?"),
    ],
)
def test_a_fault_of_syntax_says_what_to_do(
    tmp_path: Path, source: str, line: int, remedy: str
) -> None:
    (tmp_path / "t.jinja2").write_text(source)

    [fault] = [
        one
        for one in lint(tmp_path, render_options(), datetime.now(UTC))
        if one.severity == "error"
    ]

    assert fault.line == line
    assert fault.text.endswith(remedy)
