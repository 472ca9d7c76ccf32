"""An author edits a template, sees it, sends it to themselves, finds it in the mailbox and deletes
it there; nothing but a browser and an editor is used."""

import json
from pathlib import Path

from tests.integration.entrypoints.cli.test_mailbox import serving
from tests.support.browser import Browser, a_browser, is_there
from tests.support.containers import unavailable
from tests.support.mailhog_peer import MailHogPeer, our_mailbox

EXAMPLE = {"to": "ann@example.org", "subject": "Your order", "parameters": {"name": "Ann"}}
SHOWN = "section:not([hidden])"
FRAME = f"{SHOWN} iframe:not(.coming)"


def lay_out(home: Path, box: MailHogPeer) -> Path:
    """A template with an example, and the mailbox as the relay."""
    order = home / "templates/order"
    (order / "examples").mkdir(parents=True)
    (order / "examples/ann.json").write_text(json.dumps(EXAMPLE))
    (order / "html.jinja2").write_text("<p>Dear {{ name }}</p>")
    (home / "dispatcher.toml").write_text(
        f'email_url = "smtp://127.0.0.1:{box.smtp_port}"\nemail_from = "shop@example.com"\n'
    )
    return order / "html.jinja2"


def words_in(browser: Browser, frame: str) -> str:
    with browser.within(frame):
        return "".join(browser.texts("p"))


def test_a_template_is_edited_seen_sent_found_searched_and_deleted(tmp_path: Path) -> None:
    if not is_there():
        unavailable("there is no chromium")
    (tmp_path / "relay").mkdir()
    with our_mailbox(tmp_path / "relay") as box, a_browser() as browser:
        template = lay_out(tmp_path, box)
        with serving(tmp_path, "preview", "--port=0") as (_process, port):
            browser.open(f"http://127.0.0.1:{port}/t/order")
            browser.until(lambda: words_in(browser, FRAME) == "Dear Ann")
            template.write_text("<p>Dear {{ name }}, your bread is on its way</p>")
            browser.until(lambda: "your bread is on its way" in words_in(browser, FRAME))
            browser.fill(f"{SHOWN} input[name=to]", "me@example.net")
            browser.click(f"{SHOWN} .send button", "Send")
            browser.until(lambda: "me@example.net" in "".join(browser.texts(f"{SHOWN} output")))
            browser.until(lambda: box.messages()["total"] == 1)
            browser.open(box.api)

        browser.click("ul.list .subject", "Your order")
        browser.until(lambda: "your bread is on its way" in words_in(browser, "iframe"))
        browser.click("header a", "all messages")
        browser.fill("input[type=search]", "bread me@example.net")
        browser.click("form[role=search] button")
        browser.click("ul.list .subject", "Your order")
        browser.click(".confirmed summary", "Delete")
        browser.click(".confirmed button", "Delete it for good")
        browser.until(lambda: "Nothing has been captured yet" in browser.texts("main")[0])

    assert browser.faults() == []
