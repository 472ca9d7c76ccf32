"""Takes the pictures of the mailbox's pages in docs/pictures, when it is run as a module.

The mails are those of the demo, and three that come by SMTP.
"""

import sys
import tempfile
from pathlib import Path

from tests.support.browser import Browser, Theme, a_browser
from tests.support.mailhog_peer import MailHogPeer, a_multipart, a_text, our_mailbox
from tests.support.worker import ROOT, run_command

FOLDER = ROOT / "docs/pictures"
WIDTHS = (1280, 400)
THEMES: tuple[Theme, ...] = ("light", "dark")
_LOOKED_AT = """<style>
@media (prefers-color-scheme: dark) { h1 { color: #fff; background: #222 } }
h1 { border-radius: 8px; padding: 1rem }
</style>
<h1>Our new shop</h1>
<div style="display: flex; gap: 1rem">
<p>Bread <b>2,40 €</b></p><p>Apples <b>3,10 €</b></p>
</div>
<a href="https://shop.example"><img src="https://cdn.shop.example/shop.webp" width="120"></a>
"""


def fill(box: MailHogPeer) -> None:
    """Send what is shown."""
    box.send(a_multipart())
    html = "\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    box.send(a_text("Our new shop", _LOOKED_AT).replace("\r\n\r\n", html, 1).encode())
    box.send(a_text("Welcome", "Hello Ann,\r\n\r\nyour account is ready."))


def pages(box: MailHogPeer, browser: Browser) -> dict[str, str]:
    """The address of each page that is taken, by its name."""
    browser.open(box.api)
    found = {"list": box.api}
    for row in browser.all("ul.list a"):
        address = box.api + str(row.get_attribute("href"))
        text = row.inner_text()
        channel = text.partition("\n")[0].partition(" ")[0]
        if "Our new shop" in text:
            found["check"] = address
        elif "confirmed" in text:
            found.setdefault({"email": "mail"}.get(channel, channel), address)
    return found


def take(browser: Browser, box: MailHogPeer, folder: Path) -> None:
    """All pages, in both themes and both widths."""
    for name, address in pages(box, browser).items():
        for theme in THEMES:
            browser.emulate(theme)
            for width in WIDTHS:
                browser.open(address, width=width)
                browser.page.wait_for_timeout(300)  # until the frame is as high as its mail
                browser.picture(folder / f"mailbox-{name}-{width}-{theme}.webp")
                sys.stdout.write(f"mailbox-{name}-{width}-{theme}\n")


def main(folder: Path = FOLDER) -> None:
    """Take all of them."""
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        run_command("demo", settings={"templates_dir": str(ROOT / "templates")}, cwd=home)
        with our_mailbox(home) as box, a_browser() as browser:
            fill(box)
            take(browser, box, folder)


if __name__ == "__main__":
    main()
