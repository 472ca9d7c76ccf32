"""Takes the pictures of the preview's pages in docs/pictures, when it is run as a module.

The templates are those that are shipped, one of them with a usual mistake.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from tests.integration.entrypoints.cli.test_mailbox import serving
from tests.support.browser import Browser, Theme, a_browser
from tests.support.worker import ROOT

FOLDER = ROOT / "docs/pictures"
WIDTHS = (1280, 400)
THEMES: tuple[Theme, ...] = ("light", "dark")
ORDER = "/t/order-confirmation/three-lines"
# Each page by its name: where it is, and the tabs that are chosen there.
PAGES = {
    "list": ("/", ()),
    "mail": (ORDER, ("Email",)),
    "headers": (ORDER, ("Email", "Headers")),
    "telegram": (ORDER, ("Telegram",)),
    "slack": (ORDER, ("Slack",)),
    "fault": ("/t/welcome", ("Files",)),
}


def prepare(home: Path) -> None:
    """Lay out the templates."""
    shutil.copytree(ROOT / "templates", home / "templates")
    (home / "dispatcher.toml").write_text('email_from = "Shop <shop@example.com>"\n')
    welcome = home / "templates/welcome.jinja2"
    welcome.write_text(welcome.read_text().replace("{{ name }}", "{{ nmae }}", 1))


def take(browser: Browser, port: int, theme: Theme, folder: Path) -> None:
    """All pages in this theme."""
    browser.emulate(theme)
    for name, (path, tabs) in PAGES.items():
        for width in WIDTHS:
            browser.open(f"http://127.0.0.1:{port}{path}", width=width)
            browser.run("sessionStorage.clear()")
            browser.open(f"http://127.0.0.1:{port}{path}", width=width)
            for tab in tabs:
                browser.click("[role=tab]", tab)
            browser.page.mouse.move(0, 0)
            browser.page.wait_for_timeout(300)  # until the frame is as high as its mail
            browser.picture(folder / f"preview-{name}-{width}-{theme}.webp")
            sys.stdout.write(f"preview-{name}-{width}-{theme}\n")


def main(folder: Path = FOLDER) -> None:
    """Take all of them."""
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        prepare(home)
        with serving(home, "preview", "--port=0") as (_process, port), a_browser() as browser:
            for theme in THEMES:
                take(browser, port, theme, folder)


if __name__ == "__main__":
    main()
