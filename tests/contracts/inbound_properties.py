"""What of a message's properties its copies have."""

from dataclasses import replace

import pytest

from adapters.inbound.contract import DeadCopy, InboundMessage, RetryCopy, Settlement
from tests.contracts.inbound_harness import (
    ALL_PROPERTIES,
    InboundHarness,
    Recorder,
    Run,
    consuming,
    dead,
    publish,
)


class PropertiesContract:
    """What a copy takes over, and what its settlement adds."""

    @pytest.mark.parametrize(("own", "copied"), [(None, 7), (3, 3), (0, 0)])
    def test_field_3_11_a_copy_has_the_priority_of_its_settlement_where_the_message_has_none(
        self, run: Run, own: int | None, copied: int
    ) -> None:
        properties = replace(ALL_PROPERTIES, priority=own)

        async def scenario(inbound: InboundHarness) -> None:
            def answer(message: InboundMessage) -> Settlement:
                if "n" in message.headers:
                    return Settlement([DeadCopy(headers={}, priority=7)])
                return Settlement([RetryCopy(delay=inbound.tier, headers={"n": 1}, priority=7)])

            queue, recorder = await inbound.fresh_queue(), Recorder(answer)
            async with consuming(inbound.consumer(queue), recorder):
                await publish(inbound, queue, b"x", properties=properties)
                await recorder.saw(2)

            [letter] = await dead(inbound, queue)
            assert recorder.seen[1].properties.priority == copied
            assert letter.properties == replace(properties, priority=copied)

        run(scenario)
