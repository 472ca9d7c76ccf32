"""A fallback goes to no other channel where the message may have arrived on the one before."""

import asyncio
from dataclasses import replace

import pytest

from adapters.dead_letters.dead_letter import release
from adapters.inbound.contract import DeadCopy
from adapters.message_format.message import content_key
from domain.errors import DeliveryError, FailureReason, InDoubt, Permanent, Transient
from tests.fakes import a_delivery, a_notification
from tests.unit.inbound.office import FIRST, LISTED, REFUSED, Copies, Office, past


@pytest.mark.parametrize("between", [[], [Transient("busy")]], ids=["at once", "later"])
def test_the_next_is_not_asked_where_an_earlier_attempt_may_have_arrived(
    between: list[DeliveryError],
) -> None:
    office = Office()
    office.slack.failures = [InDoubt("cut"), *between, REFUSED]
    (copy,) = office.handle(FIRST)
    for _ in between:
        (copy,) = office.handle(FIRST, copy.headers)

    (dead,) = office.handle(FIRST, copy.headers)

    assert isinstance(dead, DeadCopy)
    assert (past(dead).channel, past(dead).reason) == ("slack", FailureReason.RECIPIENT_REFUSED)
    assert past(dead).error == "an earlier attempt may have arrived; no such channel"
    assert office.email.calls == 0


def test_the_next_is_not_asked_where_a_crash_hid_whether_it_arrived() -> None:
    office = Office()
    office.slack.failures = [REFUSED]
    message = office.message(FIRST)

    async def main() -> Copies:
        dead = office.store.ledger()
        slack = a_notification(channel="slack", to=("#orders",))
        start = await dead.start(a_delivery(slack, fingerprint=content_key(message.body)))
        await dead.sending(start.claim, list(start.states))
        await dead.close()
        return (await office.handler.handle(message)).copies

    (copy,) = asyncio.run(main())

    assert past(copy).error == "an earlier attempt may have arrived; no such channel"
    assert office.email.calls == 0


def test_the_next_is_not_asked_where_an_earlier_attempt_reached_another_recipient() -> None:
    office = Office()
    office.email.refusals = {"bob@example.com": Transient("busy")}
    preferred = {**FIRST, "fallback": ["email", "slack"]}
    (copy,) = office.handle(preferred)
    office.email.refusals = {"bob@example.com": REFUSED}

    (dead,) = office.handle(preferred, copy.headers)

    assert isinstance(dead, DeadCopy)
    assert (past(dead).channel, past(dead).error) == ("email", "no such channel")
    assert office.email.addresses == ["ann@example.com"]
    assert office.slack.calls == 0


def test_the_next_is_not_asked_where_a_part_has_arrived() -> None:
    office = Office()
    half = Permanent("no such file", reason=FailureReason.CONTENT_REFUSED)
    half.resume = "1:ab"
    office.slack.failures = [half]

    (dead,) = office.handle(FIRST)

    assert (past(dead).channel, past(dead).error) == ("slack", "no such file")
    assert office.email.calls == 0


def test_released_after_doubt_it_begins_anew_and_goes_on() -> None:
    office = Office()
    office.slack.failures = [InDoubt("cut"), REFUSED, REFUSED]
    (copy,) = office.handle(FIRST)
    (dead,) = office.handle(FIRST, copy.headers)
    released = release(office.message(FIRST, dead.headers))

    assert office.handle(FIRST, released.headers) == []

    assert office.email.addresses == ["ann@example.com", "bob@example.com"]


def test_after_an_attempt_that_may_have_arrived_an_entry_of_the_list_leads_to_no_other() -> None:
    office = Office()
    office.slack.failures = [InDoubt("cut"), LISTED]
    (copy,) = office.handle(FIRST)

    (dead,) = office.handle(FIRST, copy.headers)

    assert isinstance(dead, DeadCopy)
    assert (past(dead).channel, past(dead).reason) == ("slack", FailureReason.SUPPRESSED)
    assert office.email.calls == 0


def test_the_next_is_not_asked_where_the_copy_was_not_stored_and_the_message_came_again() -> None:
    office = Office()
    office.slack.failures = [InDoubt("cut"), REFUSED]
    message = office.message(FIRST)

    async def main() -> Copies:
        await office.handler.handle(message)
        return (await office.handler.handle(replace(message, redelivered=True))).copies

    (dead,) = asyncio.run(main())

    assert isinstance(dead, DeadCopy)
    assert past(dead).error == "an earlier attempt may have arrived; no such channel"
    assert office.email.calls == 0


def test_a_copy_in_doubt_about_one_channel_puts_no_doubt_on_the_next() -> None:
    office = Office()
    office.slack.failures = [InDoubt("cut"), REFUSED]
    office.email.refusals = {"bob@example.com": Transient("busy")}
    (doubted,) = office.handle(FIRST)
    office.handle(FIRST)  # published again: the email has begun

    (copy,) = office.handle(FIRST, doubted.headers)

    assert (past(copy).channel, past(copy).in_doubt) == ("email", False)
