"""Whatever a page is, the libraries in Rust do not end the worker's process."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from adapters.templates.mjml_pages import MjmlUnusable, html_of
from adapters.templates.rust_libraries import LibraryFailed, called
from tests.support.worker import ROOT, clean_environment

# Each is refused or converted; what must not be is a signal that ends the process.
_PAGES = """
import sys
from adapters.templates.inlining import NotInlined, inlined
from adapters.templates.limits import within_limits
from adapters.templates.mjml_pages import LONGEST, MjmlUnusable, html_of
from adapters.templates.rust_libraries import MOST_LEVELS

def said(make, page):
    try:
        print(make(page) and "made", flush=True)
    except (NotInlined, MjmlUnusable):
        print("refused", flush=True)

style = "<style>div{top:0}</style>"
if sys.argv[1] == "styles":
    for piece in ("<div><!-- </div> -->", "<div><table></div></table>", "<div><button></div>"):
        said(inlined, style + piece * 15_000)
    for piece in ("<svg>" + "<tr>" * 30_000, "<svg><title>" + "<g>" * 30_000, "<TABLE><td>" * 4000):
        said(inlined, style + piece)
    said(inlined, style + "<table><td>" * (MOST_LEVELS // 4))
    said(inlined, style + "<svg><title>" + "<g>" * (MOST_LEVELS - 10))
if sys.argv[1] == "mjml":
    text = "<mjml><mj-body><mj-section><mj-column><mj-text>"
    said(html_of, text + "<div><!-- </div> -->" * 15_000)
    said(html_of, text + "<b>" * 15_000)
    said(html_of, "<mjml><mj-body>" + "<mj-wrapper>" * 2000)
    said(html_of, "<mjml><mj-body>" + "<mj-section/>" * 30_000 + "</mj-body></mjml>")
    said(html_of, text + "<b>" * (MOST_LEVELS - 30))
    said(html_of, "<mjml>" + "<mj-wrapper>" * (MOST_LEVELS // 5 - 2))
    page = "<mjml><mj-body>" + "<mj-section/>" * 990 + "</mj-body></mjml>"
    page = page.replace("<mj-section/>", "<mj-section padding='1px 2px'/>", 40)
    for memory in (0, 2**20, 10 * 2**20):  # which a template may have left
        within_limits(lambda: said(html_of, page), seconds=0, memory=memory)
"""


@pytest.mark.parametrize(
    ("library", "results"),
    [
        ("styles", ["refused"] * 7 + ["made"]),
        ("mjml", ["refused"] * 6 + ["made"] * 3),
    ],
)
def test_no_page_ends_the_process(library: str, results: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _PAGES, library],
        env=clean_environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.returncode, ran.stdout.split()) == (os.EX_OK, results), ran.stderr


class PanicException(BaseException):
    """As PyO3's, by which a fault in Rust comes to Python."""


def _panics(*_: object, **__: object) -> str:
    raise PanicException("index out of bounds")


def test_a_panic_in_rust_is_an_error_as_others() -> None:
    with pytest.raises(LibraryFailed, match="index out of bounds"):
        called(_panics)


def test_a_panic_makes_a_page_in_mjml_unusable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mjml", SimpleNamespace(mjml2html=_panics))

    with pytest.raises(MjmlUnusable, match="cannot be read: index out of bounds"):
        html_of("<mjml></mjml>")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_is_no_failure_of_the_library(error: type[BaseException]) -> None:
    def call() -> None:
        raise error

    with pytest.raises(error):
        called(call)
