"""Who a letter is from, who it goes to, and the files that go with it."""

import asyncio
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from adapters.channels.email.outgoing_mail import Composer
from domain.content import Content, Envelope
from domain.errors import FailureReason, Permanent
from domain.notification import Attachment, Notification, Recipient, extra_header_fault
from tests.fakes import a_notification

CONTENT = Content(subject="Hello", parts={"text": "Hi."}, version="v1")
NOBODY = a_notification(sender=None)


def composed(
    notification: Notification,
    content: Content = CONTENT,
    *,
    utf8: bool = True,
    **defaults: Any,
) -> EmailMessage:
    composer = Composer(**defaults)
    letter = composer.compose(notification, content, notification.recipients)
    data = asyncio.run(composer.write(letter, eight_bit=True, utf8=utf8))
    mail = message_from_bytes(data, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def test_the_sender_is_the_messages_else_the_templates_else_the_default() -> None:
    from_template = Content(parts={"text": "x"}, envelope=Envelope(sender="Tpl <tpl@example.com>"))
    default = "Default <default@example.com>"

    assert composed(a_notification(), from_template, sender=default)["From"] == "shop@example.com"
    assert composed(NOBODY, from_template, sender=default)["From"] == "Tpl <tpl@example.com>"
    assert composed(NOBODY, sender=default)["From"] == "Default <default@example.com>"


def test_no_sender_anywhere_names_the_field_and_the_variable() -> None:
    with pytest.raises(Permanent, match=r"'from'.*DISPATCHER_EMAIL_FROM") as caught:
        composed(NOBODY)

    assert caught.value.reason is FailureReason.MALFORMED


@pytest.mark.parametrize(
    "changes", [{"sender": Recipient(address="x")}, {"reply_to": (Recipient(address="y"),)}]
)
def test_a_sender_or_reply_address_that_is_none_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Permanent, match=r"^(from|reply_to): ") as caught:
        composed(a_notification(**changes))

    assert caught.value.reason is FailureReason.MALFORMED


def test_replies_go_to_the_messages_address_else_to_the_default() -> None:
    own = a_notification(reply_to=(Recipient(address="own@example.com"),))

    assert composed(own, reply_to="d@example.com")["Reply-To"] == "own@example.com"
    assert composed(a_notification(), reply_to="d@example.com")["Reply-To"] == "d@example.com"
    assert composed(a_notification())["Reply-To"] is None


@pytest.mark.parametrize("defaults", [{"sender": "no"}, {"reply_to": "no"}, {"sender": ""}])
def test_a_default_that_is_no_address_is_found_before_any_mail(defaults: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="DISPATCHER_EMAIL_"):
        Composer(**defaults)


def test_a_template_without_a_mail_part_is_missing() -> None:
    with pytest.raises(Permanent) as caught:
        composed(a_notification(), Content(parts={"slack": "x"}))

    assert caught.value.reason is FailureReason.TEMPLATE_MISSING


def test_an_address_that_is_none_is_told_alone_and_left_out_of_the_headers() -> None:
    notification = a_notification(to=["ann@example.com", "nonsense"])
    composer = Composer()

    letter = composer.compose(notification, CONTENT, notification.recipients)

    assert [recipient.address for recipient, _ in letter.addressees] == ["ann@example.com"]
    (error,) = letter.refused.values()
    assert isinstance(error, Permanent)
    assert error.reason is FailureReason.RECIPIENT_INVALID
    assert composed(notification)["To"] == "ann@example.com"


def test_who_is_named_twice_stands_once_in_the_headers() -> None:
    notification = a_notification(to=["Ann <ann@example.com>", "ann@Example.com"])

    assert composed(notification)["To"] == "Ann <ann@example.com>"


def test_the_message_id_is_stable_and_differs_for_each_of_several_individual_mails() -> None:
    both = a_notification(to=["a@example.com", "b@example.com"], individually=True)
    mails = [composed(both.for_one(recipient)) for recipient in (*both.to, both.to[0])]

    first, second, again = (mail["Message-ID"] for mail in mails)

    assert first == again != second
    assert first.endswith("@example.com>")
    assert composed(a_notification())["Message-ID"] == composed(a_notification())["Message-ID"]


def test_field_6_6_equal_messages_without_an_id_have_a_message_id_each() -> None:
    one, other = a_notification(seed="0" * 16), a_notification(seed="1" * 16)

    assert composed(one)["Message-ID"] != composed(other)["Message-ID"]
    assert composed(one)["Message-ID"] == composed(one)["Message-ID"]
    assert composed(one)["X-Dispatcher-Id"] == composed(other)["X-Dispatcher-Id"]


