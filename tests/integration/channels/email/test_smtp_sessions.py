"""A relay that takes so many mails over one connection gets another, and no mail pays for it."""

import asyncio
from collections import Counter
from contextlib import nullcontext

import pytest

from adapters.channels.email.bounds import PoolLimits
from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.shared.learned import Fact, Learned
from domain.errors import Transient
from tests.fakes import a_notification
from tests.support.smtp_dispatching import Desk
from tests.support.smtp_limits import (
    LimitedSmtpServer,
    Limits,
    assert_all_sent,
    fact,
    send_many,
    with_limits,
)
from tests.support.smtp_sending import BOTH, send
from tests.support.smtp_server import Say

OPENSMTPD = "452 4.5.3 Too many recipients: Too many messages sent"
REPLIES = [
    "452 4.4.5 Maximum number of messages per session exceeded.",
    "550 5.5.0 too many messages in this session",
    "421 4.7.0 Too many messages in this connection",
    "451 4.7.1 Too many messages per connection, try again",
    "552 5.7.0 Number of messages exceeds maximum per connection",
    OPENSMTPD,
    "452 4.3.1 Message limit exceeded for this session",
    "450 4.5.0 Session limit exceeded",
    "452 4.5.3 Too many messages, please open a new connection",
]


@BOTH
@pytest.mark.parametrize("phase", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("reply", REPLIES)
def test_field_5_5_a_used_up_session_is_followed_by_another_at_once(
    extensions: tuple[str, ...], reply: str, phase: str
) -> None:
    relay = Limits(
        session_mails=5,
        session_reply=reply,
        session_phase=phase,
        session_leaves=reply.startswith("421"),
    )

    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        desk = Desk(notifier)

        outcomes = [await desk.dispatch(a_notification(id=f"n-{n}")) for n in range(22)]

        assert {(len(o.sent), o.attempt) for o in outcomes} == {(1, 1)}
        assert len(server.accepted) == 22
        assert set(Counter(mail.session for mail in server.accepted).values()) == {5, 2}
        assert server.refused_mails == 1, "what was learned is kept to"
        assert fact(learned, Fact.SESSION_MAILS) == 5
        assert desk.pauses == []

    with_limits(relay, body, extensions=extensions)


def test_field_5_5_a_refusal_after_the_mail_itself_sends_it_again_elsewhere_once() -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        await send(notifier)
        server.on("dot", Say("452 4.4.5 Maximum number of messages per session exceeded."), times=1)

        assert await send(notifier) == {"ann@example.com": None}

        assert [mail.session for mail in server.accepted] == [0, 1]
        assert fact(learned, Fact.SESSION_MAILS) == 1

    with_limits(Limits(), body)


@BOTH
@pytest.mark.parametrize(
    "reply", ["452 4.3.1 no more", "450 try again later", "451 4.5.0 enough", "452 done"]
)
def test_field_5_5_a_session_that_takes_no_more_is_followed_by_another_whatever_the_words(
    extensions: tuple[str, ...], reply: str
) -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, _: Learned) -> None:
        desk = Desk(notifier)

        outcomes = [await desk.dispatch(a_notification(id=f"n-{n}")) for n in range(9)]

        assert {(len(o.sent), o.attempt) for o in outcomes} == {(1, 1)}
        assert Counter(mail.session for mail in server.accepted) == {0: 3, 1: 3, 2: 3}
        assert desk.pauses == []

    with_limits(Limits(session_mails=3, session_reply=reply), body, extensions=extensions)


@pytest.mark.parametrize(
    ("reply", "sessions"),
    [
        ("452 4.3.1 Insufficient system storage", 2),
        ("450 4.1.8 Sender address rejected: Domain not found", 1),
        ("450 4.7.1 try again later", 1),
        ("450 Greylisted", 1),
        ("451 sending quota exceeded", 1),
    ],
)
def test_field_5_5_a_refusal_that_a_fresh_session_meets_too_is_an_ordinary_one(
    reply: str, sessions: int
) -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, _: Learned) -> None:
        await send(notifier)
        server.on("mail", Say(reply))

        answers = await send(notifier)

        assert isinstance(answers["ann@example.com"], Transient)
        assert len(server.sessions) == sessions

    with_limits(Limits(), body)


@BOTH
@pytest.mark.parametrize("reply", REPLIES)
def test_field_5_5_a_fresh_session_that_takes_no_mail_is_an_ordinary_refusal(
    extensions: tuple[str, ...], reply: str
) -> None:
    relay = Limits(session_mails=0, session_reply=reply, session_leaves=reply.startswith("421"))

    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, _: Learned) -> None:
        with pytest.raises(Transient) if reply.startswith("421") else nullcontext():
            answers = await send(notifier)
            assert isinstance(answers["ann@example.com"], Transient)

        assert len(server.sessions) == 1
        assert server.accepted == []

    with_limits(relay, body, extensions=extensions)


def test_field_5_5_connections_refused_at_mail_make_the_pool_smaller() -> None:
    """As Exchange does it: a connection is let in, and its mail is refused."""

    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        server.on("dot", Say("250 2.0.0 queued", delay=0.02))
        await send_many(notifier, 8)
        server.on("mail", Say("432 4.3.2 Concurrent connections limit exceeded"), times=3)

        assert_all_sent(await send_many(notifier, 30))

        assert fact(learned, Fact.CONNECTIONS) is not None

    with_limits(Limits(), body)


def test_field_5_5_a_session_gets_more_mails_again_once_the_relay_takes_them() -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        assert_all_sent(await send_many(notifier, 12))
        assert fact(learned, Fact.SESSION_MAILS) == 5
        server.limits.session_mails = 8

        for _ in range(8):  # a session of eight may be met by one more that is tried, and again
            await asyncio.sleep(0.1)
            assert_all_sent(await send_many(notifier, 12))

        assert max(Counter(mail.session for mail in server.accepted).values()) == 8
        server.limits.session_mails = None
        await asyncio.sleep(1.5)
        assert_all_sent(await send_many(notifier, 12))
        assert (fact(learned, Fact.SESSION_MAILS) or 99) > 8

    with_limits(Limits(session_mails=5), body, limits=PoolLimits(size=1, more=0.1))


@pytest.mark.parametrize("size", [1, 10])
def test_field_5_13_opensmtpds_hundred_mails_a_session_hold_nothing_up(size: int) -> None:
    """300 mails and ten a session stand for its 3,000 and hundred."""

    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        desk = Desk(notifier)
        mails = [a_notification(id=f"n-{n}") for n in range(300)]

        outcomes = await asyncio.gather(*map(desk.dispatch, mails))

        assert {(len(o.sent), o.attempt) for o in outcomes} == {(1, 1)}
        assert len(server.accepted) == 300
        assert len(server.sessions) <= 30 + size
        assert server.refused_mails <= size
        assert fact(learned, Fact.SESSION_MAILS) == 10
        assert desk.pauses == []

    with_limits(
        Limits(session_mails=10, session_reply=OPENSMTPD), body, limits=PoolLimits(size=size)
    )


def test_field_5_13_sessions_that_end_where_connections_are_scarce_leave_before_another_comes() -> (
    None
):
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, _: Learned) -> None:
        server.on("dot", Say("250 2.0.0 queued", delay=0.002))
        assert_all_sent(await send_many(notifier, 20))
        before = server.turned_away

        assert_all_sent(await send_many(notifier, 200))

        assert server.turned_away - before <= 2

    with_limits(Limits(connections=4, session_mails=10), body)
