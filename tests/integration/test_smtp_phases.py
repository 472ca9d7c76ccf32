"""Every phase of a mail transaction, against a server that fails exactly there."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from adapters.notifiers.email.pool import PoolLimits
from adapters.notifiers.email.smtp import SmtpNotifier
from adapters.notifiers.email.transaction import Timeouts
from adapters.notifiers.email.url import SmtpSettings
from domain.content import Content
from domain.errors import (
    DeliveryError,
    FailureReason,
    InDoubt,
    Permanent,
    Transient,
    Unavailable,
)
from domain.notification import Notification
from tests.fakes import a_notification
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

CONTENT = Content(subject="Hello", parts={"text": "Hi.\n.dot\n"}, version="v1")
NO_PIPELINING = tuple(e for e in EXTENSIONS if e != "PIPELINING")
QUICK = Timeouts(connect=0.5, command=0.3, final=0.3)
BOTH = pytest.mark.parametrize("extensions", [EXTENSIONS, NO_PIPELINING], ids=["group", "single"])

Answers = Mapping[str, DeliveryError | None]


def notifier_for(server: SmtpServer, **options: object) -> SmtpNotifier:
    options.setdefault("timeouts", QUICK)
    return SmtpNotifier(SmtpSettings(host="127.0.0.1", port=server.port), **options)


async def send(
    notifier: SmtpNotifier, notification: Notification | None = None, content: Content = CONTENT
) -> Answers:
    notification = notification or a_notification()
    answers = await notifier.notify(notification, content, notification.recipients)
    return {recipient.address: answer for recipient, answer in answers.items()}


def with_server(
    body: Callable[[SmtpServer, SmtpNotifier], Awaitable[None]],
    *,
    server: SmtpServer | None = None,
    **options: object,
) -> None:
    async def main() -> None:
        async with server or SmtpServer() as running:
            notifier = notifier_for(running, **options)
            try:
                await body(running, notifier)
            finally:
                await notifier.close()

    asyncio.run(main())


@BOTH
def test_a_mail_arrives_as_it_was_written(extensions: tuple[str, ...]) -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        answers = await send(notifier)

        assert answers == {"ann@example.com": None}
        mail = message_from_bytes(server.accepted[0].data, policy=policy.default)
        assert mail["Subject"] == "Hello"
        assert mail.get_content().replace("\r\n", "\n") == "Hi.\n.dot\n"
        assert server.accepted[0].recipients == ("ann@example.com",)

    with_server(body, server=SmtpServer(extensions=extensions))


def test_bcc_is_served_and_never_shown() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        notification = a_notification(
            cc=a_notification(to="cc@example.com").to, bcc=a_notification(to="bcc@example.com").to
        )

        answers = await send(notifier, notification)

        assert list(answers.values()) == [None] * 3
        assert "bcc@example.com" in server.accepted[0].recipients
        assert b"bcc@example.com" not in server.accepted[0].data

    with_server(body)


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


def assert_permanent(error: DeliveryError | None, reason: FailureReason) -> None:
    assert isinstance(error, Permanent), error
    assert error.reason is reason


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
        assert server.accepted == []
        assert len(server.sessions) == 1

    with_server(body, server=SmtpServer(extensions=extensions))


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

    with_server(body, server=SmtpServer(extensions=extensions))


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

    with_server(body, timeouts=Timeouts(connect=5, command=5, final=5))


def test_a_big_mail_passes_a_slow_reader_whole() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        text = ".".join("z" * 70 + "\n" for _ in range(60_000))

        assert await send(notifier, content=Content(parts={"text": text})) == {
            "ann@example.com": None
        }

        mail = message_from_bytes(server.accepted[0].data, policy=policy.default)
        assert mail.get_content().replace("\r\n", "\n") == text

    with_server(body, timeouts=Timeouts(connect=5, command=5, final=20))


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


def test_five_hundred_recipients_go_in_one_group_each_with_its_own_answer() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        addresses = [f"user{n}@example.com" for n in range(500)]
        for n in range(100, 500):
            server.on("rcpt", Say("452 4.5.3 too many"), address=f"<user{n}@example.com>")

        answers = await send(notifier, a_notification(to=addresses))

        assert [answers[a] for a in addresses[:100]] == [None] * 100
        assert all(isinstance(answers[a], Transient) for a in addresses[100:])
        assert server.deliveries == addresses[:100]

    with_server(body, timeouts=Timeouts(connect=5, command=5, final=5))


def test_two_spellings_of_one_address_get_one_mail_and_both_an_answer() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        answers = await send(
            notifier, a_notification(to=["ann@bücher.example", "ann@xn--bcher-kva.example"])
        )

        assert list(answers.values()) == [None, None]
        assert server.deliveries == ["ann@xn--bcher-kva.example"]

    with_server(body)


def test_no_more_connections_than_the_pool_has_and_every_caller_is_served() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
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

        async with asyncio.timeout(5):
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


def test_a_mail_above_the_servers_size_is_refused_before_it_is_offered() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        answer_error = None
        try:
            await send(notifier, content=Content(parts={"text": "x\n" * 2000}))
        except Permanent as error:
            answer_error = error

        assert_permanent(answer_error, FailureReason.CONTENT_REFUSED)
        assert not any(c.startswith("MAIL") for c in server.sessions[0].commands)
        assert await send(notifier) == {"ann@example.com": None}

    with_server(body, server=SmtpServer(extensions=("SIZE 2000",)))


def test_eight_bit_text_goes_as_it_is_only_where_that_is_offered() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        await send(notifier, content=Content(parts={"text": "Größe\n"}))
        server.extensions = ()
        server.drop_connections()
        await send(notifier, content=Content(parts={"text": "Größe\n"}))

        first, second = server.accepted
        assert "BODY=8BITMIME" in first.parameters
        assert "Größe".encode() in first.data
        assert second.parameters == ""
        assert second.data.isascii()

    with_server(body)


def test_an_address_that_needs_smtputf8_is_served_only_where_that_is_offered() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        both = a_notification(to=["jürgen@example.com", "ann@example.com"])
        first = await send(notifier, both)
        server.extensions = ("PIPELINING",)
        server.drop_connections()
        second = await send(notifier, both)

        assert first == {"jürgen@example.com": None, "ann@example.com": None}
        assert "SMTPUTF8" in server.accepted[0].parameters
        assert server.accepted[0].recipients == ("jürgen@example.com", "ann@example.com")
        assert_permanent(second["jürgen@example.com"], FailureReason.RECIPIENT_INVALID)
        assert "SMTPUTF8" in str(second["jürgen@example.com"])
        assert second["ann@example.com"] is None
        assert server.accepted[1].data.isascii()

    with_server(body)


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
