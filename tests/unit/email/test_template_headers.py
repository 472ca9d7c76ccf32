"""Header fields of the template in a mail, and which of them the message's own replace."""

import asyncio
from email import message_from_bytes

import pytest

from adapters.channels.email.outgoing_mail import Composer
from domain.content import Content
from tests.fakes import a_notification

LINK, ONE_CLICK = "List-Unsubscribe", "List-Unsubscribe-Post"
_PROMISE = "List-Unsubscribe=One-Click"
_OF_TEMPLATE = ((LINK, "<https://e.org/u>"), (ONE_CLICK, _PROMISE))


def _fields(headers: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    notification = a_notification(headers=headers)
    content = Content(subject="Hi", parts={"text": "x"}, headers=_OF_TEMPLATE)
    composer = Composer()
    outgoing = composer.compose(notification, content, notification.recipients)
    data = asyncio.run(composer.write(outgoing, eight_bit=True, utf8=True))
    return [item for item in message_from_bytes(data).items() if item[0].lower().startswith("list")]


@pytest.mark.parametrize(
    ("own", "written"),
    [
        ((), list(_OF_TEMPLATE)),
        ((("X-Tag", "a"),), list(_OF_TEMPLATE)),
        # The promise is about the template's link, which is not used.
        (((LINK, "<mailto:u@e.org>"),), [(LINK, "<mailto:u@e.org>")]),
        ((("list-unsubscribe", "<mailto:u@e.org>"),), [("list-unsubscribe", "<mailto:u@e.org>")]),
        (((LINK, "<http://o>"), (ONE_CLICK, "x")), [(LINK, "<http://o>"), (ONE_CLICK, "x")]),
        (((ONE_CLICK, "x"),), [(ONE_CLICK, "x"), (LINK, "<https://e.org/u>")]),
    ],
)  # fmt: skip
def test_a_message_replaces_what_it_sets_itself(
    own: tuple[tuple[str, str], ...], written: list[tuple[str, str]]
) -> None:
    assert _fields(own) == written


def test_a_long_list_of_links_is_folded_between_them_and_reads_back() -> None:
    links = ", ".join(f"<https://e.org/{'x' * 50}/{number}>" for number in range(4))
    content = Content(parts={"text": "x"}, headers=((LINK, links),))
    notification = a_notification()
    composer = Composer()
    outgoing = composer.compose(notification, content, notification.recipients)

    data = asyncio.run(composer.write(outgoing, eight_bit=True, utf8=True))

    assert all(len(line) <= 78 for line in data.split(b"\r\n"))
    assert " ".join(str(message_from_bytes(data)[LINK]).split()) == links
