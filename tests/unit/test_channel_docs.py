"""The code on the page on adding a channel is the code of the channel that a test adds."""

import re
from pathlib import Path

import pytest

from tests.support.documents import EXAMPLE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/adding-a-channel.md").read_text("utf-8")
_EXCERPT = re.compile(r"^```python\n# (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
GAP = "..."


def stale(path: str, excerpt: str) -> list[str]:
    """The pieces of an excerpt that its file does not have, in this order; `...` stands for any
    lines between them."""
    source = (EXAMPLE / path).read_text("utf-8")
    absent, at = [], 0
    for piece in re.split(rf"^ *{re.escape(GAP)}\n", excerpt, flags=re.MULTILINE):
        found = source.find(piece, at)
        if found < 0:
            absent.append(piece)
        else:
            at = found + len(piece)
    return absent


@pytest.mark.parametrize(("path", "excerpt"), _EXCERPT.findall(PAGE))
def test_an_excerpt_is_the_code_itself(path: str, excerpt: str) -> None:
    assert stale(path, excerpt) == []


def test_every_block_of_code_says_where_it_is_from() -> None:
    assert PAGE.count("```python") == len(_EXCERPT.findall(PAGE)) > 4


def test_every_file_of_the_example_has_an_excerpt() -> None:
    shown = {path for path, _excerpt in _EXCERPT.findall(PAGE)}

    files = [path for path in EXAMPLE.rglob("*.py") if path.name != "__init__.py"]

    assert {str(path.relative_to(EXAMPLE)) for path in files} == shown


def test_an_excerpt_that_is_out_of_date_is_found_out() -> None:
    path = "src/adapters/channels/carrier/notifier.py"

    assert stale(path, "class CarrierNotifier(OneByOneNotifier):\n    ...\n        body = {") == []
    assert stale(path, "        body = {\n    ...\nclass CarrierNotifier(OneByOneNotifier):") != []
    assert stale(path, "        bodies = {") != []
