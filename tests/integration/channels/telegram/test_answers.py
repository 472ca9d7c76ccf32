"""Each of the Bot API's answers means what it means: whose fault it is, and what may help."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from adapters.channels.telegram.limiter import TelegramLimits
from domain.errors import FailureReason, Throttled, Transient, Unavailable
from tests.fakes import reason_of
from tests.support.http_server import Answer
from tests.support.telegram_scene import CHAT, Send, with_telegram
from tests.support.telegram_server import (
    BotApi,
    blocked,
    failed,
    migrated,
    not_found,
    too_many,
    unparsable,
)

GROUP, SUPERGROUP = -4001, -1001234567890
PLAIN = {"telegram": {"plain_on_error": True}}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (blocked(), "recipient_refused"),
        (failed(403, "Forbidden: user is deactivated"), "recipient_refused"),
        (failed(403, "Forbidden: bot was kicked from the supergroup chat"), "recipient_refused"),
        (not_found(), "recipient_refused"),
        (failed(400, "Bad Request: PEER_ID_INVALID"), "recipient_refused"),
        (failed(400, "Bad Request: USER_DEACTIVATED"), "recipient_refused"),
        (failed(400, "Bad Request: CHAT_WRITE_FORBIDDEN"), "recipient_refused"),
        (failed(400, "Bad Request: not enough rights to send photos to the chat"),
         "recipient_refused"),
        (failed(400, "Bad Request: message thread not found"), "recipient_refused"),
        (failed(400, "Bad Request: TOPIC_CLOSED"), "recipient_refused"),
        (failed(400, "Bad Request: chat_id is empty"), "recipient_invalid"),
        (unparsable(), "content_refused"),
        (failed(400, "Bad Request: message is too long"), "content_refused"),
        (failed(400, "Bad Request: BUTTON_URL_INVALID"), "content_refused"),
        (failed(413, "Request Entity Too Large"), "content_refused"),
        (Answer(413, "<html>too large</html>"), "content_refused"),
    ],
)  # fmt: skip
def test_a_refusal_for_good_has_its_reason(answer: Answer, reason: str) -> None:
    async def scene(api: BotApi, send: Send) -> None:
        api.answer(answer)

        assert reason_of(await send()) == reason

    with_telegram(scene)


@pytest.mark.parametrize(
    "answer",
    [
        failed(401, "Unauthorized"),
        failed(404, "Not Found"),
        failed(409, "Conflict: terminated by other getUpdates request"),
        failed(400, "Bad Request: Logged out"),
        Answer(403, "<html>the proxy's own</html>"),
        Answer(404, "<html>no Bot API here</html>"),
        Answer(302, "", headers={"Location": "/elsewhere"}),
        Answer(200, "<html>sign in to the network</html>"),
    ],
)
def test_what_is_nobodys_message_s_fault_pauses_the_channel(answer: Answer) -> None:
    async def scene(api: BotApi, send: Send) -> None:
        api.answer(answer)

        error = await send()

        assert isinstance(error, Unavailable)
        assert not error.safe_to_repeat

    with_telegram(scene)


@pytest.mark.parametrize("answer", [failed(500, "Internal Server Error"), Answer(502, "<html>")])
def test_a_fault_of_telegrams_own_passes(answer: Answer) -> None:
    async def scene(api: BotApi, send: Send) -> None:
        api.answer(answer)

        error = await send()

        assert isinstance(error, Transient)
        assert error.provider_fault

    with_telegram(scene)


def test_a_link_in_telegrams_words_is_not_repeated() -> None:
    text = (
        "Bad Request: inline keyboard button URL 'https://example.com/reset?token=abc' is invalid"
    )

    async def scene(api: BotApi, send: Send) -> None:
        api.answer(failed(400, f"{text}: Wrong HTTP URL"))

        error = str(await send())

        assert "inline keyboard button URL" in error
        assert "token=abc" not in error

    with_telegram(scene)


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (too_many(37), 37),
        (Answer(429, "<html>slow down</html>", headers={"Retry-After": "9"}), 9),
        (failed(429, "Too Many Requests"), 30),
    ],
)
def test_a_named_wait_is_passed_on_exactly(answer: Answer, wait: int) -> None:
    async def scene(api: BotApi, send: Send) -> None:
        api.answer(answer, times=1)

        error = await send()

        assert isinstance(error, Throttled)
        assert error.retry_after == timedelta(seconds=wait)

    with_telegram(scene)


def test_while_a_chat_must_wait_it_is_not_asked_and_others_are_served() -> None:
    async def scene(api: BotApi, send: Send) -> None:
        api.answer(too_many(37), chat=CHAT, times=1)
        await send()

        again = await send()
        other = await send(to=7)

        assert isinstance(again, Throttled)
        assert timedelta(seconds=36) < again.retry_after <= timedelta(seconds=38)
        assert other is None
        assert [call.chat for call in api.calls] == [CHAT, 7]

    with_telegram(scene)


def test_a_short_wait_is_waited_here() -> None:
    async def scene(api: BotApi, send: Send) -> None:
        api.answer(too_many(1), times=1)
        await send()

        assert await send() is None

        first, second = api.calls
        assert 1 <= second.at - first.at < 15

    with_telegram(scene)


def test_when_several_chats_are_told_to_wait_the_whole_bot_does() -> None:
    async def scene(api: BotApi, send: Send) -> None:
        for chat in (1, 2, 3):
            api.answer(too_many(37), chat=chat)
            await send(to=chat)

        error = await send(to=4)

        assert isinstance(error, Throttled)
        assert [call.chat for call in api.calls] == [1, 2, 3]

    with_telegram(scene)


def test_a_group_that_has_moved_is_followed_told_of_and_remembered() -> None:
    async def scene(api: BotApi, send: Send) -> None:
        api.answer(migrated(SUPERGROUP), chat=GROUP)

        with capture_logs() as logs:
            assert await send("one", to=GROUP) is None
            assert await send("two", to=GROUP) is None

        assert [(call.chat, call.text) for call in api.delivered] == [
            (SUPERGROUP, "one"),
            (SUPERGROUP, "two"),
        ]
        assert len(api.calls) == 3
        told = [log for log in logs if log["log_level"] == "warning"]
        assert [(log["old"], log["new"]) for log in told] == [(GROUP, SUPERGROUP)]

    with_telegram(scene)


def test_a_move_is_followed_once() -> None:
    async def scene(api: BotApi, send: Send) -> None:
        api.answer(migrated(SUPERGROUP), chat=GROUP)
        api.answer(migrated(GROUP), chat=SUPERGROUP)

        assert reason_of(await send(to=GROUP)) is FailureReason.RECIPIENT_REFUSED
        assert len(api.calls) == 2

    with_telegram(scene)


@pytest.mark.parametrize(
    ("text", "metadata"),
    [("<b>1 &lt; 2</b>", PLAIN), ("<!-- plain-on-error --><b>1 &lt; 2</b>", {})],
    ids=["by the producer", "by the template"],
)
def test_markup_that_telegram_cannot_parse_goes_plain_where_that_is_allowed(
    text: str, metadata: dict[str, object]
) -> None:
    async def scene(api: BotApi, send: Send) -> None:
        api.answer(unparsable(), times=1)

        assert await send(text, metadata=metadata) is None

        [call] = api.delivered
        assert call.text == "1 < 2"
        assert "parse_mode" not in call.fields

    with_telegram(scene)


def test_what_a_producer_writes_allows_nothing() -> None:
    async def scene(api: BotApi, send: Send) -> None:
        api.answer(unparsable())

        error = await send("&lt;!-- plain-on-error --&gt;")

        assert reason_of(error) is FailureReason.CONTENT_REFUSED
        assert len(api.calls) == 1

    with_telegram(scene)


def test_plain_text_that_is_refused_too_is_refused() -> None:
    async def scene(api: BotApi, send: Send) -> None:
        api.answer(unparsable())

        assert reason_of(await send(metadata=PLAIN)) is FailureReason.CONTENT_REFUSED
        assert len(api.calls) == 2

    with_telegram(scene)


def test_a_wait_that_our_own_pace_asks_for_is_handed_back() -> None:
    limits = TelegramLimits(chat_per_second=0.5, longest_wait=1)

    async def scene(api: BotApi, send: Send) -> None:
        assert await send() is None

        error = await send()

        assert isinstance(error, Throttled)
        assert timedelta(seconds=1) < error.retry_after < timedelta(seconds=2.2)
        assert len(api.calls) == 1

    with_telegram(scene, limits=limits)
