"""The Slack notifier against a scripted Slack: what is posted, and where."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from adapters.channels.slack.notifier import SlackNotifier
from adapters.channels.slack.pace import SlackPace
from domain.errors import (
    DeliveryError,
    FailureReason,
    InDoubt,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
from domain.events import UnknownCodeReceived
from domain.notification import Attachment, Recipient
from tests.fakes import FakeEvents, a_notification, reason_of
from tests.support.http_server import Action, Answer, Cut, Hang
from tests.support.slack_scene import CHANNEL, TEXT, Send, with_slack
from tests.support.slack_server import LOOK_UP, POST, SlackServer, failed, throttled


@pytest.mark.parametrize("to", [CHANNEL, "G123ABC456", "D123ABC456", "U123ABC456", "#général-1"])
def test_a_channel_a_person_and_a_name_are_posted_to_as_they_are(to: str) -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        assert await send(to) is None

        assert slack.posts == [{"channel": to, "text": "Hi"}]
        assert slack.look_ups == []

    with_slack(scene)


def test_an_email_address_is_resolved_once_for_many_messages() -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        slack.users["ann@example.com"] = "W012A3CDE"

        sent = await asyncio.gather(*(send(f"Ann{n} <Ann@example.com>") for n in range(3)))
        assert await send("ann@example.com") is None

        assert sent == [None] * 3
        assert [post["channel"] for post in slack.posts] == ["W012A3CDE"] * 4
        assert slack.look_ups == ["ann@example.com"]

    with_slack(scene)


def test_an_email_address_that_nobody_has_is_refused_and_asked_for_again_the_next_time() -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        first = await send("ann@example.com")
        slack.users["ann@example.com"] = "U123ABC456"
        second = await send("ann@example.com")

        assert reason_of(first) is FailureReason.RECIPIENT_REFUSED
        assert "users_not_found" in str(first)
        assert second is None

    with_slack(scene)


def test_a_person_whose_id_is_no_longer_known_is_looked_up_again() -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        slack.users["ann@example.com"] = "U123ABC456"
        await send("ann@example.com")
        slack.refuse("U123ABC456", "user_not_found")
        slack.users["ann@example.com"] = "U999ABC999"

        refused = await send("ann@example.com")
        repeated = await send("ann@example.com")

        assert reason_of(refused) is FailureReason.RECIPIENT_REFUSED
        assert repeated is None
        assert slack.posts[-1]["channel"] == "U999ABC999"

    with_slack(scene)


@pytest.mark.parametrize("answer", [Hang(), Cut(), failed("internal_error"), Answer(body="<html>")])
def test_a_look_up_without_an_answer_leaves_nothing_in_doubt(answer: Action) -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        slack.server.on(answer, path=LOOK_UP)

        error = await send("ann@example.com")

        assert isinstance(error, Transient)
        assert error.safe_to_repeat
        assert slack.posts == []

    with_slack(scene)


@pytest.mark.parametrize("to", ["general", "c123abc456", "@ann", "# general", "ann@", "12345"])
def test_what_is_no_address_at_slack_is_invalid_and_slack_is_not_asked(to: str) -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        assert reason_of(await send(to)) is FailureReason.RECIPIENT_INVALID
        assert slack.server.requests == []

    with_slack(scene)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failed("invalid_auth"), Unavailable),
        (failed("token_revoked"), Unavailable),
        (failed("missing_scope", needed="chat:write", provided="users:read"), Unavailable),
        (failed("is_archived"), Permanent),
        (failed("invalid_blocks"), Permanent),
        (failed("internal_error"), InDoubt),
        (failed("fatal_error"), InDoubt),
        (failed("service_unavailable"), Transient),
        (Answer(503, "<html>down</html>"), Transient),
        (Answer(200, "<html>who are you?</html>"), InDoubt),
        (Answer(302, "", headers={"Location": "/elsewhere"}), Unavailable),
        (throttled(7), Throttled),
        (failed("ratelimited"), Throttled),
        (Hang(), InDoubt),
        (Cut(), InDoubt),
    ],
)
def test_each_answer_is_told_apart(answer: Action, kind: type[DeliveryError]) -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        slack.server.on(answer, path=POST)

        error = await send()

        assert type(error) is kind
        assert slack.posts == []

    with_slack(scene)


def test_the_missing_scope_is_named() -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        slack.server.on(failed("missing_scope", needed="chat:write"), path=POST)

        assert "needed: chat:write" in str(await send())

    with_slack(scene)


def test_an_unknown_code_is_tried_again_later_and_counted() -> None:
    events = FakeEvents()

    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        slack.server.on(failed("mercury_in_retrograde"), path=POST)

        error = await send()

        assert isinstance(error, Transient)
        assert not error.provider_fault
        unknown = [one for one in events.events if isinstance(one, UnknownCodeReceived)]
        assert unknown == [UnknownCodeReceived("slack", "mercury_in_retrograde")]

    with_slack(scene, events=events)


def test_a_wait_that_slack_names_is_obeyed_and_holds_that_channel_alone() -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        slack.server.on(throttled(60), path=POST, times=1)

        first = await send()
        again = await send()
        elsewhere = await send("C999ABC999")

        assert isinstance(first, Throttled)
        assert first.retry_after == timedelta(seconds=60)
        assert isinstance(again, Throttled)
        assert timedelta(seconds=55) < again.retry_after <= timedelta(seconds=60)
        assert elsewhere is None
        assert len(slack.server.requests) == 2

    with_slack(scene)


def test_a_throttled_look_up_is_not_repeated_meanwhile() -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        slack.users["bob@example.com"] = "U123ABC456"
        slack.server.on(throttled(60), path=LOOK_UP, times=1)

        first, second = await send("ann@example.com"), await send("bob@example.com")

        assert isinstance(first, Throttled)
        assert isinstance(second, Throttled)
        assert len(slack.server.requests) == 1
        assert await send(CHANNEL) is None

    with_slack(scene)


def test_a_kept_connection_that_slack_has_closed_is_no_trouble() -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        await send()
        slack.server.drop_connections()
        await asyncio.sleep(0.05)

        assert await send() is None
        assert len(slack.posts) == slack.server.connections == 2

    with_slack(scene)


def test_a_flood_to_one_channel_is_put_off_each_message_to_its_own_moment() -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        answers = await asyncio.gather(*(send() for _ in range(8)))

        put_off = [error.retry_after for error in answers if isinstance(error, Throttled)]
        assert len(slack.posts) == 4
        assert [round(wait.total_seconds()) for wait in put_off] == [1, 2, 3, 4]

    with_slack(scene, pace=SlackPace(patience=0.5))


def test_files_are_refused_rather_than_left_out() -> None:
    async def scene(slack: SlackServer, _notifier: SlackNotifier, send: Send) -> None:
        file = Attachment(filename="invoice.pdf", content=b"%PDF")

        error = await send(attachments=(file,))

        assert reason_of(error) is FailureReason.CONTENT_REFUSED
        assert "attachments" in str(error)
        assert slack.posts == []

    with_slack(scene)


def test_nothing_is_posted_where_the_send_may_not_be_written_down() -> None:
    async def scene(slack: SlackServer, notifier: SlackNotifier, _send: Send) -> None:
        async def refuse(
            _concerned: Sequence[Recipient] | None = None, _message_id: str = "", /
        ) -> None:
            raise Unavailable("no ledger")

        notification = a_notification(channel="slack", to=CHANNEL)
        with pytest.raises(Unavailable, match="no ledger"):
            await notifier.notify(notification, TEXT, notification.recipients, refuse)

        assert slack.server.requests == []

    with_slack(scene)
