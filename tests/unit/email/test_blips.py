import asyncio

import pytest

from adapters.channels.shared.blips import BlipTolerantNotifier
from domain.content import Content
from domain.errors import DeliveryError, FailureReason, InDoubt, Permanent, Transient, Unavailable
from tests.fakes import FakeNotifier, a_notification

BLIP = Unavailable("connection refused", safe_to_repeat=True)


def send(notifier: FakeNotifier) -> None:
    notification = a_notification()

    async def main() -> None:
        tolerant = BlipTolerantNotifier(notifier, first_wait=0.001)
        await tolerant.notify(notification, Content(parts={}), notification.recipients)

    asyncio.run(main())


@pytest.mark.parametrize("error", [BLIP, Transient("cut", safe_to_repeat=True)])
def test_a_blip_is_ridden_out(error: DeliveryError) -> None:
    notifier = FakeNotifier(failures=[error, error])

    send(notifier)

    assert notifier.calls == 3
    assert notifier.addresses == ["ann@example.com"]


def test_after_three_tries_the_error_is_told() -> None:
    notifier = FakeNotifier(failures=[BLIP] * 5)

    with pytest.raises(Unavailable, match="connection refused"):
        send(notifier)

    assert notifier.calls == 3


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("wrong password"),
        Transient("451 later"),
        InDoubt("cut"),
        Permanent("no", reason=FailureReason.CONTENT_REFUSED),
    ],
)
def test_what_is_not_safe_to_repeat_is_told_at_once(error: DeliveryError) -> None:
    notifier = FakeNotifier(failures=[error])

    with pytest.raises(type(error)):
        send(notifier)

    assert notifier.calls == 1


def test_a_blip_followed_by_a_refusal_tells_the_refusal() -> None:
    notifier = FakeNotifier(failures=[BLIP, Transient("451 later")])

    with pytest.raises(Transient, match="451 later"):
        send(notifier)

    assert notifier.calls == 2


def test_closing_closes_what_is_wrapped() -> None:
    notifier = FakeNotifier()

    asyncio.run(BlipTolerantNotifier(notifier).close())

    assert notifier.closed
