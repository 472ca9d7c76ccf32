"""Whatever is in a mail, the others are shown, and it can be looked at and deleted."""

import re
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from entrypoints.settings import Settings
from tests.support.captured_box import Box, a_mail, keep, keep_mail

TEXT = b"Subject: Odd\nContent-Type: text/plain; charset=%s\n\ntext \xff\n"
FILE = b"""Subject: Odd
Content-Type: a/b
Content-Disposition: attachment; filename*=undefined''x

body"""
NESTED = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def box(home: Path) -> Box:
    return Box(Settings(home=home))


@pytest.mark.parametrize(
    ("mail", "title"),
    [
        (TEXT % b"undefined", "Odd"),
        (TEXT % b"idna", "Odd"),
        (TEXT % b'"a\0b"', "Odd"),
        (FILE, "Odd"),
        (
            b"Subject: Odd\n" + b"".join(NESTED % (one, one) for one in range(3000)),
            "cannot be read: too many parts within parts; its source is kept",
        ),
    ],
)
def test_a_mail_that_cannot_be_read_is_listed_shown_and_deleted(
    box: Box, home: Path, mail: bytes, title: str
) -> None:
    keep(home / "mail/new/odd", mail, at=2)
    keep_mail(home, a_mail(subject="Good"), at=1)

    assert re.findall(r'"subject">([^<]*)', box.page()) == [title, "Good"]
    [address, _] = re.findall(r'href="(/m/[^"]+)"', box.page())
    assert title in box.page(address)
    assert box.answer(f"{address}/source").body == mail
    assert "Good" in box.page("/?q=good")
    assert box.send(f"{address}/delete").status == 303
    assert re.findall(r'"subject">([^<]*)', box.page()) == ["Good"]


def test_a_long_mail_of_tags_without_an_end_is_shown_soon(box: Box, home: Path) -> None:
    keep_mail(home, a_mail(html="<img a " * 140_000))
    [address] = re.findall(r'href="(/m/[^"]+)"', box.page())
    started = time.process_time()

    assert "As HTML" in box.page(address)
    assert box.answer(f"{address}/html").status == 200
    assert time.process_time() - started < 10


def test_a_picture_that_is_named_very_often_does_not_make_the_page_grow(
    box: Box, home: Path
) -> None:
    mail = a_mail(html='<img alt="" src="cid:a">' * 100)
    mail.get_payload()[1].add_related(b"x" * 900_000, maintype="image", subtype="png", cid="<a>")  # type: ignore[index, union-attr]
    keep_mail(home, mail)
    [address] = re.findall(r'href="(/m/[^"]+)"', box.page())

    shown = box.answer(f"{address}/html").body

    assert 20 * 2**20 < len(shown) < 34 * 2**20
    assert b"cid:a" in shown


def test_a_page_elsewhere_that_leads_here_loads_no_pictures(box: Box, home: Path) -> None:
    keep_mail(home, a_mail(html='<img src="https://cdn.example/a.png" alt="">'))
    [address] = re.findall(r'href="(/m/[^"]+)"', box.page())
    led = {"sec-fetch-site": "cross-site"}

    page = box.send(f"{address}/pictures", method="GET", headers=led)
    html = box.send(f"{address}/html/pictures", method="GET", headers=led)

    assert "They are not loaded here" in page.text
    assert "https:" not in html.policy


@pytest.mark.parametrize("number", ["0", "%E2%82%AC"])
def test_a_part_is_named_by_its_place_and_its_type_has_no_blanks(
    box: Box, home: Path, number: str
) -> None:
    lines = ["From: a@b", "Content-Type: multipart/mixed; boundary=b", "", "--b"]
    lines += ["Content-Type:  text/plain ", "", "x", "--b--", ""]
    keep(home / "mail/new/1", "\r\n".join(lines).encode())
    [found] = box.answer("/api/v1/messages").json

    part = box.answer(f"/api/v1/messages/{quote(found['ID'])}/mime/part/{number}/download")

    assert part.headers["content-type"] == "text/plain"
    assert part.headers["content-disposition"].endswith('-part-0"')
