import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.email.session import Session
from adapters.channels.email.smtp_reply import SmtpReply
from adapters.channels.email.transaction import stuff

STREAM = b"250-first\r\n250-second\r\n250 last\r\n354 go\r\n550 5.1.1 no such user\r\n"
REPLIES = [
    SmtpReply(250, b"first\nsecond\nlast"),
    SmtpReply(354, b"go"),
    SmtpReply(550, b"5.1.1 no such user"),
]


class Wire(asyncio.Transport):
    """A connection that only knows whether it was cut."""

    was_cut = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """It goes nowhere."""

    def abort(self) -> None:
        self.was_cut = True


def session_after(*pieces: bytes) -> tuple[Session, Wire]:
    """A session to which these pieces of the stream have come."""

    async def main() -> tuple[Session, Wire]:
        session, wire = Session("relay:25"), Wire()
        session.connection_made(wire)
        for piece in pieces:
            session.data_received(piece)
        return session, wire

    return asyncio.run(main())


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_replies_read_the_same_however_the_stream_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]

    session, _ = session_after(*(STREAM[start:end] for start, end in pairwise(edges)))

    assert session.unasked == REPLIES
    assert session.lost is None


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"25\r\n",
        b"\r\n",
        b"999 x\r\n",
        b"100 x\r\n",
        b"\xff\xfe\xfd y\r\n",
        b"x" * 9000,
        (b"250-" + b"x" * 1000 + b"\r\n") * 40,
    ],
)
def test_what_is_no_reply_or_never_ends_is_malformed(data: bytes) -> None:
    session, wire = session_after(data)

    assert "does not speak SMTP" in str(session.lost)
    assert session.garbage
    assert wire.was_cut


def test_a_reply_is_told_in_one_printable_line_of_bounded_length() -> None:
    text = str(SmtpReply(550, b"a\nb\x1b[31m\xff" + b"x" * 500))

    assert text.startswith("550 a b\ufffd[31m")
    assert len(text) == 300


@pytest.mark.parametrize(
    ("text", "enhanced"),
    [(b"5.1.1 no", (5, 1, 1)), (b"4.7.1", (4, 7, 1)), (b"5.1.1x", None), (b"see 5.1.1", None)],
)
def test_an_enhanced_code_counts_only_at_the_start(
    text: bytes, enhanced: tuple[int, int, int] | None
) -> None:
    assert SmtpReply(550, text).enhanced == enhanced


@given(st.lists(st.sampled_from([b"", b".", b"..", b".x", b"x.", b"x"]), min_size=1))
def test_dots_at_line_starts_are_doubled_and_nothing_else_changes(lines: list[bytes]) -> None:
    payload = b"\r\n".join(lines) + b"\r\n"

    sent = stuff(payload)

    *received, end, rest = sent.split(b"\r\n")
    assert (end, rest) == (b".", b"")
    assert b"." not in received
    assert [line[1:] if line.startswith(b".") else line for line in received] == lines


def test_a_server_that_talks_on_unasked_is_cut_off() -> None:
    session, wire = session_after(b"250 ok\r\n" * 90)
    assert session.lost is None

    session, wire = session_after(b"250 ok\r\n" * 5000)

    assert session.lost
    assert wire.was_cut


GROUP = b"250 sender\r\n250 recipient\r\n354 go\r\n"


def asked_by_two(
    meanwhile: Callable[[Session, "asyncio.Future[list[SmtpReply]]"], object], count: int = 3
) -> tuple[list[SmtpReply] | None, Session]:
    """The replies to who comes second; what happens once both have asked."""

    async def main() -> tuple[list[SmtpReply] | None, Session]:
        session = Session("relay:25")
        wire = Wire()
        session.connection_made(wire)
        first = session.ask(b"", 60)
        second = session.ask(b"MAIL", 60, count, 10)
        meanwhile(session, first)
        if wire.was_cut:
            session.connection_lost(None)
        return second.result() if second.done() else None, session

    return asyncio.run(main())


@pytest.mark.parametrize("cut", range(len(GROUP) + 8))
def test_the_answers_to_two_are_told_apart_wherever_the_stream_is_cut(cut: int) -> None:
    stream = b"550 no\r\n" + GROUP

    def answer(session: Session, first: "asyncio.Future[list[SmtpReply]]") -> None:
        session.data_received(stream[:cut])
        session.data_received(stream[cut:])
        assert first.result() == [SmtpReply(550, b"no")]

    replies, session = asked_by_two(answer)

    assert [reply.code for reply in replies or ()] == [250, 250, 354]
    assert session.is_open


def test_the_answers_to_two_may_come_at_once_however_many_there_are() -> None:
    replies, session = asked_by_two(
        lambda session, _: session.data_received(b"250 ok\r\n" * 501), count=500
    )

    assert len(replies or ()) == 500
    assert session.is_open


def test_the_answer_to_who_has_gone_is_not_taken_for_that_to_who_came_second() -> None:
    def leave(session: Session, first: "asyncio.Future[list[SmtpReply]]") -> None:
        first.cancel()
        session.data_received(b"550 no\r\n" + GROUP)

    replies, session = asked_by_two(leave)

    assert replies == []
    assert session.lost


def test_who_asks_after_the_first_has_gone_gets_no_answer() -> None:
    async def main() -> list[SmtpReply]:
        session = Session("relay:25")
        session.connection_made(Wire())
        session.ask(b"", 60).cancel()
        second = session.ask(b"MAIL", 60, 3, 10)
        session.data_received(b"550 no\r\n" + GROUP)
        return await asyncio.wait_for(second, 1)

    assert asyncio.run(main()) == []


def test_silence_before_the_answer_to_another_is_no_sign_of_lost_commands() -> None:
    async def main() -> tuple[list[SmtpReply], Session]:
        session = Session("relay:25")
        session.connection_made(Wire())
        session.ask(b"", 0.01)
        return await asyncio.wait_for(session.ask(b"MAIL", 60, 3, 10), 1), session

    replies, session = asyncio.run(main())

    assert replies == []
    assert session.was_silent
    assert not session.broke_off(replies)
