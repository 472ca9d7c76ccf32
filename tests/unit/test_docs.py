"""What the documents name exists: paths, modules, make targets, commands, variables, reasons."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from domain.errors import FailureReason
from entrypoints.cli.app import dispatcher
from entrypoints.settings import FAMILIES, FIELDS, Settings, load_settings
from entrypoints.settings.sources import PREFIX, variable
from tests.support.documents import EXAMPLE, Document

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [
        *(ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "deploy").glob("*/README.md"),
    ]
)
# Its reader makes the templates that it names; a test of its own does so.
FOLLOWED = ROOT / "docs/tutorial.md"
LONGEST_WITHOUT_CONTENTS = 250  # lines

_TOP_FOLDERS = r"(?:\.ci|benchmarks|deploy|docs|requirements|src|templates|tests)"
_PATH = re.compile(rf"(?<![\w./-]){_TOP_FOLDERS}/[\w./*-]*")
_PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b")
_LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_MODULE = re.compile(r"(?<![\w./])(?:domain|adapters|entrypoints|benchmarks)(?:\.[a-z_]+)+")
_VARIABLE = re.compile(rf"{PREFIX}[A-Z0-9_]*[A-Z0-9]")
_A_TARGET = re.compile(rf"^{PREFIX}TARGETS__(?:(?!_FILE)[A-Z0-9_])+")
_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


def faults_of(document: Document) -> list[str]:
    """Everything the document names that does not exist."""
    return [
        *absent_paths(document),
        *absent_links(document),
        *absent_modules(document),
        *absent_targets(document),
        *wrong_commands(document),
        *unknown_variables(document),
    ]


def absent_paths(document: Document) -> Iterator[str]:
    # `NAME` and the like stand for any name: at least one file must fit.
    for path in _PATH.findall("\n".join(document.code())):
        pattern = _PLACEHOLDER.sub("*", path.rstrip("./"))
        if not any((*ROOT.glob(pattern), *EXAMPLE.glob(pattern))):
            yield f"path {path}"


def absent_links(document: Document) -> Iterator[str]:
    for target, anchor in _LINK.findall(document.prose()):
        if "://" in target:
            continue
        if not (document.folder / target).exists():
            yield f"link {target}"
        elif anchor:
            linked = Document.read(document.folder / target) if target else document
            if anchor not in anchors_of(linked):
                yield f"heading {target}#{anchor}"


def anchors_of(document: Document) -> set[str]:
    """What a link may name after `#`: one for each heading, as GitHub makes them."""
    headings = _HEADING.findall(document.prose())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def absent_modules(document: Document) -> Iterator[str]:
    for name in _MODULE.findall("\n".join(document.code())):
        parts = name.split(".")
        roots = [ROOT] if parts[0] == "benchmarks" else [ROOT / "src", EXAMPLE / "src"]
        # The last parts may be names inside the module.
        while len(parts) > 1 and not any(_is_module(root, parts) for root in roots):
            parts.pop()
        if len(parts) == 1:
            yield f"module {name}"


def _is_module(root: Path, parts: list[str]) -> bool:
    path = root.joinpath(*parts)
    return path.is_dir() or path.with_suffix(".py").exists()


def absent_targets(document: Document) -> Iterator[str]:
    known = set(_TARGET.findall((ROOT / "Makefile").read_text("utf-8")))
    for words in document.commands("make"):
        for target in words:
            if "=" not in target and target not in known:
                yield f"target {target}"


def wrong_commands(document: Document) -> Iterator[str]:
    for words in document.commands("dispatcher"):
        yield from wrong_words(dispatcher, words)
    for words in document.commands("entrypoints.worker"):
        yield from wrong_words(dispatcher, ["worker", *words])


def wrong_words(command: click.Command, words: list[str]) -> Iterator[str]:
    """The first subcommand or the options in `words` that do not exist. `a|b` names both."""
    options = {name for p in command.get_params(click.Context(command)) for name in p.opts}
    for position, word in enumerate(words):
        if word.startswith("-") and word != "-":
            name = word.partition("=")[0]
            if name not in options and name not in {"-h", "--help"}:
                yield f"option {name} of {command.name}"
        elif isinstance(command, click.Group):
            for name in word.split("|"):
                found = command.get_command(click.Context(command), name)
                if found is None:
                    yield f"command {name} of {command.name}"
                else:
                    yield from wrong_words(found, words[position + 1 :])
            return


def unknown_variables(document: Document) -> Iterator[str]:
    known = {variable(name) for name in FIELDS}
    known |= {variable(name) + "_FILE" for name, one in FIELDS.items() if one.spec.is_secret}
    known |= {variable(f"carrier_{name}") for name in ("url", "url_file", "token", "from")}
    known |= {variable("targets__name"), variable("targets__name") + "_FILE"}
    tests = "".join(p.read_text("utf-8") for p in (ROOT / "tests").rglob("conftest.py"))
    known |= set(re.findall(rf"{PREFIX}TEST_[A-Z_]+", tests + _read(".ci/env")))
    for name in _VARIABLE.findall(document.text):
        generic = _A_TARGET.sub(variable("targets__name"), name)
        if generic not in known and name != f"{PREFIX}TEST":
            yield f"variable {name}"


def _read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def table_rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table under `heading`, without its head."""
    section = text.split(f"\n{heading}\n", 1)[1]
    section = re.split(r"\n#+ ", section, maxsplit=1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def code_of(cell: str) -> str | None:
    """The first code span of a cell, or None."""
    match = re.search(r"`([^`]+)`", cell)
    return match[1] if match else None


def commands_of(command: click.Command, path: str) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands_of(found, f"{path} {name}")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_a_document_names_exists(path: Path) -> None:
    faults = faults_of(Document.read(path))
    if path == FOLLOWED:
        faults = [fault for fault in faults if not fault.startswith("path templates/")]

    assert faults == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("see `src/domain/nothing.py`", "path src/domain/nothing.py"),
        ("see `src/adapters/CHANNEL/nothing.py`", "path src/adapters/CHANNEL/nothing.py"),
        ("[here](docs/nothing.md)", "link docs/nothing.md"),
        ("[here](README.md#nothing)", "heading README.md#nothing"),
        ("# What it is\n\n[here](#what-is-it)", "heading #what-is-it"),
        ("run `python -m entrypoints.nothing`", "module entrypoints.nothing"),
        ("run `make nothing`", "target nothing"),
        ("```sh\nmake PYTHON=python3.12 test nothing\n```", "target nothing"),
        ("run `dispatcher nothing`", "command nothing of dispatcher"),
        ("run `dispatcher failed list|nothing`", "command nothing of failed"),
        ("run `dispatcher send x --nothing y`", "option --nothing of send"),
        (
            "```sh\nA=b .venv/bin/dispatcher worker \\\n  --nothing\n```",
            "option --nothing of worker",
        ),
        ("```sh\nls | dispatcher nothing\n```", "command nothing of dispatcher"),
        ("```sh\npython -m entrypoints.worker --nothing\n```", "option --nothing of worker"),
        ("set DISPATCHER_NOTHING", "variable DISPATCHER_NOTHING"),
        ("set DISPATCHER_HOME_FILE", "variable DISPATCHER_HOME_FILE"),
        ("set DISPATCHER_TARGET__OPS", "variable DISPATCHER_TARGET__OPS"),
    ],
)
def test_a_document_that_names_something_absent_is_found_out(text: str, fault: str) -> None:
    assert faults_of(Document(text, folder=ROOT)) == [fault]


