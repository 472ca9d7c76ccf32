"""Scripted servers for the envelope of a mail that comes behind the body of the mail before it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from adapters.channels.email.bounds import PoolLimits
from adapters.channels.email.transaction import Timeouts
from tests.support.smtp_conversation import Conversation, Ended
from tests.support.smtp_named import NamedSender, names, with_sender
from tests.support.smtp_server import Say, SmtpServer

_SOON = 0.02
_TIMES = Timeouts(connect=5, command=5, group=0.5, final=5)


class BehindConversation(Conversation):
    """Looks at what has come by the time that a mail is answered."""

    server: "BehindServer"

    async def payload(self) -> bytes:
        data = await super().payload()
        try:
            came = await asyncio.wait_for(self.reader.read(1 << 16), _SOON)
        except TimeoutError:
            came = b""
        self.server.behind.append(came.decode())
        if came:
            self.reader.feed_data(self.server.meet(self.server, came))
        return data


Meet = Callable[["BehindServer", bytes], bytes]


def take(_server: "BehindServer", came: bytes) -> bytes:
    """Reads what follows a mail once the mail is answered."""
    return came


class BehindServer(SmtpServer):
    """`behind`: for each mail, the commands that came behind it."""

    conversation = BehindConversation

    def __init__(self, meet: Meet = take, **options: Any) -> None:
        """`meet` returns what is left of the commands behind a mail, before it is answered."""
        super().__init__(**options)
        self.behind: list[str] = []
        self.meet = meet


def forget(_server: BehindServer, _came: bytes) -> bytes:
    """Throws away what follows a mail."""
    return b""


def forget_half(_server: BehindServer, came: bytes) -> bytes:
    """Throws away the first bytes of it."""
    return came[7:]


def forget_the_first(_server: BehindServer, came: bytes) -> bytes:
    """Throws away the first command of it."""
    return came.partition(b"\n")[2]


def close(_server: BehindServer, _came: bytes) -> bytes:
    """Closes the connection, without an answer to the mail."""
    raise Ended


def refuse(server: BehindServer, _came: bytes) -> bytes:
    """Refuses the mail because something follows it."""
    server.on("dot", Say("554 5.5.0 SMTP protocol synchronization error"), times=1)
    return b""


def refuse_what_follows(server: BehindServer, came: bytes) -> bytes:
    """Takes the mail and refuses what follows."""
    server.on("mail", Say("554 5.5.0 improper use of SMTP command pipelining"), times=1)
    return came


def stutter(server: BehindServer, came: bytes) -> bytes:
    """Answers the mail twice."""
    server.on("dot", Say("250 2.0.0 queued\r\n250 2.0.0 and again"), times=1)
    return came


def send_behind(
    server: BehindServer,
    body: Callable[[NamedSender], Awaitable[None]],
    *,
    size: int = 1,
    **options: Any,
) -> None:
    """Run `body` with a pool of so many connections."""
    options.setdefault("limits", PoolLimits(size=size))
    options.setdefault("timeouts", _TIMES)
    with_sender(server, body, **options)


async def warm_up(sender: NamedSender, server: BehindServer) -> None:
    """After these mails the relay is known to take what comes behind a mail."""
    await sender.send_all(*names(4, "first"))
    assert "".join(server.behind)
    server.accepted.clear()
    server.behind.clear()
    sender.left.clear()
