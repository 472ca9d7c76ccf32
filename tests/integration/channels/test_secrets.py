"""Each secret of a channel is read again from the file that its variable names, and used for the
next request, with no restart."""

import asyncio
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs

from adapters.channels import CHANNELS
from adapters.channels.email.relays import tokens_of
from adapters.channels.setting_spec import specs_of
from adapters.channels.webhook.signature import signature, signing_key
from domain.content import Content
from domain.ports import Notifier
from entrypoints.container import Container
from entrypoints.settings import load_settings
from tests.fakes import a_notification
from tests.support.http_server import Answer, HttpServer, Request
from tests.support.oauth2 import USER, Provider, token_server
from tests.support.smtp_server import SmtpServer

CHANGED = "a secret has changed; the new one is used"
BAD = "a secret's file cannot be used; the last good value counts"
CONTENT = Content(subject="Hello", parts={"text": "Hi", "html": "<p>Hi</p>"})
OLD, NEW = "0ld-s3cret", "n3w-s3cret"
LONG = "x" * 32


def container_for(folder: Path, settings: Mapping[str, str]) -> Container:
    """The parts of a worker with these settings, named without their prefix."""
    environ = {
        "DISPATCHER_BROKER_URL": "amqp://guest:guest@127.0.0.1:1/",
        "DISPATCHER_HOME": str(folder),
        "DISPATCHER_LEDGER_URL": "memory:",
        **{f"DISPATCHER_{name.upper()}": value for name, value in settings.items()},
    }
    return Container(settings=load_settings(environ, folder / "absent.toml").settings)


async def send(notifier: Notifier, channel: str, to: str) -> None:
    notification = a_notification(channel=channel, to=to)
    results = await notifier.notify(notification, CONTENT, notification.recipients)
    assert list(results.values()) == [None]


def said(lines: Sequence[MutableMapping[str, Any]], variable: str) -> list[str]:
    """What the log says of this secret, in order."""
    assert "s3cret" not in repr(lines)
    about = [line for line in lines if line["event"] in (CHANGED, BAD)]
    assert {line["setting"] for line in about} == {variable}
    return [line["event"] for line in about]


def signed_with(request: Request) -> str:
    """Which of the secrets has signed the request."""
    about = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    made = {s: signature(signing_key(s + LONG), *about, request.body) for s in (OLD, NEW)}
    return next(s for s, text in made.items() if text == request.headers["webhook-signature"])


def place_and_login(request: Request) -> str:
    return f"{request.path} {request.headers.get('authorization')}"


@dataclass(frozen=True)
class RotatedSecret:
    """`form` of a good value; `bad`: what is none; `others`: settings next to it. `shown`: where a
    request has the value. URL and HOST are the provider's."""

    channel: str
    form: str
    bad: str
    to: str
    answer: Answer = field(default_factory=Answer)
    others: Mapping[str, str] = field(default_factory=dict)
    shown: Callable[[Request], str] = place_and_login


