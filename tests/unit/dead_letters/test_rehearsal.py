"""A rehearsal says what the worker would do, and does nothing."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.dead_letters.rehearsal import Forecast, Rehearsal, TemplateReleaser
from adapters.inbound.contract import (
    DeadCopy,
    Decide,
    Decision,
    InboundMessage,
    Release,
    ignored,
)
from domain.errors import DeliveryError, FailureReason, Permanent
from domain.suppressions import Suppression, SuppressionAccess
from tests.fakes import NOON, FakeSuppressions
from tests.unit.inbound.office import FIRST, GOOD, Copies, Office, past, seen

INVALID = Permanent("ann is no address", reason=FailureReason.RECIPIENT_INVALID)
FAULTS: dict[str, tuple[dict[str, object], dict[str, DeliveryError], str]] = {
    "malformed": (GOOD | {"to": 7}, {}, "malformed: to:"),
    "too large": (GOOD | {"subject": "x" * 1_000}, {}, "malformed: body:"),
    "template": (GOOD | {"template": "absent"}, {}, "template_missing: "),
    "variable": (GOOD | {"parameters": {}}, {}, "template_undefined: "),
    "expired": (GOOD | {"expires_at": "2026-01-31T11:59:00Z"}, {}, "expired: "),
    "channel": (GOOD | {"channel": "pigeon"}, {}, "channel_unknown: "),
    "address": (GOOD, {"ann@example.com": INVALID}, "recipient_invalid: ann is no address"),
}


class Shelf:
    """One dead letter, and what is decided about it."""

    def __init__(self, letter: InboundMessage) -> None:
        self.letter = letter
        self.decision: Decision | None = None
        self.is_seen = asyncio.Event()

    async def count(self, queue: str) -> int:
        return 1

    async def visit(
        self, queue: str, decide: Decide, done: Callable[[InboundMessage], None] = ignored
    ) -> int:
        self.decision = await decide(self.letter)
        self.is_seen.set()
        return 1

    async def close(self) -> None:
        """Nothing is open."""


def rehearsal(office: Office) -> Rehearsal:
    return Rehearsal(
        dispatcher=office.handler.dispatcher,
        channels=office.handler.channels,
        rules=office.handler.rules,
    )


def forecast(
    office: Office, body: dict[str, object], headers: dict[str, object] | None = None
) -> Forecast:
    return asyncio.run(rehearsal(office).forecast(office.message(body, headers)))


def reasons(settlement: Copies) -> list[str]:
    return [str(past(copy).reason) for copy in settlement if isinstance(copy, DeadCopy)]


@pytest.mark.parametrize("name", FAULTS)
def test_field_8_9_each_fault_is_foretold_as_the_worker_finds_it(name: str) -> None:
    body, invalid, fault = FAULTS[name]
    office = Office()
    office.email.invalid, office.email.refusals = dict(invalid), dict(invalid)

    foretold = forecast(office, body)
    asked = office.email.calls
    settled = reasons(office.handle(body))

    assert (foretold.fault or "").startswith(fault)
    assert foretold.refused == 1
    assert settled == [fault.partition(":")[0]]
    assert asked == 0


def test_field_8_9_an_id_used_before_with_another_body_is_a_conflict() -> None:
    office = Office()
    office.handle(GOOD | {"id": "order-1"})

    same = forecast(office, GOOD | {"id": "order-1"})
    other = forecast(office, GOOD | {"id": "order-1", "subject": "Another"})

    assert same == Forecast(had_before=1)
    assert (other.fault or "").startswith("conflict: this id was used before")
    assert reasons(office.handle(GOOD | {"id": "order-1", "subject": "Another"})) == ["conflict"]


def test_field_8_9_who_has_the_message_already_is_not_judged() -> None:
    office = Office()
    to = {"id": "order-1", "to": ["ann@example.com", "bob@example.com"]}
    office.email.refusals["bob@example.com"] = INVALID
    office.handle(GOOD | to)
    office.email.invalid = {"ann@example.com": INVALID}

    assert forecast(office, GOOD | to) == Forecast(sent=1, had_before=1)


def test_field_8_9_the_good_of_several_recipients_are_counted() -> None:
    office = Office()
    office.email.invalid["bob@example.com"] = INVALID

    foretold = forecast(office, GOOD | {"to": ["ann@example.com", "bob@example.com"]})

    assert foretold == Forecast(sent=1, refused=1, fault="recipient_invalid: ann is no address")


def test_field_8_9_only_recipients_still_to_be_sent_to_are_judged() -> None:
    office = Office()
    office.email.invalid["bob@example.com"] = INVALID
    remaining = seen(NOON - timedelta(hours=1), remaining=json.dumps(["ann@example.com"]))

    foretold = forecast(office, GOOD | {"to": ["ann@example.com", "bob@example.com"]}, remaining)

    assert foretold == Forecast(sent=1)


def test_field_8_9_a_fallback_fails_only_where_each_channel_refuses() -> None:
    office = Office()
    to = {"email": "ann@example.com", "slack": "#ann"}
    body = {**GOOD, "to": to, "fallback": ["email", "slack"]}
    office.email.invalid["ann@example.com"] = INVALID

    assert forecast(office, body) == Forecast(sent=1)
    office.slack.invalid["#ann"] = INVALID
    fault = forecast(office, body).fault or ""
    assert fault.startswith("recipient_invalid: email: ann is no address; slack: ")


def test_a_retry_after_doubt_goes_on_to_the_next_channel() -> None:
    office = Office()
    office.slack.invalid["#orders"] = INVALID

    assert forecast(office, FIRST, {"x-dispatcher-in-doubt": "true"}) == Forecast(sent=2)


def test_a_release_because_of_a_template_keeps_the_doubt() -> None:
    office = Office()
    headers = {"x-dispatcher-reason": "template_missing", "x-dispatcher-in-doubt": "true"}
    shelf = Shelf(replace(office.message(GOOD, headers), queue="letters"))

    async def main() -> None:
        releaser = TemplateReleaser(
            dead_letters=shelf, rehearsal=rehearsal(office), queues=["letters"], version=str
        )
        releaser.templates_changed()
        running = asyncio.create_task(releaser.run())
        await shelf.is_seen.wait()
        running.cancel()

    asyncio.run(main())
    assert isinstance(shelf.decision, Release)
    assert shelf.decision.headers["x-dispatcher-in-doubt"] == "true"


def test_field_8_9_each_of_several_channels_is_judged() -> None:
    office = Office()
    to = {"email": "ann@example.com", "slack": "#ann"}
    office.slack.invalid["#ann"] = INVALID

    foretold = forecast(office, {**GOOD, "to": to, "channels": ["email", "slack"]})

    assert foretold == Forecast(sent=1, refused=1, fault="recipient_invalid: ann is no address")


def test_field_8_9_a_channel_of_its_own_queue_that_is_set_up_elsewhere_is_judged_by_template() -> (
    None
):
    office = Office()
    office.dispatcher.senders = {"slack": office.dispatcher.senders["slack"]}

    assert forecast(office, GOOD) == Forecast(sent=1)
    fault = forecast(office, GOOD | {"parameters": {}}).fault or ""
    assert fault.startswith("template_undefined: ")


@pytest.mark.parametrize("is_here", [True, False], ids=["channel here", "channel elsewhere"])
def test_who_is_on_the_list_of_suppressions_is_foretold(is_here: bool) -> None:
    office = Office()
    entry = Suppression(channel="email", address="ann@example.com")
    office.dispatcher.suppressions = SuppressionAccess(
        FakeSuppressions({entry.key: entry}), lambda _, a: a, office.clock, office.observer
    )
    if not is_here:
        office.dispatcher.senders = {"slack": office.dispatcher.senders["slack"]}

    foretold = forecast(office, GOOD | {"to": ["ann@example.com", "bob@example.com"]})

    assert (foretold.sent, foretold.refused) == (1, 1)
    assert (foretold.fault or "").startswith("suppressed: the address is suppressed")
