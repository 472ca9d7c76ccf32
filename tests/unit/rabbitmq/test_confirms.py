"""Counting confirms, and telling a return from a success."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pika.spec import BasicProperties

from adapters.inbound.contract import BrokerUnavailable, PublishRefused
from adapters.rabbitmq.amqp_channel import ChannelLost, OnConfirm
from adapters.rabbitmq.confirms import ConfirmingChannel

OK = "stored"


class FakeChannel:
    """A channel in confirm mode whose broker is the test."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[ChannelLost] = asyncio.get_running_loop().create_future()
        self.published: list[str] = []
        self.confirm: OnConfirm = lambda *_: None
        self.give_back: Callable[[str, str], None] = lambda *_: None

    @property
    def is_open(self) -> bool:
        return not self.ended.done()

    async def select_confirms(
        self, on_confirm: OnConfirm, on_return: Callable[[str, str], None]
    ) -> None:
        self.confirm, self.give_back = on_confirm, on_return

    def publish(
        self,
        exchange: str,
        key: str,
        body: bytes,
        properties: BasicProperties,
        *,
        mandatory: bool = True,
    ) -> None:
        assert exchange == "dispatcher"
        self.published.append(key)


def _outcomes(
    keys: list[str], play: Callable[[FakeChannel], Awaitable[None] | None]
) -> list[object]:
    """Publish under these keys at once, let the broker play its part, and say how each ended."""

    async def scenario() -> list[object]:
        channel = FakeChannel()
        confirming = await ConfirmingChannel.open(channel)  # type: ignore[arg-type] # a fake

        async def publish(key: str) -> object:
            try:
                await confirming.publish("dispatcher", key, b"", BasicProperties())
            except (PublishRefused, BrokerUnavailable) as error:
                return type(error)
            return OK

        tasks = [asyncio.create_task(publish(key)) for key in keys]
        await asyncio.sleep(0)
        assert channel.published == keys
        play(channel)
        async with asyncio.timeout(30):
            return list(await asyncio.gather(*tasks))

    return asyncio.run(scenario())


def test_one_ack_confirms_one_message() -> None:
    def play(channel: FakeChannel) -> None:
        channel.confirm(2, False, True)
        channel.confirm(1, False, True)

    assert _outcomes(["a", "b"], play) == [OK, OK]


def test_an_ack_of_several_confirms_all_up_to_its_tag_and_no_more() -> None:
    def play(channel: FakeChannel) -> None:
        channel.confirm(2, True, True)
        channel.confirm(3, False, False)

    assert _outcomes(["a", "b", "c"], play) == [OK, OK, PublishRefused]


def test_a_nack_of_several_refuses_all_up_to_its_tag() -> None:
    def play(channel: FakeChannel) -> None:
        channel.confirm(1, False, True)
        channel.confirm(3, True, False)

    assert _outcomes(["a", "b", "c"], play) == [OK, PublishRefused, PublishRefused]


def test_a_returned_message_is_refused_although_it_is_acked() -> None:
    def play(channel: FakeChannel) -> None:
        channel.give_back("b", "NO_ROUTE")
        channel.confirm(2, True, True)

    assert _outcomes(["a", "b"], play) == [OK, PublishRefused]


def test_a_return_fails_all_that_is_pending_under_its_key() -> None:
    def play(channel: FakeChannel) -> None:
        channel.confirm(1, False, True)
        channel.give_back("a", "NO_ROUTE")
        channel.confirm(3, True, True)

    assert _outcomes(["a", "a", "a"], play) == [OK, PublishRefused, PublishRefused]


def test_a_lost_channel_fails_all_that_is_pending() -> None:
    def play(channel: FakeChannel) -> None:
        channel.confirm(1, False, True)
        channel.ended.set_result(ChannelLost(320, "CONNECTION_FORCED"))

    assert _outcomes(["a", "b", "c"], play) == [OK, BrokerUnavailable, BrokerUnavailable]


@pytest.mark.parametrize("multiple", [False, True])
def test_a_confirm_nobody_waits_for_is_ignored(*, multiple: bool) -> None:
    def play(channel: FakeChannel) -> None:
        channel.confirm(1, True, True)
        channel.confirm(1, multiple, True)
        channel.confirm(99, False, False)

    assert _outcomes(["a"], play) == [OK]
