"""The excerpts of the page on adding a channel are the code as it is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/adding-a-channel.md").read_text("utf-8")
_EXCERPT = re.compile(r"^```python\n# (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
GAP = "..."


def stale(path: str, excerpt: str) -> list[str]:
    """The pieces of an excerpt that its file does not have, in this order; `...` stands for any
    lines between them."""
    source = (ROOT / path).read_text("utf-8")
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


def test_an_excerpt_that_is_out_of_date_is_found_out() -> None:
    path = "src/adapters/channels/webhook/notifier.py"

    assert stale(path, "class WebhookNotifier:\n    ...\n    one_by_one = True\n") == []
    assert stale(path, "    one_by_one = True\n    ...\nclass WebhookNotifier:\n") != []
    assert stale(path, "    one_by_one = False\n") != []
