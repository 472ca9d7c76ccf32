"""The words with which a notification is refused, and a recipient in writing."""

import pytest

from domain.notification import (
    Attachment,
    InvalidNotification,
    Recipient,
    extra_header_fault,
    locale_fault,
    one_recipient,
)
from domain.turns import caller_of
from tests.fakes import a_notification, recipients

ALLOWED = (
    "is not allowed: use X-*, List-*, In-Reply-To, References, Importance, Precedence or"
    " Feedback-ID"
)


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("X-Campaign", "spring", None),
        ("list-id", "<news>", None),
        ("Subject", "Hello", ALLOWED),
        (
            "X-Dispatcher-Id",
            "1",
            "is not allowed: Dispatcher sets the X-Dispatcher-* headers itself",
        ),
        (
            "x-dispatcher-id",
            "1",
            "is not allowed: Dispatcher sets the X-Dispatcher-* headers itself",
        ),
        ("X-Campaign", "a\nBcc: b", "must not contain LF"),
    ],
)
def test_a_header_of_the_message_is_refused_in_these_words(
    name: str, value: str, fault: str | None
) -> None:
    assert extra_header_fault(name, value) == fault


def test_a_locale_is_refused_in_these_words() -> None:
    assert locale_fault("it-IT") is None
    assert locale_fault("italiano!") == "must be a language tag such as it or it-IT"


@pytest.mark.parametrize(
    ("name", "written"),
    [("", "ann@example.com"), ("Ann", '"Ann" <ann@example.com>'),
     ('A "B" \\ C', '"A \\"B\\" \\\\ C" <ann@example.com>')],
)  # fmt: skip
def test_a_recipient_is_written_with_a_quoted_name(name: str, written: str) -> None:
    assert str(Recipient(address="ann@example.com", name=name)) == written


def test_one_address_is_read_and_several_are_refused() -> None:
    assert one_recipient("Ann <ann@example.com>") == Recipient(
        address="ann@example.com", name="Ann"
    )
    with pytest.raises(InvalidNotification, match=r"^holds more than one address; name one$"):
        one_recipient("ann@example.com, bob@example.com")


def test_an_attachment_is_refused_in_these_words() -> None:
    with pytest.raises(InvalidNotification, match=r"^attachment: needs either content or path$"):
        Attachment(filename="a.pdf")
    with pytest.raises(InvalidNotification, match=r"^attachment content_id: must not contain CR$"):
        Attachment(filename="a.pdf", content=b"", content_id="a\r")


def test_a_message_is_known_by_its_sender_its_domains_and_its_template() -> None:
    usual = a_notification(
        to=(Recipient(address="Ann@Home@EXAMPLE.com"),),
        sender=Recipient(address="Shop@Example.com"),
        template="welcome",
    )
    bare = a_notification(sender=None)

    assert caller_of(usual).id == usual.id
    assert caller_of(usual).traits == (
        frozenset({"shop@example.com"}),
        frozenset({"example.com"}),
        frozenset({"welcome"}),
    )
    assert caller_of(bare).traits[0] == frozenset({""})


ZERO_WIDTH = "\u200b"


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        (f"{ZERO_WIDTH}ada@example.com{ZERO_WIDTH}", "", "ada@example.com"),
        (f"Ada <{ZERO_WIDTH}ada@example.com{ZERO_WIDTH}>", "Ada", "ada@example.com"),
        ('" <ada@example.com>', '"', "ada@example.com"),
        ('"" <ada@example.com>', "", "ada@example.com"),
        ('"a" <ada@example.com>', "a", "ada@example.com"),
    ],
)
def test_what_cannot_be_seen_around_an_address_is_dropped_and_quotes_in_pairs(
    text: str, name: str, address: str
) -> None:
    recipient = Recipient.parse(text)

    assert (recipient.name, recipient.address) == (name, address)


@pytest.mark.parametrize("address", ["", " ", ZERO_WIDTH, f" {ZERO_WIDTH} \u00a0"])
def test_an_address_of_which_nothing_can_be_seen_is_refused(address: str) -> None:
    with pytest.raises(InvalidNotification, match=r"\Arecipient: must not be empty\Z"):
        Recipient(address=address)


def test_an_address_may_begin_with_what_cannot_be_seen() -> None:
    assert Recipient(address=f"{ZERO_WIDTH}#ops").address == f"{ZERO_WIDTH}#ops"


def test_an_address_given_twice_is_one_recipient() -> None:
    notification = a_notification(to="ada@example.com", cc=recipients("ada@example.com"))

    assert notification.recipients == recipients("ada@example.com")
