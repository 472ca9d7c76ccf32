"""The text part has the words that a browser shows, in the browser's order."""

import os
import re
from difflib import unified_diff
from pathlib import Path

import pytest

from adapters.templates.text_alternative import text_from_html
from tests.support import chromium
from tests.support.made_up_mails import mails
from tests.support.worker import ROOT, run_command

COUNT = 400
EQUAL = 0.98
_ADDRESS = re.compile(r" ?<(?:https?:|/|mailto:)[^<>\s]*>")
_MARKER = re.compile(r"^\s*(?:-|\d+\.) ", re.MULTILINE)
_NO_WIDTH = dict.fromkeys((0xAD, 0x200B, 0x200C, 0x200D))


def ours(page: str) -> list[str]:
    """Our words, without addresses of links and without marks of lists."""
    return _MARKER.sub("", _ADDRESS.sub("", text_from_html(page))).translate(_NO_WIDTH).split()


def shipped_mails(folder: Path) -> list[str]:
    """The HTML of each shipped template, with its first example."""
    settings = {"templates_dir": str(ROOT / "templates"), "email_from": "shop@example.com"}
    pages = []
    for name in ("welcome", "order-confirmation", "password-reset"):
        arguments = ("templates", "render", name, "--part", "html")
        done = run_command(*arguments, settings=settings, cwd=folder)
        assert done.returncode == 0, done.stderr
        pages.append(done.stdout)
    return pages


def test_the_words_of_the_text_part_are_those_that_a_browser_shows(tmp_path: Path) -> None:
    if not chromium.is_there():
        if os.environ.get("CI"):
            pytest.fail(f"no {chromium.PROGRAM}: .ci/install brings it")
        pytest.skip(f"no {chromium.PROGRAM} to compare with")
    pages = [*mails(COUNT), *shipped_mails(tmp_path)]

    shown = [text.translate(_NO_WIDTH).split() for text in chromium.inner_texts(pages, tmp_path)]

    different = [
        "\n".join([page, *unified_diff(theirs, ours(page), "browser", "ours", lineterm="", n=2)])
        for page, theirs in zip(pages, shown, strict=True)
        if ours(page) != theirs
    ]
    print(f"{len(pages) - len(different)} of {len(pages)} equal", *different, sep="\n\n")
    assert len(different) <= COUNT * (1 - EQUAL)
