"""Connections are kept, shared, retired and replaced without a mail paying for it."""

import asyncio

import pytest

from adapters.channels.email.bounds import PoolLimits
from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.email.transaction import Timeouts
from adapters.channels.shared.learned import Learned
from domain.errors import Unavailable
from tests.support.smtp_sending import (
    BOTH,
    send,
    with_server,
)
from tests.support.smtp_server import (
    Action,
    Cut,
    Hang,
    Say,
    SmtpServer,
)

FAREWELL = "421 4.4.2 idle too long"


@BOTH
@pytest.mark.parametrize("phase", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("action", [Cut(), Cut("421 4.4.2 idle too long")])
def test_a_kept_connection_lost_before_the_payload_is_replaced_unseen(
    extensions: tuple[str, ...], phase: str, action: Action
) -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        await send(notifier)
        server.on(phase, action, times=1)

        answers = await send(notifier)

        assert answers == {"ann@example.com": None}
        assert len(server.accepted) == 2
        assert len(server.sessions) == 2

    with_server(body, server=SmtpServer(extensions=extensions))


@pytest.mark.parametrize("farewell", [None, "421 4.4.2 idle too long"])
def test_idle_connections_closed_by_the_server_cost_nothing(farewell: str | None) -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        await asyncio.gather(*(send(notifier) for _ in range(5)))
        server.drop_connections(farewell)

        answers = await asyncio.gather(*(send(notifier) for _ in range(5)))

        assert all(list(answer.values()) == [None] for answer in answers)
        assert len(server.accepted) == 10

    with_server(body)


def test_a_connection_closed_as_soon_as_it_is_open_costs_nothing() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        server.on("helo", Say(f"250 relay\r\n{FAREWELL}"), times=1)

        assert await send(notifier) == {"ann@example.com": None}
        assert len(server.sessions) == 2

    with_server(body)


def test_a_relay_that_closes_each_connection_as_soon_as_it_is_open_is_away() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        server.on("helo", Say(f"250 relay\r\n{FAREWELL}"))

        with pytest.raises(Unavailable, match="idle too long"):
            await send(notifier)
        assert len(server.sessions) == 2

    with_server(body)


def test_no_more_connections_than_the_pool_has_and_every_caller_is_served() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        server.on("dot", Say("250 2.0.0 queued", delay=0.2), times=3)  # so that three are needed
        await asyncio.gather(*(send(notifier) for _ in range(50)))

        assert len(server.accepted) == 50
        assert len(server.sessions) == 3

    with_server(body, limits=PoolLimits(size=3))


def test_a_connection_retires_after_its_share_of_mails_with_a_goodbye() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        for _ in range(5):
            await send(notifier)

        assert len(server.sessions) == 3
        assert server.sessions[0].commands[-1] == "QUIT"

    with_server(body, limits=PoolLimits(mails=2))


def test_an_idle_connection_is_closed_with_a_goodbye_though_no_mail_follows() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        await send(notifier)

        async with asyncio.timeout(30):
            while server.open_connections:
                await asyncio.sleep(0.02)

        assert server.sessions[0].commands[-1] == "QUIT"

    with_server(body, limits=PoolLimits(idle=0.1))


def test_closing_says_goodbye_and_may_be_repeated() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        await send(notifier)

        await notifier.close()
        await notifier.close()

        assert server.sessions[0].commands[-1] == "QUIT"

    with_server(body)


def test_a_cancelled_mail_takes_its_connection_with_it_and_gives_its_place_back() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        server.on("rcpt", Hang(), times=1)
        hanging = asyncio.create_task(send(notifier))
        await asyncio.sleep(0.1)

        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging

        assert await send(notifier) == {"ann@example.com": None}
        assert len(server.sessions) == 2

    with_server(body, limits=PoolLimits(size=1), timeouts=Timeouts())


def test_an_idle_connection_serves_a_mail_whose_own_is_lost_and_cannot_be_replaced() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        server.on("dot", Say("250 2.0.0 queued", delay=0.2), times=2)  # so that there are two
        await asyncio.gather(send(notifier), send(notifier))
        server.on("connect", Say("421 4.7.0 no more of you"))
        server.on("mail", Cut(), times=1)

        async with asyncio.timeout(5):
            answers = await send(notifier)

        assert answers == {"ann@example.com": None}

    with_server(body)


def test_the_pool_says_what_its_connections_do() -> None:
    learned = Learned()

    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        [(_relay, use)] = learned.pools
        assert not any(use().values())
        server.on("dot", Hang(), times=1)
        held = asyncio.create_task(send(notifier))
        while not use()["in_use"]:
            await asyncio.sleep(0)
        await send(notifier)

        assert use() == {"in_use": 1, "idle": 1, "opening": 0, "waiting": 0, "opened": 2}
        held.cancel()
        await asyncio.gather(held, return_exceptions=True)

    with_server(body, learned=learned)
