"""The acks of one turn of the event loop, in as few frames as can be."""

import asyncio
from contextlib import suppress

from pika.channel import Channel
from pika.exceptions import ChannelWrongStateError


class Acks:
    """What was delivered over a channel and is not settled yet, and the acks that wait to be
    written, which is in the next turn of the loop. One frame with the flag `multiple` stands for
    all messages up to its own (AMQP 0-9-1 section 1.8.3.13)."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._unsettled: dict[int, None] = {}  # a set in the order of delivery
        self._acked: list[int] = []

    def delivered(self, tag: int) -> None:
        """Note a delivery."""
        self._unsettled[tag] = None

    def handed_back(self, tag: int) -> None:
        """It is the broker's again."""
        self._unsettled.pop(tag, None)

    def ack(self, tag: int) -> None:
        """Acknowledge a message."""
        self._unsettled.pop(tag, None)
        if not self._acked:
            asyncio.get_running_loop().call_soon(self.write)
        self._acked.append(tag)

    def write(self) -> None:
        """Write what waits; nothing where the channel is closed."""
        acked, self._acked = sorted(self._acked), []
        if not acked:
            return
        lowest = next(iter(self._unsettled), acked[-1] + 1)
        below = [tag for tag in acked if tag < lowest]
        with suppress(ChannelWrongStateError):  # it is closed, or closing
            if below:  # up to the last of these there is no other that waits
                self._channel.basic_ack(below[-1], multiple=len(below) > 1)
            for tag in acked[len(below) :]:
                self._channel.basic_ack(tag)
