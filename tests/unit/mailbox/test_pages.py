"""What a person does with captured messages: find one, look at it, delete it."""

import json
import re
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import pytest

from entrypoints.settings import Settings
from tests.support.captured_box import Box, a_mail, keep, keep_mail

TELEGRAM = """To: 7
Date: 2026-11-28 10:00:00 +0000
Id: order-1
Template: order
Attachments: bill.pdf
Options: {"buttons": [[{"text": "Open", "url": "https://shop.example"}]]}

<b>Paid</b> &amp; <i>sent</i> <script>x</script>
"""
SLACK = """To: #orders
Id: order-1
Template: order

*Paid*

[
  {
    "type": "section",
    "text": {"type": "mrkdwn", "text": "*Paid* <https://shop.example|here>"}
  }
]
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def box(home: Path) -> Box:
    return Box(Settings(home=home))


def subjects(page: str) -> list[str]:
    return re.findall(r'"subject">([^<]*)', page)


def only(box: Box) -> str:
    [address] = re.findall(r'href="(/m/[^"]+)"', box.page())
    return str(address)


def hidden(page: str) -> dict[str, str]:
    """The fields that the form for deleting sends."""
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))


def test_all_words_are_looked_for_in_headers_texts_and_names_of_files(box: Box, home: Path) -> None:
    bill = a_mail(subject="Your bill", text="Apples for Ann", html="<p>Äpfel <b>heute</b></p>")
    bill.add_attachment(b"PDF", maintype="application", subtype="pdf", filename="rechnung.pdf")
    keep_mail(home, bill, name="1", at=1)
    keep_mail(home, a_mail(subject="Welcome", text="Pears"), name="2", at=2)
    keep(home / "slack/3.txt", b"To: #fruit\nSubject: Order\n\nPears\n", at=3)

    def found(words: str) -> list[str]:
        return subjects(box.page(f"/?q={quote(words)}"))

    assert found("pears") == ["Order", "Welcome"]
    assert found("PEARS welcome") == ["Welcome"]
    assert found("äpfel heute") == ["Your bill"]
    assert found("rechnung.pdf") == ["Your bill"]
    assert found("#fruit") == ["Order"]
    assert found("slack") == ["Order"]
    assert found("nothing") == []
    assert found(" ") == ["Order", "Welcome", "Your bill"]
    assert "No message has all of these words" in box.page("/?q=nothing")


def test_what_was_looked_for_is_shown_again_and_cannot_break_out(box: Box, home: Path) -> None:
    keep_mail(home, a_mail())

    page = box.page("/?q=" + quote('"><script>alert(1)</script>'))

    assert 'value="&#34;&gt;&lt;script&gt;alert(1)' in page


def test_a_message_is_deleted_and_the_list_is_shown(box: Box, home: Path) -> None:
    keep_mail(home, a_mail(subject="One"), name="1", at=1)
    keep_mail(home, a_mail(subject="Two"), name="2", at=2)
    two = re.findall(r'href="(/m/[^"]+)"', box.page())[0]
    assert f'<form method="post" action="{two}/delete">' in box.page(two)

    done = box.send(f"{two}/delete")

    assert (done.status, done.headers["location"]) == (303, "/")
    assert subjects(box.page()) == ["One"]
    assert box.answer(two).status == 404
    assert box.send(f"{two}/delete").status == 404


def test_all_that_is_shown_is_deleted_and_nothing_that_came_meanwhile(box: Box, home: Path) -> None:
    keep_mail(home, a_mail(subject="Old mail"), name="1", at=1)
    keep(home / "telegram/2.txt", b"To: 7\n\nOld message\n", at=2)
    form = hidden(box.page())
    keep_mail(home, a_mail(subject="New"), name="3", at=3)

    assert box.send("/delete", form).status == 303

    assert subjects(box.page()) == ["New"]


def test_of_a_search_only_what_it_found_is_deleted(box: Box, home: Path) -> None:
    keep_mail(home, a_mail(subject="Bill"), name="1", at=1)
    keep_mail(home, a_mail(subject="Welcome"), name="2", at=2)

    box.send("/delete", hidden(box.page("/?q=bill")))

    assert subjects(box.page()) == ["Welcome"]


@pytest.mark.parametrize("form", [{}, {"until": ""}, {"until": "x"}, {"until": "9" * 5000}])
def test_a_form_without_a_time_deletes_nothing(box: Box, home: Path, form: dict[str, str]) -> None:
    keep_mail(home, a_mail())

    box.send("/delete", form)

    assert len(subjects(box.page())) == 1


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}]
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/delete"), ("DELETE", "/api/v1/messages")])
def test_a_page_elsewhere_deletes_nothing(
    box: Box, home: Path, headers: dict[str, str], method: str, path: str
) -> None:
    keep_mail(home, a_mail())
    form = hidden(box.page())

    assert box.send(path, form, method=method, headers=headers).status == 403
    assert len(subjects(box.page())) == 1


def test_a_page_of_an_origin_that_was_named_may_delete(home: Path) -> None:
    box = Box(Settings(home=home), cors_origin="http://shop.localhost:3000")
    keep_mail(home, a_mail())
    headers = {"origin": "http://shop.localhost:3000", "sec-fetch-site": "cross-site"}

    done = box.send("/api/v1/messages", method="DELETE", headers=headers)

    assert done.status == 200
    assert done.headers["access-control-allow-origin"] == "http://shop.localhost:3000"
    assert subjects(box.page()) == []


def test_a_part_of_a_mail_can_do_nothing_in_a_browser_whatever_its_type(
    box: Box, home: Path
) -> None:
    mail = a_mail(html="<p>x")
    mail.add_attachment(b"alert(1)", maintype="text", subtype="javascript", filename="a.js")
    keep_mail(home, mail)
    [found] = json.loads(box.page("/api/v1/messages"))

    part = box.answer(f"/api/v1/messages/{quote(found['ID'])}/mime/part/1/download")

    assert part.headers["content-type"] == "text/javascript"
    assert part.policy == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert part.headers["x-content-type-options"] == "nosniff"


def test_the_page_is_live_and_a_deletion_is_announced(box: Box, home: Path) -> None:
    keep_mail(home, a_mail())
    before = box.refreshes.version
    assert f'data-live="{before}"' in box.page()

    box.send(f"{only(box)}/delete")

    assert box.refreshes.version > before


def test_pictures_that_came_with_a_mail_are_shown_in_their_places(box: Box, home: Path) -> None:
    mail = a_mail(html='<img src="cid:logo@shop" alt="Shop"><img src="cid:absent" alt="">')
    html = mail.get_payload()[1]  # type: ignore[index]
    assert isinstance(html, EmailMessage)
    html.add_related(b"PNG", maintype="image", subtype="png", cid="<logo@shop>")
    keep_mail(home, mail)

    shown = box.page(f"{only(box)}/html")

    assert 'src="data:image/png;base64,UE5H"' in shown
    assert 'src="cid:absent"' in shown


def test_pictures_from_elsewhere_wait_for_a_switch_that_says_what_it_does(
    box: Box, home: Path
) -> None:
    keep_mail(home, a_mail(html='<img src="https://cdn.example/a.png" alt="">'))
    address = only(box)

    page, loaded = box.page(address), box.page(f"{address}/pictures")

    assert "loads pictures from cdn.example" in page
    assert "these servers then see that you opened it" in page
    assert f'src="{address}/html"' in page
    assert f'src="{address}/html/pictures"' in loaded
    assert "https:" not in box.answer(f"{address}/html").policy
    assert "https:" in box.answer(f"{address}/html/pictures").policy


def test_the_html_check_names_clients_lines_and_the_remedy(box: Box, home: Path) -> None:
    html = '<p style="display:flex">\n<a href="https://a"><img src="a.png"></a>' + "x" * 110_000
    keep_mail(home, a_mail(html=html))

    page = box.page(only(box))

    assert "4 to look at, 107.5 of 102 kB" in page
    assert "Outlook for Windows, GMX" in page
    assert "https://www.caniemail.com/features/css-display-flex/" in page
    assert "Links without a text, line 2:" in page
    assert "Pictures without alt, line 2:" in page
    assert "Gmail shows the first 102 kB" in page


def test_a_telegram_message_is_shown_with_its_formatting_buttons_and_files(
    box: Box, home: Path
) -> None:
    keep(home / "telegram/1.txt", TELEGRAM.encode())

    page = box.page(only(box))

    assert '<div class="chat telegram">' in page
    assert "<b>Paid</b> &amp; <i>sent</i> &lt;script&gt;" in page
    assert 'href="https://shop.example"' in page
    assert "bill.pdf" in page


def test_a_slack_message_is_shown_with_its_blocks(box: Box, home: Path) -> None:
    keep(home / "slack/1.txt", SLACK.encode())

    page = box.page(only(box))

    assert '<div class="chat slack">' in page
    assert "<b>Paid</b>" in page
    assert '<a href="https://shop.example"' in page
    assert "Notifications and screen readers have: *Paid*" in page


@pytest.mark.parametrize("channel", ["telegram", "slack"])
@pytest.mark.parametrize(
    "text", ["", "To: 7", "To: \n\n", "Options: {\n\nx", "Options: [1]\n\nx", "To: 7\n\n[1,"]
)
def test_whatever_is_in_a_file_its_page_is_made(
    box: Box, home: Path, channel: str, text: str
) -> None:
    keep(home / channel / "1.txt", text.encode())

    assert "<main>" in box.page(only(box))
