"""The messages of `<queue>.suppress`: stored for good, then acked; what cannot be read is dead."""

import asyncio
import gzip
import json
from datetime import date

import pytest
import structlog

from adapters.inbound.contract import DeadCopy, InboundMessage
from adapters.inbound.suppress import SuppressHandler
from adapters.message_format.headers import DeliveryHeaders
from adapters.message_format.rules import Properties
from domain.errors import FailureReason
from domain.events import SUPPRESSIONS_WRITE, MessageMalformed, TroubleBegan, TroubleEnded
from domain.suppressions import (
    EntryInvalid,
    Suppression,
    SuppressionAccess,
    SuppressionsUnavailable,
)
from entrypoints.suppressing import canonical_address
from tests.fakes import NOON, FakeClock, FakeEvents, FakeSuppressions

ANN = "ann@example.com"


class Desk:
    """A handler with fakes all around."""

    def __init__(self) -> None:
        self.store, self.clock, self.events = FakeSuppressions(), FakeClock(), FakeEvents()
        self.handler = SuppressHandler(
            add=SuppressionAccess(self.store, canonical_address, self.clock, self.events).add,
            canonical=canonical_address,
            channels={"email.suppress": "email", "chats.suppress": "telegram"},
            clock=self.clock,
            events=self.events,
            max_body=10_000,
        )

    def take(
        self, body: object, queue: str = "email.suppress", properties: Properties | None = None
    ) -> list[DeadCopy]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        message = InboundMessage(queue=queue, body=raw, properties=properties or Properties())
        copies = asyncio.run(self.handler.handle(message)).copies
        return [copy for copy in copies if isinstance(copy, DeadCopy)]

    @property
    def entries(self) -> list[Suppression]:
        return list(self.store.listed.values())


def test_an_address_is_stored_with_its_reason_and_today_s_date() -> None:
    desk = Desk()

    assert desk.take({"address": "Ann <ANN@Example.com>", "reason": "550 5.1.1\n gone"}) == []

    assert desk.entries == [
        Suppression(channel="email", address=ANN, reason="550 5.1.1 gone", since=NOON.date())
    ]


@pytest.mark.parametrize(
    ("fields", "queue", "channel", "address"),
    [
        ({"address": 42}, "chats.suppress", "telegram", "42"),
        ({"address": "42", "channel": "telegram"}, "email.suppress", "telegram", "42"),
        ({"address": ANN, "channel": "email"}, "chats.suppress", "email", ANN),
        ({"address": ANN, "channel": None, "more": 1}, "email.suppress", "email", ANN),
    ],
)
def test_the_channel_is_the_message_s_else_the_queue_s(
    fields: dict[str, object], queue: str, channel: str, address: str
) -> None:
    desk = Desk()

    assert desk.take(fields, queue) == []

    assert [(one.channel, one.address) for one in desk.entries] == [(channel, address)]


def test_a_date_may_be_given() -> None:
    desk = Desk()

    desk.take({"address": ANN, "date": "2026-01-02T03:04:05Z"})

    assert desk.entries[0].since == date(2026, 1, 2)


def test_a_reason_may_be_a_number() -> None:
    desk = Desk()

    assert desk.take({"address": ANN, "reason": 550}) == []

    assert desk.entries[0].reason == "550"


def test_a_compressed_body_is_read() -> None:
    desk = Desk()
    body = gzip.compress(json.dumps({"address": ANN}).encode())

    assert desk.take(body, properties=Properties(content_encoding="gzip")) == []

    assert len(desk.entries) == 1


def test_the_same_address_again_changes_nothing() -> None:
    desk = Desk()

    with structlog.testing.capture_logs() as logs:
        desk.take({"address": ANN, "reason": "first"})
        assert desk.take({"address": "ANN@example.com", "reason": "second"}) == []

    assert [one.reason for one in desk.entries] == ["first"]
    assert [one["event"] for one in logs] == ["address suppressed", "address was suppressed before"]
    assert ANN not in str(logs)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"no json", "body: "),
        (b"[]", "body: "),
        ({}, "address: is required"),
        ({"address": ""}, "address: must not be empty"),
        ({"address": None, "reason": "x"}, "address: is required"),
        ({"address": "ann"}, "address: 'ann' is not an address"),
        ({"address": "a" * 63 + "\u0130@example.com"}, "address: "),
        ({"address": True}, "address: must be a string"),
        ({"address": ["a@b.c"]}, "address: must be a string"),
        ({"address": "a@b.org, c@d.org"}, "address: holds more than one address"),
        ({"address": ANN, "channel": "fax"}, "channel: unknown channel 'fax'"),
        ({"address": ANN, "channel": "webgui"}, "channel: unknown channel 'webgui'"),
        ({"address": ANN, "reason": ["x"]}, "reason: must be a string"),
        ({"address": ANN, "date": "soon"}, "date: must be a date"),
        ({"address": ANN, "date": "2026-01-31rubbish"}, "date: must be a date"),
        ({"address": ANN, "reason": True, "date": 2}, "reason: must be a string; date: must be a"),
    ],
)
def test_what_cannot_be_read_is_dead_lettered_with_every_fault(body: object, fault: str) -> None:
    desk = Desk()

    (dead,) = desk.take(body)

    headers = DeliveryHeaders.parse(dead.headers)
    assert headers.reason is FailureReason.MALFORMED
    assert headers.error is not None
    assert headers.error.startswith(fault)
    assert (headers.queue, headers.attempt, headers.failed_at) == ("email.suppress", 1, NOON)
    assert desk.entries == []
    (event,) = desk.events.events
    assert isinstance(event, MessageMalformed)


def test_an_entry_that_the_list_cannot_keep_is_dead_lettered_and_holds_up_no_other() -> None:
    desk = Desk()
    desk.store.failures = [EntryInvalid("cannot be kept")]

    (dead,) = desk.take({"address": ANN})

    assert DeliveryHeaders.parse(dead.headers).error == "address: cannot be kept"
    assert desk.take({"address": ANN}) == []
    assert desk.clock.slept == []


@pytest.mark.parametrize("error", [SuppressionsUnavailable("redis is away"), KeyError("a bug")])
def test_while_the_list_is_away_the_message_stays_in_hand(error: Exception) -> None:
    desk = Desk()
    desk.store.failures = [error] * 4

    assert desk.take({"address": ANN}) == []

    assert len(desk.entries) == 1
    assert desk.clock.slept == [1, 2, 4, 4]
    began, ended = desk.events.events[:-1], desk.events.events[-1]
    assert all(isinstance(event, TroubleBegan) for event in began)
    assert isinstance(ended, TroubleEnded)
    assert ended.trouble == SUPPRESSIONS_WRITE


def test_many_messages_in_hand_report_one_trouble_and_ask_one_at_a_time() -> None:
    desk = Desk()
    desk.store.failures = [SuppressionsUnavailable("redis is away")] * 103

    async def main() -> None:
        bodies = [json.dumps({"address": f"p{n}@example.com"}).encode() for n in range(100)]
        taken = [InboundMessage(queue="email.suppress", body=body) for body in bodies]
        await asyncio.gather(*(desk.handler.handle(one) for one in taken))

    asyncio.run(main())

    assert len(desk.entries) == 100
    assert [type(event) for event in desk.events.events].count(TroubleEnded) == 1
    assert len(desk.events.events) <= 6
