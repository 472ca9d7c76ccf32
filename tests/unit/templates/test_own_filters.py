"""Filters in `filters.py`: only where the operator allows them, and a part of the set."""

from typing import Any

import pytest

from adapters.templates.lint import lint
from domain.errors import FailureReason
from domain.events import TemplatesChanged
from tests.contracts.template_renderer import NOW
from tests.support.rendering import render_options
from tests.unit.templates.conftest import Folder, render

ON: dict[str, Any] = {"own_filters": True}
SHOUT = "def shout(text, signs=1):\n    return text.upper() + '!' * signs\n"
USED = {"t/text.jinja2": "{{ name|shout(2) }}", "u/text.jinja2": "u"}


def test_a_function_of_the_file_is_a_filter(folder: Folder) -> None:
    folder.write({**USED, "filters.py": SHOUT})

    assert folder.render("t", {"name": "ann"}, options=ON).parts["text"] == "ANN!!"


def test_what_a_filter_gives_is_escaped_unless_it_is_markup(folder: Folder) -> None:
    source = (
        "from markupsafe import Markup\ndef a(v): return '<' + v\ndef b(v): return Markup('<b>')"
    )
    folder.write({"t/html.jinja2": "{{ v|a }}{{ v|b }}", "filters.py": source})

    assert folder.render("t", {"v": "x"}, options=ON).parts["html"] == "&lt;x<b>"


def test_imports_private_functions_and_values_are_no_filters(folder: Folder) -> None:
    source = "from json import dumps\nlimit = 3\ndef _own(v): return v\ndef mine(v): return v"
    for name in ("dumps", "_own", "limit"):
        folder.write(
            {"t/text.jinja2": f"{{{{ 1|{name} }}}}", "u.jinja2": "u", "filters.py": source}
        )

        [fault] = folder.load(**ON).snapshot.broken["t"]

        assert f"No filter named {name!r}" in fault


@pytest.mark.parametrize("decorator", ["@cache", "@lru_cache(maxsize=9)"])
def test_a_function_below_a_decorator_is_a_filter(folder: Folder, decorator: str) -> None:
    source = f"from functools import cache, lru_cache\n{decorator}\n{SHOUT}"
    folder.write({**USED, "filters.py": source})

    assert folder.render("t", {"name": "ann"}, options=ON).parts["text"] == "ANN!!"


@pytest.mark.parametrize("body", ["return 1", "yield 1"])
def test_an_async_function_is_a_fault_with_its_line(folder: Folder, body: str) -> None:
    source = f"def fine(v): return v\nasync def slow(v): {body}\n"
    folder.write({"t/text.jinja2": "{{ 1|fine }}", "filters.py": source})

    [found] = [one for one in lint(folder.root, render_options(**ON), NOW) if one.line == 2]

    assert found.file == "filters.py"
    assert "'slow' is async" in found.text


def test_without_the_setting_the_file_is_not_run_and_log_and_lint_say_so(folder: Folder) -> None:
    folder.write({**USED, "filters.py": "raise SystemExit('run')"})
    reports: list[TemplatesChanged] = []

    templates = folder.load(reports)

    setting = "DISPATCHER_TEMPLATES_FILTERS=on"
    said = f"filters.py: is not used; if you trust all who write it, set {setting}"
    assert reports[0].unknown == (said,)
    assert "No filter named 'shout'" in templates.snapshot.broken["t"][0]
    assert render(templates, "u").parts["text"] == "u"
    found = {
        f"{one.file}: {one.text}": one.severity for one in lint(folder.root, render_options(), NOW)
    }
    assert found[said] == "warning"


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("def shout(:\n", "filters.py line 1: "),
        ("\n\n1 / 0\n", "filters.py line 3: ZeroDivisionError: division by zero"),
        ("\nimport nothing_of_this_name\n", "filters.py line 2: ModuleNotFoundError: "),
        ("\nraise SystemExit(3)\n", "filters.py line 2: SystemExit: 3"),
        ("while True: pass", "filters.py line 1: takes too long to load"),
        ("<<<<<<< ours\n", "filters.py line 1: "),
    ],
)
def test_a_fault_in_the_file_is_one_of_the_set(folder: Folder, source: str, fault: str) -> None:
    folder.write({**USED, "filters.py": source})

    templates = folder.load(**ON, timeout=0.3)

    assert any(one.startswith(fault) for one in templates.snapshot.faults)
    assert set(templates.snapshot.broken) == {"t"}
    assert render(templates, "u").parts["text"] == "u"


