"""How a kept mail is read for MailHog's API, whatever is in it."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from entrypoints.mailbox.envelope import ArrivedEnvelope, ArrivedMail, as_file, read_arrived
from entrypoints.mailbox.mailhog_message import Json, mailhog_id, mailhog_message

PIECES = [
    b"\r\n", b"\n", b"\r", b"--b", b"--", b": ", b"Content-Type: ", b"multipart/mixed; boundary=b",
    b"\r\n\r\n", b";", b'"', b"\xff", b"\xe2\x82", b" ", b"\t", b"a", b"Delivered-To: ", b"<", b">",
]  # fmt: skip


def message(data: bytes, *, sender: bytes = b"a@example.com", at: int = 0) -> Json:
    mail = ArrivedMail(ArrivedEnvelope(sender=sender, recipients=[b"b@example.com"]), data)
    return mailhog_message("id@host", mail, at)


@given(st.lists(st.sampled_from(PIECES)).map(b"".join))
def test_whatever_comes_has_a_form_and_comes_back_from_its_file(data: bytes) -> None:
    envelope = ArrivedEnvelope(sender=b"a@b", recipients=[b"c", b"d@e"], helo=b"me")
    mail = ArrivedMail(envelope, data)

    found = message(data)

    assert json.loads(json.dumps(found)) == found
    assert found["Content"]["Size"] == len(data)
    assert read_arrived(as_file(mail)) == mail


def test_parts_in_parts_without_end_are_read_to_some_depth() -> None:
    data = b"\r\n\r\n"
    for number in range(300):
        boundary = b"b%d" % number
        data = b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n%s" % (
            boundary,
            boundary,
            data,
        )

    json.dumps(message(data))


def test_a_mail_of_the_worker_s_own_mailbox_has_the_same_form() -> None:
    source = b"Return-Path: <shop@example.com>\nDelivered-To: a@example.com\nDelivered-To: b@c\n"
    source += b"Subject: Hi\n\nOne\nTwo\n"

    mail = read_arrived(source)

    assert mail.envelope.sender == b"shop@example.com"
    assert list(mail.envelope.recipients) == [b"a@example.com", b"b@c"]
    assert mail.data == b"Subject: Hi\r\n\r\nOne\r\nTwo"


def test_a_header_of_the_mail_that_looks_like_the_envelope_stays_in_the_mail() -> None:
    envelope = ArrivedEnvelope(sender=b"a@b", recipients=[b"c@d"], helo=b"me")
    mail = ArrivedMail(envelope, b"Delivered-To: x@y\r\nReturn-Path: <z>\r\n\r\nbody")

    assert read_arrived(as_file(mail)) == mail


def test_times_have_as_many_digits_as_they_need() -> None:
    assert message(b"", at=0)["Created"] == "1970-01-01T00:00:00Z"
    assert message(b"", at=1_500_000_000)["Created"] == "1970-01-01T00:00:01.5Z"
    assert message(b"", at=1_000_000_001)["Created"] == "1970-01-01T00:00:01.000000001Z"


def test_a_name_is_that_of_the_file_and_no_path() -> None:
    one, other = mailhog_id(Path("/a/new/1")), mailhog_id(Path("/a/new/2"))

    assert one != other
    assert one == mailhog_id(Path("/a/new/1"))
    assert "/" not in one


def test_an_id_ends_as_mailhog_s_ids_do(tmp_path: Path) -> None:
    assert mailhog_id(tmp_path / "1.M1").endswith("=@mailhog.example")
