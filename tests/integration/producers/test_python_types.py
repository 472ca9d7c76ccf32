"""The types of the Python helper: what a producer may write, and the mistakes that are found."""

import subprocess
import sys
from pathlib import Path

from tests.support.producers import (
    CHOSEN,
    ODD,
    PYTHON_PRODUCER,
    helper,
    odd_templates,
    run_python,
)
from tests.support.tools import run, tool
from tests.support.worker import run_command

MISTAKES = """
from messages import Message

name: Message = {"to": "a@b.org", "template": "welcom", "parameters": {"name": "A", "link": "x"}}
less: Message = {"to": "a@b.org", "template": "welcome", "parameters": {"name": "A"}}
kind: Message = {"to": "a@b.org", "template": "welcome", "parameters": {"name": 1, "link": "x"}}
more: Message = {
    "to": "a@b.org", "template": "welcome", "subjet": "Hi", "parameters": {"name": "A", "link": "x"}
}
unto: Message = {"template": "welcome", "parameters": {"name": "A", "link": "x"}}
"""


def check(folder: Path, *modules: str) -> None:
    """Types, rules and format, as strict as the tools are by themselves."""
    (folder / "mypy.ini").write_text("[mypy]\nstrict = True\n")
    run(tool("mypy"), *modules, cwd=folder)
    run(tool("ruff"), "check", "--isolated", "messages.py", cwd=folder)
    run(tool("ruff"), "format", "--isolated", "--check", "--diff", "messages.py", cwd=folder)


def test_it_is_typed_and_formatted(python_project: Path) -> None:
    (python_project / "producer.py").write_text(PYTHON_PRODUCER)

    check(python_project, "messages.py", "producer.py")


def test_without_templates_any_name_is_taken(tmp_path: Path) -> None:
    (tmp_path / "messages.py").write_text(helper("python", tmp_path, templates=None))
    text = PYTHON_PRODUCER.replace('"template": "welcome"', '"template": "any"')
    (tmp_path / "producer.py").write_text(text)

    check(tmp_path, "messages.py", "producer.py")


def test_a_folder_of_templates_that_was_named_must_be_there(tmp_path: Path) -> None:
    printed = run_command("schema", "--python", settings={"templates_dir": "absent"}, cwd=tmp_path)

    assert (printed.returncode, printed.stdout) == (78, "")
    assert printed.stderr.startswith("DISPATCHER_TEMPLATES_DIR: ")


def test_odd_names_and_values_are_typed_too(tmp_path: Path) -> None:
    text = helper("python", tmp_path, templates=odd_templates(tmp_path))
    (tmp_path / "messages.py").write_text(text)
    (tmp_path / "producer.py").write_text(
        "from messages import Message\n\nmessage: Message = "
        + repr({"to": "a@example.com", "template": "2fa", "parameters": ODD})
        + "\nother: Message = "
        + repr({"to": "a@example.com", "template": "chosen", "parameters": CHOSEN})
    )

    check(tmp_path, "messages.py", "producer.py")
    run_python("import messages", cwd=tmp_path)


def test_mistakes_of_a_producer_are_found(python_project: Path) -> None:
    (python_project / "mistakes.py").write_text(MISTAKES)
    (python_project / "mypy.ini").write_text("[mypy]\nstrict = True\n")

    done = subprocess.run(
        [tool("mypy"), "mistakes.py"],
        cwd=python_project,
        capture_output=True,
        text=True,
        timeout=60,
    )

    lines = {line.split(":")[1] for line in done.stdout.splitlines() if ": error:" in line}
    assert lines == {"4", "5", "6", "7", "10"}, done.stdout


def test_it_needs_no_package_of_its_own_for_the_embedded_queue(
    tmp_path: Path, python_project: Path
) -> None:
    run(
        sys.executable,
        *("-I", "-S", "-c", "import sys; sys.path.insert(0, '.'); import messages"),
        cwd=python_project,
    )
