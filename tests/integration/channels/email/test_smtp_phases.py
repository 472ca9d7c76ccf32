"""Every phase of a mail transaction, against a server that fails exactly there."""

from datetime import timedelta

import pytest

from adapters.channels.email.smtp import SmtpNotifier
from domain.content import Content
from domain.errors import (
    FailureReason,
    InDoubt,
    Transient,
    Unavailable,
)
from tests.fakes import a_notification
from tests.support.smtp_sending import BOTH, HASTY, assert_permanent, send, with_server
from tests.support.smtp_server import (
    EXTENSIONS,
    Action,
    Cut,
    CutAfter,
    Hang,
    Say,
    SayEarly,
    SmtpServer,
)


@BOTH
def test_one_refused_recipient_costs_the_others_nothing(extensions: tuple[str, ...]) -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        server.on("rcpt", Say("550 5.1.1 no such user"), address="bob@example.com")
        server.on("rcpt", Say("450 4.2.1 later"), address="carl@example.com")

        answers = await send(
            notifier,
            a_notification(to=["ann@example.com", "bob@example.com", "carl@example.com"]),
        )

        assert answers["ann@example.com"] is None
        assert_permanent(answers["bob@example.com"], FailureReason.RECIPIENT_REFUSED)
        assert "550 5.1.1 no such user" in str(answers["bob@example.com"])
        assert isinstance(answers["carl@example.com"], Transient)
        assert server.deliveries == ["ann@example.com"]

    with_server(body, server=SmtpServer(extensions=extensions))


@BOTH
@pytest.mark.parametrize(
    ("phase", "reply", "reason"),
    [
        ("mail", "550 5.7.1 not you", FailureReason.SENDER_REFUSED),
        ("mail", "553 bad sender", FailureReason.SENDER_REFUSED),
        ("mail", "552 5.3.4 too big", FailureReason.CONTENT_REFUSED),
        ("mail", "555 what parameter", FailureReason.CONTENT_REFUSED),
        ("rcpt", "551 not here", FailureReason.RECIPIENT_REFUSED),
        (
            "rcpt",
            "450 5.1.1 codes differ: the enhanced one counts",
            FailureReason.RECIPIENT_REFUSED,
        ),
        ("rcpt", "501 syntax", FailureReason.CONTENT_REFUSED),
        ("data", "554 5.7.1 policy", FailureReason.CONTENT_REFUSED),
        ("dot", "554 5.6.0 spam\nsays our filter", FailureReason.CONTENT_REFUSED),
        ("dot", "552 5.3.4 too big", FailureReason.CONTENT_REFUSED),
    ],
)
def test_a_final_refusal_is_permanent_with_the_reason_of_its_phase(
    extensions: tuple[str, ...], phase: str, reply: str, reason: FailureReason
) -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        server.on(phase, Say(reply), times=1)

        first = await send(notifier)
        second = await send(notifier)

        assert_permanent(first["ann@example.com"], reason)
        assert reply.split("\n", maxsplit=1)[0] in str(first["ann@example.com"])
        assert "\n" not in str(first["ann@example.com"])
        assert second == {"ann@example.com": None}
        assert len(server.sessions) == 1, "a coded refusal leaves the connection usable"

    with_server(body, server=SmtpServer(extensions=extensions))


@BOTH
@pytest.mark.parametrize(
    ("phase", "reply", "minutes"),
    [
        ("mail", "451 4.3.0 busy", None),
        ("rcpt", "452 4.5.3 too many recipients", None),
        ("rcpt", "552 too many recipients", None),
        ("rcpt", "550 4.2.1 codes differ: the enhanced one counts", None),
        ("rcpt", "451 4.7.1 come back", 5),
        ("rcpt", "450 you are Greylisted", 5),
        ("data", "451 4.3.2 not now", None),
        ("dot", "451 4.7.1 greylisted", 5),
        ("dot", "452 4.3.1 disk full", None),
    ],
)
def test_a_passing_refusal_is_transient(
    extensions: tuple[str, ...], phase: str, reply: str, minutes: int | None
) -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        server.on(phase, Say(reply), times=1)

        first = (await send(notifier))["ann@example.com"]
        second = await send(notifier)

        assert isinstance(first, Transient)
        assert not first.safe_to_repeat
        assert first.at_least == (timedelta(minutes=minutes) if minutes else None)
        assert second == {"ann@example.com": None}

    with_server(body, server=SmtpServer(extensions=extensions))


