"""What the page of a template shows of each channel."""

import json
import re
from base64 import b64encode
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.pages.live import Refreshes
from entrypoints.pages.preview_pages import Preview
from entrypoints.pages.preview_view import preheader_of
from entrypoints.pages.web import make_app
from entrypoints.settings import Settings
from tests.support.pages import ask
from tests.unit.entrypoints.loading import load

HTML = """<!doctype html><html><head><title>No</title><style>p { color: red }</style></head><body>
<div style="display:none">Your order is here.&nbsp;&zwnj;&nbsp;&#847; &#8203;</div><!-- not this -->
<p>Dear {{ name }} &amp; friends</p></body></html>"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    names = {"TEMPLATES_DIR": tmp_path / "templates", "EMAIL_FROM": "Shop <shop@example.com>"}
    return load({f"DISPATCHER_{name}": str(value) for name, value in names.items()})


def write(settings: Settings, example: dict[str, Any] | None = None, **parts: str) -> None:
    folder = settings.templates_dir / "t"
    (folder / "examples").mkdir(parents=True, exist_ok=True)
    usual = {"to": "Ann <ann@example.org>", "subject": "Hi", "parameters": {"name": "Ann"}}
    (folder / "examples/a.json").write_text(json.dumps(usual | (example or {})))
    for name, text in (parts or {"html": HTML}).items():
        suffix = name.replace("_", ".")
        (folder / (suffix if "toml" in suffix else f"{suffix}.jinja2")).write_text(text)


def page(settings: Settings, path: str = "/t/t/a") -> str:
    reply = ask(make_app(Preview(settings, Refreshes()).routes()), path)
    assert reply.status == 200
    return reply.text


def test_a_mail_is_shown_as_the_list_of_an_inbox_shows_it(settings: Settings) -> None:
    write(settings)

    text = page(settings)
    inbox = text.split('class="inbox"')[1].split("</div>")[0]
    line = " ".join(re.sub("<[^>]*>", " ", inbox).split())

    assert 'aria-hidden="true">S</span>' in text
    mail = "Hi Your order is here. Dear Ann &amp; friends"
    assert line.endswith(f"S Shop to Ann &lt;ann@example.org&gt; now {mail}")


def test_all_headers_and_the_mail_as_it_is_sent_are_shown(settings: Settings) -> None:
    write(settings, {"reply_to": "help@example.com", "headers": {"X-Campaign": "spring"}})

    text = unescape(page(settings))

    for name, value in {
        "From": "Shop <shop@example.com>",
        "To": "Ann <ann@example.org>",
        "Subject": "Hi",
        "Reply-To": "help@example.com",
        "X-Campaign": "spring",
    }.items():
        assert f"<dt>{name}</dt><dd>{value}</dd>" in text
    assert "Content-Type: multipart/alternative" in text


def test_the_senders_of_message_template_and_settings_win_in_this_order(settings: Settings) -> None:
    toml = 'from = "News <news@example.com>"'
    write(settings, html=HTML, template_toml=toml)
    assert "<dd>News &lt;news@example.com&gt;</dd>" in page(settings)

    write(settings, {"from": "Ann's Shop <a@example.com>"}, html=HTML, template_toml=toml)
    assert "a@example.com&gt;</dd>" in page(settings)


def test_what_could_not_be_sent_as_it_is_is_shown_with_the_reason(tmp_path: Path) -> None:
    settings = Settings(templates_dir=tmp_path)
    write(settings)

    text = page(settings)

    assert "It could not be sent as it is: no sender" in text
    assert 'src="/t/t/a/-/html/email"' in text
    for name, value in {
        "From": "no sender",
        "To": "Ann <ann@example.org>",
        "Subject": "Hi",
    }.items():
        assert f"<dt>{name}</dt><dd>{value}</dd>" in unescape(text)
    assert '<span class="sender">no sender <span class="soft">to Ann' in text


def test_who_should_get_a_mail_that_could_not_be_sent_is_shown(settings: Settings) -> None:
    write(settings, {"to": ["ann@example.org", "bob@example.org"], "headers": {"Received": "x"}})

    text = unescape(page(settings))

    assert "It could not be sent as it is" in text
    assert "<dt>From</dt><dd>Shop <shop@example.com></dd>" in text
    assert "<dt>To</dt><dd>ann@example.org, bob@example.org</dd>" in text


def test_telegram_is_shown_as_bubbles_with_its_buttons_and_parts(settings: Settings) -> None:
    buttons = [[{"text": "Pay", "url": "https://a.example/"}]]
    long = "<b>{{ name }}</b> " + "word " * 1200
    write(settings, {"metadata": {"telegram": {"buttons": buttons}}}, telegram=long)

    text = page(settings)

    assert text.count('class="bubble"') == 2
    assert "It is sent as 2 messages." in text
    assert '<div class="words"><b>Ann</b> word' in text
    assert '<div class="keyboard"><a href="https://a.example/" target="_blank"' in text


def test_slack_is_shown_with_its_blocks_and_buttons(settings: Settings) -> None:
    blocks = (
        '[{"type": "section", "text": {"type": "mrkdwn", "text": "*{{ name }}*"}},'
        ' {"type": "actions", "elements": [{"type": "button", "url": "https://a.example/",'
        ' "text": {"type": "plain_text", "text": "Pay"}}]}]'
    )
    write(settings, slack_json=blocks)

    text = page(settings)

    assert "<b>Ann</b>" in text
    assert 'class="slack-button"><a href="https://a.example/"' in text


def test_what_a_provider_would_refuse_is_shown_with_the_reason(settings: Settings) -> None:
    write(settings, slack_json='[{"type": "section"}]')

    assert "a section needs text or fields" in page(settings)


def test_an_example_for_several_channels_is_shown_on_each(settings: Settings) -> None:
    to = {"email": "ann@example.org", "telegram": 7}
    write(
        settings,
        {"to": to, "channels": ["email", "telegram"]},
        html=HTML,
        telegram="<b>{{ name }}</b>",
    )

    text = page(settings)

    assert "could not be sent" not in text
    assert "<dd>ann@example.org</dd>" in text
    assert '<div class="words"><b>Ann</b></div>' in text


def test_what_is_in_a_chat_is_shut_in_by_tags_of_our_own(settings: Settings) -> None:
    evil = {"parameters": {"name": "<img src=x onerror=alert(1)><a href='javascript:x'>y</a>"}}
    write(settings, evil, telegram="{{ name | safe }}", slack="{{ name | safe }}")

    text = page(settings)

    assert "<img" not in text
    assert 'href="javascript' not in text


@pytest.mark.parametrize(
    ("query", "color"), [("dark", "(min-width: 0)"), ("light", "(max-width: 0)")]
)
def test_the_frame_takes_the_theme_that_the_page_asks_for(
    settings: Settings, query: str, color: str
) -> None:
    write(settings, html="<style>@media (prefers-color-scheme: dark) {}</style>")

    assert f"@media {color} {{}}" in page(settings, f"/t/t/a/-/html/email?theme={query}")
    assert "prefers-color-scheme" in page(settings, "/t/t/a/-/html/email")


def test_pictures_that_come_with_the_mail_are_shown(tmp_path: Path) -> None:
    settings = Settings(templates_dir=tmp_path / "templates", attachments_dir=tmp_path)
    (tmp_path / "cup.png").write_bytes(b"cup")
    given = {"filename": "dot.gif", "content": b64encode(b"dot").decode(), "content_id": "dot"}
    named = [
        {"filename": name, "path": name, "content_id": name.partition(".")[0]}
        for name in ("cup.png", "away.png")
    ]
    html = '<img src="cid:dot"><img src="cid:cup"><img src="cid:away"><img src="cid:other">'
    write(settings, {"attachments": [given, *named]}, html=html)

    frame = page(settings, "/t/t/a/-/html/email")

    assert re.findall(r'src="(.*?)"', frame) == [
        f"data:image/gif;base64,{b64encode(b'dot').decode()}",
        f"data:image/png;base64,{b64encode(b'cup').decode()}",
        "cid:away",
        "cid:other",
    ]


def test_a_mail_with_an_attachment_that_is_none_is_shown_without_it(settings: Settings) -> None:
    write(settings, {"attachments": [{"filename": "x"}]}, html='<img src="cid:x">')

    assert "cid:x" in page(settings, "/t/t/a/-/html/email")


def test_hints_stand_at_their_files_and_a_file_that_is_saved_changes_the_frames_digest(
    settings: Settings,
) -> None:
    write(settings, {"parameters": {"name": "Ann"}}, html="{{ name }}{{ vip | default('') }}")

    before = page(settings)
    write(settings, html="{{ name }}!")
    after = page(settings)
    [one, other] = [re.findall(r'data-digest="(\w+)"', text) for text in (before, after)]

    assert "the variable 'vip' is in no example" in unescape(before).split('id="file-t/html')[1]
    assert one != other
    assert len(one) == len(other) == 1


def test_a_page_is_the_same_while_nothing_is_saved(settings: Settings) -> None:
    write(settings)
    app = make_app(Preview(settings, Refreshes()).routes())

    date = re.compile(r"\w{3}, \d\d? \w{3} \d{4} [\d:]+ [+-]\d{4}")
    one, other = (date.sub("", ask(app, "/t/t").text) for _ in "ab")

    assert one == other


@given(st.text(alphabet="<>!-/ abstyle&;\u200b\n") | st.text())
def test_a_preheader_is_one_short_line(text: str) -> None:
    line = preheader_of({"html": text})

    assert len(line) <= 140
    assert line == " ".join(line.split())
