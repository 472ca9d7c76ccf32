"""What stands around renderer, notifier and ledger changes nothing but the numbers."""

import asyncio
from dataclasses import replace

import pytest

from adapters.observers.timing import TimedLedger, TimedNotifier, TimedRenderer
from domain.content import Content
from domain.errors import Permanent, Unavailable
from domain.ledger import RecipientState
from domain.ports import RenderRequest
from tests.fakes import (
    NOON,
    FakeNotifier,
    FakeTemplateRenderer,
    a_delivery,
    a_notification,
)
from tests.support.ledger_store import LedgerStore

CONTENT = Content(subject="Hello", parts={"text": "Ann"})


def test_a_rendering_is_timed_also_where_it_fails() -> None:
    seconds: list[float] = []
    fake = FakeTemplateRenderer()
    renderer = TimedRenderer(fake, seconds.append)
    request = RenderRequest(
        template="welcome", channel="email", parameters={"name": "Ann"}, now=NOON
    )

    assert renderer.render(request) == fake.render(request)
    with pytest.raises(Permanent):
        renderer.render(replace(request, template="absent"))

    assert len(seconds) == 2
    assert all(0 <= each < 60 for each in seconds)
    assert renderer.envelope_of("welcome") == fake.envelope_of("welcome")


def test_a_message_is_timed_with_what_it_waits_for_also_where_it_fails() -> None:
    seconds: list[float] = []
    fake = FakeNotifier()
    notifier = TimedNotifier(fake, seconds.append)
    notification = a_notification()

    async def wait(*_: object) -> None:
        await asyncio.sleep(0.01)

    async def main() -> None:
        answers = await notifier.notify(notification, CONTENT, notification.recipients, wait)
        assert list(answers.values()) == [None]
        fake.failures = [Unavailable("connection refused")]
        with pytest.raises(Unavailable):
            await notifier.notify(notification, CONTENT, notification.recipients)

    asyncio.run(main())

    assert len(seconds) == 2
    assert seconds[0] >= 0.01
    assert notifier.one_by_one == fake.one_by_one


def test_each_call_of_the_ledger_is_timed_by_its_name() -> None:
    calls: list[str] = []

    def observe(name: str) -> object:
        return lambda seconds: calls.append(name) if seconds >= 0 else None

    names = ("start", "sending", "sent", "finish", "acked")
    ledger = TimedLedger(
        LedgerStore().ledger(), {name: observe(name) for name in names}  # type: ignore[misc]
    )  # fmt: skip
    delivery = a_delivery(a_notification())
    address = delivery.addresses[0]

    async def main() -> None:
        start = await ledger.start(delivery)
        assert start.states == {address: RecipientState.CLEAR}
        await ledger.sending(start.claim, [address])
        await ledger.sent(start.claim, [address])
        await ledger.finish(start.claim, [])
        await ledger.acked(start.claim)
        assert await ledger.peek(delivery) == {address: RecipientState.SENT}
        await ledger.session_ended("s")
        await ledger.close()

    asyncio.run(main())

    assert calls == list(names)
