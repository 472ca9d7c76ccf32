"""A notification that exists is a notification that can be sent."""

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.addresses import BLANK
from domain.notification import Attachment, InvalidNotification, Recipient
from tests.fakes import a_notification, recipients

FORBIDDEN = {"\r": "CR", "\n": "LF", "\0": "NUL"}
NO_OFFSET = datetime.fromisoformat("2026-01-31T12:00:00")

header_text = st.text(st.characters(blacklist_characters="\r\n\0", blacklist_categories=["Cs"]))
stripped = header_text.map(lambda text: text.strip(BLANK))
plain_addresses = stripped.filter(lambda t: t and "<" not in t and ">" not in t)


@given(name=stripped, address=plain_addresses)
def test_a_recipient_reads_back_from_its_own_text(name: str, address: str) -> None:
    recipient = Recipient(name=name, address=address)

    assert Recipient.parse(str(recipient)) == recipient


@given(st.text())
def test_parsing_a_recipient_twice_changes_nothing(text: str) -> None:
    try:
        recipient = Recipient.parse(text)
    except InvalidNotification:
        return

    assert Recipient.parse(str(recipient)) == recipient


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("ann@example.com", "", "ann@example.com"),
        ("  ann@example.com\t", "", "ann@example.com"),
        ("<ann@example.com>", "", "ann@example.com"),
        ("Ann Lee <ann@example.com>", "Ann Lee", "ann@example.com"),
        ("Lee, Ann <ann@example.com>", "Lee, Ann", "ann@example.com"),
        ('"Lee, \\"A\\" \\\\" <ann@example.com> ', 'Lee, "A" \\', "ann@example.com"),
        ("Ann <at work> <ann@example.com>", "Ann <at work>", "ann@example.com"),
        ("#ops", "", "#ops"),
    ],
)
def test_a_recipient_is_read_as_people_write_it(text: str, name: str, address: str) -> None:
    assert Recipient.parse(text) == Recipient(address=address, name=name)


@pytest.mark.parametrize("text", ["", "   ", "Ann <>", "Ann < >"])
def test_a_recipient_without_an_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidNotification, match="recipient: must not be empty"):
        Recipient.parse(text)


def test_a_long_run_of_blanks_is_read_in_linear_time() -> None:
    text = "a" + " " * 1_000_000 + "b"

    assert Recipient.parse(text).address == text


@pytest.mark.parametrize("character", FORBIDDEN, ids=FORBIDDEN.values())
@pytest.mark.parametrize("field", ["address", "name"])
def test_a_recipient_cannot_break_a_header(field: str, character: str) -> None:
    texts = {"address": "ann@example.com", "name": "Ann", field: f"a{character}Bcc: x"}

    with pytest.raises(InvalidNotification, match=f"must not contain {FORBIDDEN[character]}"):
        Recipient(**texts)


@pytest.mark.parametrize("character", FORBIDDEN, ids=FORBIDDEN.values())
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("id", lambda text: {"id": text}),
        ("subject", lambda text: {"subject": text}),
        ("headers.X-Tag", lambda text: {"headers": (("X-Tag", text),)}),
    ],
    ids=["id", "subject", "a header's value"],
)
def test_no_field_can_break_a_header(
    field: str, change: Callable[[str], dict[str, Any]], character: str
) -> None:
    with pytest.raises(InvalidNotification) as caught:
        a_notification(**change(f"a{character}Bcc: x"))

    assert str(caught.value) == f"{field}: must not contain {FORBIDDEN[character]}"


@pytest.mark.parametrize("character", FORBIDDEN, ids=FORBIDDEN.values())
@pytest.mark.parametrize("field", ["filename", "content_type"])
def test_an_attachment_cannot_break_a_header(field: str, character: str) -> None:
    texts = {"filename": "a.pdf", "content_type": "text/plain", field: f"a{character}b"}

    with pytest.raises(InvalidNotification, match=f"attachment {field}: must not contain"):
        Attachment(content=b"", **texts)


@pytest.mark.parametrize(
    "sources", [{}, {"content": b"", "path": "a.pdf"}], ids=["neither", "both"]
)
def test_an_attachment_has_one_source(sources: dict[str, Any]) -> None:
    with pytest.raises(InvalidNotification, match="needs either content or path"):
        Attachment(filename="a.pdf", **sources)


@pytest.mark.parametrize(
    "name",
    ["X-Tag", "x-tag", "List-Unsubscribe", "In-Reply-To", "References", "importance"],
)
def test_a_harmless_header_may_be_set(name: str) -> None:
    assert a_notification(headers=((name, "1"),)).headers == ((name, "1"),)


