"""In the quiet hours of its template a message waits, and spends no attempt."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from domain.content import Envelope
from domain.errors import FailureReason, Unavailable
from domain.outcome import Deferred, Sent
from domain.quiet_hours import QuietHours
from tests.fakes import FakeClock, a_delivery, a_notification, recipients
from tests.unit.domain.house import ANN, BOB, House

EVENING = datetime(2026, 1, 10, 21, 30, tzinfo=UTC)
QUIET = Envelope(quiet=QuietHours(start=time(22), end=time(8)))


def house(now: datetime, envelope: Envelope = QUIET) -> House:
    made = House(clock=FakeClock(now))
    made.renderer.envelope = envelope
    return made


def test_before_them_it_is_sent() -> None:
    assert house(EVENING).dispatch(a_notification()).sent == (Sent(recipient=ANN),)


def test_in_them_it_is_deferred_exactly_until_they_end() -> None:
    night = house(EVENING + timedelta(hours=2))

    outcome = night.dispatch(a_notification(to=("ann@example.com", "bob@example.com")))

    error = "the quiet hours of template 'welcome' last until 2026-01-11T08:00:00+00:00 (UTC)"
    wait = timedelta(hours=8, minutes=30)
    assert outcome.results == tuple(
        Deferred(recipient=one, delay=wait, error=error, attempt_spent=False, exact=True)
        for one in (ANN, BOB)
    )
    assert night.renderer.requests == []
    assert night.notifier.calls == 0


def test_it_is_rendered_when_it_is_sent() -> None:
    night = house(EVENING + timedelta(hours=2))
    outcome = night.dispatch(a_notification())

    night.clock.time += outcome.deferred[0].delay

    assert night.dispatch(a_notification()).sent
    (request,) = night.renderer.requests
    assert request.now == datetime(2026, 1, 11, 8, tzinfo=UTC)


def test_a_pause_of_the_channel_that_ends_in_them_sends_nothing() -> None:
    night = house(EVENING + timedelta(minutes=29, seconds=59))
    night.notifier.failures = [Unavailable("the relay is away")] * 3

    outcome = night.dispatch(a_notification())

    assert night.notifier.calls < 4
    assert outcome.deferred[0].exact
    assert night.notifier.delivered == []


def test_what_was_sent_to_some_before_they_began_stays_sent() -> None:
    night = house(EVENING + timedelta(minutes=29, seconds=59))
    notify, clock = night.notifier.notify, night.clock

    async def late(*arguments: object) -> object:
        answers = await notify(*arguments)  # type: ignore[arg-type]
        clock.time += timedelta(seconds=2)
        return answers

    night.notifier.notify = late  # type: ignore[method-assign, assignment]
    outcome = night.dispatch(
        a_notification(to=("ann@example.com", "bob@example.com"), individually=True)
    )

    assert outcome.sent == (Sent(recipient=ANN),)
    assert [one.recipient for one in outcome.deferred] == [BOB]


def test_what_expires_meanwhile_is_refused_at_once() -> None:
    night = house(EVENING + timedelta(hours=2))

    outcome = night.dispatch(a_notification(expires_at=EVENING + timedelta(hours=9)))

    assert outcome.rejected[0].reason is FailureReason.EXPIRED
    assert outcome.rejected[0].error.startswith("expires at 2026-01-11T06:30:00+00:00, and the qui")


def test_the_template_s_own_expiry_counts_as_well() -> None:
    envelope = replace(QUIET, expires_after=timedelta(hours=3))
    seen = EVENING + timedelta(hours=1)

    outcome = house(EVENING + timedelta(hours=2), envelope).dispatch(
        a_notification(), first_seen=seen
    )

    assert outcome.rejected[0].reason is FailureReason.EXPIRED


def test_an_urgent_message_is_sent_in_them() -> None:
    envelope = Envelope(quiet=QuietHours(start=time(22), end=time(8), urgent=5))
    night = house(EVENING + timedelta(hours=2), envelope)

    assert night.dispatch(a_notification(priority=5)).sent
    assert night.dispatch(a_notification(id="n-2", priority=4)).deferred


def test_a_rehearsal_looks_past_them() -> None:
    night = house(EVENING + timedelta(hours=2))
    delivery = a_delivery(a_notification(to=recipients("ann@example.com")))

    night.dispatcher.rehearse(delivery)
    outcome = asyncio.run(night.dispatcher.foresee(delivery))

    assert outcome.sent


@pytest.mark.parametrize("module", ["zoneinfo", "domain.quiet_hours", "domain.suppressions"])
def test_a_worker_that_needs_neither_loads_neither(module: str) -> None:
    code = (
        "import sys\n"
        "import entrypoints.cli.worker, entrypoints.serve, entrypoints.container\n"
        "import adapters.templates, adapters.inbound.handler, adapters.sqlite.consumer\n"
        f"sys.exit({module!r} in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
