"""`send me this`: one example to one address, by the way of a worker's messages."""

import asyncio
import json
from contextlib import AsyncExitStack
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest

from domain.notification import Recipient
from entrypoints.container import Container
from entrypoints.pages.live import Refreshes
from entrypoints.pages.preview_pages import Preview
from entrypoints.pages.web import make_app
from entrypoints.settings import Settings
from tests.support.pages import HOST, PageAnswer, ask
from tests.unit.entrypoints.loading import load

PAGE = "/t/order/a/-/send"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "templates/order"
    (folder / "examples").mkdir(parents=True)
    (folder / "html.jinja2").write_text("<p>Dear {{ name }}, for {{ recipient }}</p>")
    (folder / "telegram.jinja2").write_text("<b>{{ name }}</b>")
    example = {
        "to": "ann@example.org",
        "cc": "boss@example.org",
        "bcc": ["spy@example.org"],
        "send_at": "2099-01-01T00:00:00Z",
        "subject": "Hi",
        "parameters": {"name": "Ann"},
    }
    (folder / "examples/a.json").write_text(json.dumps(example))
    return tmp_path


def settings_of(root: Path, **more: str) -> Settings:
    names = {f"DISPATCHER_{name.upper()}": value for name, value in more.items()}
    return load(
        {
            "DISPATCHER_TEMPLATES_DIR": str(root / "templates"),
            "DISPATCHER_HOME": str(root / "var"),
            "DISPATCHER_EMAIL_FROM": "Shop <shop@example.com>",
            **names,
        }
    )


def send(
    settings: Settings, to: str, *, channel: str = "email", headers: dict[str, str] | None = None
) -> PageAnswer:
    container = Container(settings=settings)
    preview = Preview(settings, Refreshes(), notifiers=container.channel_notifiers)
    body = urlencode({"channel": channel, "to": to}).encode()
    try:
        return ask(
            make_app(preview.routes()), PAGE, method="POST", body=body, headers=headers or {}
        )
    finally:
        asyncio.run(_close(container.closing()))


async def _close(stack: AsyncExitStack) -> None:
    await stack.aclose()


def kept(root: Path) -> list[EmailMessage]:
    files = sorted((root / "var/mail/new").glob("*"))
    mails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
    return [mail for mail in mails if isinstance(mail, EmailMessage)]


def test_the_example_goes_to_the_typed_address_and_to_no_other(root: Path) -> None:
    reply = send(settings_of(root), "Me <me@example.net>")
    [mail] = kept(root)

    assert "Kept for" in unescape(reply.text)
    assert 'class="good"' in reply.text
    assert mail["Delivered-To"] == "me@example.net"
    assert mail.get_all("Delivered-To") == ["me@example.net"]
    assert (mail["To"], mail["Cc"]) == ("Me <me@example.net>", None)
    assert mail["From"] == "Shop <shop@example.com>"
    html = mail.get_body(("html",))
    assert html is not None
    assert "Dear Ann, for me@example.net" in html.get_content()


def test_each_sending_is_a_message_of_its_own(root: Path) -> None:
    for _ in range(2):
        send(settings_of(root), "me@example.net")

    assert len({mail["Message-ID"] for mail in kept(root)}) == 2


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("", "Type an address."),
        ("nobody", "to: "),
        ("a@example.net, b@example.net", "to: "),
        ("a@example.net\r\nBcc: b@example.net", "to: "),
    ],
)
def test_what_is_no_address_is_refused(root: Path, address: str, text: str) -> None:
    reply = send(settings_of(root), address)

    assert text in unescape(reply.text)
    assert 'class="bad"' in reply.text
    assert kept(root) == []


def test_a_channel_of_its_own_gets_its_own_parts(root: Path) -> None:
    reply = send(settings_of(root), "7", channel="telegram")
    [file] = (root / "var/telegram").glob("*.txt")

    assert "Kept for 7" in reply.text
    assert "<b>Ann</b>" in file.read_text()


def test_a_channel_that_is_not_there_sends_nothing(root: Path) -> None:
    reply = send(settings_of(root, broker_url="amqp://127.0.0.1:1/"), "7", channel="telegram")

    assert "set DISPATCHER_TELEGRAM_TOKEN" in unescape(reply.text)
    assert 'class="bad"' in send(settings_of(root), "x", channel="nowhere").text


def test_the_recipient_guard_holds_and_the_page_says_who_got_it(root: Path) -> None:
    guarded = settings_of(root, only_to="*@example.com", redirect_to="email:dev@example.com")

    through = unescape(send(guarded, "me@example.com").text)
    reply = unescape(send(guarded, "me@example.net").text)
    to = {mail["Delivered-To"] for mail in kept(root)}

    assert to == {"me@example.com", "dev@example.com"}
    assert "Kept for me@example.com" in through
    assert "dev@example.com, since the recipient guard does not let me@example.net through" in reply
    assert guarded.redirect_to["email"] == Recipient(address="dev@example.com")


def test_an_address_that_is_suppressed_gets_nothing_and_the_page_says_the_way_back(
    root: Path,
) -> None:
    (root / "list.txt").write_text("me@example.net 2026-01-31 asked by phone\n")
    settings = settings_of(root, suppressions=str(root / "list.txt"))

    reply = send(settings, "Me <ME@example.net>")

    assert "on the list of suppressions (asked by phone)" in unescape(reply.text)
    assert "dispatcher suppress remove me@example.net --channel email" in unescape(reply.text)
    assert 'class="bad"' in reply.text
    assert kept(root) == []
    assert "Kept for" in unescape(send(settings, "other@example.net").text)


def test_a_list_of_suppressions_that_cannot_be_read_holds_back_all(root: Path) -> None:
    (root / "list.txt").write_text("nobody\n")

    reply = send(settings_of(root, suppressions=str(root / "list.txt")), "me@example.net")

    assert "DISPATCHER_SUPPRESSIONS" in unescape(reply.text)
    assert kept(root) == []


def test_without_a_target_the_guard_refuses(root: Path) -> None:
    reply = send(settings_of(root, only_to="*@example.com"), "me@example.net")

    assert "the recipient guard does not let it through" in unescape(reply.text)
    assert kept(root) == []


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}]
)
def test_a_page_elsewhere_cannot_send(root: Path, headers: dict[str, str]) -> None:
    assert send(settings_of(root), "me@example.net", headers=headers).status == 403
    assert kept(root) == []


def test_opening_the_address_of_the_form_sends_nothing(root: Path) -> None:
    preview = Preview(settings_of(root), Refreshes())

    assert ask(make_app(preview.routes()), PAGE).status == 404
    assert ask(make_app(preview.routes()), "/t/order/a/-", method="POST").status == 405


def test_a_relay_that_is_away_is_said(root: Path) -> None:
    reply = send(settings_of(root, email_url="smtp://127.0.0.1:1"), "me@example.net")

    assert 'class="bad"' in reply.text
    assert "127.0.0.1:1" in reply.text
    assert HOST not in reply.text