@pytest.mark.parametrize(
    "name",
    [
        "Bcc",
        "To",
        "From",
        "Subject",
        "X-",
        "X-A B",
        "X-A:",
        "X-Ä",
        "X-A\nBcc",
        "Sender",
        "",
        "XTag",
    ],
)
def test_any_other_header_is_refused(name: str) -> None:
    with pytest.raises(InvalidNotification, match="is not allowed"):
        a_notification(headers=((name, "1"),))


@pytest.mark.parametrize(
    "name", ["welcome", "a", "billing/invoice", "orders.paid", "a/b.c/d", "A-z_9", "x" * 200]
)
def test_a_template_name_is_a_path_below_the_root(name: str) -> None:
    assert a_notification(template=name).template == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../../etc/passwd",
        "/etc/passwd",
        "a/../b",
        "a//b",
        "a..b",
        "a/",
        ".hidden",
        "a/.b",
        "a.",
        "a\\b",
        "a\0",
        "a\n",
        "a b",
        "è",
        "x" * 201,
    ],
)
def test_a_template_name_cannot_leave_the_root(name: str) -> None:
    with pytest.raises(InvalidNotification, match="template: must be letters"):
        a_notification(template=name)


@pytest.mark.parametrize("locale", ["it", "it-IT", "zh-Hant-TW", "pt_BR", "ast"])
def test_a_locale_is_a_language_tag(locale: str) -> None:
    assert a_notification(locale=locale).locale == locale


@pytest.mark.parametrize(
    "locale", ["", "i", "it-", "../it", "it\n", "italiano", "it/IT", "it.html"]
)
def test_any_other_locale_is_refused(locale: str) -> None:
    with pytest.raises(InvalidNotification, match="locale: must be a language tag"):
        a_notification(locale=locale)


@pytest.mark.parametrize("field", ["send_at", "expires_at"])
def test_a_time_carries_an_offset(field: str) -> None:
    with pytest.raises(InvalidNotification, match=f"{field}: must carry an offset"):
        a_notification(**{field: NO_OFFSET})


def test_a_notification_needs_somebody_to_tell() -> None:
    with pytest.raises(InvalidNotification, match="to: needs at least one recipient"):
        a_notification(to=())


def test_a_notification_needs_an_id() -> None:
    with pytest.raises(InvalidNotification, match="id: must not be empty"):
        a_notification(id="")


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(InvalidNotification) as caught:
        a_notification(id="", to=(), template="/", subject="a\nb", locale="?", send_at=NO_OFFSET)

    assert [fault.split(":")[0] for fault in str(caught.value).split("; ")] == [
        "id",
        "to",
        "template",
        "subject",
        "locale",
        "send_at",
    ]


def test_each_address_is_told_once_in_the_order_given() -> None:
    notification = a_notification(
        to=("Ann <ann@example.com>", "bob@example.com"),
        cc=recipients("cy@example.com", "ann@example.com"),
        bcc=recipients("dee@example.com", "bob@example.com"),
    )

    assert notification.recipients == (
        Recipient(address="ann@example.com", name="Ann"),
        *recipients("bob@example.com", "cy@example.com", "dee@example.com"),
    )


def test_individually_means_to_that_one_alone() -> None:
    notification = a_notification(
        to=("ann@example.com", "bob@example.com"),
        cc=recipients("cy@example.com"),
        bcc=recipients("dee@example.com"),
    )

    (bob,) = recipients("bob@example.com")

    one = notification.for_one(bob)

    assert one.recipients == one.to == (bob,)
    assert (one.id, one.template, one.subject) == ("n-1", "welcome", "Hello")


def test_a_notification_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        a_notification().subject = "other"  # type: ignore[misc]  # the point of the test


def test_personal_data_stay_out_of_the_text_form() -> None:
    notification = a_notification(
        parameters={"secret": "s3cret"},
        attachments=(Attachment(filename="a.txt", content=b"s3cret"),),
    )

    assert "s3cret" not in repr(notification)


@pytest.mark.parametrize("character", FORBIDDEN, ids=FORBIDDEN.values())
def test_a_line_break_at_the_end_of_a_recipient_is_refused_too(character: str) -> None:
    with pytest.raises(InvalidNotification, match=f"must not contain {FORBIDDEN[character]}"):
        Recipient.parse(f"ann@example.com{character}")