def test_field_6_5_bounces_go_to_the_envelope_sender() -> None:
    own = a_notification(envelope_from=Recipient(name="Bounces", address="b@example.org"))
    composer = Composer()

    assert composer.compose(own, CONTENT, own.to).envelope_from.wire == "b@example.org"
    assert composed(own)["From"] == "shop@example.com"
    plain = a_notification()
    assert composer.compose(plain, CONTENT, plain.to).envelope_from.wire == "shop@example.com"


def test_field_6_5_an_envelope_sender_that_is_no_address_is_malformed() -> None:
    with pytest.raises(Permanent, match=r"^envelope_from: ") as caught:
        composed(a_notification(envelope_from=Recipient(address="nonsense")))

    assert caught.value.reason is FailureReason.MALFORMED


def test_field_6_5_headers_of_bulk_mail_are_let_through() -> None:
    headers = (("Precedence", "bulk"), ("Feedback-ID", "c1:shop:promo:esp"), ("feedback-id", "x"))

    mail = composed(a_notification(headers=headers[:2]))

    assert (mail["Precedence"], mail["Feedback-ID"]) == ("bulk", "c1:shop:promo:esp")
    assert extra_header_fault(*headers[2]) is None
    assert extra_header_fault("Return-Path", "<a@example.com>") is not None


def test_a_retry_for_the_remainder_is_the_same_mail() -> None:
    both = a_notification(to=["a@example.com", "b@example.com"])
    composer = Composer()
    whole = composer.compose(both, CONTENT, both.to)
    rest = composer.compose(both, CONTENT, both.to[1:])

    data = [
        message_from_bytes(asyncio.run(composer.write(letter, eight_bit=True, utf8=True)))
        for letter in (whole, rest)
    ]

    assert data[0]["Message-ID"] == data[1]["Message-ID"]
    assert data[0]["To"] == data[1]["To"] == "a@example.com, b@example.com"


def test_a_subject_with_a_line_break_is_refused() -> None:
    with pytest.raises(Permanent, match="Subject") as caught:
        composed(a_notification(), Content(subject="a\nb", parts={"text": "x"}))

    assert caught.value.reason is FailureReason.CONTENT_REFUSED


def test_an_address_the_server_cannot_carry_is_left_out_of_the_headers() -> None:
    notification = a_notification(to=["jürgen@example.com"], bcc=())

    assert composed(notification, utf8=False)["To"] == "undisclosed-recipients:;"
    assert composed(notification, utf8=True)["To"] == "jürgen@example.com"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "attachments"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "terms.pdf").write_bytes(b"terms")
    (tmp_path / "secret.txt").write_text("secret")
    (root / "link").symlink_to(tmp_path / "secret.txt")
    (root / "loop").symlink_to(root / "loop")
    return root


def with_file(path: str) -> Notification:
    return a_notification(attachments=(Attachment(filename="terms.pdf", path=path),))


def test_an_attachment_by_path_comes_from_the_folder(folder: Path) -> None:
    mail = composed(with_file("sub/terms.pdf"), attachments_dir=folder)

    (attachment,) = mail.iter_attachments()
    assert attachment.get_content() == b"terms"


@pytest.mark.parametrize(
    "path",
    ["../secret.txt", "/etc/passwd", "link", "loop", "sub", "missing.pdf", "sub/\0", "x" * 5000],
)
def test_a_path_that_leaves_the_folder_or_leads_nowhere_is_refused(folder: Path, path: str) -> None:
    with pytest.raises(Permanent, match="DISPATCHER_ATTACHMENTS_DIR") as caught:
        composed(with_file(path), attachments_dir=folder)

    assert caught.value.reason is FailureReason.CONTENT_REFUSED
    assert repr(path)[1:20] in str(caught.value)


@pytest.mark.parametrize("count", [1, 3, 11])
def test_field_1_3_files_by_path_are_bounded_for_the_whole_message(
    folder: Path, count: int
) -> None:
    one = Attachment(filename="terms.pdf", path="sub/terms.pdf")
    mail = composed(
        a_notification(attachments=(one, one)), attachments_dir=folder, attachments_most=10
    )
    assert len(list(mail.iter_attachments())) == 2

    (folder / "sub" / "terms.pdf").write_bytes(b"x" * (10 // count + 1))

    with pytest.raises(Permanent, match=r"may have 10 bytes in all.*DISPATCHER_MAX_IN_HAND"):
        composed(
            a_notification(attachments=(one,) * count),
            attachments_dir=folder,
            attachments_most=10,
        )


def test_without_a_folder_no_path_is_read() -> None:
    with pytest.raises(Permanent, match="set DISPATCHER_ATTACHMENTS_DIR"):
        composed(with_file("sub/terms.pdf"))


def test_an_attachment_with_its_content_needs_no_folder() -> None:
    notification = a_notification(
        attachments=(Attachment(filename="a.bin", content=bytes(range(256)) * 1000),)
    )

    (attachment,) = composed(notification).iter_attachments()

    assert attachment.get_content() == bytes(range(256)) * 1000
