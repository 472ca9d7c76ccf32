"""A message with a fallback: sent by the first of its channels that does not refuse it."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.dead_letters.dead_letter import release
from adapters.inbound.contract import DeadCopy
from adapters.message_format.message import content_key
from domain.errors import DeliveryError, FailureReason, InDoubt, Permanent, Throttled, Transient
from tests.fakes import a_delivery, a_notification
from tests.unit.inbound.office import FIRST, LISTED, REFUSED, Copies, Office, past


def test_the_first_that_takes_it_is_the_last_that_is_asked() -> None:
    office = Office()

    assert office.handle(FIRST) == []

    assert (office.slack.addresses, office.email.calls) == (["#orders"], 0)


def test_the_next_is_asked_when_one_refuses_for_good() -> None:
    office = Office()
    office.slack.failures = [REFUSED]

    assert office.handle(FIRST) == []

    assert office.email.addresses == ["ann@example.com", "bob@example.com"]


@pytest.mark.parametrize(
    "error",
    [
        Transient("busy"),
        InDoubt("cut"),
        Throttled("slowly", retry_after=timedelta(seconds=30)),
        Permanent("too late", reason=FailureReason.EXPIRED),
    ],
)
def test_the_next_is_not_asked_on_doubt_or_delay(error: DeliveryError) -> None:
    office = Office()
    office.slack.failures = [error]

    (copy,) = office.handle(FIRST)

    assert past(copy).channel == "slack"
    assert office.email.calls == 0


def test_the_next_is_asked_in_a_later_attempt_too() -> None:
    office = Office()
    office.slack.failures = [Transient("busy"), REFUSED]
    (copy,) = office.handle(FIRST)

    assert office.handle(FIRST, copy.headers) == []

    assert office.email.addresses == ["ann@example.com", "bob@example.com"]


def test_a_copy_about_a_later_channel_does_not_go_back() -> None:
    office = Office()
    office.slack.failures = [REFUSED]
    office.email.failures = [Transient("busy")]
    (copy,) = office.handle(FIRST)
    assert (past(copy).channel, past(copy).attempt) == ("email", 1)

    assert office.handle(FIRST, copy.headers) == []

    assert (office.slack.calls, len(office.email.addresses)) == (1, 2)


def test_seen_again_it_rests_where_it_was_sent_though_the_first_takes_it_now() -> None:
    office = Office()
    office.slack.failures = [REFUSED]
    assert office.handle(FIRST) == []

    assert office.handle(FIRST) == []

    assert (office.slack.calls, office.slack.addresses) == (1, [])
    assert office.email.addresses == ["ann@example.com", "bob@example.com"]


def test_seen_again_only_who_was_not_reached_by_the_later_channel_is_sent_to() -> None:
    office = Office()
    office.slack.failures = [REFUSED]
    office.email.refusals = {"bob@example.com": Transient("busy")}
    office.handle(FIRST)
    office.email.refusals.clear()

    assert office.handle(FIRST) == []

    assert office.slack.addresses == []
    assert office.email.addresses == ["ann@example.com", "bob@example.com"]


def test_without_an_id_too_a_redelivery_rests_where_it_was_sent() -> None:
    office = Office()
    office.slack.failures = [REFUSED]
    message = office.message({name: value for name, value in FIRST.items() if name != "id"})

    async def main() -> None:
        assert not (await office.handler.handle(replace(message, session="s-1"))).copies
        await office.ledger.session_ended("s-1")
        again = replace(message, session="s-2", redelivered=True)
        settlement = await office.handler.handle(again)
        assert not settlement.copies
        for claim in settlement.claims:
            await office.ledger.acked(claim)

    asyncio.run(main())
    assert office.slack.addresses == []
    assert office.email.addresses == ["ann@example.com", "bob@example.com"]

    office.handle_and_ack(json.loads(message.body))  # its equal is asked of the first again
    assert office.slack.addresses == ["#orders"]


def test_after_a_crash_it_goes_on_at_the_channel_that_had_it_in_hand() -> None:
    office = Office()
    message = office.message(FIRST)

    async def main() -> Copies:
        dead = office.store.ledger()
        start = await dead.start(
            a_delivery(
                a_notification(to=("ann@example.com", "bob@example.com")),
                fingerprint=content_key(message.body),
            )
        )
        await dead.sending(start.claim, list(start.states))
        await dead.close()
        return (await office.handler.handle(message)).copies

    assert asyncio.run(main()) == []
    assert office.slack.calls == 0
    assert office.email.addresses == ["ann@example.com", "bob@example.com"]


def test_what_a_look_at_the_later_channel_finds_not_leaves_nothing_in_the_ledger() -> None:
    office = Office()
    office.handle(FIRST)

    assert (office.slack.addresses, office.store.rows()) == (["#orders"], 1)


def test_refused_everywhere_it_is_one_letter_that_tells_why() -> None:
    office = Office()
    office.slack.failures = [REFUSED]
    office.email.failures = [Permanent("no such user", reason=FailureReason.RECIPIENT_REFUSED)]

    (copy,) = office.handle(FIRST)

    assert isinstance(copy, DeadCopy)
    assert past(copy).error == "slack: no such channel; email: no such user"
    assert (past(copy).channel, past(copy).attempt) == ("slack", 1)
    assert [str(r) for r in past(copy).remaining or ()] == ["#orders"]


def test_refused_everywhere_and_released_it_begins_anew_at_the_first() -> None:
    office = Office()
    office.slack.failures = [REFUSED, REFUSED]
    office.email.failures = [REFUSED]
    (copy,) = office.handle(FIRST)
    released = release(office.message(FIRST, copy.headers))

    assert office.handle(FIRST, released.headers) == []

    assert office.slack.calls == 2
    assert office.email.addresses == ["ann@example.com", "bob@example.com"]


def test_a_later_channels_copy_refused_there_begins_anew_there() -> None:
    office = Office()
    office.slack.failures = [REFUSED]
    office.email.failures = [Transient("busy"), REFUSED]
    (retry,) = office.handle(FIRST)

    (dead,) = office.handle(FIRST, retry.headers)

    assert isinstance(dead, DeadCopy)
    assert (past(dead).channel, past(dead).attempt) == ("email", 2)


def test_recipients_refused_for_different_reasons_are_still_one_letter() -> None:
    office = Office()
    office.slack.failures = [REFUSED]
    office.email.refusals = {
        "ann@example.com": REFUSED,
        "bob@example.com": Permanent("too much", reason=FailureReason.CONTENT_REFUSED),
    }
    preferred = {**FIRST, "fallback": ["email", "slack"]}

    (copy,) = office.handle(preferred)

    assert past(copy).reason is FailureReason.RECIPIENT_REFUSED
    assert [str(r) for r in past(copy).remaining or ()] == ["ann@example.com", "bob@example.com"]


def test_an_entry_of_the_list_does_not_hide_what_another_channel_refuses() -> None:
    office = Office()
    office.slack.failures, office.email.failures = [LISTED], [REFUSED]

    (copy,) = office.handle(FIRST)

    assert isinstance(copy, DeadCopy)
    headers = past(copy)
    assert (headers.reason, headers.attempt) == (FailureReason.RECIPIENT_REFUSED, 1)
    assert headers.channel == "slack"
    assert headers.error == "slack: the address is suppressed; email: no such channel"


def test_where_each_channel_has_an_entry_of_the_list_no_attempt_is_spent() -> None:
    office = Office()
    office.slack.failures, office.email.failures = [LISTED], [LISTED]

    (copy,) = office.handle(FIRST)

    headers = past(copy)
    assert (headers.reason, headers.attempt) == (FailureReason.SUPPRESSED, 0)
