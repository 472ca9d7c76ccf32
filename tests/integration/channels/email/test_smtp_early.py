"""The commands of a mail that are sent before the answer to the mail in front of it."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.channels.email.bounds import PoolLimits
from adapters.channels.email.transaction import Timeouts
from domain.errors import DeliveryError, InDoubt, Permanent
from tests.support.smtp_conversation import Conversation, Ended
from tests.support.smtp_early import (
    FIRST,
    SECOND,
    Start,
    WaitingConversation,
    WaitingServer,
    over_one_connection,
    results_of,
)
from tests.support.smtp_sending import NO_PIPELINING
from tests.support.smtp_server import Cut, Hang, Say, SmtpServer


def test_the_commands_of_the_next_mail_come_before_the_answer_to_this_one() -> None:
    server = WaitingServer()

    assert results_of(server, [FIRST, SECOND, "third@example.com"]) == [None] * 3

    assert len(server.sessions) == 1
    assert [b"<second@" in server.early[0], b"<third@" in server.early[1]] == [True, True]
    assert server.early[2] == b""
    assert server.deliveries == ["warm@example.com", FIRST, SECOND, "third@example.com"]


@pytest.mark.parametrize(
    "options",
    [{"extensions": NO_PIPELINING}, {}],
    ids=["a server that takes one command at a time", "a server that answers slowly"],
)
def test_the_next_mail_waits_where_it_would_not_be_served_sooner(options: dict[str, Any]) -> None:
    server = WaitingServer(**options)
    if not options:
        server.on("dot", Say("250 ok", delay=1.1), times=1)

    assert results_of(server, [FIRST, SECOND]) == [None] * 2

    assert server.early == [b"", b""]


def test_another_connection_is_opened_rather_than_one_shared() -> None:
    server = WaitingServer()

    assert results_of(server, [FIRST, SECOND], limits=PoolLimits(size=2)) == [None] * 2

    assert [early for early in server.early if early] == []
    assert len(server.sessions) == 2


def test_no_more_mails_go_over_a_connection_than_the_server_takes() -> None:
    server = WaitingServer()

    assert results_of(server, [FIRST, SECOND], limits=PoolLimits(size=1, mails=2)) == [None] * 2

    assert [session.payloads for session in server.sessions] == [2, 1]
    assert server.early == [b""]


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (Say("554 5.6.0 spam"), Permanent),
        (Say("451 4.3.0 busy"), DeliveryError),
        (Cut(), InDoubt),
        (Cut("421 4.3.2 bye"), DeliveryError),
        (Hang(), InDoubt),
    ],
    ids=["refused for good", "refused for now", "cut off", "sent away", "never answered"],
)
def test_whatever_becomes_of_the_mail_in_front_the_next_is_sent_once(
    action: Any, kind: type[DeliveryError]
) -> None:
    server = WaitingServer()
    server.on("dot", Say("250 ok"))
    server.on("dot", action, times=1)
    server.on("dot", Say("250 ok"), times=1)

    first, second = results_of(
        server, [FIRST, SECOND], timeouts=Timeouts(connect=5, command=5, group=2, final=0.5)
    )

    assert isinstance(first, kind)
    assert second is None
    assert server.deliveries == ["warm@example.com", SECOND]
    assert b"<second@" in server.early[0]


class FlushingServer(WaitingServer):
    """Forgets what comes together with a mail."""

    async def react(self, conversation: WaitingConversation, early: bytes) -> None:
        conversation.group = []


def test_field_5_8_a_server_that_forgets_commands_sent_with_a_mail_gets_no_more_of_them() -> None:
    server = FlushingServer()

    with capture_logs() as lines:
        assert results_of(server, [FIRST, SECOND, "third@example.com"]) == [None] * 3

    assert [line["event"] for line in lines] == ["relay loses early commands"]
    assert all(session.commands[-1] for session in server.sessions)
    assert sorted(server.deliveries) == sorted(
        ["warm@example.com", FIRST, SECOND, "third@example.com"]
    )
    assert [early for early in server.early if early] == [server.early[0]]


class StrictServer(WaitingServer):
    """Refuses commands that come before its answer."""

    async def react(self, conversation: WaitingConversation, early: bytes) -> None:
        conversation.group = [b"WHAT\r\n" for _ in conversation.group]


def test_field_5_8_a_server_that_refuses_commands_sent_so_early_is_asked_again() -> None:
    server = StrictServer()

    assert results_of(server, [FIRST, SECOND]) == [None] * 2

    assert b"<second@" in server.early[0]
    assert len(server.sessions) == 1
    assert server.deliveries == ["warm@example.com", FIRST, SECOND]


def test_a_refused_recipient_of_the_next_mail_has_its_answer() -> None:
    server = WaitingServer()
    server.on("rcpt", Say("550 5.1.1 no such user"), address=SECOND)

    first, second = results_of(server, [FIRST, SECOND])

    assert first is None
    assert isinstance(second, Permanent)
    assert server.deliveries == ["warm@example.com", FIRST]


class SlowOnce(WaitingServer):
    """Takes its time for the first answer that other commands wait for."""

    async def react(self, conversation: WaitingConversation, early: bytes) -> None:
        if early and len(self.sessions) == 1:
            await asyncio.sleep(0.6)


def test_a_mail_does_not_wait_for_long_behind_another() -> None:
    server = SlowOnce()

    async def body(start: Start) -> None:
        first, second, third = map(start, (FIRST, SECOND, "third@example.com"))
        assert await first is None
        assert [await second, await third] == [None, None]

    over_one_connection(server, body)

    assert sorted(server.deliveries) == sorted(
        ["warm@example.com", FIRST, SECOND, "third@example.com"]
    )
    assert len(server.sessions) == 2, "in the first one the server waits for a mail"


class Pausing(WaitingServer):
    """Answers a moment after the commands have come."""

    async def react(self, conversation: WaitingConversation, early: bytes) -> None:
        await asyncio.sleep(0.1 if early else 0)


@pytest.mark.parametrize("cancelled", [FIRST, SECOND])
def test_a_mail_that_is_given_up_does_not_take_the_other_with_it(cancelled: str) -> None:
    server = Pausing()

    async def body(start: Start) -> None:
        tasks = {address: start(address) for address in (FIRST, SECOND)}
        while not server.early:
            await asyncio.sleep(0.005)
        tasks[cancelled].cancel()
        results = {address: await task for address, task in tasks.items()}
        other = SECOND if cancelled == FIRST else FIRST
        assert results == {cancelled: asyncio.CancelledError, other: None}
        assert await start("last@example.com") is None

    over_one_connection(server, body)

    assert b"<second@" in server.early[0]
    deliveries = Counter(server.deliveries)
    assert max(deliveries.values()) == 1
    assert {"last@example.com", SECOND if cancelled == FIRST else FIRST} <= set(deliveries)


def test_many_mails_over_few_connections_are_each_sent_once() -> None:
    server = SmtpServer()
    server.on("dot", Say("250 ok", delay=0.005))
    addresses = [f"user{number}@example.com" for number in range(300)]

    assert results_of(server, addresses, limits=PoolLimits(size=3, mails=40)) == [None] * 300

    assert sorted(server.deliveries) == sorted(["warm@example.com", *addresses])
    assert max(session.payloads for session in server.sessions) <= 40


def test_a_server_that_ends_at_any_place_costs_no_mail_and_doubles_none() -> None:
    class Leaving(SmtpServer):
        class conversation(Conversation):  # noqa: N801 - as the class attribute is named
            async def before(self, text: str) -> None:
                self.count = getattr(self, "count", 0) + 1
                if self.count == 7 + self.log.number % 11:
                    raise Ended

    server = Leaving()
    addresses = [f"user{number}@example.com" for number in range(200)]

    results = results_of(server, addresses, limits=PoolLimits(size=2))

    sent = {address for address, result in zip(addresses, results, strict=True) if result is None}
    assert max(Counter(server.deliveries).values()) == 1
    assert set(server.deliveries) - {"warm@example.com"} == sent
    assert sent == set(addresses)
