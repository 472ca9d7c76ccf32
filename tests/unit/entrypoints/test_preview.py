"""The pages of templates, whatever is in the templates."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from adapters.template_parts import HTML, ChannelParts
from entrypoints.pages.live import Refreshes
from entrypoints.pages.preview_pages import Preview
from entrypoints.pages.views import FOREIGN_POLICY
from entrypoints.pages.web import make_app
from entrypoints.settings import Settings
from tests.support.pages import PageAnswer, ask
from tests.support.rendering import render_options
from tests.support.worker import ROOT


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "templates"


@pytest.fixture
def preview(root: Path) -> Preview:
    return Preview(Settings(templates_dir=root), Refreshes(), options=render_options(timeout=0.3))


def write(root: Path, name: str, content: object) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def example(name: str, **fields: object) -> dict[str, object]:
    return {"to": "ann@example.com", "subject": "Hi", "parameters": {"name": name}, **fields}


@pytest.fixture
def order(root: Path) -> Path:
    write(root, "shop/order/html.jinja2", "<p>Dear {{ name }}</p>")
    write(root, "shop/order/html.it.jinja2", "<p>Caro {{ name }}</p>")
    write(root, "shop/order/telegram.jinja2", "<b>{{ name }}</b>")
    write(root, "shop/order/slack.json.jinja2", '[{"type": "{{ name }}"}]')
    write(root, "shop/order/examples/a.json", example("Ann"))
    write(root, "shop/order/examples/b.json", example("Bruno", locale="it-IT"))
    return root / "shop/order"


def answer(preview: Preview, path: str) -> PageAnswer:
    return ask(make_app(preview.routes()), path)


def shown(preview: Preview, path: str) -> str:
    reply = answer(preview, path)
    assert reply.status == 200
    return reply.text


def test_templates_are_listed_and_lead_to_their_pages(preview: Preview, order: Path) -> None:
    page = shown(preview, "/")

    assert "email, telegram, slack · it · a, b" in page
    [address] = re.findall(r'href="(/t/[^"]+)"', page)
    assert "<h1>shop/order</h1>" in shown(preview, address)


def test_an_example_is_rendered_for_each_channel(preview: Preview, order: Path) -> None:
    page = shown(preview, "/t/shop%2Forder/a")
    html = answer(preview, "/t/shop%2Forder/a/-/html/email")

    assert "<dd>Hi</dd>" in page
    assert "<pre>Dear Ann</pre>" in page.replace("\n", "")
    assert "<pre>&lt;b&gt;Ann&lt;/b&gt;</pre>" in page
    assert '"type": "Ann"' in unescape(page)
    assert '"type": "Ann"' not in page
    assert 'src="/t/shop%2Forder/a/-/html/email"' in page
    assert b"<p>Dear Ann</p>" in html.body
    assert html.policy == FOREIGN_POLICY


def test_every_channel_with_html_shows_it(root: Path, order: Path) -> None:
    options = render_options(timeout=0.3)
    channels = {**options.channels, "webhook": ChannelParts(own=(HTML,))}
    preview = Preview(
        Settings(templates_dir=root), Refreshes(), options=replace(options, channels=channels)
    )
    page = shown(preview, "/t/shop%2Forder/a")

    for channel in ("email", "webhook"):
        address = f"/t/shop%2Forder/a/-/html/{channel}"
        assert f'src="{address}"' in page
        assert b"<p>Dear Ann</p>" in answer(preview, address).body


@pytest.mark.parametrize(
    "end", ["html", "html/nowhere", "html/email/x", "x", "x/pictures", "pictures/x"]
)
def test_there_is_nothing_at_another_address(preview: Preview, order: Path, end: str) -> None:
    assert answer(preview, f"/t/shop%2Forder/a/-/{end}").status == 404


def test_an_example_is_shown_in_its_own_locale_and_in_any_other(
    preview: Preview, order: Path
) -> None:
    own = shown(preview, "/t/shop%2Forder/b")

    assert "Caro Bruno" in own
    assert "<strong>it-IT</strong>" in own
    assert 'href="/t/shop%2Forder/b/it"' in own
    assert "Dear Bruno" in shown(preview, "/t/shop%2Forder/b/-")
    assert "Caro Ann" in shown(preview, "/t/shop%2Forder/a/it")


def test_each_reload_shows_what_is_on_disk(preview: Preview, order: Path) -> None:
    before = shown(preview, "/t/shop%2Forder/a")
    (order / "html.jinja2").write_text("<p>Hello {{ name }}</p>")

    assert "Dear Ann" in before
    assert "Hello Ann" in shown(preview, "/t/shop%2Forder/a")


@pytest.mark.parametrize("path", ["/", "/t/shop%2Forder"])
def test_what_does_not_compile_is_told_with_file_and_line(
    preview: Preview, order: Path, path: str
) -> None:
    (order / "html.jinja2").write_text("<p>\n{{ broken")

    page = shown(preview, path)

    assert re.search(r"shop/order/html\.jinja2( line |:)2", page)


@pytest.mark.parametrize("path", ["/", "/t/shop%2Forder/a"])
def test_what_does_not_render_is_told_with_file_and_line_beside_what_does(
    preview: Preview, order: Path, path: str
) -> None:
    (order / "telegram.jinja2").write_text("a\n{{ nothing }}")

    page = shown(preview, path)

    assert "shop/order/telegram.jinja2:2" in page
    assert ("Dear Ann" in page) == (path != "/")


def test_a_template_without_an_example_and_a_broken_example_say_so(
    preview: Preview, root: Path
) -> None:
    write(root, "plain.jinja2", "<p>Hello</p>")
    write(root, "odd.jinja2", "<p>Hello</p>")
    write(root, "odd.examples/a.json", "no json")

    assert "It has no example" in shown(preview, "/t/plain")
    assert "odd.examples/a.json" in shown(preview, "/t/odd")


def test_a_rendering_without_end_is_ended(preview: Preview, root: Path) -> None:
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    write(root, "endless.jinja2", endless)
    write(root, "endless.examples/a.json", example("Ann"))

    assert "took too long" in shown(preview, "/t/endless")


def test_what_an_example_holds_is_text(preview: Preview, order: Path) -> None:
    write(order.parent, "order/examples/evil.json", example("<script>x</script>", subject="<b>"))

    page = shown(preview, "/t/shop%2Forder/evil")

    assert "<script>" not in page
    assert "<dd>&lt;b&gt;</dd>" in page


@pytest.mark.parametrize(
    "path",
    ["/x", "/t", "/t/no", "/t/shop%2Forder/no", "/t/shop%2Forder/a/-/no", "/t/..%2F..%2Fsecret"],
)
def test_what_is_not_there_is_404(preview: Preview, order: Path, path: str) -> None:
    assert answer(preview, path).status == 404


def test_a_missing_folder_is_told(preview: Preview) -> None:
    assert "No such file or directory" in shown(preview, "/")


def test_every_shipped_template_renders_on_its_page() -> None:
    preview = Preview(Settings(templates_dir=ROOT / "templates"), Refreshes())
    front = shown(preview, "/")

    for address in re.findall(r'href="(/t/[^"]+)"', front):
        page = shown(preview, address)
        assert 'class="bad"' not in page + front
        for other in re.findall(r'(?:href|src)="(/t/[^"]+)"', page):
            assert 'class="bad"' not in shown(preview, other)


def test_field_8_15_only_the_template_with_a_syntax_error_shows_it(
    preview: Preview, root: Path, order: Path
) -> None:
    write(root, "broken.jinja2", "a\n{% if x %}")

    page = shown(preview, "/")
    row = next(row for row in page.split("<li>") if ">broken<" in row and "/t/broken" in row)

    assert page.count("Unexpected end of template") == 1
    assert "broken.jinja2:2: Unexpected end of template" in row
    assert "shop/order" in page
    assert "Unexpected end of template" in shown(preview, "/t/broken")
    assert "Dear Ann" in shown(preview, "/t/shop%2Forder/a")


def test_field_8_15_templates_that_share_a_broken_layout_are_all_listed(
    preview: Preview, root: Path
) -> None:
    write(root, "_base.jinja2", "{% if x %}")
    for name in "ab":
        write(root, f"{name}.jinja2", "{% extends '_base.jinja2' %}")

    page = shown(preview, "/")

    assert page.count("_base.jinja2:1") == 1
    assert 'href="/t/a"' in page
    assert 'href="/t/b"' in page
    assert "_base.jinja2:1: " in shown(preview, "/t/a")


@pytest.mark.parametrize(
    "picture",
    [
        '<img alt="a" src="https://Pictures.example/a.png">',
        "<img src=http://pictures.example/a.png>",
        "<table background='//pictures.example/a.png'>",
        "<p style=\"background: url('https://pictures.example/a.png')\">",
    ],
)
def test_field_8_15_remote_pictures_are_named_and_loaded_on_demand(
    preview: Preview, root: Path, picture: str
) -> None:
    write(root, "t.jinja2", picture)
    write(root, "t.examples/a.json", example("Ann"))

    page = shown(preview, "/t/t/a")
    [switch] = re.findall(r'href="([^"]+)">Load them', page)
    switched = shown(preview, switch)
    [off, on] = [re.findall(r'<iframe[^>]*src="([^"]+)"', one)[0] for one in (page, switched)]

    assert "pictures from pictures.example. They are not loaded here" in page
    assert "Do not load them" in switched
    assert "https:" not in answer(preview, off).policy
    assert "img-src data: https: http:;" in answer(preview, on).policy
    assert "default-src 'none'" in answer(preview, on).policy


def test_field_8_15_without_remote_pictures_there_is_no_switch(
    preview: Preview, root: Path
) -> None:
    write(root, "t.jinja2", '<a href="https://x.example/">x</a><img src="data:image/png;base64,">')

    assert "pictures" not in shown(preview, "/t/t")
