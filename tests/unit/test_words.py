"""Documents and source keep to plain words: what words.toml lists does not come back."""

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIST = tomllib.loads((Path(__file__).parent / "words.toml").read_text("utf-8"))
ALLOWED: dict[str, list[str]] = LIST["allowed"]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SOURCES = sorted((ROOT / "src").rglob("*.py"))

_AVOIDED = re.compile(rf"\b(?:{'|'.join(LIST['avoided'])})\b")
_PYTHON = re.compile(r"^```python\n.*?^```", re.MULTILINE | re.DOTALL)


def prose_of(source: str) -> Iterator[str]:
    """The docstrings, messages and comments of a module; names and single words of data are left
    out, since they are code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def words_in_names(source: str) -> Iterator[tuple[str, str]]:
    """Each word of each name in the code of a module, in small letters, with the name."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", token.string):
                yield word.lower(), token.string


def avoided_words(text: str, allowed: list[str]) -> list[str]:
    """Each avoided word of a text with what stands around it, the allowed places taken out."""
    for place in allowed:
        text = text.replace(place, "")
    return [
        " ".join(text[max(0, found.start() - 30) : found.end() + 30].split())
        for found in _AVOIDED.finditer(text)
    ]


def hits_in(path: Path) -> list[str]:
    name, text = path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
    # A block of Python in a document is code, which has a check of its own.
    pieces = [_PYTHON.sub("", text)] if path.suffix == ".md" else prose_of(text)
    return [
        f"{name}: {hit}" for piece in pieces for hit in avoided_words(piece, ALLOWED.get(name, []))
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_has_no_avoided_word(path: Path) -> None:
    assert hits_in(path) == []


def test_the_source_has_no_avoided_word() -> None:
    assert [hit for path in SOURCES for hit in hits_in(path)] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_name_in_the_source_has_a_word_that_names_avoid(path: Path) -> None:
    found = [name for word, name in words_in_names(path.read_text()) if word in LIST["names"]]

    assert found == []


@pytest.mark.parametrize("source", ["exact_hop = 1", "class NoSight: ...", "TWINS = {}.owed"])
def test_a_word_is_found_in_a_name(source: str) -> None:
    assert any(word in LIST["names"] for word, _name in words_in_names(source))


@pytest.mark.parametrize("name", ALLOWED)
def test_an_allowed_place_is_there(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")

    assert [place for place in ALLOWED[name] if place not in text] == []


@pytest.mark.parametrize(
    "source",
    [
        '"""Nobody is sent it."""',
        "x = 1  # begins anew",
        'raise ValueError("the address is none")',
        'print(f"{name} shall be an object")',
    ],
)
def test_an_avoided_word_in_prose_is_found(source: str) -> None:
    assert sum(len(avoided_words(text, [])) for text in prose_of(source)) == 1


@pytest.mark.parametrize("source", ["told = everybody", 'states = ("owed",)', '"""It is None."""'])
def test_a_name_or_a_value_in_code_is_no_prose(source: str) -> None:
    assert [hit for text in prose_of(source) for hit in avoided_words(text, [])] == []
