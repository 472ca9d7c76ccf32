"""Two mails on one connection: its limits, and what happens when one is cancelled or the channel
closes."""

import asyncio
from collections import Counter

import pytest

from adapters.channels.email.bounds import PoolLimits
from tests.fakes import eventually
from tests.support.smtp_behind import BehindServer, send_behind, warm_up
from tests.support.smtp_named import NamedSender, names, received
from tests.support.smtp_script import Cut, Say
from tests.support.smtp_sending import CONTENT


@pytest.mark.parametrize("phase", ["mail", "dot"])
def test_a_session_limit_met_with_two_mails_on_it_sends_each_once(phase: str) -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        await warm_up(sender, server)
        server.on(phase, Say("452 4.4.5 Maximum number of messages per session exceeded."), times=1)

        answers = await sender.send_all("ann", "bob", "carl")

        assert set(answers.values()) == {None}
        assert received(server) == Counter(["ann", "bob", "carl"])

    send_behind(server, body)


def test_no_connection_gets_more_mails_than_its_share() -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        assert set((await sender.send_all(*names(20))).values()) == {None}

        shares = Counter(mail.session for mail in server.accepted)
        assert set(shares.values()) == {4}
        assert list(filter(None, server.behind))
        assert all(one.commands.count("DATA") == 4 for one in server.sessions)

    send_behind(server, body, limits=PoolLimits(size=1, mails=4))


def test_a_connection_that_is_old_gets_no_further_mail() -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        async with asyncio.timeout(10):
            while len(server.sessions) < 3:
                assert set((await sender.send_all(*names(12))).values()) == {None}
        assert list(filter(None, server.behind))

    send_behind(server, body, limits=PoolLimits(size=1, age=0.3))


def test_a_mail_that_is_cancelled_takes_none_with_it_that_is_behind_it() -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        await warm_up(sender, server)
        server.on("dot", Say("250 2.0.0 queued", delay=0.3), times=1)
        first, second, third = (
            asyncio.create_task(sender.send(name)) for name in ("ann", "bob", "carl")
        )
        await eventually(lambda: len(server.behind) == 1)

        first.cancel()

        assert await second == {"bob": None}
        assert await third == {"carl": None}
        assert first.cancelled()
        assert "bob" in server.behind[0]
        assert (received(server)["bob"], sender.left["bob"]) == (1, 1)

    send_behind(server, body)


def test_a_mail_that_is_cancelled_behind_another_leaves_it_its_answer() -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        await warm_up(sender, server)
        server.on("dot", Say("250 2.0.0 queued", delay=0.3), times=1)
        first, second, third = (
            asyncio.create_task(sender.send(name)) for name in ("ann", "bob", "carl")
        )
        await eventually(lambda: len(server.behind) == 1)

        second.cancel()

        assert await first == {"ann": None}
        assert await third == {"carl": None}
        assert second.cancelled()
        assert "bob" in server.behind[0]
        assert received(server) == Counter(["ann", "carl"])

    send_behind(server, body)


def test_both_mails_on_a_connection_may_be_cancelled() -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        await warm_up(sender, server)
        server.on("dot", Say("250 2.0.0 queued", delay=0.3), times=1)
        first, second, third = (
            asyncio.create_task(sender.send(name)) for name in ("ann", "bob", "carl")
        )
        await eventually(lambda: len(server.behind) == 1)

        second.cancel()
        first.cancel()

        assert await third == {"carl": None}
        assert received(server)["bob"] == 0

    send_behind(server, body)


def test_closing_lets_both_mails_on_a_connection_end() -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        await warm_up(sender, server)
        server.on("dot", Say("250 2.0.0 queued", delay=0.3), times=1)
        both = [asyncio.create_task(sender.send(name)) for name in ("ann", "bob")]
        await eventually(lambda: len(server.behind) == 1)

        await sender.notifier.close()

        assert [await one for one in both] == [{"ann": None}, {"bob": None}]
        await eventually(lambda: server.sessions[0].commands[-1] == "QUIT")

    send_behind(server, body)


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_a_server_that_closes_after_so_many_mails_loses_no_mail(most: int) -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        answers = await sender.send_all(*names(24))

        assert set(answers.values()) == {None}
        assert set(sender.left.values()) == {1}
        assert received(server) == Counter(names(24))

    for _ in range(24 // most):
        server.on("dot", Cut("250 2.0.0 queued"), times=1)
        server.on("dot", Say("250 2.0.0 queued"), times=most - 1)
    send_behind(server, body)


def test_mails_with_the_same_content_end_up_whole() -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        assert set((await sender.send_all(*names(30))).values()) == {None}

        assert received(server) == Counter(names(30))
        for mail in server.accepted:
            assert f"To: {mail.recipients[0]}".encode() in mail.data
            assert mail.data.endswith(b"\r\n.dot\r\n")
            assert CONTENT.parts["text"].split("\n")[0].encode() in mail.data

    send_behind(server, body, size=3)
