"""Which requests the local pages answer, and what each reply has."""

from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from entrypoints.pages.serving import PageAddress
from entrypoints.pages.views import FOREIGN_POLICY, PAGE_POLICY, foreign
from entrypoints.pages.web import HostNames, form_of, make_app, path_of
from tests.support.pages import HOST, ask


async def _hello(_request: Request) -> Response:
    return PlainTextResponse("hello")


async def _broken(_request: Request) -> Response:
    raise ValueError("secret \x1b[2J")


async def _form(request: Request) -> Response:
    return PlainTextResponse(repr(await form_of(request)))


async def _path(request: Request) -> Response:
    return PlainTextResponse("|".join(path_of(request)))


ROUTES = [
    Route("/", _hello, methods=["GET", "POST"]),
    Route("/broken", _broken),
    Route("/broken/{rest:path}", _broken),
    Route("/form", _form, methods=["POST"]),
    Route("/p/{rest:path}", _path),
]
APP = make_app(ROUTES)


@pytest.mark.parametrize("host", [HOST, "localhost:1", "LOCALHOST", "[::1]:80", "mail.localhost"])
def test_a_name_of_this_machine_is_answered(host: str) -> None:
    assert ask(APP, "/", headers={"host": host}).text == "hello"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example:8026",
        "evil-localhost",
        "127.0.0.1@evil",
        "mailhog",
        "",
    ],
)
def test_another_name_is_refused_before_anything_is_read(host: str) -> None:
    reply = ask(APP, "/", headers={"host": host})

    assert (reply.status, reply.text) == (421, "this is another host")
    assert reply.policy == PAGE_POLICY


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("10.1.2.3:8026", True),
        ("[fd00::1]:8026", True),
        ("mailbox:8025", True),
        ("dev.example.com", True),
        ("evil.example.com", False),
        ("", False),
    ],
)
def test_who_lets_other_machines_in_is_asked_by_address_short_name_or_a_name_that_was_given(
    host: str, is_ours: bool
) -> None:
    names = PageAddress("0.0.0.0", 8026, ("Dev.example.com",)).host_names()

    assert names.has(host) is is_ours
    assert names.is_open
    assert not PageAddress("127.0.0.1", 8026).host_names().is_open
    assert not HostNames().has("dev.example.com")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": f"http://{HOST}"},
    ],
)
def test_a_page_elsewhere_cannot_change_anything(headers: dict[str, str]) -> None:
    assert ask(APP, "/", method="POST", headers=headers).status == 403
    assert ask(APP, "/", headers=headers).status == 200


@pytest.mark.parametrize(
    "headers", [{}, {"origin": f"http://{HOST}"}, {"sec-fetch-site": "same-origin"}]
)
def test_our_own_pages_and_programs_can(headers: dict[str, str]) -> None:
    assert ask(APP, "/", method="POST", headers=headers).status == 200


def test_each_reply_forbids_what_a_page_does_not_need() -> None:
    for path in ("/", "/nothing", "/broken", "/static/live.js"):
        reply = ask(APP, path)
        assert "default-src 'none'" in reply.policy
        assert "unsafe-inline" not in reply.policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"


def test_what_is_not_there_is_a_page_and_another_method_is_refused() -> None:
    missing = ask(APP, "/nothing")

    assert (missing.status, "Nothing is here" in missing.text) == (404, True)
    assert ask(APP, "/", method="DELETE").status == 405


def test_a_page_that_fails_says_so_and_shows_nothing_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reply = ask(APP, "/broken/a%1b%5b2J")

    assert (reply.status, reply.text) == (500, "this page could not be made")
    assert capsys.readouterr().err == "'/broken/a\\x1b[2J': ValueError('secret \\x1b[2J')\n"


def test_our_own_files_are_served_and_no_others() -> None:
    assert ask(APP, "/static/style.css").headers["content-type"].startswith("text/css")
    assert ask(APP, "/static/../web.py").status == 404
    assert ask(APP, "/static/%2e%2e/web.py").status == 404


def test_pages_have_no_script_and_no_style_of_their_own() -> None:
    folder = Path(__file__).parents[3] / "src/entrypoints/pages"

    for template in folder.glob("*.jinja2"):
        text = template.read_text()
        assert "<style" not in text
        assert " style=" not in text
        assert " onclick" not in text
        assert text.count("<script") == text.count('<script src="/static/')


def test_a_form_is_read_and_a_large_one_is_refused() -> None:
    assert ask(APP, "/form", method="POST", body=b"to=a%40b&x=").text == "{'to': 'a@b', 'x': ''}"
    assert ask(APP, "/form", method="POST", body=b"x" * 70_000).status == 413


def test_each_part_of_a_path_is_decoded_by_itself() -> None:
    assert ask(APP, "/p/shop%2Forder/a%20b?x=1").text == "p|shop/order|a b"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_foreign_html_takes_the_theme_that_was_chosen(theme: str) -> None:
    html = "<head></head>@media (prefers-color-scheme: dark){} @media (prefers-color-scheme:light)"
    meta = '<meta name="color-scheme" content="light dark">'

    text = bytes(foreign(html, theme=theme).body).decode()
    declared = bytes(foreign(html + meta, theme=theme).body).decode()

    dark, light = ("(min-width: 0)", "(max-width: 0)")[:: 1 if theme == "dark" else -1]
    assert f"@media {dark}{{}} @media {light}" in text
    assert f"color-scheme:{theme}!important" in declared
    assert "color-scheme:" not in text
    assert "(prefers-color-scheme" in bytes(foreign(html).body).decode()
    assert "(prefers-color-scheme" in bytes(foreign(html, theme="evil").body).decode()


def test_foreign_html_can_run_and_load_nothing() -> None:
    reply = foreign("<script>alert(1)</script>")

    assert reply.headers["content-security-policy"] == FOREIGN_POLICY
    assert "sandbox" in FOREIGN_POLICY
    assert "allow-scripts" not in FOREIGN_POLICY
    assert "http" not in FOREIGN_POLICY
    assert reply.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("origin", ["*", "https://named.example"])
def test_an_origin_that_was_named_may_change_what_is_in_the_api_and_nothing_else(
    origin: str,
) -> None:
    routes = [Route(path, _hello, methods=["POST"]) for path in ("/api/x", "/delete")]
    app = make_app(routes, origins=(origin,))
    headers = {"origin": "https://named.example", "sec-fetch-site": "cross-site"}

    assert ask(app, "/api/x", method="POST", headers=headers).status == 200
    assert ask(app, "/delete", method="POST", headers=headers).status == 403


@pytest.mark.parametrize("rel", ["preconnect", "DNS-prefetch", "stylesheet"])
def test_foreign_html_says_to_no_host_that_it_was_opened(rel: str) -> None:
    reply = foreign(f"<head><LINK rel={rel} href=https://spy.example></head>")

    assert "<link" not in bytes(reply.body).decode().lower()
    assert reply.headers["x-dns-prefetch-control"] == "off"


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("Dev.example.com:8026", "dev.example.com:8026"),
        ("dev.example.com.", "dev.example.com"),
        ("[fd00::1]", "[fd00::1]:8026"),
        ("fd00::1", "[fd00::1]:8026"),
    ],
)
def test_a_name_is_allowed_however_it_is_written(given: str, host: str) -> None:
    names = PageAddress("127.0.0.1", 8026, (given,)).host_names()

    assert names.has(host)
    assert not names.has("")
