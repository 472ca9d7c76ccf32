"""The envelope of a mail leaves behind the body of the mail before it, where the server pipelines.

Whatever becomes of the one, the other gets its own answer.
"""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from adapters.channels.email.transaction import Timeouts
from adapters.channels.email.url import Security
from domain.content import Content
from domain.errors import DeliveryError, InDoubt, Permanent, Transient
from tests.fakes import eventually
from tests.support.certificates import throwaway_certificate
from tests.support.smtp_behind import BehindServer, send_behind, warm_up
from tests.support.smtp_named import NamedSender, names, received
from tests.support.smtp_script import Action, Call, Cut, CutAfter, Say
from tests.support.smtp_sending import NO_PIPELINING


def test_the_next_envelope_comes_with_the_body_before_it_and_waits_for_its_own_answers() -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        await warm_up(sender, server)

        assert set((await sender.send_all(*names(5))).values()) == {None}

        assert len(server.sessions) == 1
        assert received(server) == Counter(names(5))
        *groups, last = server.behind
        assert [group.split("\r\n")[1:] for group in groups] == [
            [f"RCPT TO:<{name}@example.com>", "DATA", ""] for name in names(5)[1:]
        ]
        assert last == ""

    send_behind(server, body)


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_it_does_so_over_tls(tmp_path: Path, security: Security) -> None:
    certificate = throwaway_certificate(tmp_path)
    context = certificate.server_context
    tls = security is Security.TLS
    server = BehindServer(tls=context) if tls else BehindServer(starttls=context)

    async def body(sender: NamedSender) -> None:
        await warm_up(sender, server)

        assert set((await sender.send_all(*names(5))).values()) == {None}

        assert received(server) == Counter(names(5))
        assert len(list(filter(None, server.behind))) == 4

    send_behind(server, body, settings={"security": security}, ca_file=certificate.file)


def test_it_does_so_behind_big_mails() -> None:
    server = BehindServer()
    content = Content(parts={"text": ("x" * 900 + "\n.\n") * 400})  # written in several pieces

    async def body(sender: NamedSender) -> None:
        sending = (sender.send(name, content=content) for name in names(5))
        assert all(set(answers.values()) == {None} for answers in await asyncio.gather(*sending))

        assert received(server) == Counter(names(5))
        assert list(filter(None, server.behind))
        bodies = {mail.data.partition(b"\r\n\r\n")[2] for mail in server.accepted}
        assert len(bodies) == 1

    send_behind(server, body)


@pytest.mark.parametrize(
    ("extensions", "pipelining"), [(NO_PIPELINING, True), (("PIPELINING",), False)]
)
def test_without_pipelining_nothing_follows_a_mail(
    extensions: tuple[str, ...], pipelining: bool
) -> None:
    server = BehindServer(extensions=extensions)

    async def body(sender: NamedSender) -> None:
        assert set((await sender.send_all(*names(6))).values()) == {None}

        assert set(server.behind) == {""}
        commands = [command.split()[0] for command in server.sessions[0].commands]
        assert commands == ["EHLO", *["MAIL", "RCPT", "DATA"] * 6]

    send_behind(server, body, settings={"pipelining": pipelining})


def test_a_mail_takes_an_idle_connection_and_does_not_wait_behind_another() -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        server.on("dot", Say("250 2.0.0 queued", delay=0.1), times=2)
        await sender.send_all("ann", "bob")
        await sender.send_all(*names(6))
        server.behind.clear()
        server.on("dot", Say("250 2.0.0 queued", delay=2), address="slow", times=1)
        slow = asyncio.create_task(sender.send("slow"))
        await eventually(lambda: sender.left["slow"] == 1)

        assert await sender.send("quick") == {"quick": None}

        assert not slow.done()
        assert server.behind == ["", ""]
        assert await slow == {"slow": None}

    send_behind(server, body, size=2)


