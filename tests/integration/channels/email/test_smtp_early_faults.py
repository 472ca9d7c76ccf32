"""What goes wrong with commands that are sent before the answer to the mail in front of them."""

import asyncio
from collections import Counter

import pytest

from adapters.channels.email.bounds import PoolLimits
from adapters.channels.email.limits import RateRefused
from tests.support.smtp_early import (
    FIRST,
    SECOND,
    Start,
    WaitingConversation,
    WaitingServer,
    over_one_connection,
    results_of,
)
from tests.support.smtp_server import Say

THIRD = "third@example.com"


class Leisurely(WaitingConversation):
    """Takes its time for the commands of the last mail."""

    async def before(self, text: str) -> None:
        if THIRD in text or THIRD in self.recipients:
            await asyncio.sleep(0.25)


class ForgettingServer(WaitingServer):
    """Forgets what comes together with a mail."""

    conversation = Leisurely

    async def react(self, conversation: WaitingConversation, early: bytes) -> None:
        conversation.group = []


def test_field_5_8_once_a_server_has_lost_commands_no_others_go_out_so_early() -> None:
    server = ForgettingServer()

    async def body(start: Start) -> None:
        for warm in map(start, ("a@example.com", "b@example.com")):
            assert await warm is None
        others = [f"user{number}@example.com" for number in range(5)]
        tasks = [start(address) for address in (THIRD, FIRST, SECOND, *others)]
        assert await asyncio.gather(*tasks) == [None] * 8

    over_one_connection(server, body, limits=PoolLimits(size=2))

    assert len([early for early in server.early if early]) == 1
    assert max(Counter(server.deliveries).values()) == 1


class SlowOnce(WaitingServer):
    """Takes its time for the first answer that other commands wait for."""

    async def react(self, conversation: WaitingConversation, early: bytes) -> None:
        if early and len(self.sessions) == 1:
            await asyncio.sleep(0.6)


def test_a_mail_given_up_after_it_left_the_line_takes_nothing_from_the_others() -> None:
    server = SlowOnce()

    async def body(start: Start) -> None:
        first, second, third = map(start, (FIRST, SECOND, THIRD))
        while not server.early:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.4)  # the second waits for another connection by now
        second.cancel()
        assert [await first, await second, await third] == [None, asyncio.CancelledError, None]

    over_one_connection(server, body)

    assert b"<second@" in server.early[0]
    assert server.deliveries == ["warm@example.com", FIRST, THIRD]
    assert b"third@example.com" in server.accepted[-1].data


class RepeatingServer(WaitingServer):
    """Answers once too often."""

    async def react(self, conversation: WaitingConversation, early: bytes) -> None:
        if early:
            conversation.say(self.extra)

    def __init__(self, extra: str) -> None:
        super().__init__()
        self.extra = extra


@pytest.mark.parametrize("extra", ["250 ok", "550 5.1.1 no such user"])
@pytest.mark.parametrize("reply", ["250 ok", "550 5.1.1 no such user"])
def test_an_answer_too_many_is_not_taken_for_that_to_the_next_mail(extra: str, reply: str) -> None:
    server = RepeatingServer(extra)
    server.on("dot", Say(reply), address=FIRST)

    _, second, third = results_of(server, [FIRST, SECOND, THIRD])

    assert [second, third] == [None, None]
    assert server.deliveries.count(SECOND) == server.deliveries.count(THIRD) == 1


def test_a_mail_refused_because_of_the_rate_is_not_asked_again_at_once() -> None:
    server = WaitingServer()
    server.on("mail", Say("450 4.7.1 Error: too much mail from 192.0.2.1"), times=1)
    server.on("mail", Say("250 ok"), times=2)

    first, second = results_of(server, [FIRST, SECOND])

    assert b"<second@" in server.early[0]
    assert first is None
    assert isinstance(second, RateRefused)
    assert [line[:4] for line in server.sessions[0].commands].count("MAIL") == 3


class RefusingServer(WaitingServer):
    """Refuses commands that come before its answer, and leaves."""

    async def react(self, conversation: WaitingConversation, early: bytes) -> None:
        if early:
            self.drop_connections("250 ok\r\n554 5.5.0 too early")


def test_commands_refused_for_being_early_do_not_refuse_the_mail_where_the_server_leaves() -> None:
    server = RefusingServer()

    _, second = results_of(server, [FIRST, SECOND])

    assert b"<second@" in server.early[0]
    assert second is None
