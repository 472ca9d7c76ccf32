"""Slack by an incoming webhook: one channel of its own, plain words for answers."""

import pytest

from adapters.channels.slack.notifier import SlackNotifier
from domain.errors import (
    DeliveryError,
    FailureReason,
    InDoubt,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
from tests.support.http_server import Answer, Cut
from tests.support.slack_scene import Send, with_slack
from tests.support.slack_server import SlackServer, throttled


def test_whoever_it_is_for_it_goes_to_the_webhook_s_own_channel() -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        assert await send("the ops people") is None
        assert await send("ann@example.com", metadata={"slack": {"unfurl": False}}) is None

        unfurl = {"unfurl_links": False, "unfurl_media": False}
        assert slack.hooked == [{"text": "Hi"}, {"text": "Hi", **unfurl}]
        assert [request.path for request in slack.server.requests] == [slack.hook] * 2
        assert "authorization" not in slack.server.requests[0].headers

    with_slack(scene, webhook=True)


def test_a_token_goes_before_a_webhook() -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        assert await send() is None

        assert (len(slack.posts), slack.hooked) == (1, [])

    with_slack(scene, webhook=True, token=lambda: "xoxb-1")


@pytest.mark.parametrize(
    ("status", "word", "kind", "reason"),
    [
        (400, "invalid_payload", Permanent, FailureReason.CONTENT_REFUSED),
        (400, "no_text", Permanent, FailureReason.CONTENT_REFUSED),
        (400, "user_not_found", Permanent, FailureReason.RECIPIENT_REFUSED),
        (403, "action_prohibited", Permanent, FailureReason.RECIPIENT_REFUSED),
        (404, "channel_not_found", Permanent, FailureReason.RECIPIENT_REFUSED),
        (410, "channel_is_archived", Permanent, FailureReason.RECIPIENT_REFUSED),
        (404, "no_service", Unavailable, None),
        (403, "invalid_token", Unavailable, None),
        (404, "<html>not found</html>", Unavailable, None),
        (500, "rollup_error", Transient, None),
        (502, "<html>bad gateway</html>", Transient, None),
    ],
)
def test_a_word_with_its_status_is_told_apart(
    status: int, word: str, kind: type[DeliveryError], reason: FailureReason | None
) -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        slack.server.on(Answer(status, word))

        error = await send()

        assert type(error) is kind
        assert getattr(error, "reason", None) is reason
        if reason is FailureReason.RECIPIENT_REFUSED:
            assert isinstance(error, Permanent)
            assert error.provider_fault  # every other message meets it too

    with_slack(scene, webhook=True)


def test_a_hook_that_is_throttled_is_left_alone_until_then() -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        slack.server.on(throttled(30), times=1)

        first, second = await send(), await send()

        assert isinstance(first, Throttled)
        assert isinstance(second, Throttled)
        assert len(slack.server.requests) == 1

    with_slack(scene, webhook=True)


def test_a_hook_that_hangs_up_may_have_posted() -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        slack.server.on(Cut())

        assert isinstance(await send(), InDoubt)

    with_slack(scene, webhook=True)


@pytest.mark.parametrize(
    "url", ["hooks.slack.com/services/1", "http://127.0.0.1:a-port/", "ftp://127.0.0.1/x"]
)
def test_an_address_that_is_none_pauses_the_channel_and_is_not_told(url: str) -> None:
    async def scene(_slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        error = await send()

        assert isinstance(error, Unavailable)
        assert not error.safe_to_repeat
        assert url not in str(error)

    with_slack(scene, webhook=True, webhook_url=lambda: url)


@pytest.mark.parametrize("token", ["xoxb-1\nX: y", "xoxb-é"])
def test_a_token_that_no_header_can_hold_pauses_the_channel(token: str) -> None:
    async def scene(_slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        error = await send()

        assert isinstance(error, Unavailable)
        assert token not in str(error)

    with_slack(scene, token=lambda: token)


def test_with_neither_the_channel_is_paused() -> None:
    async def scene(_slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        assert isinstance(await send(), Unavailable)

    with_slack(scene, token=lambda: None)