@BOTH
@pytest.mark.parametrize("phase", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("action", [Cut(), Hang(), Cut("421 4.3.2 closing")])
def test_a_fresh_connection_lost_before_the_payload_may_be_repeated_at_once(
    extensions: tuple[str, ...], phase: str, action: Action
) -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        server.on(phase, action)

        with pytest.raises(Transient) as caught:
            await send(notifier)

        assert caught.value.safe_to_repeat
        assert caught.value.provider_fault
        assert server.accepted == []
        # Silence after the first of several answers, or an end with no word: once more, one by one.
        stalls = action == Cut() or (action == Hang() and phase != "mail")
        stalls = stalls and extensions == EXTENSIONS
        assert len(server.sessions) == (2 if stalls else 1)

    with_server(body, timeouts=HASTY, server=SmtpServer(extensions=extensions))


@BOTH
@pytest.mark.parametrize("phase", ["mail", "rcpt"])
def test_what_follows_a_farewell_in_one_group_says_nothing_about_the_recipients(
    extensions: tuple[str, ...], phase: str
) -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        server.on(phase, Say("421 4.3.0 mail session limit reached"))
        server.on("rcpt", Say("503 5.5.1 need MAIL first"), address="bob@")

        with pytest.raises(Transient) as caught:
            await send(notifier, a_notification(to=("ann@example.com", "bob@example.com")))

        assert "421 4.3.0" in str(caught.value)
        assert caught.value.provider_fault

    with_server(body, server=SmtpServer(extensions=extensions))


@BOTH
@pytest.mark.parametrize(
    ("phase", "action"),
    [
        ("payload", CutAfter(0)),
        ("payload", CutAfter(40)),
        ("payload", Hang()),
        ("dot", Cut()),
        ("dot", Hang()),
        ("dot", Say("354 what")),
    ],
)
def test_a_connection_lost_from_the_payload_on_leaves_the_mail_in_doubt(
    extensions: tuple[str, ...], phase: str, action: Action
) -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        server.on(phase, action, times=1)
        server.on("rcpt", Say("550 5.1.1 no"), address="bob@example.com", times=1)

        first = await send(notifier, a_notification(to=["ann@example.com", "bob@example.com"]))
        second = await send(notifier)

        assert isinstance(first["ann@example.com"], InDoubt)
        assert_permanent(first["bob@example.com"], FailureReason.RECIPIENT_REFUSED)
        assert second == {"ann@example.com": None}
        assert len(server.sessions) == 2, "a connection in doubt is never used again"

    with_server(body, timeouts=HASTY, server=SmtpServer(extensions=extensions))


def test_a_farewell_in_answer_to_the_final_dot_is_a_refusal_not_a_doubt() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        server.on("dot", Cut("421 4.3.2 shutting down"), times=1)

        answer = (await send(notifier))["ann@example.com"]

        assert isinstance(answer, Transient)

    with_server(body)


def test_a_refusal_in_the_middle_of_a_big_mail_is_definite() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        server.on("payload", SayEarly(1000, "552 5.3.4 too big"), times=1)
        big = Content(parts={"text": "x" * 70 + "\n" + ("y" * 70 + "\n") * 200_000})

        answer = (await send(notifier, content=big))["ann@example.com"]

        assert_permanent(answer, FailureReason.CONTENT_REFUSED)

    with_server(body)


@BOTH
def test_when_nobody_is_accepted_nothing_of_the_mail_leaves(extensions: tuple[str, ...]) -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        server.on("rcpt", Say("550 5.1.1 no"), times=2)
        server.on("data", Say("354 go on all the same"), times=1)
        await send(notifier, a_notification(to=["a@example.com", "b@example.com"]))

        assert await send(notifier) == {"ann@example.com": None}
        assert [mail.recipients for mail in server.accepted] == [("ann@example.com",)]
        assert len(server.sessions) == 1

    with_server(body, server=SmtpServer(extensions=extensions))


@pytest.mark.parametrize("greeting", ["421 4.3.2 too busy", "554 5.3.2 go away"])
def test_a_server_that_refuses_the_connection_is_unavailable(greeting: str) -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        server.on("connect", Say(greeting))

        with pytest.raises(Unavailable) as caught:
            await send(notifier)

        assert greeting in str(caught.value)

    with_server(body)


def test_nonsense_in_place_of_a_reply_ends_the_connection() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        server.on("mail", Say("HTTP/1.1 200 OK"), times=1)

        with pytest.raises(Transient):
            await send(notifier)

        assert await send(notifier) == {"ann@example.com": None}

    with_server(body)
