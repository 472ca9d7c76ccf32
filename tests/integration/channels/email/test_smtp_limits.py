"""What a relay cannot take now, in connections, costs no mail anything."""

import asyncio

import pytest

from adapters.channels.email.bounds import PoolLimits
from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.shared.learned import Fact, Learned
from domain.errors import Unavailable
from tests.fakes import a_notification, eventually
from tests.support.smtp_dispatching import Desk
from tests.support.smtp_limits import (
    LimitedSmtpServer,
    Limits,
    assert_all_sent,
    fact,
    send_many,
    with_limits,
)
from tests.support.smtp_sending import send
from tests.support.smtp_server import Say


@pytest.mark.parametrize(
    "reply",
    [
        "421 4.7.0 mail.example.com Error: too many connections from 192.0.2.1",
        "421 mail.example.com: Too many concurrent SMTP connections; please try again later.",
        "421 too many connections from that host",
        "421 4.3.2 Service not available, closing transmission channel",
        "554 5.7.1 not now",
    ],
)
def test_field_5_12_a_relay_that_takes_fewer_connections_gets_fewer_and_all_mails(
    reply: str,
) -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        server.on("dot", Say("250 2.0.0 queued", delay=0.01))

        assert_all_sent(await send_many(notifier, 150))

        assert server.most_at_once == 3
        assert 0 < server.turned_away <= 4
        assert fact(learned, Fact.CONNECTIONS) == 3

    with_limits(Limits(connections=3, connections_reply=reply), body)


def test_field_5_12_the_pool_grows_again_when_the_relay_takes_more() -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        server.on("dot", Say("250 2.0.0 queued", delay=0.01))
        await send_many(notifier, 20)
        server.limits.connections = None

        async with asyncio.timeout(60):
            while server.most_at_once < 10:
                assert_all_sent(await send_many(notifier, 30))

        assert fact(learned, Fact.CONNECTIONS) is None

    with_limits(Limits(connections=2), body, limits=PoolLimits(patience=0.02))


def test_field_5_12_a_limit_that_stays_is_tried_ever_more_seldom() -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        server.on("dot", Say("250 2.0.0 queued", delay=0.01))

        assert_all_sent(await send_many(notifier, 400))

        assert server.turned_away <= 10

    with_limits(Limits(connections=4), body, limits=PoolLimits(patience=0.01))


def test_field_5_12_a_refused_connection_leaves_the_mails_to_those_that_work() -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        server.on("dot", Say("250 2.0.0 queued", delay=0.3), times=1)
        slow = asyncio.create_task(send(notifier))
        await asyncio.sleep(0.1)
        server.accept_no_more()

        assert_all_sent([*await send_many(notifier, 20), await slow])

        assert len(server.sessions) == 1

    with_limits(Limits(), body)


def test_field_5_12_without_any_connection_the_relay_is_away_and_few_are_tried() -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        found = await asyncio.gather(*(send(notifier) for _ in range(40)), return_exceptions=True)

        assert all(isinstance(error, Unavailable) for error in found)
        assert server.turned_away <= 4
        for _ in range(3):
            before = server.turned_away
            await asyncio.gather(*(send(notifier) for _ in range(40)), return_exceptions=True)
            assert server.turned_away == before + 1, "after a failure one at a time"
        server.limits.connections = None
        assert_all_sent(await send_many(notifier, 40))

    with_limits(Limits(connections=0), body, limits=PoolLimits(crowded=0))


def test_field_5_12_a_worker_that_comes_late_waits_until_others_leave_room() -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        desk = Desk(notifier)
        waiting = asyncio.gather(*(desk.dispatch(a_notification(id=f"n-{n}")) for n in range(20)))
        await asyncio.sleep(0.4)
        assert 1 <= server.turned_away <= 6
        server.limits.connections = 2

        outcomes = await waiting

        assert {(len(o.sent), o.attempt) for o in outcomes} == {(1, 1)}
        assert desk.pauses == []

    with_limits(Limits(connections=0), body)


def test_field_5_12_connections_that_are_not_needed_leave_room_for_others() -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        server.on("dot", Say("250 2.0.0 queued", delay=0.02))
        await send_many(notifier, 30)
        assert server.open_connections >= 4

        await eventually(lambda: server.open_connections == 1)
        await asyncio.sleep(0.3)

        assert server.open_connections == 1

    with_limits(Limits(), body, limits=PoolLimits(surplus=0.1))
