"""One message for several channels: to each of them, or to the first that does not refuse it."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.memory.ledger import MemoryLedger
from adapters.wire.headers import DeliveryHeaders
from adapters.wire.inbound import DeadCopy, RetryCopy, Settlement
from adapters.wire.message import content_key, decode
from domain.errors import FailureReason, InDoubt, MalformedMessage, Permanent, Throttled, Transient
from domain.ledger import Sight
from tests.unit.wire.office import Office, past

TO = {"email": ["ann@example.com", "bob@example.com"], "slack": "#orders"}
BOTH = {"id": "n-1", "to": TO, "template": "welcome", "parameters": {"name": "Ann"}}
EACH = {**BOTH, "channels": ["email", "slack"]}
FIRST = {**BOTH, "fallback": ["slack", "email"]}
REFUSED = Permanent("no such channel", reason=FailureReason.RECIPIENT_REFUSED)


def pasts(settlement: Settlement) -> list[tuple[type, DeliveryHeaders]]:
    return [(type(copy), past(copy)) for copy in settlement]


def test_each_channel_gets_it_with_its_own_recipients() -> None:
    office = Office()

    assert office.handle(EACH) == []

    assert office.email.addresses == ["ann@example.com", "bob@example.com"]
    assert office.slack.addresses == ["#orders"]


def test_what_one_channel_refuses_costs_the_others_nothing() -> None:
    office = Office()
    office.slack.failures = [REFUSED]
    office.email.refusals = {"bob@example.com": Transient("busy")}

    ((retry, of_email), (dead, of_slack)) = pasts(office.handle(EACH))

    assert (retry, of_email.channel, of_email.attempt) == (RetryCopy, "email", 1)
    assert [str(r) for r in of_email.remaining or ()] == ["bob@example.com"]
    assert (dead, of_slack.channel) == (DeadCopy, "slack")
    assert of_slack.reason is FailureReason.RECIPIENT_REFUSED


def test_a_copy_about_one_channel_leaves_the_others_alone() -> None:
    office = Office()
    office.email.refusals = {"bob@example.com": Transient("busy")}
    (copy,) = office.handle(EACH)
    office.email.refusals.clear()

    assert office.handle(EACH, copy.headers) == []

    assert office.email.addresses == ["ann@example.com", "bob@example.com"]
    assert office.slack.addresses == ["#orders"]


def test_seen_again_it_is_sent_only_where_it_was_not() -> None:
    office = Office()
    office.handle(EACH)

    assert office.handle(EACH) == []

    assert office.email.addresses == ["ann@example.com", "bob@example.com"]
    assert office.slack.addresses == ["#orders"]


def test_without_an_id_each_channels_delivery_is_acked() -> None:
    office = Office()
    message = {name: value for name, value in EACH.items() if name != "id"}

    office.handle_and_ack(message)
    office.handle_and_ack(message)  # its twin

    assert office.slack.addresses == ["#orders", "#orders"]


def test_copies_are_for_email_alone() -> None:
    office = Office()

    office.handle({**EACH, "cc": "cy@example.com", "bcc": "dee@example.com"})

    assert office.email.addresses[2:] == ["cy@example.com", "dee@example.com"]
    assert office.slack.addresses == ["#orders"]


def test_files_are_for_the_channels_that_can_carry_them() -> None:
    office = Office()
    file = {"filename": "invoice.txt", "content": "aGk="}

    office.handle({**EACH, "attachments": [file]})

    (mail,), (post,) = office.email.delivered, office.slack.delivered
    assert [a.filename for a in mail.notification.attachments] == ["invoice.txt"]
    assert post.notification.attachments == ()


def test_a_paused_channel_does_not_hold_up_the_queue_of_another() -> None:
    office = Office()

    async def main() -> Settlement:
        breaker = office.dispatcher._breakers["slack"]
        async with breaker._probing:
            breaker._pause = 1.0
            return await office.handler.handle(office.message(EACH))

    (copy,) = asyncio.run(main())

    assert isinstance(copy, RetryCopy)
    assert (copy.delay, copy.exact) == (timedelta(minutes=1), True)
    assert (past(copy).channel, past(copy).attempt) == ("slack", 0)
    assert office.email.addresses == ["ann@example.com", "bob@example.com"]


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
def test_the_next_is_not_asked_on_doubt_or_delay(error: Exception) -> None:
    office = Office()
    office.slack.failures = [error]  # type: ignore[list-item]

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


def test_seen_again_only_who_was_not_reached_by_the_later_channel_is_owed() -> None:
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

    async def main() -> Settlement:
        assert await office.handler.handle(replace(message, session="s-1")) == []
        await office.handler.session_ended("s-1")
        again = replace(message, session="s-2", redelivered=True)
        settlement = await office.handler.handle(again)
        await office.handler.acking(again)
        return settlement

    assert asyncio.run(main()) == []
    assert office.slack.addresses == []
    assert office.email.addresses == ["ann@example.com", "bob@example.com"]

    office.handle_and_ack(json.loads(message.body))  # its twin is asked of the first again
    assert office.slack.addresses == ["#orders"]


def test_after_a_crash_it_goes_on_at_the_channel_that_had_it_in_hand() -> None:
    office = Office()
    message = office.message(FIRST)

    async def main() -> Settlement:
        dead = MemoryLedger(office.ledger._store)
        start = await dead.start(
            Sight(
                channel="email",
                key="n-1",
                fingerprint=content_key(message.body),
                has_id=True,
                session="s-1",
                redelivered=False,
                recipients=("ann@example.com", "bob@example.com"),
            )
        )
        await dead.sending(start.claim, list(start.standings))
        await dead.close()
        return await office.handler.handle(message)

    assert asyncio.run(main()) == []
    assert office.slack.calls == 0
    assert office.email.addresses == ["ann@example.com", "bob@example.com"]


def test_what_a_look_at_the_later_channel_finds_not_leaves_nothing_in_the_ledger() -> None:
    office = Office()
    office.handle(FIRST)

    (entries,) = office.ledger._store.by_key.values()

    assert [entry.key[0] for entry in entries] == ["slack"]


def test_refused_everywhere_it_is_one_letter_that_tells_why() -> None:
    office = Office()
    office.slack.failures = [REFUSED]
    office.email.failures = [Permanent("no such user", reason=FailureReason.RECIPIENT_REFUSED)]

    (copy,) = office.handle(FIRST)

    assert isinstance(copy, DeadCopy)
    assert past(copy).error == "slack: no such channel; email: no such user"
    assert past(copy).channel == "email"


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"channels": ["email", "slack"], "to": "ann@example.com"}, "to: must be an object"),
        ({"channels": ["email"]}, "to: names 'slack', which is not among the channels"),
        ({"channels": ["email", "slack", "telegram"]}, "to: telegram must name at least one"),
        ({"channels": ["email", "email"]}, "channels: names a channel twice"),
        ({"channels": "email"}, "channels: must be a list of channels"),
        ({"channels": []}, "channels: must be a list of channels"),
        ({"channels": ["E mail"]}, "channels: must be a channel's name such as email"),
        (
            {"channel": "email", "channels": ["email", "slack"]},
            "channels: must not be set together",
        ),
        ({"channels": ["email", "slack"], "fallback": ["slack", "email"]}, "fallback: must not be"),
        ({}, "to: must be a string or a list of strings; an object goes with channels"),
        ({"fallback": ["slack"], "to": {"slack": "#a"}, "cc": "a@example.com"}, "cc: is for email"),
        ({"channels": ["slack"], "to": {"slack": [7]}}, "to: slack item 0 must be a string"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(fields: dict[str, object], fault: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        decode(json.dumps({**BOTH, **fields}).encode(), channel="email")

    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith(fault)


def test_for_telegram_a_recipient_may_be_a_number_here_too() -> None:
    to = {"telegram": [42], "email": "ann@example.com"}
    body = json.dumps({**BOTH, "to": to, "channels": ["telegram", "email"]}).encode()

    by_telegram, by_email = decode(body, channel="slack").notifications

    assert (by_telegram.channel, by_telegram.to[0].address) == ("telegram", "42")
    assert (by_email.channel, by_email.id) == ("email", "n-1")
