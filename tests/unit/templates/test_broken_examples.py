"""What is said of examples that cannot be read."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.templates import FilesystemTemplates
from adapters.templates.lint import lint
from domain.events import Event, TemplatesChanged
from tests.support.rendering import render_options


def _found(root: Path) -> list[tuple[str, int | None, str]]:
    findings = lint(root, render_options(), datetime.now(UTC))
    return [(one.file, one.line, one.text) for one in findings if one.severity == "error"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('{\n"to": "a@example.org",\n"paramters": {}}', 3, "did you mean 'parameters'?"),
        ('{\n"parameters": []}', 2, "'parameters' must be an object, such as"),
        ("[]", 1, "must be an object, with an object in 'parameters'"),
        ('{\n"parameters": {"a": "\t"}}', 2, "is not JSON: Invalid control character"),
        ('{"a":' * 60_000, 1, "is too deep"),
    ],
)
def test_a_broken_example_is_named_with_its_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    (tmp_path / "t/examples").mkdir(parents=True)
    (tmp_path / "t/html.jinja2").write_text("<p>Hello</p>")
    (tmp_path / "t/examples/a.json").write_text(text)

    [(file, where, what)] = _found(tmp_path)

    assert (file, where) == ("t/examples/a.json", line)
    assert said in what


def test_a_template_that_cannot_be_used_hides_no_broken_example(tmp_path: Path) -> None:
    (tmp_path / "t/examples").mkdir(parents=True)
    (tmp_path / "t/html.jinja2").write_text("{% if name %}")
    (tmp_path / "t/examples/a.json").write_text("{,}")

    assert [(file, line) for file, line, _ in _found(tmp_path)] == [
        ("t/html.jinja2", 1),
        ("t/examples/a.json", 1),
    ]


class _Seen:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


def test_a_set_with_a_broken_example_is_taken_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "t/examples").mkdir(parents=True)
    (tmp_path / "t/html.jinja2").write_text("<p>Hello</p>")
    (tmp_path / "t/examples/a.json").write_text("{\n,}")
    (tmp_path / "t/examples/b.json").write_text('{"parameters": {}}')
    seen = _Seen()

    templates = FilesystemTemplates(tmp_path, options=render_options(), events=seen)

    [event] = seen.events
    assert isinstance(event, TemplatesChanged)
    assert not event.faults
    [fault] = event.examples
    assert fault.startswith("t/examples/a.json line 2: is not JSON")
    assert "t" in templates.snapshot.templates


def test_a_variable_that_no_example_has_is_named_where_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "t/examples").mkdir(parents=True)
    (tmp_path / "t/html.jinja2").write_text("<p>{{ name }}</p>")
    (tmp_path / "t/subject.jinja2").write_text("Hello\n{{ nmae }}")
    (tmp_path / "t/examples/a.json").write_text('{"subject": "x", "parameters": {"name": "Ann"}}')

    [found] = lint(tmp_path, render_options(), datetime.now(UTC))

    assert (found.file, found.line, found.severity) == ("t/subject.jinja2", 2, "warning")
    assert found.text == "the variable 'nmae' is in no example; did you mean 'name'?"
