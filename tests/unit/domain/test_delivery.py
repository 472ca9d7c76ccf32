"""Who of a notification's recipients is still to be sent to, and how far each has come."""

import pytest

from domain.delivery import resumed, still_to_send
from domain.notification import Recipient
from tests.fakes import a_notification
from tests.unit.domain.house import ANN, BOB

BOTH = a_notification(to=("ann@example.com", "bob@example.com"))


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ((BOB,), [("bob@example.com", "")]),
        ((Recipient(address="bob@example.com", resume="2"),), [("bob@example.com", "2")]),
        ((Recipient(address="x@y.z"),), [("ann@example.com", ""), ("bob@example.com", "")]),
        ((BOB, ANN), [("ann@example.com", ""), ("bob@example.com", "")]),
    ],
)
def test_who_is_named_is_still_to_be_sent_to(
    named: tuple[Recipient, ...], expected: list[tuple[str, str]]
) -> None:
    assert [(r.address, r.resume) for r in still_to_send(BOTH, named)] == expected


def test_who_gets_no_new_mark_keeps_how_far_it_came() -> None:
    half_way = Recipient(address="ann@example.com", resume="2")

    assert [resumed(half_way, new).resume for new in (None, "2", "3", "")] == ["2", "2", "3", ""]
