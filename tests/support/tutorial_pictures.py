"""Takes the pictures of the tutorial in docs/pictures, when it is run as a module: the pages that
its author sees, at the places where it says so."""

import sys
import tempfile
from pathlib import Path

from tests.support.browser import Browser, a_browser
from tests.support.doc_author import a_shell, follow
from tests.support.worker import ROOT

FOLDER = ROOT / "docs/pictures"


class Photographer:
    """Takes a picture of each page that is opened for the first time."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self._folder = folder
        self._seen: set[str] = set()

    def look(self, address: str) -> None:
        """Take a picture of what is there, if it is one of the tutorial's."""
        path = address.split("/", 3)[3]
        if path in self._seen:
            return
        self._seen.add(path)
        self._browser.open(address, width=1000)
        if path == "t/tasting/ann":
            self._take("preview")
        elif not path:
            self._browser.click("ul.list .subject", "Assaggia")
            self._browser.find("iframe")
            self._take("mailbox")

    def _take(self, name: str) -> None:
        self._browser.page.mouse.move(0, 0)
        self._browser.page.wait_for_timeout(500)  # until the frame is as high as its mail
        self._browser.picture(self._folder / f"tutorial-{name}.webp")
        sys.stdout.write(f"tutorial-{name}\n")


def main(folder: Path = FOLDER) -> None:
    """Follow the tutorial with a camera."""
    with tempfile.TemporaryDirectory() as temporary, a_browser() as browser:
        camera = Photographer(browser, folder)
        with a_shell(Path(temporary)) as shell:
            follow(ROOT / "docs/tutorial.md", shell, camera.look)


if __name__ == "__main__":
    main()
