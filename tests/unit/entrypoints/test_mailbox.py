"""The pages of captured messages, whatever is in the messages."""

import re
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.mailbox.captured import everything, places
from entrypoints.pages.views import FOREIGN_POLICY
from entrypoints.settings import Settings
from tests.support.captured_box import Box, a_mail, keep, keep_mail
from tests.unit.entrypoints.loading import load

EVIL = "<script src=https://evil.example/x.js></script><img src=x onerror=alert(1)>"
SCRIPT = '<script src="/static/'  # ours


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def box(home: Path) -> Box:
    return Box(Settings(home=home))


def shown(box: Box, path: str) -> str:
    reply = box.answer(path)
    assert reply.status == 200
    return reply.text


def links(box: Box) -> list[str]:
    return re.findall(r'href="(/m/[^"]+)"', shown(box, "/"))


def test_an_empty_mailbox_says_where_it_looks(box: Box, home: Path) -> None:
    page = shown(box, "/")

    assert "Nothing has been captured yet in " in page
    assert all(str(home / folder) in page for folder in ("demo/mail", "mail", "telegram"))


def test_all_channels_and_the_demo_are_listed_newest_first(box: Box, home: Path) -> None:
    keep_mail(home, a_mail(subject="Mail"), at=1)
    keep(home / "telegram/2.txt", b"To: 7\n\nTelegram\n", at=2)
    keep(home / "slack/3.txt", b"To: #a\nSubject: Slack\n\n*x*\n", at=3)
    keep(home / "webhook/4.txt", b"To: https://a\nSubject: Hook\n\n{}\n", at=4)
    keep(home / "demo/mail/cur/5", a_mail(subject="Demo").as_bytes(), at=5)
    keep(home / "mail/tmp/6", b"half a mai", at=6)
    keep(home / "slack/.7.txt", b"half a mess", at=7)

    page = shown(box, "/")

    assert re.findall(r'"subject">([^<]*)', page) == ["Demo", "Hook", "Slack", "Telegram", "Mail"]
    assert "email (demo)" in page


def test_a_mail_is_shown_with_headers_both_parts_and_files(box: Box, home: Path) -> None:
    mail = a_mail(subject="Größe", html="<p>in <b>HTML</b></p>")
    mail.add_attachment(b"PDF", maintype="application", subtype="pdf", filename="n° 7.pdf")
    keep_mail(home, mail)
    [address] = links(box)

    page = shown(box, address)
    html = box.answer(f"{address}/html")
    file = box.answer(f"{address}/file/0")

    assert "<h1>Größe</h1>" in page
    assert "<dd>ann@example.com</dd>" in page
    assert "<pre>in plain\n</pre>" in page
    assert f'src="{address}/html"' in page
    assert html.body.endswith(b"<p>in <b>HTML</b></p>\n")
    assert (file.body, file.headers["content-type"]) == (b"PDF", "application/octet-stream")
    assert file.headers["content-disposition"] == "attachment; filename*=UTF-8''n%C2%B0%207.pdf"
    assert box.answer(f"{address}/source").body == mail.as_bytes()


def test_a_hostile_mail_is_shut_in(box: Box, home: Path) -> None:
    keep_mail(home, a_mail(subject=EVIL, text=EVIL, html=f"<html><head></head>{EVIL}</html>"))
    [address] = links(box)

    pages = shown(box, "/") + shown(box, address)
    html = box.answer(f"{address}/html")

    assert EVIL in unescape(pages)
    assert "<script" not in pages.replace(SCRIPT, "")
    assert "<img" not in pages
    assert EVIL in html.text
    assert html.policy == FOREIGN_POLICY
    assert "sandbox" in FOREIGN_POLICY
    assert "allow-scripts" not in FOREIGN_POLICY + pages
    assert "http" not in FOREIGN_POLICY
    assert '<iframe sandbox="allow-popups' in pages


def test_links_of_a_mail_open_elsewhere_and_its_doctype_stays_first(box: Box, home: Path) -> None:
    keep_mail(home, a_mail(html='<!doctype html>\n<a href="https://example.com">go</a>'))
    [address] = links(box)

    html = shown(box, f"{address}/html")

    assert html.startswith('<!doctype html><base target="_blank">')


def test_a_message_of_another_channel_is_text(box: Box, home: Path) -> None:
    keep(home / "telegram/1.txt", f"To: 7\nId: order-1\n\n{EVIL}\n".encode())
    [address] = links(box)

    page = shown(box, address)

    assert "<dt>Id</dt><dd>order-1</dd>" in page
    assert "<iframe" not in page
    assert "<script" not in page.replace(SCRIPT, "")


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/m/",
        "/m/0123456789abcdef",
        "/m/../../secret",
        "/m/..%2f..%2fsecret",
        "//m",
        "{}/html",
        "{}/file/0",
        "{}/file/-1",
        "{}/file/²",
        "{}/other",
    ],
)
def test_what_is_not_there_is_404(box: Box, home: Path, path: str) -> None:
    keep_mail(home, a_mail())
    keep(home.parent / "secret", b"secret")
    [address] = links(box)

    reply = box.answer(path.format(address))

    assert reply.status == 404
    assert b"secret" not in reply.body


def test_a_maildir_of_its_own_is_looked_into(tmp_path: Path) -> None:
    settings = load({"DISPATCHER_EMAIL_URL": f"maildir:{tmp_path}/box"})
    keep(tmp_path / "box/new/1", a_mail(subject="Mine").as_bytes())

    assert "Mine" in shown(Box(settings), "/")


@given(source=st.binary(max_size=300) | st.text().map(lambda t: b"Subject: " + t.encode("utf-8")))
def test_any_bytes_can_be_shown(tmp_path_factory: pytest.TempPathFactory, source: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    keep(folder / "mail/new/1", source)
    keep(folder / "slack/1.txt", source)
    found = places(Settings(home=folder))
    box = Box(Settings(home=folder))

    for address in links(box):
        shown(box, address)

    assert len(list(everything(found))) == 2
