"""A developer has the mailbox open in a browser while a program sends mails to it."""

import time
from collections.abc import Iterator

import pytest

from tests.support.browser import Browser, a_browser, is_there
from tests.support.containers import unavailable
from tests.support.mailhog_peer import MailHogPeer, a_multipart, a_text

SUBJECTS = "ul.list .subject"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not is_there():
        unavailable("there is no chromium")
    with a_browser() as opened:
        yield opened


@pytest.fixture
def box(ours: MailHogPeer, browser: Browser) -> MailHogPeer:
    ours.clear()
    browser.faults().clear()
    browser.open(ours.api)
    browser.until(lambda: "Nothing has been captured yet" in browser.find("main").inner_text())
    return ours


def test_a_mail_shows_by_itself_in_the_open_page(box: MailHogPeer, browser: Browser) -> None:
    browser.run("document.body.dataset.marked = 'yes'")
    box.send(a_text("First"))
    started = time.monotonic()
    browser.until(lambda: browser.texts(SUBJECTS) == ["First"])
    took = time.monotonic() - started
    box.send(a_text("Second"))
    browser.until(lambda: browser.texts(SUBJECTS) == ["Second", "First"])

    assert took < 5
    assert browser.run("document.body.dataset.marked") == "yes"
    assert browser.faults() == []


def test_what_another_program_keeps_shows_by_itself_too(box: MailHogPeer, browser: Browser) -> None:
    box.send(a_text("By SMTP"))
    browser.until(lambda: browser.texts(SUBJECTS) == ["By SMTP"])
    box.clear()

    browser.until(lambda: browser.texts(SUBJECTS) == [])


def test_a_mail_is_searched_opened_and_deleted(box: MailHogPeer, browser: Browser) -> None:
    box.send(a_text("Welcome", "Pears"))
    box.send(a_multipart())
    browser.until(lambda: len(browser.texts(SUBJECTS)) == 2)

    browser.fill("input[type=search]", "bill.pdf")
    browser.click("form[role=search] button")
    browser.until(lambda: browser.texts(SUBJECTS) == ["With a file"])
    browser.click(SUBJECTS, "With a file")
    with browser.within("iframe"):
        browser.until(lambda: browser.find("p").inner_text() == "HTML")
    assert "bill.pdf" in browser.find("main").inner_text()
    browser.click(".confirmed summary", "Delete")
    browser.click(".confirmed button", "Delete it for good")

    browser.until(lambda: browser.texts(SUBJECTS) == ["Welcome"])
    assert box.messages()["total"] == 1
    assert browser.faults() == []


def test_all_are_deleted_after_a_question(box: MailHogPeer, browser: Browser) -> None:
    for subject in ("One", "Two", "Three"):
        box.send(a_text(subject))
    browser.until(lambda: len(browser.texts(SUBJECTS)) == 3)

    browser.click(".confirmed summary", "Delete all")
    assert box.messages()["total"] == 3
    browser.click(".confirmed button", "Delete these 3 for good")

    browser.until(lambda: "Nothing has been captured yet" in browser.find("main").inner_text())
    assert box.messages()["total"] == 0


def test_a_hostile_mail_runs_nothing_and_loads_nothing(box: MailHogPeer, browser: Browser) -> None:
    evil = (
        "<script>parent.document.title='evil'</script>"
        "<img src=x onerror=\"top.document.title='e'\">"
        "<form action=/delete method=post><input name=until value=9999999999999999999></form>"
        "<p>Hi"
    )
    box.send(a_text("Evil", evil).replace("\r\n\r\n", "\r\nContent-Type: text/html\r\n\r\n", 1))
    browser.click(SUBJECTS, "Evil")
    with browser.within("iframe"):
        browser.until(lambda: browser.find("p").inner_text() == "Hi")
        browser.run("document.forms[0].requestSubmit()")
    time.sleep(0.5)

    assert browser.page.title() == "Evil"
    assert box.messages()["total"] == 1


@pytest.mark.parametrize("width", [1280, 400])
def test_no_page_is_wider_than_the_window(box: MailHogPeer, browser: Browser, width: int) -> None:
    box.send(a_text("A subject that goes on and on " * 8, "x" * 500))
    box.send(a_multipart())
    for path in ("", *addresses(box, browser)):
        browser.open(box.api + path, width=width)
        assert browser.run("document.documentElement.scrollWidth - innerWidth") <= 0, path


def addresses(box: MailHogPeer, browser: Browser) -> list[str]:
    browser.open(box.api)
    browser.until(lambda: len(browser.texts(SUBJECTS)) == 2)
    return [str(one.get_attribute("href")) for one in browser.all("ul.list a")]