def test_a_mail_behind_one_that_takes_long_goes_elsewhere() -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        server.on("dot", Say("250 2.0.0 queued", delay=0.1), times=2)
        await sender.send_all("ann", "bob")
        await warm_up(sender, server)
        server.on("dot", Say("250 2.0.0 queued", delay=3), address="slow", times=1)
        slow = [asyncio.create_task(sender.send(name)) for name in ("slow0", "other")]
        await eventually(lambda: sender.left["slow0"] + sender.left["other"] == 2)

        quick = await asyncio.wait_for(sender.send_all(*names(4)), 2.5)

        assert set(quick.values()) == {None}
        assert not slow[0].done()
        assert await slow[0] == {"slow0": None}
        assert set(sender.left.values()) == {1}
        assert received(server) == Counter([*names(4), "slow0", "other"])

    send_behind(server, body, size=2)


ENDS: list[tuple[str, Action, type[DeliveryError] | None]] = [
    ("dot", Say("250 2.0.0 queued", delay=0.2), None),
    ("dot", Say("550 5.7.1 spam"), Permanent),
    ("dot", Say("451 4.3.0 later"), Transient),
    ("dot", Say("452 4.2.2 full"), Transient),
    ("dot", Say("421 4.3.2 closing"), Transient),
    ("dot", Cut("421 4.3.2 closing"), Transient),
    ("dot", Cut("250 2.0.0 queued"), None),
    ("dot", Cut("550 5.7.1 spam"), Permanent),
    ("dot", Cut(), InDoubt),
    ("dot", Say("334 what"), InDoubt),
    ("payload", CutAfter(0), InDoubt),
    ("payload", CutAfter(1), InDoubt),
    ("payload", CutAfter(30), InDoubt),
    ("dot", Say("250 2.0.0 queued", delay=1.5), InDoubt),
]


@pytest.mark.parametrize(("phase", "action", "error"), ENDS)
def test_however_a_mail_ends_the_one_behind_it_is_sent_once_and_spends_no_attempt(
    phase: str, action: Action, error: type[DeliveryError] | None
) -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        await warm_up(sender, server)
        server.on(phase, action, times=1)

        answers = await sender.send_all("ann", "bob", "carl")

        assert (answers["bob"], answers["carl"]) == (None, None)
        assert type(answers["ann"]) is (error or type(None))
        assert set(sender.left.values()) == {1}
        sent = received(server)
        assert (sent["bob"], sent["carl"]) == (1, 1)
        assert error is InDoubt or sent["ann"] == (error is None)

    times = Timeouts(connect=5, command=5, group=0.8, final=1)
    send_behind(server, body, timeouts=times)


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("action", [Cut(), Cut("421 4.4.2 bye"), Say("421 4.4.2 bye")])
def test_a_connection_lost_at_the_envelope_behind_a_mail_harms_neither(
    phase: str, action: Action
) -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        await warm_up(sender, server)
        server.on(phase, action, address=None if phase == "data" else "bob", times=1)
        if phase == "data":
            server.on(phase, Say("354 go on"), times=1)

        answers = await sender.send_all("ann", "bob", "carl")

        assert set(answers.values()) == {None}
        assert set(sender.left.values()) == {1}
        assert received(server) == Counter(["ann", "bob", "carl"])

    send_behind(server, body)


def test_a_refusal_in_the_envelope_behind_a_mail_is_that_of_its_own_mail() -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        await warm_up(sender, server)
        server.on("rcpt", Say("550 5.1.1 no such user"), address="bob")
        server.on("mail", Call(lambda: None, "250 2.1.0 ok"))

        answers = await sender.send_all("ann", "bob", "carl", "dora")

        assert isinstance(answers.pop("bob"), Permanent)
        assert set(answers.values()) == {None}
        assert received(server) == Counter(["ann", "carl", "dora"])
        assert len(server.sessions) == 1

    send_behind(server, body)


def test_a_mail_that_goes_again_to_fewer_recipients_leaves_the_connection_to_the_next() -> None:
    server = BehindServer()

    async def body(sender: NamedSender) -> None:
        await warm_up(sender, server)
        server.on("dot", Say("452 4.5.3 too many recipients"), times=1)

        two, *others = await asyncio.gather(
            sender.send("ann", "amy"), *map(sender.send, ("bob", "carl"))
        )

        assert two["ann"] is None
        assert [set(one.values()) for one in others] == [{None}, {None}]
        assert received(server) == Counter(["ann", "bob", "carl"])

    send_behind(server, body)
