"""Limits of size and number, and what attachments must be."""

import base64

import pytest

from adapters.message_format.rules import MAX_BODY
from domain.errors import MalformedMessage
from domain.notification import Attachment
from tests.support.decoding import decode
from tests.unit.message_format.reading import faults, read


def test_a_body_over_the_limit_is_not_even_parsed() -> None:
    body = b"\xff" * 11

    with pytest.raises(MalformedMessage) as caught:
        decode(body, channel="email", max_body=10)

    assert str(caught.value) == "body: 11 bytes, more than DISPATCHER_MAX_BODY allows (10)"
    assert MAX_BODY == 10 * 1024 * 1024


def test_a_body_at_the_limit_is_read() -> None:
    body = b'{"to":"ann@example.com","template":"welcome"}'

    assert decode(body, channel="email", max_body=len(body)).notifications[0].template == "welcome"


def test_at_most_500_recipients() -> None:
    several = [f"{i}@example.com" for i in range(400)]

    assert len(read(to=several, cc=several[:100]).notifications[0].cc) == 100
    assert faults(to=several, cc=several[:50], bcc=several[:51]) == (
        "to: 501 recipients in to, cc and bcc; at most 500",
    )


@pytest.mark.parametrize(
    "name", ["a" * 32_750, "\x01" * 5_460, '"' * 8_190], ids=["plain", "control", "quotes"]
)
def test_addresses_are_measured_as_the_remainder_will_be_written(name: str) -> None:
    (fault,) = faults(to=f"{name} <ann@example.com>")

    assert fault.startswith("to: ")
    assert fault.endswith("bytes of addresses in to, cc and bcc; at most 32768")


def test_attachments_bring_their_bytes_or_a_path() -> None:
    content = base64.b64encode(b"%PDF").decode()

    notification = read(
        attachments=[
            {"filename": "a.pdf", "content": content},
            {"filename": "b", "content_type": "text/plain; charset=utf-8", "path": "x/b"},
        ]
    ).notifications[0]

    assert notification.attachments == (
        Attachment(filename="a.pdf", content_type="application/pdf", content=b"%PDF"),
        Attachment(filename="b", content_type="text/plain; charset=utf-8", path="x/b"),
    )


@pytest.mark.parametrize("filename", ["a", "a.unknown", "a.tar.gz", "data:a b/c,", "http://["])
def test_a_file_of_unknown_or_packed_kind_is_just_bytes(filename: str) -> None:
    (attachment,) = (
        read(attachments=[{"filename": filename, "content": ""}]).notifications[0].attachments
    )

    assert attachment.content_type == "application/octet-stream"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"content": "%%%"}, "attachments[0].content: must be base64"),
        ({"content": "YQ=a"}, "attachments[0].content: must be base64"),
        ({"content": "YWJjZ"}, "attachments[0].content: must be base64"),
        ({"content": None}, "attachments[0]: needs either content or path"),
        ({"path": "a"}, "attachments[0]: needs either content or path"),
        ({"filename": "a\nb"}, "attachments[0].filename: must not contain LF"),
        ({"filename": ""}, "attachments[0].filename: must not be empty"),
        ({"filename": 1}, "attachments[0].filename: must be a string"),
        ({"content_type": "pdf"}, "attachments[0].content_type: must be a media type"),
        ({"content_type": "a/b\r\nX: y"}, "attachments[0].content_type: must be a media type"),
    ],
)
def test_a_broken_attachment_is_named(change: dict[str, object], fault: str) -> None:
    (found,) = faults(attachments=[{"filename": "a.pdf", "content": "", **change}])

    assert found.startswith(fault)


def test_an_attachment_may_leave_its_type_null() -> None:
    attachment = {"filename": "a.pdf", "content_type": None, "content": "", "path": None}

    assert read(attachments=[attachment]).notifications[0].attachments[0].content == b""


def test_a_crowd_of_broken_attachments_costs_one_fault() -> None:
    assert len(faults(attachments=[1] * 1_000)) == 1


def test_faults_never_repeat_the_input() -> None:
    found = faults(to=["s3cret\n"], subject="s3cret\n", parameters="s3cret", attachments="s3cret")

    assert len(found) == 4
    assert "s3cret" not in "".join(found)