def test_the_settings_table_has_every_setting_with_its_default() -> None:
    rows = table_rows(_read("docs/settings.md"), "## All settings")
    documented = {
        code_of(row[0]): None if row[1].startswith("none") else code_of(row[1]) for row in rows
    }

    families = {variable(f"{family}__name") for family in FAMILIES}
    assert set(documented) == {variable(name) for name in FIELDS} | families
    for name, text in documented.items():
        setting = str(name).removeprefix(PREFIX).lower()
        if text is not None:
            parsed = load_settings({str(name): text}, Path("absent.toml")).settings
            assert value_of(parsed, setting) == value_of(Settings(), setting), name
        elif name not in families:
            assert not value_of(Settings(), setting), name


def value_of(settings: Settings, name: str) -> object:
    field = FIELDS[name]
    holder = settings.channel_settings[field.channel.name] if field.channel else settings
    return getattr(holder, field.attribute)


def test_every_failure_reason_says_what_to_do() -> None:
    rows = table_rows(_read("docs/dead-letters.md"), "## Reasons, and what to do")

    assert [code_of(row[0]) for row in rows] == [str(reason) for reason in FailureReason]
    assert all(row[-1] for row in rows)


def test_every_command_is_in_the_table_of_commands() -> None:
    rows = table_rows(_read("docs/running.md"), "## Commands")
    documented = " ".join(row[0] for row in rows)
    absent = [path for path in commands_of(dispatcher, "dispatcher") if path not in documented]

    assert absent == []


def test_every_quoted_log_line_is_written_somewhere() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    page = _read("docs/incidents.md")
    lines = [code_of(row[0]) for row in table_rows(page, "## What the log says")]

    assert lines
    assert [line for line in lines if f'"{line}"' not in source] == []


def test_every_page_and_decision_is_linked_from_its_index() -> None:
    readme, decisions = _read("README.md"), _read("docs/decisions/README.md")
    pages = [f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")]
    records = [path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md")]

    assert [page for page in pages if f"({page})" not in readme] == []
    assert [record for record in records if f"({record})" not in decisions] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_long_page_begins_with_a_table_of_contents(path: Path) -> None:
    text = path.read_text("utf-8")
    sections = re.findall(r"^## (.*)$", Document(text, path.parent).prose(), re.MULTILINE)

    if text.count("\n") > LONGEST_WITHOUT_CONTENTS:
        head = text.split("\n## ", 1)[0]
        assert [name for name in sections if f"[{name}](#" not in head] == []
