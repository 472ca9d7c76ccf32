"""Mails to write, and ways to read them back that do not share the faults of one parser."""

import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from typing import Any

from hypothesis import strategies as st

from adapters.channels.email.headers import Mailbox
from adapters.channels.email.mime import Mail, message_id

SENDER = Mailbox("Shop", "shop@example.com")
ANN = Mailbox("Ann", "ann@example.com")

# Everything that UTF-8 can carry and a header may hold.
header_text = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=600)
nasty_text = st.one_of(
    header_text,
    st.text('a b"\\,;:<>@()[].=?_é\t', max_size=200),
    st.text(" ", max_size=100),
    st.text("ab ", min_size=400, max_size=600),
    st.sampled_from(["=?utf-8?b?eA==?=", "x" * 500, "é" * 500, "🎉" * 300, "a  b " * 100]),
)
body_text = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=2000),
    st.text("a =.\t\r\né", max_size=500),
    st.sampled_from(
        [".", ".\r\n.", "trailing \n space\t\n", "x" * 5000, "é" * 3000, "\n\n", "a\rb"]
    ),
)


def a_mail(**changes: Any) -> Mail:
    values: dict[str, Any] = {
        "sender": SENDER,
        "to": (ANN,),
        "subject": "Hello",
        "date": 1_700_000_000.0,
        "message_id": message_id("n-1", "example.com"),
        "template": "welcome@abc",
        "text": "Hi.\n",
    }
    return Mail(**{**values, **changes})


def parsed(data: bytes) -> EmailMessage:
    mail = message_from_bytes(data, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert [part.defects for part in mail.walk() if part.defects] == []
    return mail


def parts_of(mail: Message) -> list[Message]:
    """The parts of a multipart, in order."""
    parts = mail.get_payload()
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, Message)]


def text_of(part: Message) -> str:
    """A part's content, out of its transfer encoding."""
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


def raw_header(data: bytes, name: str) -> str:
    """A header unfolded but not decoded; the default policy's own unfolding of 3.11 eats spaces."""
    value = message_from_bytes(data, policy=policy.compat32)[name]
    return re.sub(r"\r?\n(?=[ \t])", "", value)


def decoded(data: bytes, name: str) -> str:
    """By `email.header`: the default policy of Python 3.11 drops or adds spaces next to encoded
    words, and loses controls, that RFC 2047 keeps."""
    return str(make_header(decode_header(raw_header(data, name))))


def assert_well_formed(data: bytes) -> None:
    assert data.endswith(b"\r\n")
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert b"\r" not in data.replace(b"\r\n", b"")
    assert b"\0" not in data
    assert max(len(line) for line in data.split(b"\r\n")) <= 998


def head_lines(data: bytes) -> list[bytes]:
    return data.partition(b"\r\n\r\n")[0].split(b"\r\n")


def lines_of(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
