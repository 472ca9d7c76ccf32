"""When the envelope of a mail may leave before the mail before it is answered."""

import asyncio
from collections.abc import Callable

from structlog.testing import capture_logs

from adapters.channels.email.early import EarlyEnvelopes
from adapters.channels.email.session import Session


def run(body: Callable[[EarlyEnvelopes, Session, Session], None]) -> list[str]:
    """With two connections. Returns the events that were logged."""

    async def main() -> None:
        body(EarlyEnvelopes("relay:25"), Session("relay:25"), Session("relay:25"))

    with capture_logs() as lines:
        asyncio.run(main())
    return [line["event"] for line in lines]


def test_one_connection_tries_it_and_the_others_wait_for_its_end() -> None:
    def body(early: EarlyEnvelopes, one: Session, _other: Session) -> None:
        assert early.may_begin()
        early.begin(one)
        assert not early.may_begin()
        one.followed = True
        early.ended(one, is_free=False)
        assert not early.may_begin()
        early.ended(one, is_free=True)
        assert early.may_begin()
        early.begin(one)
        assert early.may_begin()

    assert run(body) == []


def test_a_trial_in_which_nothing_followed_proves_nothing() -> None:
    def body(early: EarlyEnvelopes, one: Session, other: Session) -> None:
        early.begin(one)
        early.ended(one, is_free=False)
        early.ended(one, is_free=True)
        assert early.may_begin()
        early.begin(other)
        assert not early.may_begin()

    assert run(body) == []


def test_a_connection_lost_with_both_unanswered_ends_it_at_the_first_try_alone() -> None:
    def body(early: EarlyEnvelopes, one: Session, other: Session) -> None:
        early.begin(one)
        one.lost, one.was_followed = "the server closed the connection", True
        early.ended(one, is_free=False)
        early.ended(one, is_free=True)
        assert not early.may_begin()
        early.stop("again")

    assert run(body) == ["relay takes no commands behind a mail"]


def test_the_connection_that_was_offered_first_is_taken_where_it_may_be_lent() -> None:
    def body(early: EarlyEnvelopes, one: Session, other: Session) -> None:
        for session in (one, other):
            early.offer(session)
        assert early.take(lambda session: session is other) is other
        assert early.take(lambda _session: True) is None
        early.offer(one)
        early.withdraw(one)
        assert early.take(lambda _session: True) is None

    assert run(body) == []
