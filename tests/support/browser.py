"""Chromium, driven as a person uses it.

By Playwright with Debian's program. Selenium would do as well, but it brings PySocks along: then a
SOCKS proxy that cannot be used is no fault any more, which other tests are about.
"""

import base64
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from playwright.sync_api import ElementHandle, Error, Frame, Page, sync_playwright

from tests.support.chromium import PROGRAM, is_there

PATIENCE = 20.0  # seconds; the machine may be busy
_SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

Theme = Literal["light", "dark"]
T = TypeVar("T")

__all__ = ["Browser", "a_browser", "is_there"]


class Browser:
    """One window. What is asked is answered by the frame that is looked into, at first the page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._frame: Page | Frame = page
        self._faults: list[str] = []
        page.on("console", lambda line: self._note(line.type, line.text))
        page.on("pageerror", lambda error: self._faults.append(str(error)))

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self._faults.append(text)

    def open(self, url: str, *, width: int = 1280, height: int = 900) -> None:
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.goto(url)

    def emulate(self, theme: Theme) -> None:
        """Let pages take this for the system's theme."""
        self.page.emulate_media(color_scheme=theme)

    def all(self, css: str) -> list[ElementHandle]:
        return self._frame.query_selector_all(css)

    def texts(self, css: str) -> list[str]:
        return [one.inner_text() for one in self.all(css)]

    def find(self, css: str) -> ElementHandle:
        """The first that fits, once it is there."""
        return self.until(lambda: self._frame.query_selector(css))

    def click(self, css: str, text: str = "") -> None:
        """Click the first that fits and has the text, once it can be clicked."""

        def done() -> bool:
            for one in self.all(css):
                if text in one.inner_text() and one.is_visible():
                    one.click(timeout=1000)
                    return True
            return False

        self.until(done)

    def fill(self, css: str, text: str) -> None:
        """Type this text in place of what is there."""
        self.find(css).fill(text)

    def run(self, script: str) -> Any:
        """What this expression is in the page."""
        return self._frame.evaluate(script)

    def until(self, condition: Callable[[], T | None], *, seconds: float = PATIENCE) -> T:
        """What the condition returns, once that is true. The page may change meanwhile."""
        end = time.monotonic() + seconds
        while True:
            try:
                found = condition()
            except (Error, LookupError):
                found = None
            if found:
                return found
            if time.monotonic() > end:
                raise TimeoutError(f"not within {seconds} seconds; shown is {self.texts('main')}")
            self.page.wait_for_timeout(20)

    @contextmanager
    def within(self, css: str) -> Iterator[None]:
        """Look into a frame."""
        outer = self._frame
        frame = self.find(css).content_frame()
        if frame is None:
            raise LookupError(f"{css} is no frame any more")
        self._frame = frame
        try:
            yield
        finally:
            self._frame = outer

    def faults(self) -> list[str]:
        """What the browser complained of: scripts that fail, and what the policy refuses."""
        return self._faults

    def picture(self, file: Path, *, highest: int = 1400) -> None:
        """Write the whole page as WebP, as far as it is not endless, as it is now."""
        size = self.page.evaluate(
            "[document.documentElement.clientWidth, document.documentElement.scrollHeight]"
        )
        clip = {"x": 0, "y": 0, "width": size[0], "height": min(size[1], highest), "scale": 1}
        session = self.page.context.new_cdp_session(self.page)
        how = {"format": "webp", "quality": 85, "captureBeyondViewport": True, "clip": clip}
        taken = session.send("Page.captureScreenshot", how)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def a_browser(*, theme: Theme = "light") -> Iterator[Browser]:
    """A browser without a screen; it asks no other machine."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which(PROGRAM), args=list(_SWITCHES)
        )
        try:
            yield Browser(chromium.new_page(color_scheme=theme))
        finally:
            chromium.close()
