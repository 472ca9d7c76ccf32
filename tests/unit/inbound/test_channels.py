"""One message for several channels, to each of them."""

import json
from datetime import timedelta

import pytest

from adapters.inbound.contract import DeadCopy, RetryCopy
from adapters.message_format.headers import DeliveryHeaders
from domain.errors import FailureReason, MalformedMessage, Permanent, Transient, Unavailable
from tests.support.decoding import decode
from tests.unit.inbound.office import Copies, Office, past

TO = {"email": ["ann@example.com", "bob@example.com"], "slack": "#orders"}
BOTH = {"id": "n-1", "to": TO, "template": "welcome", "parameters": {"name": "Ann"}}
EACH = {**BOTH, "channels": ["email", "slack"]}
REFUSED = Permanent("no such channel", reason=FailureReason.RECIPIENT_REFUSED)


def pasts(settlement: Copies) -> list[tuple[type, DeliveryHeaders]]:
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
    office.handle_and_ack(message)  # its equal

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


@pytest.mark.parametrize("away", ["slack", "email"])
def test_a_channel_that_is_away_does_not_hold_up_another(away: str) -> None:
    office = Office()
    notifiers = {"slack": office.slack, "email": office.email}
    notifiers[away].failures = [Unavailable("connection refused")]

    (copy,) = office.handle(EACH)

    assert isinstance(copy, RetryCopy)
    assert (copy.delay, copy.exact) == (timedelta(minutes=1), True)
    assert (past(copy).channel, past(copy).attempt) == (away, 0)
    assert office.clock.slept == []
    assert {name for name, one in notifiers.items() if one.addresses} == {*notifiers} - {away}


def test_the_copy_about_the_queues_own_channel_waits_in_hand() -> None:
    office = Office()
    office.email.failures = [Unavailable("connection refused")] * 2
    (copy,) = office.handle(EACH)
    office.clock.time += timedelta(minutes=1)
    office.clock.slept.clear()

    assert office.handle(EACH, copy.headers) == []

    assert office.clock.slept == [1, 2]
    assert office.email.addresses == ["ann@example.com", "bob@example.com"]


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
