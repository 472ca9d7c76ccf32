"""Relays that offer PIPELINING and do not take commands behind a mail: no mail is lost over it, or
sent twice."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from adapters.channels.email.transaction import Timeouts
from domain.errors import InDoubt
from tests.support.smtp_behind import (
    BehindServer,
    Meet,
    close,
    forget,
    forget_half,
    forget_the_first,
    refuse,
    refuse_what_follows,
    send_behind,
    stutter,
    take,
)
from tests.support.smtp_named import NamedSender, names, received

TIMES = Timeouts(connect=5, command=5, group=0.3, final=5)
EVENT = "relay takes no commands behind a mail"
HARMLESS = [forget, forget_half, forget_the_first, refuse_what_follows, stutter]


def run(
    server: BehindServer,
    body: Callable[[NamedSender], Awaitable[None]],
    *,
    size: int = 1,
) -> list[str]:
    """Returns the events that were logged."""
    with capture_logs() as lines:
        send_behind(server, body, size=size, timeouts=TIMES)
    return [line["event"] for line in lines]


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("meet", HARMLESS)
def test_field_5_8_no_mail_and_no_attempt_is_lost_to_a_relay_that_loses_what_follows_a_mail(
    meet: Meet, size: int
) -> None:
    server = BehindServer(meet)

    async def body(sender: NamedSender) -> None:
        answers = await sender.send_all(*names(20))

        assert set(answers.values()) == {None}
        assert set(sender.left.values()) == {1}
        assert received(server) == Counter(names(20))
        assert len(list(filter(None, server.behind))) == 1, "it is tried once"

    assert run(server, body, size=size) == [EVENT]


@pytest.mark.parametrize("size", [1, 4])
def test_field_5_8_a_mail_that_is_refused_because_something_follows_it_goes_again(
    size: int,
) -> None:
    server = BehindServer(refuse)

    async def body(sender: NamedSender) -> None:
        answers = await sender.send_all(*names(20))

        assert set(answers.values()) == {None}
        assert received(server) == Counter(names(20))
        assert len(list(filter(None, server.behind))) == 1

    assert run(server, body, size=size) == [EVENT]


def test_a_relay_that_closes_where_something_follows_a_mail_brings_one_into_doubt() -> None:
    server = BehindServer(close)

    async def body(sender: NamedSender) -> None:
        answers = await sender.send_all(*names(40))

        kinds = Counter(type(answer) for answer in answers.values())
        assert kinds == {type(None): 39, InDoubt: 1}
        assert set(sender.left.values()) == {1}
        assert len(list(filter(None, server.behind))) == 1

    assert run(server, body, size=4) == [EVENT]


def test_a_relay_that_is_known_to_take_them_may_go_at_any_time() -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        await sender.send_all(*names(8, "first"))
        server.meet = close
        await asyncio.gather(*map(sender.send, names(4, "second")))
        server.meet = take
        server.behind.clear()

        await sender.send_all(*names(8, "third"))

        assert list(filter(None, server.behind))

    assert run(server, body) == []
