"""Whatever happens to the templates, the preview shows what it can, and new pages as new."""

import asyncio
import re
import shutil
import time
from pathlib import Path

import pytest

from entrypoints.pages.live import Refreshes
from entrypoints.pages.preview_pages import Preview
from entrypoints.pages.web import make_app
from entrypoints.settings import Settings
from tests.support.pages import answered, ask
from tests.support.rendering import render_options

ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
EXAMPLE = '{"to": "ann@example.com", "subject": "Hi", "parameters": {"name": "%s"}}'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    order = tmp_path / "templates/order"
    (order / "examples").mkdir(parents=True)
    (order / "html.jinja2").write_text("<p>Dear {{ name }}</p>")
    (order / "telegram.jinja2").write_text("<b>{{ name }}</b>")
    (order / "examples/a.json").write_text(EXAMPLE % "Ann")
    (tmp_path / "templates/other.jinja2").write_text("other")
    return tmp_path / "templates"


@pytest.fixture
def refreshes() -> Refreshes:
    return Refreshes()


@pytest.fixture
def preview(root: Path, refreshes: Refreshes) -> Preview:
    return Preview(Settings(templates_dir=root), refreshes, options=render_options(timeout=0.3))


def shown(preview: Preview, path: str, *, status: int = 200, site: str = "same-origin") -> str:
    reply = ask(make_app(preview.routes()), path, headers={"sec-fetch-site": site})
    assert reply.status == status
    return reply.text


@pytest.mark.parametrize(
    ("link", "reason"),
    [("order.toml", "Too many levels of symbolic links"), ("/proc/self/mem", "Input/output error")],
)
def test_a_file_that_cannot_be_read_breaks_its_own_template_alone(
    preview: Preview, root: Path, link: str, reason: str
) -> None:
    (root / "order.toml").symlink_to("order.toml")
    (root / "mine.jinja2").symlink_to(link)

    page = shown(preview, "/")

    assert f"mine.jinja2: cannot be read: {reason}" in page
    assert 'href="/t/order"' in page
    assert 'href="/t/other"' in page
    assert "Dear Ann" in shown(preview, "/t/order")


def test_while_the_folder_cannot_be_read_the_templates_stay_with_the_fault_above_them(
    preview: Preview, root: Path
) -> None:
    shown(preview, "/")
    shutil.rmtree(root)

    for path, seen in (("/", 'href="/t/order"'), ("/t/order", "Dear Ann")):
        page = shown(preview, path)
        assert "No such file or directory" in page
        assert seen in page


def test_a_broken_example_hides_no_other(preview: Preview, root: Path) -> None:
    (root / "order/examples/b.json").write_text("{,")

    page = shown(preview, "/t/order")

    assert "Dear Ann" in page
    assert "order/examples/b.json" in page
    assert "is not JSON" in page


def test_what_was_rendered_is_not_rendered_again_until_something_is_saved(
    preview: Preview, root: Path
) -> None:
    (root / "other.jinja2").write_text(ENDLESS)
    (root / "other.examples").mkdir()
    for name in "abc":
        (root / f"other.examples/{name}.json").write_text(EXAMPLE % name)
    started = time.process_time()
    assert "took too long" in shown(preview, "/")
    assert time.process_time() - started < 0.9  # one of the three, and no more
    assert "took too long" in shown(preview, "/t/other")

    started = time.process_time()
    for path in ("/", "/t/other", "/t/other/a/-/html/email", "/t/other/a"):
        assert "took too long" in shown(preview, path)
    assert time.process_time() - started < 0.3

    (root / "other.jinja2").write_text("{{ name }} at last")
    assert "a at last" in shown(preview, "/t/other")


def test_other_requests_are_answered_between_two_renderings(preview: Preview, root: Path) -> None:
    for name in ("slow", "slower"):
        (root / f"{name}.jinja2").write_text(ENDLESS)
        (root / f"{name}.examples").mkdir()
        (root / f"{name}.examples/a.json").write_text(EXAMPLE % "a")

    async def main() -> float:
        asking = asyncio.create_task(answered(make_app(preview.routes()), "/"))
        longest, at = 0.0, time.process_time()
        while not asking.done():
            await asyncio.sleep(0)
            at, before = time.process_time(), at
            longest = max(longest, at - before)
        assert (await asking).text.count("took too long") == 2
        return longest

    assert asyncio.run(main()) < 0.55  # each alone takes 0.3


def test_a_page_has_the_number_of_when_it_was_begun(preview: Preview, refreshes: Refreshes) -> None:
    before = refreshes.version

    async def main() -> str:
        asking = asyncio.create_task(answered(make_app(preview.routes()), "/t/order"))
        await asyncio.sleep(0)
        assert not asking.done()
        refreshes.announce()  # something is saved while the page is made
        return (await asking).text

    assert f'data-live="{before}"' in asyncio.run(main())


def test_a_page_of_a_template_that_is_not_there_yet_shows_it_once_it_is(
    preview: Preview, root: Path, refreshes: Refreshes
) -> None:
    page = shown(preview, "/t/new", status=404)

    assert f'data-live="{refreshes.version}"' in page
    (root / "new.jinja2").write_text("new")
    assert "<h1>new</h1>" in shown(preview, "/t/new")


def test_pictures_are_loaded_by_their_address_alone_and_for_no_page_elsewhere(
    preview: Preview, root: Path
) -> None:
    (root / "order/html.jinja2").write_text('<img src="https://cdn.example/a.png">')
    (root / "order/examples/pictures.json").write_text(EXAMPLE % "Ann")

    assert "They are not loaded here" in shown(preview, "/t/order/pictures")
    assert "They are not loaded here" in shown(preview, "/t/order/a/pictures")
    assert "They are shown" in shown(preview, "/t/order/a/-/pictures")
    assert "They are not loaded here" in shown(preview, "/t/order/a/-/pictures", site="cross-site")


def test_each_tab_names_its_panel(preview: Preview) -> None:
    page = shown(preview, "/t/order")

    tabs = re.findall(r'aria-controls="([^"]+)"', page)
    panels = re.findall(r'<section id="([^"]+)" role="tabpanel" aria-label="[^"]+"', page)
    assert len(set(tabs)) == len(tabs) > 4
    assert sorted(tabs) == sorted(panels)