TELEGRAM = Answer(body={"ok": True, "result": {"message_id": 1}})
SLACK = Answer(body={"ok": True, "ts": "1"})
SECRETS = {
    "telegram_token": RotatedSecret(
        "telegram", "1:{}", "no token", "7", TELEGRAM, {"telegram_api_url": "URL"}
    ),
    "telegram_api_url": RotatedSecret(
        "telegram", "URL/{}", "ftp://x", "7", TELEGRAM, {"telegram_token": "1:x"}
    ),
    "slack_token": RotatedSecret(
        "slack", "xoxb-{}", "no token", "#ops", SLACK, {"slack_api_url": "URL"}
    ),
    "slack_api_url": RotatedSecret(
        "slack", "URL/{}", "ftp://x", "#ops", SLACK, {"slack_token": "xoxb-1"}
    ),
    "slack_webhook_url": RotatedSecret("slack", "URL/{}", "no URL", "#ops", Answer(200, "ok")),
    "webhook_secret": RotatedSecret(
        "webhook",
        f"{{}}{LONG}",
        "whsec_*",
        "URL",
        others={"webhook_allow_private": "on"},
        shown=signed_with,
    ),
    "targets__ops": RotatedSecret("apprise", "json://HOST/{}", "nope://x", "ops"),
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_changed_secret_is_used_for_the_next_message(tmp_path: Path, name: str) -> None:
    case, file = SECRETS[name], tmp_path / "secret"
    used: list[str] = []

    async def main() -> None:
        async with HttpServer(default=case.answer) as server:

            def here(text: str) -> str:
                return text.replace("URL", server.url).replace("HOST", f"127.0.0.1:{server.port}")

            file.write_text(here(case.form.format(OLD)))
            settings = {other: here(value) for other, value in case.others.items()}
            container = container_for(tmp_path, {**settings, f"{name}_file": str(file)})
            notifier = container.channel_notifiers()[case.channel]
            for text in (case.form.format(OLD), "", case.bad, case.form.format(NEW), case.bad):
                file.write_text(here(text))
                await send(notifier, case.channel, here(case.to))
            used.extend(map(case.shown, server.accepted))
            await container.closing().aclose()

    with capture_logs() as lines:
        asyncio.run(main())

    assert [OLD in each for each in used] == [True, True, True, False, False]
    assert [NEW in each for each in used] == [False, False, False, True, True]
    assert said(lines, f"DISPATCHER_{name.upper()}_FILE") == [BAD, BAD, CHANGED, BAD]


@pytest.mark.parametrize(
    "bad", ["", "relay", "maildir:{folder}", "{url},{url}", "{url}?auth=xoauth2"]
)
def test_a_changed_password_is_used_for_the_next_connection_to_the_relay(
    tmp_path: Path, bad: str
) -> None:
    file = tmp_path / "secret"

    async def main() -> None:
        async with SmtpServer(users={"shop": OLD}) as server:
            url = f"smtp://shop:{{}}@127.0.0.1:{server.port}"
            file.write_text(url.format(OLD))
            container = container_for(tmp_path, {"email_url_file": str(file)})
            notifier = container.channel_notifiers()["email"]
            await send(notifier, "email", "ann@example.com")
            file.write_text(bad.format(url=url.format(NEW), folder=tmp_path))
            server.drop_connections()
            await send(notifier, "email", "bob@example.com")
            file.write_text(url.format(NEW))
            server.users = {"shop": NEW}
            server.drop_connections()
            await send(notifier, "email", "eve@example.com")
            await container.closing().aclose()
            assert len(server.accepted) == 3
            assert len(server.sessions) == 3

    with capture_logs() as lines:
        asyncio.run(main())

    assert said(lines, "DISPATCHER_EMAIL_URL_FILE") == [BAD, CHANGED]


@pytest.mark.parametrize(
    ("name", "form", "bad"),
    [
        ("client_secret", "{}", ""),
        ("refresh_token", "{}", "two words"),
        ("token_url", "URL/{}", "ftp://x"),
    ],
)
def test_a_changed_secret_is_used_for_the_next_access_token(
    tmp_path: Path, name: str, form: str, bad: str
) -> None:
    file = tmp_path / "secret"
    used: list[str] = []

    async def main() -> None:
        async with HttpServer(default=Provider()) as server:
            settings = {
                "email_url": "smtp://shop@127.0.0.1:1?auth=xoauth2",
                "email_oauth2_client_id": "me",
                "email_oauth2_client_secret": "it",
                "email_oauth2_token_url": server.url,
            }
            settings.pop(f"email_oauth2_{name}", None)
            settings[f"email_oauth2_{name}_file"] = str(file)
            file.write_text(form.format(OLD).replace("URL", server.url))
            container = container_for(tmp_path, settings)
            email = container.settings().channel_settings["email"]
            tokens = tokens_of(email, container.channel_context())
            assert tokens is not None
            got = []
            for text in (form.format(OLD), bad, form.format(NEW), bad):
                file.write_text(text.replace("URL", server.url))
                got.append(await tokens.token())
            assert got == ["access-1", "access-1", "access-2", "access-2"]
            await tokens.close()
            await container.closing().aclose()
            used.extend(f"{request.path} {request.form()}" for request in server.requests)

    with capture_logs() as lines:
        asyncio.run(main())

    assert [(OLD in each, NEW in each) for each in used] == [(True, False), (False, True)]
    assert said(lines, f"DISPATCHER_EMAIL_OAUTH2_{name.upper()}_FILE") == [BAD, CHANGED, BAD]


def test_a_changed_access_token_is_used_for_the_next_connection(tmp_path: Path) -> None:
    file = tmp_path / "secret"

    async def main() -> None:
        async with token_server(OLD) as server:
            file.write_text(OLD)
            settings = {
                "email_url": f"smtp://{quote(USER)}@127.0.0.1:{server.port}?auth=xoauth2",
                "email_oauth2_access_token_file": str(file),
            }
            container = container_for(tmp_path, settings)
            notifier = container.channel_notifiers()["email"]
            for token, text in ((OLD, OLD), (OLD, "two words"), (NEW, NEW)):
                file.write_text(text)
                server.users = {USER: token}
                server.drop_connections()
                await send(notifier, "email", "ann@example.com")
            await container.closing().aclose()
            assert len(server.accepted) == 3

    with capture_logs() as lines:
        asyncio.run(main())

    assert said(lines, "DISPATCHER_EMAIL_OAUTH2_ACCESS_TOKEN_FILE") == [BAD, CHANGED]


def test_every_secret_of_a_channel_is_tested_here() -> None:
    tested = {*SECRETS, "email_url", "email_oauth2_access_token"}
    tested |= {f"email_oauth2_{name}" for name in ("client_secret", "refresh_token", "token_url")}

    secrets = {
        channel.field_of(name)
        for channel in CHANNELS.values()
        for name, spec in specs_of(channel.settings)
        if spec.is_secret
    }

    assert secrets == tested - {"targets__ops"}
