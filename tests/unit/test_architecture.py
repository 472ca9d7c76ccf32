"""What the tree says about the system is true: layers, single places, sizes."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
TESTS = ROOT / "tests"
CHANNELS = SRC / "adapters" / "channels"
SOURCES = sorted(SRC.rglob("*.py"))
TEST_FILES = sorted(TESTS.rglob("*.py"))

LONGEST_FILE = 250  # lines
LONGEST_TEST_FILE = 280
LONGEST_FUNCTION = 40
SHARED_INBOUND = ("message_format", "inbound", "dead_letters")
SEES = {
    "rabbitmq": SHARED_INBOUND,
    "sqlite": SHARED_INBOUND,
    "dead_letters": SHARED_INBOUND,
    "inbound": ("message_format",),
}
SEEN_BY_ALL = {
    "clock",
    "urls",
    "html",
    "secret",
    "setting_values",
    "records",
    "template_parts",
    "texts",
    "tls",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports_of(path: Path) -> Iterator[str]:
    """Every module the file imports, also late and relative ones, by its full dotted name."""
    package = path.relative_to(SRC).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def files_that_say(pattern: str, files: list[Path]) -> list[str]:
    return [name_of(path) for path in files if re.search(pattern, path.read_text())]


def adapter_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "adapters" and len(parts) > 1 else None


def test_the_layers_are_there() -> None:
    assert {path.relative_to(SRC).parts[0] for path in SOURCES} == {
        "domain",
        "adapters",
        "entrypoints",
    }


def test_each_class_name_occurs_once() -> None:
    places: dict[str, list[str]] = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(name_of(path))

    assert len(places) > 200
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


@pytest.mark.parametrize("path", sorted((SRC / "domain").rglob("*.py")), ids=name_of)
def test_the_domain_imports_the_standard_library_and_itself(path: Path) -> None:
    allowed = {*sys.stdlib_module_names, "domain"}

    assert {module.split(".")[0] for module in imports_of(path)} <= allowed


@pytest.mark.parametrize("path", sorted((SRC / "adapters").rglob("*.py")), ids=name_of)
def test_an_adapter_imports_no_entrypoint_and_no_sibling(path: Path) -> None:
    own = path.relative_to(SRC / "adapters").parts[0].removesuffix(".py")
    allowed = {own, *SEEN_BY_ALL, *SEES.get(own, ())}
    imported = list(imports_of(path))

    siblings = {adapter for module in imported if (adapter := adapter_of(module))} - allowed

    assert siblings == set()
    assert not [module for module in imported if module.split(".")[0] == "entrypoints"]


@pytest.mark.parametrize("path", sorted(CHANNELS.rglob("*.py")), ids=name_of)
def test_a_channel_imports_no_other_channel(path: Path) -> None:
    folders = {folder.name for folder in CHANNELS.iterdir() if folder.is_dir()} - {"shared"}
    own = path.relative_to(CHANNELS).parts[0]
    others = folders - {own}

    imported = [m.split(".")[2:3] for m in imports_of(path) if m.startswith("adapters.channels.")]

    assert others
    assert [folder for folder in imported if others.intersection(folder)] == []


def test_the_environment_is_read_in_the_settings_alone() -> None:
    found = files_that_say(r"\bos\.(environ|getenv)|from os import .*\b(environ|getenv)", SOURCES)

    assert found
    assert [f for f in found if not re.match(r"src/entrypoints/settings(\.py|/)", f)] == []


@pytest.mark.parametrize("call", ["basic_ack", "basic_publish"])
def test_the_broker_is_answered_in_one_file(call: str) -> None:
    assert len(files_that_say(rf"\b{call}\b", SOURCES)) == 1


def test_adapters_are_put_together_in_the_container_alone() -> None:
    containers = files_that_say(r"DeclarativeContainer\)", SOURCES)

    assert containers == ["src/entrypoints/container.py"]


def test_fakes_are_written_by_hand() -> None:
    pattern = r"(from|import) +(unittest|mock|pytest_mock)\b|\bmonkeypatch\.setattr"

    assert files_that_say(pattern, [p for p in TEST_FILES if p != Path(__file__)]) == []


@pytest.mark.parametrize("path", [*SOURCES, *TEST_FILES], ids=name_of)
def test_a_file_fits_a_reader_s_head(path: Path) -> None:
    longest = LONGEST_TEST_FILE if TESTS in path.parents else LONGEST_FILE

    assert path.read_text().count("\n") <= longest


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_function_fits_a_screen(path: Path) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    too_long = [f.name for f in functions if (f.end_lineno or 0) - f.lineno >= LONGEST_FUNCTION]

    assert too_long == []
