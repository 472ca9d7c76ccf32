"""An author has the preview open in a browser while they write a template."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.entrypoints.cli.test_mailbox import serving
from tests.support import browser as chromium
from tests.support.browser import Browser, a_browser
from tests.support.containers import unavailable

SOON = 1.0  # seconds
FRAME = "section:not([hidden]) iframe:not(.coming)"
HTML = """<style>p { color: rgb(1, 2, 3) }
@media (prefers-color-scheme: dark) { p { color: rgb(9, 9, 9) } }
@media (max-width: 400px) { p { font-size: 30px } }</style>
<div style="display: none">A preheader</div><p>Dear {{ name }}, WORD</p>
<div style="height: 3000px"></div><img src="https://pictures.example/a.png" alt="a picture">
"""
TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"
EACH_TAB = f"""window.widest = Math.max(0, ...[...document.querySelectorAll("[role=tab]")].map(
    (tab) => (tab.click(), {TOO_WIDE})))"""
EXAMPLE = {"to": "ann@example.org", "subject": "Hi", "parameters": {"name": "Ann"}}


@dataclass
class Desk:
    """The author's folder, its preview, and the browser."""

    home: Path
    browser: Browser
    port: int

    def write(self, word: str) -> None:
        (self.home / "templates/order/html.jinja2").write_text(HTML.replace("WORD", word))

    def open(self, path: str = "/t/order") -> Browser:
        self.browser.open(f"http://127.0.0.1:{self.port}{path}")
        self.browser.run("localStorage.clear(), sessionStorage.clear()")
        self.browser.open(f"http://127.0.0.1:{self.port}{path}")
        self.browser.until(lambda: self.browser.run("events?.readyState === 1"))
        return self.browser

    def paragraph(self) -> str:
        with self.browser.within(FRAME):
            return self.browser.texts("p")[0]

    def style(self, name: str) -> str:
        with self.browser.within(FRAME):
            return str(self.browser.run(f"getComputedStyle(document.querySelector('p')).{name}"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not chromium.is_there():
        unavailable("there is no chromium")
    with a_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    order = folder / "templates/order"
    (order / "examples").mkdir(parents=True)
    (order / "telegram.jinja2").write_text("<b>{{ name }}</b>")
    (order / "examples/a.json").write_text(json.dumps(EXAMPLE))
    (order / "template.toml").write_text('from = "Shop <shop@example.com>"\n')
    (folder / "templates/other.jinja2").write_text("<p>Other</p>")
    return folder


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[int]:
    with serving(home, "preview", "--port=0") as (_process, port):
        yield port


@pytest.fixture
def desk(home: Path, browser: Browser, served: int) -> Desk:
    desk = Desk(home, browser, served)
    desk.write("first")
    (home / "templates/order/telegram.jinja2").write_text("<b>{{ name }}</b>")
    return desk


def test_a_saved_file_shows_within_a_second_where_the_page_was_scrolled_to(desk: Desk) -> None:
    browser = desk.open()
    browser.until(lambda: "first" in desk.paragraph())
    browser.run("scrollTo(0, 700)")
    browser.run("document.body.dataset.marked = 'yes'")

    times = []
    for word in ("second", "third", "fourth", "fifth"):
        began = time.monotonic()
        desk.write(word)
        browser.until(lambda word=word: word in desk.paragraph())  # type: ignore[misc]
        times.append(time.monotonic() - began)

    assert min(times) < SOON  # while other tests run, too
    assert browser.run("scrollY") == 700
    assert browser.run("document.body.dataset.marked") == "yes"
    assert browser.run(f"document.querySelector('{FRAME}').offsetHeight") > 3000


def test_the_chosen_tab_and_the_typed_address_stay_when_a_file_is_saved(desk: Desk) -> None:
    browser = desk.open()
    browser.click("[role=tab]", "Telegram")
    browser.fill("section:not([hidden]) input[name=to]", "4711")

    (desk.home / "templates/order/telegram.jinja2").write_text("<i>{{ name }}</i> again")
    browser.until(lambda: "Ann again" in "".join(browser.texts(".bubble .words")))

    assert browser.texts("[role=tab][aria-selected=true][data-tab=channel]") == ["Telegram"]
    assert browser.run("document.querySelector('section:not([hidden]) input[name=to]').value") == (
        "4711"
    )
    assert browser.all(".bubble i")


def test_widths_and_themes_are_those_that_were_chosen(desk: Desk) -> None:
    browser = desk.open()
    browser.until(lambda: "first" in desk.paragraph())
    assert desk.style("color") == "rgb(1, 2, 3)"
    assert desk.style("fontSize") == "16px"

    browser.click("[data-set=width]", "Phone")
    assert browser.run(f"document.querySelector('{FRAME}').clientWidth") == 375
    assert desk.style("fontSize") == "30px"
    browser.click("[data-set=width]", "Tablet")
    assert browser.run(f"document.querySelector('{FRAME}').clientWidth") == 768
    browser.click("[data-set=theme]", "Dark")
    browser.until(lambda: desk.style("color") == "rgb(9, 9, 9)")
    assert browser.run("getComputedStyle(document.documentElement).colorScheme") == "dark"

    desk.write("later")
    browser.until(lambda: "later" in desk.paragraph())
    assert desk.style("color") == "rgb(9, 9, 9)"
    browser.click("[data-set=theme]", "Light")
    browser.until(lambda: desk.style("color") == "rgb(1, 2, 3)")


def test_the_systems_theme_reaches_the_mail(desk: Desk) -> None:
    browser = desk.open()
    browser.emulate("dark")
    try:
        browser.until(lambda: desk.style("color") == "rgb(9, 9, 9)")
    finally:
        browser.emulate("light")


def test_a_mail_is_sent_from_the_page_and_kept(desk: Desk) -> None:
    browser = desk.open()
    browser.fill("section:not([hidden]) input[name=to]", "me@example.net")
    browser.click("section:not([hidden]) button", "Send")
    browser.until(lambda: "Kept for me@example.net" in "".join(browser.texts("output")))
    kept = [one.read_bytes() for one in (desk.home / "var/mail/new").iterdir()]
    [mail] = [one for one in kept if b"<me@example.net>" in one or b": me@example.net" in one]

    assert b"Dear Ann, first" in mail
    assert browser.run("location.pathname") == "/t/order"


def test_a_fault_shows_at_its_line_goes_when_it_is_fixed_and_the_others_stay(desk: Desk) -> None:
    browser = desk.open()
    browser.until(lambda: "first" in desk.paragraph())

    desk.write("{{ nmae }}")
    browser.until(lambda: "did you mean 'name'" in "".join(browser.texts(".finding")))
    desk.write("{% if name %}")
    browser.until(lambda: "This template cannot be used" in browser.texts("main")[0])
    assert browser.texts(".line.found .number") == ["4"]
    browser.open(f"http://127.0.0.1:{desk.port}/")
    assert browser.texts("ul.list .subject") == ["order", "other"]
    desk.open()
    desk.write("fixed")
    browser.until(lambda: "fixed" in desk.paragraph())
    assert browser.texts(".finding.error") == []


def test_pictures_of_others_are_asked_for_only_when_the_switch_is_on(desk: Desk) -> None:
    failed: list[str] = []
    desk.browser.page.on("requestfailed", lambda one: failed.append(f"{one.url} {one.failure}"))
    browser = desk.open()
    browser.until(lambda: "first" in desk.paragraph())
    browser.until(lambda: failed)
    before = {line for line in failed if "pictures.example" in line}

    browser.click("a", "Load them")
    browser.until(lambda: any("ERR_NAME_NOT_RESOLVED" in line for line in failed))

    assert all("csp" in line for line in before)


@pytest.mark.parametrize("width", [1280, 400])
def test_no_page_is_wider_than_the_window_and_the_browser_complains_of_nothing(
    desk: Desk, width: int
) -> None:
    html = desk.home / "templates/order/html.jinja2"
    html.write_text(html.read_text().replace("<img", "<b") + "{# " + "long " * 200 + "#}")
    browser = desk.open()
    browser.faults().clear()
    for path in ("/", "/t/order", "/t/other"):
        browser.open(f"http://127.0.0.1:{desk.port}{path}", width=width)
        assert browser.run(TOO_WIDE) <= 0, path
        browser.run(EACH_TAB)
        assert browser.run("widest") <= 0, path

    assert browser.faults() == []


def test_what_the_person_closed_and_what_was_answered_stays_when_a_file_is_saved(
    desk: Desk,
) -> None:
    browser = desk.open()
    browser.fill("section:not([hidden]) input[name=to]", "you@example.net")
    browser.click("section:not([hidden]) button", "Send")
    browser.until(lambda: "Kept for" in "".join(browser.texts("output")))
    telegram = desk.home / "templates/order/telegram.jinja2"
    telegram.write_text("{{ nmae }}")
    file = "document.getElementById('file-order/telegram.jinja2')"
    browser.until(lambda: browser.run(f"{file}.open"))  # since it is broken now
    browser.click("[role=tab]", "Files")
    browser.run(f"{file}.open = false")

    telegram.write_text("{{ naem }}")
    browser.until(lambda: "naem" in "".join(browser.texts(".finding")))

    assert browser.run(f"{file}.open") is False
    assert "Kept for" in browser.run("document.querySelector('output').textContent")


def test_a_page_that_may_be_old_says_so(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    file = tmp_path / "templates/note.jinja2"
    file.write_text("first")
    browser = desk.browser

    def said() -> str:
        return str(browser.run("document.querySelector('.status').textContent"))

    with serving(tmp_path, "preview", "--port=0") as (_process, port):
        browser.open(f"http://127.0.0.1:{port}/t/note")
        browser.until(lambda: browser.run("events?.readyState === 1"))
        assert said() == ""
        fails = {"status": 500, "content_type": "text/plain", "body": "it could not be made"}
        browser.page.route("**/t/note", lambda route: route.fulfill(**fails))
        file.write_text("second")
        browser.until(lambda: "the page of now could not be made" in said())
        browser.page.unroute("**/t/note")
    browser.until(lambda: "there is no connection" in said())
    with serving(tmp_path, "preview", f"--port={port}"):
        browser.until(lambda: "second" in "".join(browser.texts("main pre")))
        browser.until(lambda: said() == "")
