"""What the list of captured messages shows of each, and where there is none."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from entrypoints.settings import Settings
from tests.support.captured_box import Box, keep


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "var"


def subjects(page: str) -> list[str]:
    return re.findall(r'"subject">([^<]*)', page)


def only_with(box: Box, word: str) -> str:
    """The key of the one message with this word."""
    [key] = re.findall(r'href="/m/([^"]+)"', box.page("/?q=" + quote(word)))
    return str(key)


def test_headers_in_utf_8_as_it_stands_are_shown_and_found(home: Path) -> None:
    box = Box(Settings(home=home))
    keep(home / "mail/new/one", "Subject: Grüße مرحبا\nTo: Zoë <z@x.org>\n\nx".encode(), at=1)
    keep(home / "mail/new/two", b"Subject: latin \xe9\n\nx", at=2)

    assert subjects(box.page()) == ["latin \ufffd", "Grüße مرحبا"]
    assert subjects(box.page("/?q=" + quote("GRÜSSE zoë"))) == ["Grüße مرحبا"]
    assert "<dd>Zoë &lt;z@x.org&gt;</dd>" in box.page("/m/" + only_with(box, "Grüße"))


def test_the_empty_page_says_where_mails_are_taken(home: Path) -> None:
    box = Box(Settings(home=home), smtp="SMTP at 127.0.0.1:1025")

    assert "<p>SMTP at 127.0.0.1:1025. " in box.page()
    assert "dispatcher demo" in box.page()
