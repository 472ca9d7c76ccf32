import asyncio
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
