"""A reader who meets a type in a signature of the domain, or of a contract between adapters, finds
it in the glossary."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "src" / "domain").glob("*.py"))
CONTRACTS = [
    ROOT / "src" / "adapters" / name
    for name in (
        "inbound/contract.py",
        "channels/channel.py",
        "channels/setting_spec.py",
        "template_parts.py",
        "dead_letters/rehearsal.py",
    )
]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()


def is_public(name: str) -> bool:
    return name == "__init__" or not name.startswith("_")


def types_defined(tree: ast.Module) -> Iterator[str]:
    """Classes, and other names for types."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if re.fullmatch(r"[A-Z][a-z]\w*", name):
                yield name


def names_in(annotation: ast.expr | None) -> Iterator[str]:
    for node in ast.walk(annotation) if annotation is not None else ():
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"\w+", node.value)


def names_in_signatures(body: list[ast.stmt]) -> Iterator[str]:
    """Of public functions and methods, and of public fields."""
    for node in body:
        if isinstance(node, ast.ClassDef) and is_public(node.name):
            yield from names_in_signatures(node.body)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and is_public(node.name):
            arguments = node.args
            for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                yield from names_in(one.annotation)
            yield from names_in(node.returns)
        elif (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and is_public(node.target.id)
        ):
            yield from names_in(node.annotation)


def words_of(glossary: str) -> set[str]:
    """What stands in the first column of its tables."""
    cells = re.findall(r"^\| (?!word |-)([^|]+) \|", glossary, re.MULTILINE)
    return {word.strip(" `").lower() for cell in cells for word in cell.split(",")}


def test_each_type_in_a_public_signature_of_the_domain_is_in_the_glossary() -> None:
    trees = [ast.parse(path.read_text()) for path in FILES]
    defined = {name for tree in trees for name in types_defined(tree)}
    used = {name for tree in trees for name in names_in_signatures(tree.body)} & defined

    missing = {name for name in used if name.lower() not in words_of(GLOSSARY)}

    assert len(used) > 40
    assert sorted(missing) == []


def test_each_type_of_a_contract_between_adapters_is_in_the_glossary() -> None:
    sources = (ROOT / "src").rglob("*.py")
    defined = {name for path in sources for name in types_defined(ast.parse(path.read_text()))}
    trees = [ast.parse(path.read_text()) for path in CONTRACTS]
    used = {name for tree in trees for name in names_in_signatures(tree.body)} & defined
    used.update(name for tree in trees for name in types_defined(tree) if is_public(name))

    missing = {name for name in used if name.lower() not in words_of(GLOSSARY)}

    assert len(used) > 40
    assert sorted(missing) == []


def test_each_file_that_the_glossary_names_defines_the_word() -> None:
    named = re.findall(r"`(\w+)` in `(src/[\w/]+\.py)`", GLOSSARY)
    named += re.findall(r"^\| `(\w+)` \|.*\| `(src/[\w/]+\.py)` \|$", GLOSSARY, re.MULTILINE)

    wrong = [
        name
        for name, file in named
        if name not in types_defined(ast.parse((ROOT / file).read_text()))
    ]

    assert len(named) > 40
    assert wrong == []
