"""Neither the token nor the webhook's path nor what is said gets out of the Slack notifier."""

import logging

import pytest

from adapters.channels.slack.notifier import SlackNotifier
from domain.content import Content
from tests.contracts.notifier_troubles import BODY, everything_told
from tests.support.http_server import Action, Answer, Cut, Hang, Request
from tests.support.slack_scene import Send, with_slack
from tests.support.slack_server import SlackServer, failed, throttled

SECRET = "Sentinel-s3cret"
TOKEN = f"xoxb-{SECRET}"
CONTENT = Content(parts={"text": BODY})


def repeats_all(request: Request) -> Answer:
    """An answer of everything that was asked."""
    told = f"{request.path} {request.headers} {request.body!r}"
    return Answer(400, {"ok": False, "error": told, "needed": TOKEN})


def says_what_is_missing(_request: Request) -> Answer:
    messages = [f"[ERROR] {TOKEN} is no good"]
    return failed("invalid_arguments", response_metadata={"messages": messages})


@pytest.mark.parametrize("webhook", [False, True])
@pytest.mark.parametrize(
    "action",
    [
        failed("invalid_auth"),
        repeats_all,
        says_what_is_missing,
        Answer(500, f"<html>{SECRET} {BODY}</html>"),
        Answer(302, "", headers={"Location": f"http://127.0.0.1/{SECRET}"}),
        throttled(30),
        Cut(),
        Hang(),
        "away",
    ],
)
def test_no_error_and_no_log_line_tells(
    action: "Action | str", webhook: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []

    async def scene(slack: SlackServer, notifier: SlackNotifier, send: Send) -> None:
        if isinstance(action, str):
            slack.server.stop_listening()
        else:
            slack.server.on(action)
        for to in ("C123ABC456", "ann@example.com"):
            error = await send(to, CONTENT)
            assert error is not None
            told.extend(everything_told(error))
        told.append(repr(notifier))

    options = {} if webhook else {"token": lambda: TOKEN}
    with_slack(scene, webhook=webhook, hook_secret=SECRET, **options)

    for text in (*told, caplog.text):
        assert SECRET not in text
        assert BODY not in text