def test_an_error_in_a_filter_names_both_places(folder: Folder) -> None:
    folder.write(
        {"t/text.jinja2": "\n{{ n|half }}", "filters.py": "def half(n):\n    return n / 0"}
    )

    error = str(folder.failure("t", {"n": 1}, options=ON))

    assert error == (
        "ZeroDivisionError: division by zero at filters.py line 2 in t/text.jinja2 line 2"
    )


def test_a_filter_that_never_ends_is_stopped(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "{{ 1|spin }}", "filters.py": "def spin(n):\n    while n: pass"})

    error = str(folder.failure("t", options={**ON, "timeout": 0.2}))

    assert "rendering took too long" in error


def test_a_changed_file_is_taken_with_its_set(folder: Folder) -> None:
    folder.write({**USED, "filters.py": SHOUT})
    reports: list[TemplatesChanged] = []
    templates = folder.load(reports, **ON)
    before = templates.snapshot.version

    folder.write({"filters.py": SHOUT.replace("upper", "title")})
    assert templates.refresh()
    assert render(templates, "t", {"name": "ann"}).parts["text"] == "Ann!!"
    assert templates.snapshot.version != before

    folder.write({"filters.py": "def other(v): return v"})
    assert not templates.refresh()
    assert "No filter named 'shout'" in reports[-1].faults[0]
    assert render(templates, "t", {"name": "ann"}).parts["text"] == "Ann!!"

    (folder.root / "filters.py").unlink()
    folder.write({"t/text.jinja2": "{{ name }}"})
    assert templates.refresh()


def test_a_filter_is_called_for_each_mail_and_never_while_compiling(folder: Folder) -> None:
    source = "calls = []\ndef times(v):\n    calls.append(v)\n    return len(calls)"
    folder.write({"t/text.jinja2": "{{ 'x'|times }}", "filters.py": source})
    templates = folder.load(**ON)

    assert [render(templates, "t").parts["text"] for _ in range(2)] == ["1", "2"]


@pytest.mark.parametrize("name", ["date", "plural", "nl2br", "join", "e", "escape", "safe"])
def test_a_filter_that_there_is_already_is_a_fault(folder: Folder, name: str) -> None:
    folder.write({"t.jinja2": "t", "filters.py": f"\ndef {name}(v):\n    return v\n"})

    [fault] = folder.load(**ON).snapshot.faults

    assert fault == (
        f"filters.py line 2: there is a filter {name!r} already; "
        f"give the function another name, or _{name}"
    )


@pytest.mark.parametrize(
    "source", ["def leave(n): raise SystemExit(3)", "def leave(n):\n yield n\n raise SystemExit(3)"]
)
def test_a_filter_that_ends_the_program_fails_its_mail(folder: Folder, source: str) -> None:
    folder.write({"t/text.jinja2": "{{ 1|leave|list }}", "filters.py": source})

    error = folder.failure("t", options=ON)

    assert error.reason is FailureReason.TEMPLATE_ERROR
    assert str(error).startswith("SystemExit: 3 at filters.py line ")


@pytest.mark.parametrize(
    ("given", "kind"),
    [("context", "Context"), ("eval_context", "EvalContext"), ("environment", "_Sandbox")],
)
def test_a_filter_that_asks_for_jinja_s_own_is_not_called_while_compiling_either(
    folder: Folder, given: str, kind: str
) -> None:
    source = (
        f"from jinja2 import pass_{given} as ask\ncalls = []\n@ask\ndef counted(given, value):\n"
        "    calls.append(value)\n    return f'{type(given).__name__} {len(calls)}'\n"
    )
    folder.write({"t/text.jinja2": "{{ 1|counted }}", "filters.py": source})
    templates = folder.load(**ON)

    first, second = (render(templates, "t").parts["text"] for _ in range(2))

    assert first == f"{kind} 1"
    assert second == f"{kind} 2"
